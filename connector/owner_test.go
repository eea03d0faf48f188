package connector_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
	"s1graph/s1/s1test"
)

// everything is what the scope has but the marker, a line each.
func (d database) everything(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, cypher := range []string{
		"MATCH (n {_scope: $scope}) WHERE NOT n:S1GraphScope RETURN labels(n), properties(n)",
		"MATCH (a)-[r {_scope: $scope}]->(b) RETURN a._key, type(r), properties(r), b._key",
	} {
		for _, row := range d.query(t, cypher) {
			lines = append(lines, fmt.Sprint(row...))
		}
	}
	slices.Sort(lines)
	return lines
}

// query runs a statement and gives its rows.
func (d database) query(t *testing.T, cypher string) (rows [][]any) {
	t.Helper()
	result, err := neo4j.ExecuteQuery(t.Context(), d.server.Driver(t), cypher, map[string]any{"scope": d.scope}, neo4j.EagerResultTransformer)
	require.NoError(t, err, cypher)
	for _, r := range result.Records {
		rows = append(rows, r.Values)
	}
	return rows
}

// open opens the scope.
func (d database) open(t *testing.T) *neo4jstore.Store {
	t.Helper()
	store, err := neo4jstore.Open(t.Context(), neo4jstore.Config{
		URI: d.server.URI, Username: d.server.Username, Password: d.server.Password, Scope: d.scope,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close(t.Context())) })
	return store
}

// elsewhere is the same console read into another folder.
func (c *console) elsewhere() *console {
	other := *c
	other.dir = filepath.Join(c.t.TempDir(), "elsewhere")
	return &other
}

// mustRefuse is a run that is refused with advice before it changes the database.
func (c *console) mustRefuse(d database, why string, adjust ...func(*connector.Options)) {
	c.t.Helper()
	advice := "give this instance another name (--instance), or remove that graph with s1graph wipe --instance " + d.scope
	c.mustRefuseSaying(d, []string{why, advice}, adjust...)
}

// mustRefuseSaying is a run that is refused before it changes the database.
func (c *console) mustRefuseSaying(d database, texts []string, adjust ...func(*connector.Options)) {
	c.t.Helper()
	before := d.everything(c.t)
	result := c.sync(append(adjust, d.write)...)
	var usage *connector.UsageError
	require.ErrorAs(c.t, result.err, &usage, "which s1graph run ends with exit code 2")
	for _, text := range texts {
		assert.ErrorContains(c.t, result.err, text)
	}
	assert.Equal(c.t, before, d.everything(c.t))
}

func TestTwoFoldersWithOneNameDoNotDeleteEachOthersGraph(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	first := newConsole(t, little())
	first.mustSync(d.write)

	// Another tenant under the same name: neither a new folder nor one with a graph of its own may write.
	tenant := little()
	tenant.Seed = 5
	second := newConsole(t, tenant)
	second.mustRefuse(d, "and this run reads "+strings.TrimPrefix(second.url, "http://"))
	assert.Empty(t, second.Requests(), "nothing is read")
	second.mustSync(func(o *connector.Options) { o.Config.Instance = d.scope })
	second.mustRefuse(d, "is that of "+strings.TrimPrefix(first.url, "http://"))

	// The same tenant, read into another folder that has a graph too.
	third := first.elsewhere()
	third.mustSync(func(o *connector.Options) { o.Config.Instance = d.scope })
	third.mustRefuse(d, "belongs to another folder")

	first.SetDay(1)
	first.mustSync(d.write)
	d.assertHolds(t, first.dir)

	// What the refusal advises.
	o := third.options()
	d.write(&o)
	_, err := connector.Wipe(t.Context(), o)
	require.NoError(t, err)
	assert.Empty(t, d.everything(t))
	third.mustSync(d.write)
	d.assertHolds(t, third.dir)
	first.mustRefuse(d, "belongs to another folder")
}

