package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/s1/s1test"
)

// evaluatedAs leaves a run in the working directory in which devices were evaluated so.
func evaluatedAs(t *testing.T, verdicts ...posture.Verdict) {
	t.Helper()
	evaluatedWith(t, func(*jsonstore.Draft) {}, verdicts...)
}

// evaluatedWith is evaluatedAs with other files in the run.
func evaluatedWith(t *testing.T, write func(*jsonstore.Draft), verdicts ...posture.Verdict) {
	t.Helper()
	t.Chdir(t.TempDir())
	store, err := jsonstore.Open(".s1graph/test", jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	draft, err := store.Begin(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.NoError(t, draft.WriteFile(posture.File, func(w io.Writer) error {
		return posture.Write(w, func(yield func(posture.Verdict, error) bool) {
			for _, v := range verdicts {
				if !yield(v, nil) {
					return
				}
			}
		})
	}))
	write(draft)
	require.NoError(t, draft.Commit(jsonstore.CommitInfo{}))
}

var threeVerdicts = []posture.Verdict{
	{Device: "sentinelone_device:1", DisplayName: "alpha", Compliant: true},
	{Device: "sentinelone_device:2", DisplayName: "Beta", Reasons: []string{"firewallEnabled is false, and must be true", "lastSyncedInterval is over 24 hours"}},
	{Device: "sentinelone_device:3", DisplayName: "AARDVARK", Reasons: []string{"infected is true, and must be false"}},
}

func TestPostureTellsTotalsThenReasonsThenTheDevicesThatAreNotCompliant(t *testing.T) {
	evaluatedAs(t, append([]posture.Verdict{{Device: "sentinelone_device:0", DisplayName: "zeta", Reasons: []string{
		"activeThreats is 2, and may be 0 at most", "infected is true, and must be false",
	}}}, threeVerdicts...)...)
	assert.Equal(t, outcome{0, `Of 4 evaluated devices, 1 is compliant (25 %) and 3 are not, as of 2026-11-22T12:00:00Z.

REASON                           DEVICES
infected must be false                 2
activeThreats may be 0 at most         1
firewallEnabled must be true           1
must have been seen within 24 h        1

DEVICE    OWNERS  SITE  BECAUSE
AARDVARK                infected is true
Beta                    firewallEnabled is false; last seen more than 24 h ago
zeta                    activeThreats is 2; infected is true
`, ""}, s1graph(t, "posture", "--instance", "test"))
	terminal := invocation{width: 100, environment: []string{"NO_COLOR=1"}}.s1graph(t, "posture", "--instance", "test")
	assert.Regexp(t, `(?m)^│ +│ +│ +│ last seen more than 24 h ago +│$`, terminal.stdout, "a reason a line")

	evaluatedAs(t, threeVerdicts[0])
	assert.Equal(t, outcome{0, "Of 1 evaluated device, 1 is compliant (100 %) and 0 are not, as of 2026-11-22T12:00:00Z.\n", ""}, s1graph(t, "posture", "--instance", "test"))
}

func TestTheFirstDevicesOfPostureCanBeAskedFor(t *testing.T) {
	evaluatedAs(t, threeVerdicts...)
	got := s1graph(t, "posture", "--instance", "test", "--limit", "1")
	assert.Contains(t, got.stdout, "Of 3 evaluated devices, 1 is compliant")
	assert.Contains(t, got.stdout, "AARDVARK")
	assert.NotContains(t, got.stdout, "Beta")
	assert.Equal(t, "s1graph: printed: the first 1 of 2 devices\n", got.stderr)
	assert.Equal(t, 2, strings.Count(s1graph(t, "posture", "--instance", "test", "--limit", "2", "--json").stdout, "\n"))
	assert.Equal(t, outcome{2, "", "s1graph: --all and --limit contradict each other: give one of them\n"}, s1graph(t, "posture", "--all", "--limit", "1"))
}

func TestPostureKnowsTheSitesAndOwnersOfDevices(t *testing.T) {
	_, who := console(t, small)
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(`posture: [{lastSyncedInterval: 24, activeThreats: 0}]`), 0o600))
	require.Zero(t, who.s1graph(t, "run").code)
	read := csv.NewReader(strings.NewReader(who.s1graph(t, "posture", "--csv").stdout))
	rows, err := read.ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"device", "compliant", "owners", "site", "reasons", "key"}, rows[0])
	sites, owned := map[string]bool{}, 0
	for _, row := range rows[1:] {
		sites[row[3]] = true
		if row[2] != "" {
			owned++
		}
	}
	assert.Len(t, sites, 3, "small has three sites")
	assert.NotZero(t, owned)
	assert.Less(t, owned, len(rows)-1, "not every device has an owner")
}

