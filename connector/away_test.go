package connector_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
)

// at makes a run write to a Neo4j at an address too.
func at(uri string) func(*connector.Options) {
	return func(o *connector.Options) {
		o.Config.Store, o.RetryFor = "neo4j", 100*time.Millisecond
		o.Config.Neo4j = config.Neo4j{URI: uri, Username: "neo4j", Password: config.NewSecret("x")}
	}
}

// hanging is the address of a server that takes connections and says nothing.
func hanging(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return "bolt://" + l.Addr().String()
}

var behindRule = config.Rule{Name: "behind", When: `run.behind.exists(s, s == "neo4j")`, Title: "{{.Behind}} is behind"}

func TestANeo4jThatIsAwayStopsNothing(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]string{"nobody listens": "bolt://127.0.0.1:1", "it hangs": hanging(t)} {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, small())
			w := c.tell(newAgent, behindRule)
			first := c.sync(w.of, at(uri))
			require.NoError(t, first.err)
			assert.Equal(t, connector.Partial, first.Status, "which s1graph run ends with exit code 3")
			require.Len(t, first.Stores, 1)
			assert.True(t, first.Stores[0].Behind)
			assert.Contains(t, first.Stores[0].Error, "look whether it runs")
			assert.Contains(t, strings.Join(first.Notices, "\n"), "Neo4j is behind, and the next run brings it up to date: ")
			assert.Equal(t, c.clean(), c.graph())

			c.SetDay(1)
			require.NoError(t, c.sync(w.of, at(uri)).err)
			_, keys := w.events()
			assert.ElementsMatch(t, append(newAgents(c.Plan(1)), "run", "run"), keys, "who is to be told is told, also that it is behind")
		})
	}
}

// A folder that began while Neo4j was away may write to it as one that began while it was there.
func TestANeo4jThatComesBackIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	away := func(o *connector.Options) {
		d.write(o)
		at("bolt://127.0.0.1:1")(o)
	}
	c := newConsole(t, little())
	require.NoError(t, c.sync(away).err)
	require.NoError(t, c.sync(away).err)
	c.SetDay(1)
	c.mustSync(d.write)
	d.assertHolds(t, c.dir)

	// While it is away again, the run that it holds is kept, so that it need not be read back.
	held, err := jsonstore.OpenLast(c.dir)
	require.NoError(t, err)
	for day := 2; day <= 4; day++ {
		c.SetDay(day)
		require.NoError(t, c.sync(away).err)
	}
	assert.DirExists(t, held.Dir())
	c.mustSync(d.write)
	d.assertHolds(t, c.dir)
	assert.NoDirExists(t, held.Dir())
}

// Such a folder may be the successor of one that is lost: it takes the graph over if it is of the same console and scope.
func TestAFolderThatBeganWhileNeo4jWasAwayTakesOverTheGraphOfALostOne(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	away := func(o *connector.Options) {
		d.write(o)
		at("bolt://127.0.0.1:1")(o)
	}
	lost := newConsole(t, little())
	lost.mustSync(d.write)
	narrow := func(o *connector.Options) { o.Config.Sites = []string{lost.SiteID(0)} }
	other := lost.elsewhere()
	require.NoError(t, other.sync(away, narrow).err)
	other.mustRefuse(d, "was read with another scope")

	c := lost.elsewhere()
	c.lose(0, 3)
	require.NoError(t, c.sync(away).err)
	c.mustSync(d.write)
	d.assertHolds(t, c.dir)
	lost.mustRefuse(d, "belongs to another folder")
}

// What is surely a fault of the configuration is said to who types the command, and does not stop a service.
func TestAMisconfiguredNeo4jEndsARunByHandAndNoService(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, test := range []struct { // a wrong password comes last: after some the server refuses whoever comes for a while
		name  string
		spoil func(*config.Neo4j)
		fault neo4jstore.Fault
	}{
		{"an unknown database", func(c *config.Neo4j) { c.Database = "nowhere" }, neo4jstore.NoDatabase},
		{"a wrong password", func(c *config.Neo4j) { c.Password = config.NewSecret("wrong-hunter2") }, neo4jstore.Unauthorized},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConsole(t, little())
			w := c.tell(behindRule)
			spoiled := func(o *connector.Options) { d.write(o); test.spoil(&o.Config.Neo4j) }
			byHand := c.sync(spoiled)
			var fault *neo4jstore.OpenError
			require.ErrorAs(t, byHand.err, &fault)
			assert.Equal(t, test.fault, fault.Fault)
			var usage *connector.UsageError
			require.ErrorAs(t, byHand.err, &usage, "which is exit code 2")
			assert.NotContains(t, byHand.err.Error(), "wrong-hunter2")
			assert.Empty(t, c.Requests())

			polled := c.mustSyncInPart(spoiled, w.of, func(o *connector.Options) { o.Unattended = true })
			assert.Contains(t, polled.Stores[0].Error, fault.Advice)
			assert.NotContains(t, polled.Stores[0].Error, "wrong-hunter2")
			_, keys := w.events()
			assert.Equal(t, []string{"run"}, keys)
			assert.Equal(t, c.clean(), c.graph())
		})
	}
}