func TestALostFolderTakesTheGraphOfNeo4jForItsLastOne(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, odd())
	c.mustSync(d.write)
	before := c.graph()
	d.query(t, "MATCH (a:sentinelone_agent {_scope: $scope}) SET a.note = 'mine'")
	require.NoError(t, os.RemoveAll(c.dir))

	c.SetDay(1)
	result := c.mustSync(d.write)
	assert.Contains(t, strings.Join(result.Notices, "\n"), "it was read back as the last graph")
	assert.Empty(t, result.changes, "a recovered folder is a baseline")
	after := c.graph()
	assertSame(t, c.clean(), after)
	d.assertHolds(t, c.dir)
	var gone int64
	for _, n := range result.Changes {
		gone += n.Deleted + n.Rekeyed
	}
	assert.EqualValues(t, len(lacking(before, after)), gone)
	assert.Positive(t, gone)
	assert.NotContains(t, strings.Join(slices.Collect(maps.Values(after)), "\n"), `"note"`)
	assert.EqualValues(t, len(common(before, after, "sentinelone_agent")),
		d.count(t, "MATCH (a:sentinelone_agent {_scope: $scope, note: 'mine'}) RETURN count(a)"), "what analysts add stays")

	c.SetDay(2)
	next := c.mustSync(d.write)
	assert.NotContains(t, strings.Join(next.Notices, "\n"), "read back")
	d.assertHolds(t, c.dir)
}

// common are the keys of a type that both graphs have.
func common(a, b map[string]string, typeName string) []string {
	return slices.DeleteFunc(ofType(a, typeName), func(key string) bool { return b[key] == "" })
}

// Without a last graph, what is out of the scope of a run would count as gone.
func TestALostFolderKeepsWhatIsOutOfItsScope(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, spread())
	c.mustSync(d.write)
	narrow := c.siteToken(0)
	require.NoError(t, c.sync(narrow, d.write).err)
	before := c.graph()
	held := d.everything(t)
	require.NoError(t, os.RemoveAll(c.dir))

	c.mustRefuse(d, "was read with another scope")
	result := c.sync(narrow, d.write)
	require.NoError(t, result.err)
	assertSame(t, before, c.graph())
	since := regexp.MustCompile(`outOfScopeSince:\d+`) // which went with the folder
	timeless := func(lines []string) string {
		return since.ReplaceAllString(strings.Join(lines, "\n"), "outOfScopeSince")
	}
	assert.Equal(t, timeless(held), timeless(d.everything(t)))
}

// Without a last graph, nobody would ask for what a list lacks.
func TestALostFolderAsksForWhatAListLacks(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	before := c.graph()
	require.NoError(t, os.RemoveAll(c.dir))
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(c.AgentID(40), c.AgentID(41))})
	require.NoError(t, c.sync(d.write).err)
	assertSame(t, before, c.graph())
	d.assertHolds(t, c.dir)
}

// What is known of an adopted graph is known already: nobody is told of each thing in it.
func TestOfAnAdoptedGraphNobodyIsTold(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	rules := []config.Rule{newAgent, {Name: "there", When: `entity.type == "sentinelone_agent" && entity.id != ""`}}
	c.mustSync(d.write)
	require.NoError(t, os.RemoveAll(c.dir))
	told := c.tell(rules...)
	for range 2 {
		c.mustSync(d.write, told.of)
		ids, _ := told.events()
		assert.Empty(t, ids)
	}
	c.SetDay(1)
	c.mustSync(d.write, told.of)
	_, keys := told.events()
	assert.Subset(t, keys, newAgents(c.Plan(1)))
}

