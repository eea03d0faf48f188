package s1test

// The numbers of the agents of an Awkward tenant that have something odd about them. Nothing else happens to them, except what
// their comment says.
const (
	NullAgent            = iota // nothing but IDs and UUID, all else null
	NovelAgent                  // enumerations and fields that the API document does not know
	LongIDAgent                 // an ID of 19 digits that does not fit in an int64
	ComposedAgent               // name in NFC; one machine with the next
	DecomposedAgent             // the same name in NFD, the same serial; decommissioned
	GrouplessAgent              // its group is in no list
	SitelessAgent               // its site and group are in no list
	ReinstalledAgent            // an older installation, decommissioned, of the machine of the next
	ReinstallAgent              // same serial and name, newer
	CloneAgent                  // same serial as the next, another name
	ClonedAgent                 //
	LateSerialAgent             // has no serial number before the first busy day
	RenamedAgent                // another computer name from the first busy day on
	NoMailAgent                 // its user has neither mail nor UPN
	NoPrincipalAgent            // its user has a mail address, but no UPN
	AdministratorAgent          // last user: Administrator
	RootAgent                   // root, on Linux
	SystemAgent                 // SYSTEM
	LocalServiceAgent           // LOCAL SERVICE
	MbsetupAgent                // _mbsetupuser, on macOS
	MACAgent                    // MACs with dashes, upper case, twice, all zero, and its gateway's
	AddressAgent                // invalid IPs, IPv6 with zone, loopback, twice
	WholeSecondsAgent           // all its times are without fraction
	TwiceInstalledAgent         // one application in two rows
	HighRiskAgent               // the same application is critical here
	LowRiskAgent                // and none there
	OddApplicationsAgent        // applications of hostile names, without publisher, without version, all null
	ManyTagsAgent               // several tags of one key
	OddTagsAgent                // tag keys with colon, slash, dot, in other scripts, with nothing
	AWSAgent                    // cloudProviders with AWS facts
	AzureAgent                  // the same of Azure
	PodAgent                    // a Kubernetes pod with GCP facts, and a value in every field
	LegacyAgent                 // windows_legacy, and 1 as its only core count
	UninstalledAgent            // isUninstalled
	GhostAgent                  // not in /agents, though its applications and threats are in their lists
	FillerAgent                 // the first of several whose serial number is a filler, see FillerSerials
)

// HostileAgent is the first of the agents whose computer names and users are HostileNames, in
// their order.
var HostileAgent = FillerAgent + len(FillerSerials)

// AwkwardAgents is how many agents of an Awkward tenant are odd: those of lower numbers.
var AwkwardAgents = HostileAgent + len(HostileNames)

// The numbers of the odd threats of an Awkward tenant. Nothing happens to them.
const (
	NullThreat    = iota // nothing but its ID and its agent's, all else null
	NovelThreat          // enumerations and fields that the API document does not know
	GhostThreat          // of GhostAgent
	OrphanThreat         // of an agent that never was
	HostileThreat        // HostileNames as file, user and process
	FullThreat           // of PodAgent, with a value in every field
	AwkwardThreats
)

// FillerSerials are serial numbers that say nothing about a machine.
var FillerSerials = []string{
	"To Be Filled By O.E.M.", "Default string", "System Serial Number", "None", "0", "xxxxxxxx", "123",
}

// HostileNames are names that people and attackers really give to things, and that break output
// which does not escape them. The first few are merely of other scripts.
var HostileNames = []string{
	"حاسوب-المحاسبة",
	"מחשב-הנהלה",
	"财务部-电脑-07",
	"💻🔥-лаптоп",
	"Ame\u0301lie-Zu\u0308rich",
	"\x1b[31mred\x1b[0m\x1b]0;owned\x07",
	"=cmd|'/c calc'!A1",
	"+1+1@SUM(1)",
	"<script>alert(1)</script>",
	"<!channel> <https://evil.example|click>",
	`"quoted" 'single' \back\ ` + "`tick` ${HOME} {{.}}",
	longName,
	"invoice\u202efdp.exe",
	"line one\nline two\ttabbed\r",
	" ",
	"../../etc/passwd",
	"a'; MATCH (n) DETACH DELETE n; //",
	"[link](javascript:alert(1)) *bold* _it_ | cell",
}

// longName has 1,000 characters.
var longName = func() string {
	b := make([]byte, 1000)
	for i := range b {
		b[i] = "very-long-name-"[i%15]
	}
	return string(b)
}()

// awkwardGroups is how many groups of an Awkward tenant, after the default groups of its sites,
// are odd: one of them all null, the others of HostileNames.
const awkwardGroups = 5

// isAwkward tells whether an agent has something odd about it.
func (t *Tenant) isAwkward(agent int) bool { return t.Awkward && agent < AwkwardAgents }

// odd tells whether an agent is the odd one that the constant names.
func (t *Tenant) odd(agent, constant int) bool { return t.Awkward && agent == constant }

// hostile is the hostile name that an agent has, or "".
func (t *Tenant) hostile(agent int) string {
	if i := agent - HostileAgent; t.Awkward && i >= 0 && i < len(HostileNames) {
		return HostileNames[i]
	}
	return ""
}

// makeAwkward puts the odd states of agents into a tenant's day 0.
func (w *world) makeAwkward() {
	change := func(n int, what func(*agent)) {
		a := w.agent(n)
		what(&a)
		w.changed[n] = a
	}
	beside := func(n int) func(*agent) {
		home := w.home(n)
		return func(a *agent) { a.site, a.group = home.site, home.group }
	}
	change(DecomposedAgent, beside(ComposedAgent))
	change(DecomposedAgent, func(a *agent) { a.decommissioned = true })
	change(ReinstallAgent, beside(ReinstalledAgent))
	change(ClonedAgent, beside(CloneAgent))
	change(GrouplessAgent, func(a *agent) { a.group = nowhere })
	change(SitelessAgent, func(a *agent) { a.site, a.group = nowhere, nowhere })
	change(ReinstalledAgent, func(a *agent) { a.decommissioned = true })
	change(UninstalledAgent, func(a *agent) { a.uninstalled = true })
	change(GhostAgent, func(a *agent) { a.unlisted = true })
	change(TwiceInstalledAgent, func(a *agent) {
		twice := extra{variant: 2 * newVariants, risk: byCatalog}
		a.extra = append(a.extra, twice, twice)
	})
	change(HighRiskAgent, func(a *agent) { a.extra = append(a.extra, extra{variant: 3 * newVariants, risk: 4}) })
	change(LowRiskAgent, func(a *agent) { a.extra = append(a.extra, extra{variant: 3 * newVariants, risk: 0}) })
	change(OddApplicationsAgent, func(a *agent) {
		for i := range w.catalog.odd {
			a.extra = append(a.extra, extra{product: w.catalog.firstOdd + i, variant: i, risk: byCatalog})
		}
	})
}
