package connector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/s1/s1test"
)

// firewalls demands that they are on.
func firewalls(o *connector.Options) {
	on := true
	o.Config.Posture = []config.PosturePolicy{{FirewallEnabled: &on}}
}

// fallen counts the devices that are not compliant, by the file beside the graph.
func (c *console) fallen() (n int64) {
	c.t.Helper()
	run, err := jsonstore.OpenRun(c.dir + "/runs/" + currentRun(c.t, c.dir))
	require.NoError(c.t, err)
	for verdict, err := range posture.Of(run) {
		require.NoError(c.t, err)
		if !verdict.Compliant {
			n++
		}
	}
	return n
}

func TestPostureStandsOnTheNodesAndIsNoPartOfTheGraph(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, odd())
	const notCompliant = "MATCH (n:Device {_scope: $scope}) WHERE n.compliant = false AND size(n.nonCompliantReasons) > 0 RETURN count(n)"
	const evaluated = "MATCH (n:Device {_scope: $scope}) WHERE n.compliant IS NOT NULL RETURN count(n)"
	c.mustSync(d.write, firewalls)
	require.Positive(t, c.fallen())
	assert.Equal(t, c.fallen(), d.count(t, notCompliant))
	d.assertHolds(t, c.dir)

	unchanged := c.mustSync(d.write, firewalls)
	assert.Zero(t, unchanged.Stores[0].Statements, "what is as it was costs no write")

	before := c.fallen()
	c.SetDay(1)
	require.NotEmpty(t, c.Plan(1).Of(s1test.AgentFirewallOff))
	c.mustSync(d.write, firewalls)
	assert.NotEqual(t, before, c.fallen())
	assert.Equal(t, c.fallen(), d.count(t, notCompliant))
	d.assertHolds(t, c.dir)

	d.count(t, "MATCH (n:Device {_scope: $scope}) SET n.compliant = true RETURN count(n)") // somebody's hand
	c.mustSync(d.write, firewalls, func(o *connector.Options) { o.Verify = true })
	assert.Equal(t, c.fallen(), d.count(t, notCompliant))

	c.mustSync(d.write)
	assert.Zero(t, d.count(t, evaluated), "without policies nothing is said of any device")
	d.assertHolds(t, c.dir)
}

func TestAnotherPolicyRaisesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	told := c.tell(config.Rule{Use: "device not compliant"})
	c.mustSync(told.of, firewalls)
	before := c.fallen()
	encrypted := func(o *connector.Options) {
		firewalls(o)
		o.Config.Posture[0].EncryptedApplications = new(true)
	}
	c.mustSync(told.of, encrypted)
	require.Greater(t, c.fallen(), before)
	ids, _ := told.events()
	assert.Empty(t, ids, "nothing has happened to any device")
	c.SetDay(1)
	c.mustSync(told.of, encrypted)
	ids, _ = told.events()
	assert.NotEmpty(t, ids)
}

// networkStatus says whether the console has cut a machine off, which people want to know; isActive tells who is online.
func TestConsoleThatCutsAMachineOffIsToldOfByChangesRulesAndPosture(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Agents: 4, Quiet: true})
	told := c.tell(config.Rule{Use: "device isolated"}, config.Rule{Use: "isolation lifted"}, config.Rule{Use: "device not compliant"})
	connected := func(o *connector.Options) {
		o.Config.Posture = []config.PosturePolicy{{NetworkStatus: []string{"connected"}}}
	}
	c.mustSync(told.of, connected)
	agent := "sentinelone_agent:" + c.AgentID(1)
	heard := 0
	for _, step := range []struct {
		status string
		told   int // alerts that the step adds
		fallen int64
	}{
		{"disconnecting", 2, 1}, // isolated, and not compliant
		{"disconnected", 0, 1},
		{"connecting", 0, 1},
		{"connected", 2, 0}, // lifted, and compliant again
	} {
		mend := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Rewrite(func(row map[string]any) {
			if row["id"] == c.AgentID(1) {
				row["networkStatus"] = step.status
			}
		})})
		result := c.mustSync(told.of, connected)
		mend()
		require.Len(t, result.changes, 1, step.status)
		assert.Equal(t, agent, result.changes[0].Key)
		assert.Equal(t, []string{"networkStatus"}, result.changes[0].Changed, "it is not volatile")
		_, keys := told.events()
		assert.Len(t, keys[heard:], step.told, step.status)
		heard = len(keys)
		assert.Equal(t, step.fallen, c.fallen(), step.status)
	}
}
