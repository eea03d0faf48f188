package connector_test

import (
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/graph/storetest"
	"s1graph/pause"
	"s1graph/s1/s1test"
)

// database makes a run write to a scope of a real Neo4j too.
type database struct {
	server *neo4jtest.Server
	scope  string
}

func newDatabase(t *testing.T) database {
	server := neo4jtest.Shared(t)
	return database{server, server.Scope(t)}
}

func (d database) write(o *connector.Options) {
	o.Config.Store, o.Config.Instance = "neo4j", d.scope
	o.Config.Neo4j = config.Neo4j{URI: d.server.URI, Username: d.server.Username, Password: config.NewSecret(d.server.Password)}
}

// assertHolds compares what the database holds with the current graph files, record by record.
func (d database) assertHolds(t *testing.T, dir string) {
	t.Helper()
	store, err := neo4jstore.Open(t.Context(), neo4jstore.Config{
		URI: d.server.URI, Username: d.server.Username, Password: d.server.Password, Scope: d.scope,
	})
	require.NoError(t, err)
	defer store.Close(t.Context())
	held, err := store.ReadBack(t.Context(), nil, nil)
	require.NoError(t, err)
	run, err := jsonstore.OpenLast(dir)
	require.NoError(t, err)
	for _, typ := range held.Types() {
		require.Equal(t, lines(t, run.All(t.Context(), typ.Name)), lines(t, held.All(t.Context(), typ.Name)), typ.Name)
	}
}

func lines(t *testing.T, records iter.Seq2[graph.Encoded, error]) (lines []string) {
	t.Helper()
	for e, err := range records {
		require.NoError(t, err)
		lines = append(lines, string(e.JSON))
	}
	return lines
}

// count runs a statement that gives a number.
func (d database) count(t *testing.T, cypher string) int64 {
	t.Helper()
	session := d.server.Driver(t).NewSession(t.Context(), neo4j.SessionConfig{})
	defer session.Close(t.Context())
	result, err := session.Run(t.Context(), cypher, map[string]any{"scope": d.scope})
	require.NoError(t, err)
	record, err := result.Single(t.Context())
	require.NoError(t, err)
	n, ok := record.Values[0].(int64)
	require.True(t, ok)
	return n
}

// little is a tenant that is soon in Neo4j, and odd one that has every odd row too.
func little() s1test.Tenant {
	return s1test.Tenant{Seed: 4, Sites: 3, Groups: 6, Agents: 45, Threats: 20, ApplicationsPerAgent: 2}
}
func odd() s1test.Tenant {
	tenant := little()
	tenant.Awkward = true
	return tenant
}

func TestNeo4jHoldsTheGraphOfEachRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, odd())
	first := c.mustSync(d.write)
	require.Len(t, first.Stores, 1)
	assert.Equal(t, "neo4j", first.Stores[0].Name)
	assert.False(t, first.Stores[0].Behind)
	var records int64
	for _, n := range first.Changes {
		records += n.Created
	}
	assert.Equal(t, records, first.Stores[0].Rows)
	d.assertHolds(t, c.dir)

	unchanged := c.mustSync(d.write)
	assert.Zero(t, unchanged.Stores[0].Statements)
	assert.Zero(t, unchanged.Stores[0].Rows)

	c.SetDay(1)
	busy := c.mustSync(d.write)
	var changed int64
	for _, n := range busy.Changes {
		changed += n.Created + n.Updated + n.Deleted + n.Touched + 2*n.Rekeyed
	}
	assert.LessOrEqual(t, busy.Stores[0].Rows, changed, "what did not change is not written")
	d.assertHolds(t, c.dir)

	// A list that fails takes nothing away there either.
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500)})
	c.SetDay(2)
	partial := c.mustSyncInPart(d.write)
	assert.False(t, partial.Stores[0].Behind)
	d.assertHolds(t, c.dir)
}

func TestNeo4jIsHealedWhenTheLocalDirectoryWasLost(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, odd())
	c.mustSync(d.write)
	require.NoError(t, os.RemoveAll(c.dir))
	c.SetDay(1)
	result := c.mustSync(d.write)
	assert.Empty(t, result.changes, "a lost disk is a baseline")
	d.assertHolds(t, c.dir)
}

// A lost directory and a list that comes back short are two faults at once: the last graph, against which the list is
// held, is what the database has.
func TestTheGuardHoldsWhenTheLocalDirectoryWasLost(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	held := d.count(t, "MATCH (n:sentinelone_threat {_scope: $scope}) RETURN count(n)")
	require.NoError(t, os.RemoveAll(c.dir))
	mend := c.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()})
	short := c.mustSyncInPart(d.write)
	assert.Equal(t, held, short.WithheldDeletions["sentinelone_threat"])
	assert.False(t, short.Stores[0].Behind)
	d.assertHolds(t, c.dir)
	assert.Equal(t, held, d.count(t, "MATCH (n:sentinelone_threat {_scope: $scope}) RETURN count(n)"))

	mend()
	c.mustSync(d.write)
	d.assertHolds(t, c.dir)
}