func TestNoSpreadsheetFindsAFormulaInAPosture(t *testing.T) {
	evaluatedAs(t, posture.Verdict{Device: "sentinelone_device:1", DisplayName: `=HYPERLINK("http://evil.example")`, Reasons: []string{"+cmd is on"}})
	got := s1graph(t, "posture", "--instance", "test", "--csv")
	assert.Equal(t, outcome{0, "device,compliant,owners,site,reasons,key\n\"'=HYPERLINK(\"\"http://evil.example\"\")\",false,,,'+cmd is on,sentinelone_device:1\n", ""}, got)
	assert.Equal(t, outcome{2, "", "s1graph: --json and --csv exclude each other: give one of them\n"}, s1graph(t, "posture", "--json", "--csv"))
}

func TestThePostureOfAllInstancesIsARowEach(t *testing.T) {
	evaluatedAs(t, threeVerdicts...)
	instances(t, "tokenFile: none", "acme", "other", "test")
	got := s1graph(t, "posture", "--all")
	assert.Equal(t, outcome{2, `INSTANCE  DEVICES  COMPLIANT  NON-COMPLIANT  NO AGENT  NO POLICY  MOST COMMON REASON
acme
other
test            3          1              2         0          0  firewallEnabled must be true: 1
`, `s1graph: acme: .s1graph/acme: there is no run yet; run s1graph run first, or give another --instance or --dir
s1graph: other: .s1graph/other: there is no run yet; run s1graph run first, or give another --instance or --dir
`}, got)
	assert.Equal(t, `instance,devices,compliant,nonCompliant,noAgent,noPolicy,reason,percent,at,error
acme,,,,,,,,,".s1graph/acme: there is no run yet; run s1graph run first, or give another --instance or --dir"
other,,,,,,,,,".s1graph/other: there is no run yet; run s1graph run first, or give another --instance or --dir"
test,3,1,2,0,0,firewallEnabled must be true: 1,33,2026-11-22T12:00:00Z,
`, s1graph(t, "posture", "--all", "--csv").stdout)
	assert.Contains(t, s1graph(t, "posture", "--all", "--json").stdout,
		`{"instance":"test","devices":3,"compliant":1,"nonCompliant":2,"noAgent":0,"noPolicy":0,"reason":"firewallEnabled must be true: 1","percent":33,"at":"2026-11-22T12:00:00Z","error":null}`)
}

