// Package s1test is a SentinelOne tenant made of numbers, behind an http.Handler that answers as a
// console does. Tests, recordings and benchmarks run the real client against it.
//
// Each row is made from its number, the seed and the day at the moment it is asked for, and none is
// kept: a tenant of ten million rows needs no more memory than one of ten. What happens on a day
// (agents move, threats open, a site is renamed) is planned from the seed too, and Server.Plan tells
// it, so that a test can hold what the graph says against what was done. Server.Break switches
// faults on and off.
//
// The shapes come from the vendor's API description and from what is known of live consoles. The
// package does not use the client of package s1, so that one cannot hide a mistake of the other.
package s1test

import (
	"cmp"
	"context"
	"time"

	"s1graph/pause"
)

// Tenant says how large a tenant is and how its console behaves. The zero value is a small tenant
// with nothing odd about it. New fills in what is missing and raises what is too small to make
// sense; Server.Tenant tells the outcome.
type Tenant struct {
	Name string // of the company: in names, mail addresses and domains; "" is Acme
	Seed uint64 // tenants of different seeds share no ID

	Accounts, Sites, Groups, Agents, Threats int // on day 0
	ApplicationsPerAgent                     int
	Catalog                                  int // distinct applications: name, publisher, version and OS
	Vulnerabilities                          int // CVEs that an application at risk has at most; 0: two

	Awkward bool // have the odd rows that the constants NullAgent and so on name
	Story   bool // be the company of the recordings, see StoryInfected: its sites, 150 agents and 60 threats
	Quiet   bool // make every day a quiet one; otherwise odd days are busy
	Changes int  // how many things of each Event a busy day has; 0 is one in a thousand agents, at least two

	NoInstalled bool // a console without /installed-applications: 404
	NoInventory bool // a console without /application-management/inventory: 404

	LimitRates   bool // refuse requests over the vendor's rate limits with 429
	NoRetryAfter bool // leave Retry-After out of these refusals

	Latency time.Duration                              // each request takes at least so long
	Wait    func(context.Context, time.Duration) error // how Latency passes; nil is a real timer
	Clock   func() time.Time                           // tells rate limits the time; nil is time.Now
}

// Acme is a company as it may be: its day 0 is testdata/recordings/acme, its day 1 acme-next-day.
func Acme() Tenant {
	return Tenant{Name: "Acme", Seed: 17, ApplicationsPerAgent: 10, Catalog: 224, Story: true}
}

// Hostile is a tenant of the same size full of odd rows and of names that attack: testdata/recordings/hostile.
func Hostile() Tenant {
	return Tenant{
		Name: "Acme", Seed: 42,
		Accounts: 2, Sites: 6, Groups: 20, Agents: 150, Threats: 60,
		ApplicationsPerAgent: 10, Catalog: 240,
		Awkward: true,
	}
}

// Large is a tenant for benchmarks, with a site for each thousand agents, up to a hundred sites.
func Large(agents, applicationsPerAgent int) Tenant {
	sites := min(max(agents/1000, 4), 100)
	return Tenant{
		Name: "Globex", Seed: 7,
		Accounts: 2, Sites: sites, Groups: 4 * sites, Agents: agents, Threats: agents / 20,
		ApplicationsPerAgent: applicationsPerAgent, Catalog: max(1000, agents/2),
	}
}

func (t Tenant) filledIn() Tenant {
	if t.Name == "" {
		t.Name = "Acme"
	}
	if t.Story {
		t.Accounts, t.Sites, t.Groups, t.Agents, t.Threats = 2, len(storySites), 4*len(storySites), 150, 60
	}
	t.Accounts = max(t.Accounts, 1)
	t.Sites = max(t.Sites, t.Accounts)
	t.Groups = max(t.Groups, t.Sites)
	if t.Awkward {
		t.Sites = max(t.Sites, t.Accounts+2)
		t.Groups = max(t.Groups, t.Sites+awkwardGroups)
		t.Agents = max(t.Agents, AwkwardAgents+40)
		t.Threats = max(t.Threats, AwkwardThreats+10)
	}
	if t.Agents == 0 {
		t.Threats = 0
	}
	t.ApplicationsPerAgent = min(t.ApplicationsPerAgent, maxSlots/2)
	t.Vulnerabilities = min(cmp.Or(t.Vulnerabilities, 2), maxCVEs)
	t.Catalog = max(t.Catalog, 6*t.ApplicationsPerAgent, 60)
	if t.Changes == 0 {
		t.Changes = max(2, t.Agents/1000)
	}
	if t.Wait == nil {
		t.Wait = pause.For
	}
	if t.Clock == nil {
		t.Clock = time.Now
	}
	return t
}
