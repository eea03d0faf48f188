package posture_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/posture"
	"s1graph/relationships"
)

// owns makes a user and the relationship to its device.
func owns(user, device string) []graph.Record {
	u := graph.Record{Type: entities.User.GraphType(), Key: "sentinelone_user:" + user}
	u.Set("displayName", graph.String(user))
	edge := graph.Record{Type: relationships.UserOwnsDevice.GraphType(), From: u.Key, To: deviceKey(device)}
	edge.Key = graph.RelationshipKey(edge.From, "OWNS", edge.To)
	return []graph.Record{u, edge}
}

func TestADeviceIsAtTheSiteOfTheAgentThatItIsEvaluatedBy(t *testing.T) {
	moved := but("lastActiveDate", ago(0))
	moved["siteName"] = graph.String("Berlin")
	before := but("siteName", graph.String("Lyon"))
	var records []graph.Record
	for _, some := range [][]graph.Record{
		protects("1", "a", before), protects("2", "a", moved), protects("3", "b", before), protects("4", "c", before),
		owns("jane", "a"), owns("bob", "a"), {device("a"), device("b"), device("c"), device("d")},
	} {
		records = append(records, some...)
	}
	got, err := posture.Places(t.Context(), storetest.NewSnapshot(model, records...), map[string]bool{deviceKey("a"): true, deviceKey("b"): true, deviceKey("d"): true})
	require.NoError(t, err)
	assert.Equal(t, map[string]posture.Place{
		deviceKey("a"): {Site: "Berlin", Owners: []string{"bob", "jane"}},
		deviceKey("b"): {Site: "Lyon"},
	}, got)
}

func TestReasonsThatDifferInWhatADeviceIsLikeAreOneDemand(t *testing.T) {
	for _, test := range []struct {
		values     map[string]graph.Value
		is, demand string
	}{
		{but("activeThreats", graph.Int(2)), "activeThreats is 2", "activeThreats may be 0 at most"},
		{but("activeThreats", graph.Value{}), "activeThreats is not known", "activeThreats may be 0 at most"},
		{but("firewallEnabled", graph.Bool(false)), "firewallEnabled is false", "firewallEnabled must be true"},
		{but("networkStatus", graph.String("disconnected")), "networkStatus is disconnected", "networkStatus must be connected or connecting"},
		{but("operationalState", graph.String("off, and must be on")), "operationalState is off, and must be on", "operationalState must be na"},
		{but("lastActiveDate", graph.Int(0)), "last seen more than 24 h ago", "must have been seen within 24 h"},
		{but("lastActiveDate", graph.Value{}), "last seen is not known", "must have been seen within 24 h"},
	} {
		verdicts := evaluate(t, []config.PosturePolicy{strict()}, append(protects("1", "a", test.values), device("a"))...)
		require.Len(t, verdicts, 1)
		require.Len(t, verdicts[0].Reasons, 1)
		is, demand := posture.Split(verdicts[0].Reasons[0])
		assert.Equal(t, [2]string{test.is, test.demand}, [2]string{is, demand})
	}
}

func TestDevicesWithoutAVerdictAreCountedByWhatTheyLack(t *testing.T) {
	// a is known, b and e have an agent for which there is no policy, c and d have none.
	var records []graph.Record
	for _, some := range [][]graph.Record{
		protects("1", "a", but("siteName", graph.String("Lyon"))), protects("2", "b", but("siteName", graph.String("Lyon"))), protects("3", "b", but("siteName", graph.String("Lyon"))), protects("4", "e", but("siteName", graph.String("Lyon"))),
		{device("a"), device("b"), device("c"), device("d"), device("e")},
	} {
		records = append(records, some...)
	}
	noAgent, noPolicy, err := posture.Unevaluated(t.Context(), storetest.NewSnapshot(model, records...), map[string]bool{deviceKey("a"): true})
	require.NoError(t, err)
	assert.Equal(t, [2]int{2, 2}, [2]int{noAgent, noPolicy})
}