func TestPostureAsJSONHasTheKeysAndAllReasons(t *testing.T) {
	evaluatedAs(t, threeVerdicts...)
	got := s1graph(t, "posture", "--instance", "test", "--json")
	assert.Zero(t, got.code)
	var devices []string
	for line := range strings.Lines(got.stdout) {
		var v struct {
			Device, DisplayName string
			Compliant           bool
			NonCompliantReasons []string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		devices = append(devices, v.Device)
		assert.Equal(t, v.Compliant, len(v.NonCompliantReasons) == 0)
		assert.NotNil(t, v.NonCompliantReasons)
	}
	assert.Equal(t, []string{"sentinelone_device:3", "sentinelone_device:2", "sentinelone_device:1"}, devices, "those that are not compliant first, by name")
}

func TestPostureSaysWhatIsMissing(t *testing.T) {
	runsOf(t, nil)
	assert.Equal(t, outcome{2, "", "s1graph: there was no posture policy in the last run, so no device is compliant or not: write what is demanded of devices into the configuration file, such as posture: [{firewallEnabled: true, infected: false}], and run s1graph run\n"},
		s1graph(t, "posture", "--instance", "test"))
	assert.Equal(t, outcome{2, "", "s1graph: .s1graph/other: there is no run yet; run s1graph run first, or give another --instance or --dir\n"},
		s1graph(t, "posture", "--instance", "other"))
	evaluatedAs(t)
	assert.Equal(t, outcome{0, "No device is in a group with a policy, as of 2026-11-22T12:00:00Z.\n", ""}, s1graph(t, "posture", "--instance", "test"))
}

func TestHostileNamesOfEvaluatedDevicesReachNoTerminal(t *testing.T) {
	var verdicts []posture.Verdict
	for i, name := range s1test.HostileNames {
		verdicts = append(verdicts, posture.Verdict{Device: fmt.Sprintf("sentinelone_device:%03d", i), DisplayName: name, Reasons: []string{"networkStatus is " + name}})
	}
	evaluatedAs(t, verdicts...)
	for _, args := range [][]string{{"posture", "--instance", "test"}, {"posture", "--instance", "test", "--json"}, {"posture", "--instance", "test", "--csv"}} {
		got := invocation{width: 100, environment: []string{"NO_COLOR=1"}}.s1graph(t, args...)
		assert.Zero(t, got.code)
		assert.True(t, isPlain(got.stdout), "%q", got.stdout)
	}
}

func TestPostureNamesAPolicyThatDoesNothing(t *testing.T) {
	_, who := console(t, s1test.Tenant{Seed: 1, Agents: 10})
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(`posture: [{name: laptops, groups: ["405"], firewallEnabled: true}]`), 0o600))
	const sentence = `The posture policy "laptops" does nothing: there is no group with the ID 405.`
	ran := who.s1graph(t, "run")
	assert.Equal(t, 0, ran.code, ran.stderr)
	assert.Contains(t, strings.Join(strings.Fields(ran.stdout), " "), sentence)
	assert.Equal(t, outcome{0, "", sentence + "\nNot evaluated: 10 devices (1 without an agent, 9 that no policy covers).\n"}, who.s1graph(t, "posture", "--json"))
	assert.Equal(t, sentence+"\n", who.s1graph(t, "posture").stderr)
	checked := who.s1graph(t, "check")
	assert.Contains(t, strings.Join(strings.Fields(checked.stdout), " "), "there is no group with the ID 405")
}

func TestPostureSaysHowManyDevicesAreOutOfScope(t *testing.T) {
	for number, said := range []string{"", "Not evaluated: 1 device (1 out of scope).\n", "Not evaluated: 2 devices (2 out of scope).\n"} {
		evaluatedWith(t, func(draft *jsonstore.Draft) {
			if number > 0 {
				lines := ""
				for key := range number {
					lines += fmt.Sprintf(`{"type":"sentinelone_device","key":"%d","outOfScope":true}`+"\n", key)
				}
				require.NoError(t, draft.WriteFile("outside.jsonl", func(w io.Writer) error {
					_, err := io.WriteString(w, `{"type":"sentinelone_agent","key":"a","outOfScope":true}`+"\n"+lines)
					return err
				}))
			}
		}, threeVerdicts[:1]...)
		got := s1graph(t, "posture", "--instance", "test")
		assert.True(t, strings.HasSuffix(got.stdout, "Z.\n"+said), got.stdout)
		assert.Empty(t, got.stderr)
		assert.Equal(t, said, s1graph(t, "posture", "--instance", "test", "--json").stderr)
	}
}

