package posture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/posture"
	"s1graph/relationships"
	"s1graph/steps"
)

var (
	model = steps.GraphTypes()
	now   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func ago(d time.Duration) graph.Value { return graph.Int(now.Add(-d).UnixMilli()) }

// healthy is what an agent says of a machine that nobody worries about.
func healthy() map[string]graph.Value {
	return map[string]graph.Value{
		"activeThreats": graph.Int(0), "encryptedApplications": graph.Bool(true), "firewallEnabled": graph.Bool(true),
		"infected": graph.Bool(false), "isActive": graph.Bool(true), "isUpToDate": graph.Bool(true),
		"networkStatus": graph.String("connected"), "operationalState": graph.String("na"),
		"lastActiveDate": ago(time.Hour), "groupId": graph.String("7"),
	}
}

// but is a healthy agent's say with one property changed, or taken away.
func but(name string, v graph.Value) map[string]graph.Value {
	p := healthy()
	p[name] = v
	return p
}

// protects makes an agent and the relationship to its device.
func protects(id, device string, properties map[string]graph.Value) []graph.Record {
	agent := graph.Record{Type: entities.Agent.GraphType(), Key: "sentinelone_agent:" + id}
	agent.Set("id", graph.String(id))
	for name, v := range properties {
		agent.Set(name, v)
	}
	edge := graph.Record{Type: relationships.AgentProtectsDevice.GraphType(), From: agent.Key, To: deviceKey(device)}
	edge.Key = graph.RelationshipKey(edge.From, "PROTECTS", edge.To)
	return []graph.Record{agent, edge}
}

func deviceKey(name string) string { return "sentinelone_device:" + name }

func device(name string) graph.Record {
	d := graph.Record{Type: entities.Device.GraphType(), Key: deviceKey(name)}
	d.Set("displayName", graph.String(strings.ToUpper(name)))
	return d
}

func typesByName() map[string]*graph.Type {
	types := map[string]*graph.Type{}
	for _, t := range model {
		types[t.Name] = t
	}
	return types
}

func evaluate(t *testing.T, policies []config.PosturePolicy, records ...graph.Record) []posture.Verdict {
	t.Helper()
	return collect(t, posture.Evaluate(t.Context(), policies, storetest.NewSnapshot(model, records...), typesByName(), now))
}

func collect(t *testing.T, verdicts iter.Seq2[posture.Verdict, error]) []posture.Verdict {
	t.Helper()
	var all []posture.Verdict
	for v, err := range verdicts {
		require.NoError(t, err)
		all = append(all, v)
	}
	return all
}

// strict demands everything.
func strict() config.PosturePolicy {
	yes, no, none := true, false, 0
	return config.PosturePolicy{
		ActiveThreats: &none, EncryptedApplications: &yes, FirewallEnabled: &yes, Infected: &no, IsActive: &yes, IsUpToDate: &yes,
		NetworkStatus: []string{"connected", "connecting"}, OperationalState: []string{"na"}, LastSyncedInterval: 24 * time.Hour,
	}
}

func TestADeviceMustMeetEachDemand(t *testing.T) {
	for _, test := range []struct {
		property string
		value    graph.Value
		reasons  []string
	}{
		{"groupId", graph.String("7"), nil},
		{"activeThreats", graph.Int(2), []string{"activeThreats is 2, and may be 0 at most"}},
		{"activeThreats", graph.Value{}, []string{"activeThreats is not known, and may be 0 at most"}},
		{"encryptedApplications", graph.Bool(false), []string{"encryptedApplications is false, and must be true"}},
		{"encryptedApplications", graph.Value{}, []string{"encryptedApplications is not known, and must be true"}},
		{"firewallEnabled", graph.Bool(false), []string{"firewallEnabled is false, and must be true"}},
		{"infected", graph.Bool(true), []string{"infected is true, and must be false"}},
		{"infected", graph.Value{}, []string{"infected is not known, and must be false"}},
		{"isActive", graph.Bool(false), []string{"isActive is false, and must be true"}},
		{"isUpToDate", graph.Bool(false), []string{"isUpToDate is false, and must be true"}},
		{"networkStatus", graph.String("Connecting"), nil},
		{"networkStatus", graph.String("disconnected"), []string{"networkStatus is disconnected, and must be connected or connecting"}},
		{"networkStatus", graph.Value{}, []string{"networkStatus is not known, and must be connected or connecting"}},
		{"operationalState", graph.String("fully_disabled"), []string{"operationalState is fully_disabled, and must be na"}},
		{"lastActiveDate", ago(24 * time.Hour), nil},
		{"lastActiveDate", ago(24*time.Hour + time.Second), []string{"lastSyncedInterval is over 24 hours"}},
		{"lastActiveDate", ago(-time.Hour), nil},
		{"lastActiveDate", graph.Value{}, []string{"lastSyncedInterval is not known, and may be 24 hours at most"}},
	} {
		t.Run(fmt.Sprintf("%s is %v", test.property, test.value.Any()), func(t *testing.T) {
			records := append(protects("1", "a", but(test.property, test.value)), device("a"))
			got := evaluate(t, []config.PosturePolicy{strict()}, records...)
			assert.Equal(t, []posture.Verdict{{Device: deviceKey("a"), DisplayName: "A", Compliant: test.reasons == nil, Reasons: test.reasons}}, got)
			assert.True(t, evaluate(t, []config.PosturePolicy{{}}, records...)[0].Compliant, "what is not demanded is not looked at")
		})
	}
}

func TestAllReasonsAreToldSortedAndOnceEach(t *testing.T) {
	records := append(protects("1", "a", nil), device("a"))
	got := evaluate(t, []config.PosturePolicy{strict(), strict()}, records...)
	require.Len(t, got, 1)
	assert.Len(t, got[0].Reasons, 9)
	assert.True(t, slices.IsSorted(got[0].Reasons))
}

func TestAReasonStaysTheSameWhileTimePasses(t *testing.T) {
	graph := storetest.NewSnapshot(model, append(protects("1", "a", but("lastActiveDate", ago(30*time.Hour))), device("a"))...)
	policies := []config.PosturePolicy{strict()}
	first := collect(t, posture.Evaluate(t.Context(), policies, graph, typesByName(), now))
	assert.Equal(t, first, collect(t, posture.Evaluate(t.Context(), policies, graph, typesByName(), now.Add(99*time.Hour))))
}

func TestThePoliciesOfTheAgentsGroupCount(t *testing.T) {
	records := slices.Concat(
		protects("1", "a", but("groupId", graph.String("7"))), protects("2", "b", but("groupId", graph.String("8"))),
		protects("3", "c", but("groupId", graph.String("9"))), []graph.Record{device("a"), device("b"), device("c"), device("unprotected")})
	no := false
	got := evaluate(t, []config.PosturePolicy{
		{Groups: []string{"7", "8"}, FirewallEnabled: &no},
		{Groups: []string{"8"}, IsActive: &no},
	}, records...)
	firewall, active := "firewallEnabled is true, and must be false", "isActive is true, and must be false"
	assert.Equal(t, []posture.Verdict{
		{Device: deviceKey("a"), DisplayName: "A", Reasons: []string{firewall}},
		{Device: deviceKey("b"), DisplayName: "B", Reasons: []string{firewall, active}},
	}, got, "c is in no group with a policy, and nobody protects the last one")
	assert.Empty(t, evaluate(t, nil, records...))
}

func TestOfSeveralAgentsTheOneThatDescribesTheDeviceCounts(t *testing.T) {
	infected := func(d time.Duration, group string) map[string]graph.Value {
		p := but("infected", graph.Bool(true))
		p["lastActiveDate"], p["groupId"] = ago(d), graph.String(group)
		return p
	}
	for _, test := range []struct {
		name    string
		agents  []graph.Record
		verdict bool
		clean   bool
	}{
		{"the one that reported last", slices.Concat(protects("9", "a", infected(2*time.Hour, "7")), protects("1", "a", healthy())), true, true},
		{"among equals the greatest id", slices.Concat(protects("9", "a", healthy()), protects("10", "a", infected(time.Hour, "7"))), true, false},
		{"its group", slices.Concat(protects("1", "a", healthy()), protects("2", "a", infected(0, "8"))), false, false},
		{"one that says nothing of when, last", slices.Concat(protects("1", "a", healthy()), protects("2", "a", nil)), true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := strict()
			policy.Groups = []string{"7"}
			got := evaluate(t, []config.PosturePolicy{policy}, append(test.agents, device("a"))...)
			if !test.verdict {
				assert.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			assert.Equal(t, test.clean, got[0].Compliant)
		})
	}
}

// fleet is a graph of many devices, of which every third has a firewall that is off.
func fleet(n int) []graph.Record {
	var records []graph.Record
	for i := range n {
		name := fmt.Sprintf("%05d", n-i)
		records = append(records, device(name))
		records = append(records, protects(fmt.Sprint(i), name, but("firewallEnabled", graph.Bool(i%3 > 0)))...)
	}
	return records
}

func TestVerdictsAscendByDevice(t *testing.T) {
	got := evaluate(t, []config.PosturePolicy{strict()}, fleet(2000)...)
	require.Len(t, got, 2000)
	byKey := func(a, b posture.Verdict) int { return strings.Compare(a.Device, b.Device) }
	assert.True(t, slices.IsSortedFunc(got, byKey))
	fallen := 0
	for _, v := range got {
		if !v.Compliant {
			fallen++
		}
	}
	assert.Equal(t, 667, fallen)
}

func TestAGraphThatBreaksIsAnError(t *testing.T) {
	whole := storetest.NewSnapshot(model, fleet(600)...)
	ctx, cancel := context.WithCancel(t.Context())
	for _, after := range []int{0, 500, 700, 1500} {
		broken := storetest.BreakAfter(whole, after)
		var last error
		for _, err := range posture.Evaluate(ctx, []config.PosturePolicy{strict()}, broken, typesByName(), now) {
			last = err
		}
		assert.ErrorIs(t, last, storetest.ErrBroken)
	}
	cancel()
	var last error
	for _, err := range posture.Evaluate(ctx, []config.PosturePolicy{strict()}, whole, typesByName(), now) {
		last = err
	}
	assert.ErrorIs(t, last, context.Canceled)
}

func TestWhoHasSeenEnoughGetsNoMore(t *testing.T) {
	for range posture.Evaluate(t.Context(), []config.PosturePolicy{strict()}, storetest.NewSnapshot(model, fleet(600)...), typesByName(), now) {
		break
	}
}

func TestTheFileIsReadAsItWasWritten(t *testing.T) {
	want := evaluate(t, []config.PosturePolicy{strict()}, fleet(7)...)
	var file bytes.Buffer
	require.NoError(t, posture.Write(&file, posture.Evaluate(t.Context(), []config.PosturePolicy{strict()}, storetest.NewSnapshot(model, fleet(7)...), typesByName(), now)))
	assert.True(t, strings.HasPrefix(file.String(), `{"device":"sentinelone_device:00001","displayName":"00001","compliant":false,"nonCompliantReasons":["firewallEnabled is false, and must be true"]}
{"device":"sentinelone_device:00002","displayName":"00002","compliant":true,"nonCompliantReasons":[]}
`), file.String())
	got := collect(t, posture.Read(iotest.OneByteReader(bytes.NewReader(file.Bytes()))))
	require.Len(t, got, len(want))
	for i := range want {
		assert.Equal(t, want[i].Device, got[i].Device)
		assert.ElementsMatch(t, want[i].Reasons, got[i].Reasons)
	}

	gone := errors.New("the disk is gone")
	assert.ErrorIs(t, posture.Write(&file, posture.Read(iotest.ErrReader(gone))), gone)
	for _, spoilt := range []string{file.String()[:file.Len()-5], file.String() + file.String(), "nonsense\n", "{}\n", "[]"} {
		var last error
		for _, err := range posture.Read(strings.NewReader(spoilt)) {
			last = err
		}
		assert.Error(t, last, spoilt)
	}
}

// Devices are evaluated by what their agents report.
func Example() {
	firewall := true
	policies := []config.PosturePolicy{{Name: "workstations", FirewallEnabled: &firewall}}
	g := storetest.NewSnapshot(model, append(protects("1", "laptop", but("firewallEnabled", graph.Bool(false))), device("laptop"))...)
	for v, err := range posture.Evaluate(context.Background(), policies, g, typesByName(), now) {
		fmt.Println(v.DisplayName, v.Compliant, v.Reasons, err)
	}
	// Output: LAPTOP false [firewallEnabled is false, and must be true] <nil>
}