// However it ends in between, the next run goes on from there.
func TestAnAdoptionThatWasKilledIsContinuedByTheNextRun(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(t *testing.T, c *console, d database){
		"when the marker had the identity": func(t *testing.T, c *console, d database) {
			folder, err := jsonstore.Open(c.dir, jsonstore.Options{})
			require.NoError(t, err)
			id := folder.Identity().ID
			require.NoError(t, folder.Close())
			store := d.open(t)
			m, err := store.Marker(t.Context())
			require.NoError(t, err)
			owner := m.Owner
			owner.Folder = id
			require.NoError(t, store.Claim(t.Context(), m, owner))
		},
		"when the graph was read back": func(t *testing.T, c *console, d database) {
			mend := c.Break(s1test.Fault{Effect: s1test.Status(500), Match: func(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, "/user") }})
			defer mend()
			require.Error(t, c.sync(d.write).err)
			require.FileExists(t, filepath.Join(c.dir, "current", "run.json"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t)
			c := newConsole(t, little())
			c.mustSync(d.write)
			held := d.everything(t)
			require.NoError(t, os.RemoveAll(c.dir))
			kill(t, c, d)
			assert.Equal(t, held, d.everything(t), "nothing was deleted or written")
			c.SetDay(1)
			result := c.mustSync(d.write)
			assert.Empty(t, result.changes)
			assertSame(t, c.clean(), c.graph())
			d.assertHolds(t, c.dir)
		})
	}
}

// What somebody else wrote over our properties is not taken for ours.
func TestOfARecordThatWasEditedInNeo4jTheKeyAloneIsTaken(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	key := ofType(c.graph(), "sentinelone_agent")[0]
	d.query(t, "MATCH (a:sentinelone_agent {_scope: $scope, _key: '"+key+"'}) SET a.computerName = 'edited', a.siteId = '1'")
	held := len(ofType(c.graph(), "sentinelone_agent"))
	require.NoError(t, os.RemoveAll(c.dir))

	mend := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500)})
	partial := c.sync(d.write)
	require.NoError(t, partial.err)
	assert.Contains(t, strings.Join(partial.Notices, "\n"), "Neo4j had 1 of sentinelone_agent that somebody edited: their keys alone were taken.")
	graph := c.graph()
	assert.Len(t, ofType(graph, "sentinelone_agent"), held)
	assert.NotContains(t, graph[key], "edited")
	assert.EqualValues(t, held, d.count(t, "MATCH (a:sentinelone_agent {_scope: $scope}) RETURN count(a)"))

	mend()
	c.mustSync(d.write)
	assertSame(t, c.clean(), c.graph())
	d.assertHolds(t, c.dir)
}

func TestAReplayAndAConsoleDoNotShareAScope(t *testing.T) {
	t.Parallel()
	c := newConsole(t, odd())
	recording := filepath.Join(t.TempDir(), "recording")
	c.mustSync(func(o *connector.Options) { o.Record = recording })

	live := newDatabase(t)
	c.elsewhere().mustSync(live.write)
	c.elsewhere().mustRefuse(live, "came from a console, and this run reads a replay", replayed(recording))

	replay := newDatabase(t)
	player := c.elsewhere()
	player.mustSync(replayed(recording), replay.write)
	c.elsewhere().mustRefuse(replay, "came from a replay, and this run reads a console")

	require.NoError(t, os.RemoveAll(player.dir))
	player.mustSync(replayed(recording), replay.write)
	replay.assertHolds(t, player.dir)
}

func TestAMarkerOfALaterVersionIsRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	d.query(t, "MATCH (m:S1GraphScope {_scope: $scope}) SET m.format = 99")
	held := d.everything(t)
	c.mustRefuseSaying(d, []string{"is of format 99", "use a newer s1graph"})
	o := c.options()
	d.write(&o)
	_, err := connector.ForeignGraph(t.Context(), o)
	var usage *connector.UsageError
	require.ErrorAs(t, err, &usage)
	assert.Equal(t, held, d.everything(t))
}

func TestAGraphWithoutAMarkerIsNobodysForANewFolder(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, little())
	c.mustSync(d.write)
	d.query(t, "MATCH (m:S1GraphScope {_scope: $scope}) DELETE m")
	c.elsewhere().mustRefuse(d, "has no marker")

	c.SetDay(1)
	c.mustSync(d.write)
	d.assertHolds(t, c.dir)
}