// Neo4j is several runs behind, and the one that it holds is not kept any more. In one of those runs somebody accepted
// deletions, and in another all were let pass.
func TestNeo4jLetsGoWhatWasAcceptedInRunsThatItMissedAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*connector.Options){
		"read back": func(*connector.Options) {},
		"verified":  func(o *connector.Options) { o.Verify = true },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t)
			c := newConsole(t, little())
			filesOnly := func(o *connector.Options) { o.Config.Instance = d.scope }
			first := c.mustSync(d.write)
			threats := "MATCH (n:sentinelone_threat {_scope: $scope}) RETURN count(n)"
			agents := "MATCH (n:sentinelone_agent {_scope: $scope}) RETURN count(n)"
			mend := c.loseThreats()
			require.Equal(t, connector.Partial, c.sync(filesOnly).Status)
			c.accept()
			c.mustSync(filesOnly)
			c.lose(0, 30)
			c.mustSync(filesOnly, func(o *connector.Options) { o.AllowMassDelete = true })
			c.mustSync(filesOnly)
			require.NoDirExists(t, filepath.Join(c.dir, "runs", first.Run))

			behind := c.sync(d.write, adjust)
			require.NoError(t, behind.err)
			assert.Zero(t, d.count(t, threats))
			assert.Equal(t, first.Entities["sentinelone_agent"], d.count(t, agents), "nobody accepted those")
			assert.True(t, behind.Stores[0].Behind)

			c.mustSync(d.write, func(o *connector.Options) { o.AllowMassDelete = true })
			d.assertHolds(t, c.dir)

			// Once Neo4j has let it go, no run lists it any more: a fault there is evaluated by the guard.
			mend()
			c.mustSync(d.write)
			assert.Positive(t, d.count(t, threats))
			assert.NoFileExists(t, filepath.Join(c.dir, "current", "released.jsonl"))
		})
	}
}

func TestNeo4jFollowsARunInWhichDeletionsWereAccepted(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	c.loseThreats()
	c.lose(0, 20)
	partial := c.sync(d.write)
	require.Len(t, partial.WithheldDeletions, 2)
	assert.False(t, partial.Stores[0].Behind)
	withheld := c.accept()
	require.Len(t, withheld.Deletions, 2)
	c.mustSync(d.write)
	d.assertHolds(t, c.dir)
	c.mustSync(d.write)
	assert.NoFileExists(t, filepath.Join(c.dir, "current", "released.jsonl"))
}

// Another process that writes to the instance's scope is one of the faults that come in the middle of an apply.
func TestAFaultInTheMiddleLeavesNeo4jBehindUntilTheNextRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	other, err := neo4jstore.Open(t.Context(), neo4jstore.Config{
		URI: d.server.URI, Username: d.server.Username, Password: d.server.Password, Scope: d.scope,
	})
	require.NoError(t, err)
	defer other.Close(t.Context())
	overtake := sync.OnceFunc(func() {
		_, err := other.Apply(t.Context(), neo4jstore.Target{RunID: "another", Graph: storetest.NewSnapshot(nil)})
		assert.NoError(t, err)
	})
	result := c.sync(d.write, func(o *connector.Options) {
		o.Progress = func(e connector.Event) {
			if strings.HasPrefix(e.Step, "neo4j ") {
				overtake()
			}
		}
	})
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status)
	assert.True(t, result.Stores[0].Behind)
	assert.Contains(t, result.Stores[0].Error, "another process has begun to write to the scope")
	assert.Contains(t, strings.Join(result.Notices, "\n"), "Neo4j is behind, and the next run brings it up to date: ")

	healed := c.mustSync(d.write)
	assert.False(t, healed.Stores[0].Behind)
	d.assertHolds(t, c.dir)
}

// What a server that is killed has written, and that it comes back, graph/neo4jstore's tests show on a real one.
func TestNeo4jThatGoesAwayInTheMiddleIsHealedByTheNextRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	uri, leave := d.server.Through(t)
	c := newConsole(t, odd())
	there := func(o *connector.Options) {
		d.write(o)
		o.Config.Neo4j.URI, o.RetryFor = uri, 6*time.Second // five times as long is waited for an answer
	}
	result := c.sync(there, func(o *connector.Options) {
		o.Progress = func(e connector.Event) {
			if strings.HasPrefix(e.Step, "neo4j ") {
				leave()
			}
		}
	})
	require.NoError(t, result.err)
	assert.Equal(t, connector.Partial, result.Status, "which s1graph run ends with exit code 3")
	assert.True(t, result.Stores[0].Behind)
	assert.Positive(t, result.Stores[0].Rows)
	assert.NotEmpty(t, result.Stores[0].Error)
	assert.Contains(t, strings.Join(result.Notices, "\n"), "Neo4j is behind, and the next run brings it up to date: ")
	assert.Equal(t, c.clean(), c.graph(), "the graph files are committed as always")

	unreachable := c.sync(there)
	require.NoError(t, unreachable.err)
	assert.Contains(t, unreachable.Stores[0].Error, "look whether it runs")

	c.SetDay(1)
	healed := c.mustSync(d.write)
	assert.False(t, healed.Stores[0].Behind)
	d.assertHolds(t, c.dir)
}

