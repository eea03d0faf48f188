package connector_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
	"s1graph/steps"
)

// The tests of this file's kind, TestConsole…, are of consoles as they are and not as the API document has them:
// go test ./connector -run Console.

// allLists are the paths of the lists that a run reads.
var allLists = func() (paths []string) {
	for _, step := range steps.All() {
		for _, l := range step.Lists {
			paths = append(paths, l.Path)
		}
	}
	return paths
}()

// breakAll has each list go wrong in one way.
func (c *console) breakAll(effect s1test.Effect) {
	for _, path := range slices.Concat(allLists, []string{"/user"}) {
		c.Break(s1test.Fault{Path: path, Effect: effect})
	}
}

func TestConsoleThatSaysTheRightThingInAnotherFormGivesTheSameGraph(t *testing.T) {
	t.Parallel()
	tenant := small()
	tenant.Agents, tenant.Awkward = s1test.AwkwardAgents+40, true
	plain := newConsole(t, tenant)
	right := []map[string]string{plain.clean()} // on two days
	plain.SetDay(3)
	right = append(right, plain.clean())
	for name, effect := range map[string]s1test.Effect{
		"other JSON types":            s1test.OddTypes(),
		"times without a zone":        s1test.WithoutZones(),
		"times as numbers since 1970": s1test.EpochTimes(),
		"totals as texts":             s1test.TextTotal(),
		"no totals":                   s1test.NoTotal(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenant)
			c.breakAll(effect)
			c.mustSync()
			assertSame(t, right[0], c.graph())
			c.SetDay(3)
			c.mustSync()
			assertSame(t, right[1], c.graph())
		})
	}
}

func TestConsoleThatSaysNoTotalsIsReadWithMoreCareWhichIsSaid(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 2, Agents: 70, ApplicationsPerAgent: 1})
	c.pageSize = 40
	c.breakAll(s1test.NoTotal())
	first := c.mustSync()
	said := strings.Join(first.Notices, "\n")
	assert.Contains(t, said, "The console does not say how many rows /agents has (totalItems): what the list lacks is asked for by ID before it is deleted.")
	assert.Contains(t, said, "The console does not say how many rows /installed-applications has (totalItems): it was read twice, and counts as whole since that gave nothing new.")

	// A list that ends early is no proof that the rest is gone, though nobody promised more.
	before := c.graph()
	mend := c.Break(s1test.Fault{Path: "/agents", Match: ofRows, Effect: s1test.EndEarly()})
	mendApplications := c.Break(s1test.Fault{Path: "/installed-applications", Match: ofRows, Effect: s1test.EndEarly(), Times: 1})
	result := c.sync()
	require.NoError(t, result.err)
	assert.Equal(t, "failed", result.step("agents").State)
	assert.Equal(t, "failed", result.step("applications").State)
	assert.Contains(t, result.step("applications").Error, "the console does not say how many rows /installed-applications has, and reading it again returned")
	assert.Empty(t, lackingThough(before, c.graph()), "nothing is deleted")
	all, err := json.Marshal(result.Summary)
	require.NoError(t, err)
	assert.NotContains(t, string(all), "-1 ")
	mend()
	mendApplications()
	c.mustSync()
	assertSame(t, before, c.graph())
}

// A count that is less than what came counts nothing.
func TestConsoleThatSaysZeroForItsTotalsDeletesNothingOnTheStrengthOfThat(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 2, Agents: 20, ApplicationsPerAgent: 1, NoInventory: true})
	c.breakAll(s1test.ZeroTotal())
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/installed-applications", Match: ofRows, Effect: s1test.RowsLost(2), Times: 1})
	result := c.mustSyncInPart()
	assert.Equal(t, "failed", result.step("applications").State)
	assertSame(t, before, c.graph())
}

func TestConsoleThatSendsWhatIsNoRowLosesNothingByIt(t *testing.T) {
	t.Parallel()
	for _, instead := range []string{`null`, `7`, `"x"`, `[]`, `{}`, `{"id":null}`, `{"id":false}`} {
		t.Run(instead, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.mustSync()
			before := c.graph()
			mend := c.Break(s1test.Fault{Path: "/agents", Match: ofRows, Effect: s1test.NullRows(instead)})
			result := c.sync()
			require.NoError(t, result.err)
			assert.Equal(t, "failed", result.step("agents").State)
			assert.Contains(t, result.step("agents").Error, "/agents returned rows that are not objects or have no ID (1)")
			assertSame(t, before, c.graph())
			mend()
			c.mustSync()
			assertSame(t, before, c.graph())
		})
	}
}

func TestConsoleWhoseClocksStandAtZeroMakesNoDateOfThat(t *testing.T) {
	t.Parallel()
	for _, zero := range []string{"0001-01-01T00:00:00Z", "1601-01-01T00:00:00Z", "1970-01-01T00:00:00Z"} {
		t.Run(zero, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, small())
			c.breakAll(s1test.ZeroTimes(zero))
			c.mustSync()
			agents := ofType(c.graph(), "sentinelone_agent")
			require.Len(t, agents, c.Totals().Agents)
			graph := c.graph()
			for _, key := range agents {
				var agent map[string]any
				require.NoError(t, json.Unmarshal([]byte(graph[key]), &agent))
				assert.EqualValues(t, 0, agent["lastSeenOn"], key)
				for name := range agent {
					assert.False(t, strings.HasSuffix(name, "On") && name != "lastSeenOn", "%s has %s, which nobody knows", key, name)
				}
			}
		})
	}
}
