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
		{but("activeThreats", graph.Int(2)), "active_threats is 2", "active_threats may be 0 at most"},
		{but("activeThreats", graph.Value{}), "active_threats is not known", "active_threats may be 0 at most"},
		{but("firewallEnabled", graph.Bool(false)), "firewall_enabled is false", "firewall_enabled must be true"},
		{but("networkStatus", graph.String("disconnected")), "network_status is disconnected", "network_status must be connected or connecting"},
		{but("operationalState", graph.String("off, and must be on")), "operational_state is off, and must be on", "operational_state must be na"},
		{but("lastActiveDate", graph.Int(0)), "last_synced_interval is over 24 hours", "last_synced_interval may be 24 hours at most"},
		{but("lastActiveDate", graph.Value{}), "last_synced_interval is not known", "last_synced_interval may be 24 hours at most"},
	} {
		verdicts := evaluate(t, []config.PosturePolicy{strict()}, append(protects("1", "a", test.values), device("a"))...)
		require.Len(t, verdicts, 1)
		require.Len(t, verdicts[0].Reasons, 1)
		is, demand := posture.Split(verdicts[0].Reasons[0])
		assert.Equal(t, [2]string{test.is, test.demand}, [2]string{is, demand})
	}
}