// The scope of a run that changed nothing is that of the graph, too.
func TestTheMarkerHasTheScopeOfTheLastRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	c := newConsole(t, spread())
	c.mustSync(d.write)
	narrow := c.siteToken(0)
	require.NoError(t, c.sync(narrow, d.write).err)
	m, err := d.open(t).Marker(t.Context())
	require.NoError(t, err)
	assert.JSONEq(t, `{"sites":["`+c.SiteID(0)+`"],"unknown":false}`, m.Scope)
	assert.Equal(t, strings.TrimPrefix(c.url, "http://"), m.Host)
	assert.Equal(t, "console", m.Source)
	assert.Regexp(t, `^[0-9a-f]{32}$`, m.Folder)
}

// earlier is what the code of commit 8ddc001 wrote: the console that it read, its folder, and a database with its graph.
func earlier(t *testing.T) (*console, database) {
	t.Helper()
	const made = "testdata/neo4j-8ddc001"
	c := newConsole(t, s1test.Tenant{Seed: 9, Sites: 2, Groups: 3, Agents: 12, Threats: 4, ApplicationsPerAgent: 2})
	require.NoError(t, exec.Command("cp", "-a", filepath.Join(made, "folder"), c.dir).Run())
	d := newDatabase(t)
	content, err := os.ReadFile(filepath.Join(made, "graph.json"))
	require.NoError(t, err)
	var statements []struct {
		Cypher string           `json:"cypher"`
		Rows   []map[string]any `json:"rows"`
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&statements))
	for _, s := range statements {
		for _, row := range s.Rows {
			for name, v := range row {
				row[name] = number(t, v)
			}
		}
		_, err := neo4j.ExecuteQuery(t.Context(), d.server.Driver(t), s.Cypher, map[string]any{"scope": d.scope, "rows": s.Rows}, neo4j.EagerResultTransformer)
		require.NoError(t, err, s.Cypher)
	}
	return c, d
}

// number makes an integer of what has no point, and of another number a float.
func number(t *testing.T, v any) any {
	text, ok := v.(json.Number)
	if !ok {
		return v
	}
	if n, err := text.Int64(); err == nil {
		return n
	}
	f, err := text.Float64()
	require.NoError(t, err)
	return f
}

// handler answers requests without a socket, so that the console has the name that it had.
type handler struct{ http.Handler }

func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer.Result(), nil
}

func (c *console) asBefore(o *connector.Options) {
	o.Config.URL, o.Transport = "https://acme.sentinelone.net", handler{c.Server}
}

func TestAMarkerOfAnEarlierVersionIsTakenOverByTheFolderThatHasItsRun(t *testing.T) {
	t.Parallel()
	c, d := earlier(t)
	held := len(d.everything(t))
	require.Positive(t, held)
	result := c.mustSync(c.asBefore, d.write)
	assert.Empty(t, result.changes)
	for name, n := range result.Changes {
		assert.Zero(t, n.Deleted, name)
	}
	assert.GreaterOrEqual(t, len(d.everything(t)), held, "that version may have read fewer lists")
	d.assertHolds(t, c.dir)
	m, err := d.open(t).Marker(t.Context())
	require.NoError(t, err)
	identity, err := jsonstore.ReadIdentity(c.dir)
	require.NoError(t, err)
	assert.Equal(t, neo4jstore.Owner{Folder: identity.ID, Host: "acme.sentinelone.net", Source: "console", Scope: `{"unknown":false}`}, m.Owner)

	// From now on it is like any other.
	require.NoError(t, os.RemoveAll(c.dir))
	c.SetDay(1)
	assert.Empty(t, c.mustSync(c.asBefore, d.write).changes)
	d.assertHolds(t, c.dir)
}

func TestAMarkerOfAnEarlierVersionIsRefusedToAnyOtherFolder(t *testing.T) {
	t.Parallel()
	c, d := earlier(t)
	other := c.elsewhere()
	other.mustRefuse(d, "was written by an earlier version", c.asBefore)
	other.mustSync(c.asBefore, func(o *connector.Options) { o.Config.Instance = d.scope })
	other.mustRefuse(d, "was written by an earlier version", c.asBefore)
}