func TestPostureSaysHowManyDevicesHaveNoAgentAndHowManyNoPolicyCovers(t *testing.T) {
	with := invocation{environment: []string{"NO_COLOR=1"}}
	acme := recordingOfAcme(t)
	t.Chdir(t.TempDir())
	figures := func() (f map[string]int64) {
		var of struct{ Figures map[string]int64 }
		require.NoError(t, json.Unmarshal([]byte(with.s1graph(t, "overview", "--instance", "acme", "--json").stdout), &of))
		return of.Figures
	}
	policy := func(posture string) {
		require.NoError(t, os.WriteFile("s1graph.yaml", []byte(posture), 0o600))
		require.Zero(t, with.s1graph(t, "run", "--replay", acme, "--instance", "acme").code)
	}
	policy("posture: [{infected: false}]\n")
	all := figures()
	require.NotZero(t, all["devicesUnprotected"])
	sentence := fmt.Sprintf("Not evaluated: %d devices (%[1]d without an agent).\n", all["devicesUnprotected"])
	assert.Contains(t, with.s1graph(t, "posture", "--instance", "acme").stdout, sentence)
	assert.Equal(t, sentence, with.s1graph(t, "posture", "--instance", "acme", "--json").stderr)
	assert.Equal(t, sentence, with.s1graph(t, "posture", "--instance", "acme", "--csv").stderr)

	policy("posture: [{groups: [" + groupOf(t, "acme") + "], infected: false}]\n")
	some := figures()
	assert.Less(t, some["devicesEvaluated"], all["devicesEvaluated"])
	uncovered := all["devicesEvaluated"] - some["devicesEvaluated"]
	sentence = fmt.Sprintf("Not evaluated: %d devices (%d without an agent, %d that no policy covers).\n", all["devicesUnprotected"]+uncovered, all["devicesUnprotected"], uncovered)
	assert.Contains(t, with.s1graph(t, "posture", "--instance", "acme").stdout, sentence)
	assert.Contains(t, with.s1graph(t, "posture", "--all", "--instance", "acme", "--json").stderr, "contradict")
	instances(t, "tokenFile: none", "acme")
	assert.Contains(t, with.s1graph(t, "posture", "--all", "--json").stdout, fmt.Sprintf(`"noAgent":%d,"noPolicy":%d,`, all["devicesUnprotected"], uncovered))
}

// groupOf is the ID of the group that the last run read first, as YAML has it.
func groupOf(t *testing.T, instance string) string {
	t.Helper()
	run, err := jsonstore.OpenLast(".s1graph/" + instance)
	require.NoError(t, err)
	for key, err := range graph.Keys(t.Context(), run, "sentinelone_group") {
		require.NoError(t, err)
		return `"` + strings.TrimPrefix(key, "sentinelone_group:") + `"`
	}
	t.Fatal("there is no group")
	return ""
}

func TestAnInstanceThatDemandsNothingOfDevicesSaysSoInItsRow(t *testing.T) {
	runsOf(t, nil)
	instances(t, "tokenFile: none", "test")
	assert.Equal(t, outcome{0, "INSTANCE  DEVICES  COMPLIANT  NON-COMPLIANT  NO AGENT  NO POLICY  MOST COMMON REASON\ntest                                                              no policy\n", ""}, s1graph(t, "posture", "--all"))
	assert.Contains(t, s1graph(t, "posture", "--all", "--json").stdout, `"devices":null,"compliant":null,"nonCompliant":null,"noAgent":null,"noPolicy":null,"reason":"no policy",`)
}

func TestADeviceWithABlankNameIsToldByItsKey(t *testing.T) {
	evaluatedAs(t, posture.Verdict{Device: "sentinelone_device:1", DisplayName: "  ", Reasons: []string{"infected is true, and must be false"}})
	assert.Regexp(t, `(?m)^sentinelone_device:1 +infected is true$`, s1graph(t, "posture", "--instance", "test").stdout)
}