func TestNeo4jIsFilledAgainWhenItWasWiped(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	d.count(t, "MATCH (n {_scope: $scope}) DETACH DELETE n RETURN count(n)")
	result := c.mustSync(d.write)
	assert.Positive(t, result.Stores[0].Rows)
	d.assertHolds(t, c.dir)
}

// Runs without the database are made up for by the next run with it, before the tenant is read.
func TestNeo4jCatchesUpWithWhatItMissed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, odd())
	filesOnly := func(o *connector.Options) { o.Config.Instance = d.scope }
	c.mustSync(d.write)
	for day := 1; day <= 4; day++ {
		c.SetDay(day)
		c.mustSync(filesOnly)
	}
	c.Break(s1test.Fault{Effect: s1test.Status(500)})
	result := c.sync(d.write)
	require.Error(t, result.err)
	d.assertHolds(t, c.dir)
}

func TestVerifyHealsWhatWasEditedByHand(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, odd())
	c.mustSync(d.write)
	driver := d.server.Driver(t)
	session := driver.NewSession(t.Context(), neo4j.SessionConfig{})
	defer session.Close(t.Context())
	result, err := session.Run(t.Context(), "MATCH (a:HostAgent {_scope: $scope}) SET a.computerName = 'edited', a.note = 'mine'", map[string]any{"scope": d.scope})
	require.NoError(t, err)
	_, err = result.Consume(t.Context())
	require.NoError(t, err)

	unseen := c.mustSync(d.write)
	assert.Zero(t, unseen.Stores[0].Rows)
	var told waits
	o := c.options()
	d.write(&o)
	o.Verify = true
	healed, err := connector.Sync(pause.WithWatcher(t.Context(), told.began), o)
	require.NoError(t, err)
	assert.Positive(t, healed.Stores[0].Rows)
	assert.Contains(t, told.all(), "verifying Neo4j")
	d.assertHolds(t, c.dir)
	result, err = session.Run(t.Context(), "MATCH (a:HostAgent {_scope: $scope, note: 'mine'}) RETURN count(a)", map[string]any{"scope": d.scope})
	require.NoError(t, err)
	record, err := result.Single(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, c.Totals().Agents, record.Values[0], "what analysts add stays")
}

// waits are what a run waited for.
type waits struct {
	mu   sync.Mutex
	what []string
}

func (w *waits) began(one pause.Wait) (over func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.what = append(w.what, one.What)
	return func() {}
}

func (w *waits) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.what)
}

func TestADryRunLeavesNeo4jAlone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	c.SetDay(1)
	result := c.mustSync(d.write, func(o *connector.Options) { o.DryRun = true })
	assert.Empty(t, result.Stores)
	d.assertHolds(t, c.dir)
}

func TestWipeRemovesOneInstance(t *testing.T) {
	t.Parallel()
	gone, stays := newDatabase(t), newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(gone.write)
	other := newConsole(t, little())
	other.mustSync(stays.write)
	o := c.options()
	gone.write(&o)
	result, err := connector.Wipe(t.Context(), o)
	require.NoError(t, err)
	assert.Positive(t, result.Rows)
	session := gone.server.Driver(t).NewSession(t.Context(), neo4j.SessionConfig{})
	defer session.Close(t.Context())
	left, err := session.Run(t.Context(), "MATCH (n {_scope: $scope}) RETURN count(n)", map[string]any{"scope": gone.scope})
	require.NoError(t, err)
	record, err := left.Single(t.Context())
	require.NoError(t, err)
	assert.Zero(t, record.Values[0])
	stays.assertHolds(t, other.dir)
}

func TestWhatBaselinesWroteIsNoRecentChangeInNeo4j(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	changed := func() (keys []any) {
		for _, row := range d.query(t, "MATCH (n {_scope: $scope}) WHERE n._changedOn IS NOT NULL RETURN n._key + ' ' + n._changedOn ORDER BY n._key") {
			keys = append(keys, row[0])
		}
		return keys
	}
	c.mustSync(d.write)
	assert.Empty(t, changed(), "the first graph")
	c.SetDay(1)
	c.mustSync(d.write)
	day := changed()
	assert.NotEmpty(t, day)
	retagged := c.mustSync(d.write, func(o *connector.Options) { o.Config.AccountName, o.Config.TagAccountName = "Acme", true })
	require.NotZero(t, retagged.Summary.Changes["sentinelone_agent"].Baseline)
	assert.Equal(t, day, changed(), "another account name on every entity")
}
