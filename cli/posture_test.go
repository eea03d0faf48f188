package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	{Device: "sentinelone_device:2", DisplayName: "Beta", Reasons: []string{"firewall_enabled is false, and must be true", "last_synced_interval is over 24 hours"}},
	{Device: "sentinelone_device:3", DisplayName: "AARDVARK", Reasons: []string{"infected is true, and must be false"}},
}

func TestPostureListsFirstWhatMustBeLookedAfter(t *testing.T) {
	evaluatedAs(t, threeVerdicts...)
	assert.Equal(t, outcome{0, `DEVICE    COMPLIANT  REASONS
AARDVARK  no         infected is true, and must be false
Beta      no         firewall_enabled is false, and must be true; last_synced_interval is over 24 hours
alpha     yes
`, ""}, s1graph(t, "posture", "--instance", "test"))

	terminal := invocation{width: 100, environment: []string{"NO_COLOR=1"}}.s1graph(t, "posture", "--instance", "test")
	assert.True(t, strings.HasSuffix(terminal.stdout, "\n1 of 3 devices are compliant, as of 2026-11-22T12:00:00Z.\n"), terminal.stdout)
	assert.Contains(t, terminal.stdout, "last_synced_interval is over 24 hours", "a reason a line")
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
	assert.Equal(t, []string{"sentinelone_device:2", "sentinelone_device:3", "sentinelone_device:1"}, devices)
}

func TestPostureSaysWhatIsMissing(t *testing.T) {
	runsOf(t, nil)
	assert.Equal(t, outcome{2, "", "s1graph: the last run evaluated no devices: put what is demanded of them under posture in the configuration file, and run s1graph run\n"},
		s1graph(t, "posture", "--instance", "test"))
	assert.Equal(t, outcome{2, "", "s1graph: .s1graph/other: there is no run yet; run s1graph run first, or give another --instance or --dir\n"},
		s1graph(t, "posture", "--instance", "other"))
	evaluatedAs(t)
	assert.Equal(t, outcome{}, s1graph(t, "posture", "--instance", "test"), "a pipe gets nothing where there is nothing")
	assert.Equal(t, "No device is in a group with a policy, as of 2026-11-22T12:00:00Z.\n",
		invocation{width: 80}.s1graph(t, "posture", "--instance", "test").stdout)
}

func TestHostileNamesOfEvaluatedDevicesReachNoTerminal(t *testing.T) {
	var verdicts []posture.Verdict
	for i, name := range s1test.HostileNames {
		verdicts = append(verdicts, posture.Verdict{Device: fmt.Sprintf("sentinelone_device:%03d", i), DisplayName: name, Reasons: []string{"network_status is " + name}})
	}
	evaluatedAs(t, verdicts...)
	for _, args := range [][]string{{"posture", "--instance", "test"}, {"posture", "--instance", "test", "--json"}} {
		got := invocation{width: 100, environment: []string{"NO_COLOR=1"}}.s1graph(t, args...)
		assert.Zero(t, got.code)
		assert.True(t, isPlain(got.stdout), "%q", got.stdout)
	}
}

func TestPostureNamesAPolicyThatDoesNothing(t *testing.T) {
	_, who := console(t, s1test.Tenant{Seed: 1, Agents: 10})
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(`posture: [{name: laptops, groups: ["405"], firewall_enabled: true}]`), 0o600))
	const sentence = `The posture policy "laptops" does nothing: there is no group with the ID 405.`
	ran := who.s1graph(t, "run")
	assert.Equal(t, 0, ran.code, ran.stderr)
	assert.Contains(t, strings.Join(strings.Fields(ran.stdout), " "), sentence)
	for _, args := range [][]string{{"posture"}, {"posture", "--json"}} {
		got := who.s1graph(t, args...)
		assert.Equal(t, outcome{0, "", sentence + "\n"}, got)
	}
	checked := who.s1graph(t, "check")
	assert.Contains(t, strings.Join(strings.Fields(checked.stdout), " "), "there is no group with the ID 405")
}

func TestPostureSaysHowManyDevicesAreOutOfScope(t *testing.T) {
	for number, said := range []string{"", "1 device is out of scope, and is not evaluated.\n", "2 devices are out of scope, and are not evaluated.\n"} {
		evaluatedWith(t, func(draft *jsonstore.Draft) {
			if number > 0 {
				lines := strings.Repeat(`{"type":"sentinelone_device","key":"d","outOfScope":true}`+"\n", number)
				require.NoError(t, draft.WriteFile("outside.jsonl", func(w io.Writer) error {
					_, err := io.WriteString(w, `{"type":"sentinelone_agent","key":"a","outOfScope":true}`+"\n"+lines)
					return err
				}))
			}
		}, threeVerdicts[:1]...)
		assert.Equal(t, said, s1graph(t, "posture", "--instance", "test").stderr, number)
	}
}
