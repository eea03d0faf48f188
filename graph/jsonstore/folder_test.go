package jsonstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func openFolder(t *testing.T, path string) *jsonstore.Folder {
	t.Helper()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	f, err := jsonstore.OpenFolder(path, model)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, f.Close())
		requireNames(t, temporary)
	})
	return f
}

func TestAFolderIsFoundByAnyOfItsNames(t *testing.T) {
	s := open(t, t.TempDir())
	run, err := commit(t.Context(), s, numbered(700))
	require.NoError(t, err)
	copied := t.TempDir()
	require.NoError(t, os.CopyFS(copied, os.DirFS(filepath.Join(run.Dir(), "graph"))))
	for _, path := range []string{s.Dir(), filepath.Join(s.Dir(), "graph"), run.Dir(), filepath.Join(run.Dir(), "graph"), copied} {
		storetest.RequireSame(t, numbered(700), openFolder(t, path))
	}
}

func TestAFolderMayBeWrittenInAnyOrderAndManner(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "z.json"), `{ "entities" : [
		{ "_type": "sentinelone_group", "_key": "sentinelone_group:2", "displayName": "2", "_class": "Group" },
		{ "_type": "sentinelone_agent", "_key": "sentinelone_agent:1", "displayName": "\u0031", "lastSeenOn": 5 } ],
		"comment": {"by": "hand"} }`)
	write(t, filepath.Join(dir, "deep", "down", "a.json"), `{"relationships":[{"_type":"sentinelone_group_has_agent","_class":"HAS","_key":"sentinelone_group:1|has|sentinelone_agent:1","_fromEntityKey":"sentinelone_group:1","_toEntityKey":"sentinelone_agent:1"}],"entities":[{"displayName":"1","_key":"sentinelone_group:1","_class":["Group"],"_type":"sentinelone_group"}]}`)
	write(t, filepath.Join(dir, "empty.json"), `{"entities":[]}`)
	write(t, filepath.Join(dir, "README.md"), `not a graph`)
	f := openFolder(t, dir)

	a := entity(agent, "1")
	a.Set("lastSeenOn", graph.Int(5))
	r := graph.Record{Type: hasAgent, Key: "sentinelone_group:1|has|sentinelone_agent:1", From: "sentinelone_group:1", To: "sentinelone_agent:1"}
	storetest.RequireSame(t, storetest.NewSnapshot(model, a, entity(group, "1"), entity(group, "2"), r), f)
}

func TestATypeThatIsNotInTheModelIsTakenAsItIs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.json"), `{"entities":[{"_class":["Vault"],"_key":"sentinelone_vault:1","_type":"sentinelone_vault"}],
		"relationships":[{"_class":"HAS","_key":"sentinelone_vault:1|has|sentinelone_agent:1","_type":"sentinelone_vault_has_agent","_fromEntityKey":"sentinelone_vault:1","_toEntityKey":"sentinelone_agent:1"}]}`)
	f := openFolder(t, dir)
	byName := map[string]*graph.Type{}
	for _, typ := range f.Types() {
		byName[typ.Name] = typ
	}
	assert.Len(t, byName, len(model)+2)
	assert.Equal(t, &graph.Type{Name: "sentinelone_vault", Class: "Vault"}, byName["sentinelone_vault"])
	assert.Equal(t, &graph.Type{Name: "sentinelone_vault_has_agent", Class: "HAS", Relationship: true}, byName["sentinelone_vault_has_agent"])
	counts, err := graph.Diff(t.Context(), f, storetest.NewSnapshot(model), graph.DiffOptions{}, func(graph.Change) error { return nil })
	require.NoError(t, err)
	assert.Equal(t, graph.Counts{Deleted: 1}, counts["sentinelone_vault"])
	assert.Equal(t, graph.Counts{Deleted: 1}, counts["sentinelone_vault_has_agent"])
}

func TestWhatIsWrongWithAFolderIsSaidWithFileAndLine(t *testing.T) {
	const good = `{"_class":["Group"],"_key":"sentinelone_group:1","_type":"sentinelone_group"}`
	for _, c := range []struct{ content, fault string }{
		{`[]`, "line 1: a graph file must be a JSON object"},
		{`{}`, "line 1: a graph file must have a list of entities or of relationships"},
		{"{\"entities\":[\n" + good + ",\n{\"_key\":\"sentinelone_group:2\"}\n]}", "line 3: a record must have a _type and a _key"},
		{"{\"entities\":[\n" + good + ",\n" + good + "\n]}", "line 3: record sentinelone_group:1: it is in the graph twice"},
		{"{\"entities\":[\n" + good + ",\n{\"_key\":}\n]}", "line 3: "},
		{"{\"entities\":[\n" + good + ",\n{\"_key\":\"short\",\"_type\":\"sentinelone_group\"}\n]}", "line 3: row short of sentinelone_group: key"},
		{"{\"entities\":[\n" + good + ",\n{\"_key\":\"sentinelone_group:2\",\"_type\":\"sentinelone_group\",\"a\":{}}\n]}", "line 3: property a: a value may be"},
		{"{\"relationships\":[\n" + good + "\n]}", "line 2: record sentinelone_group:1: the type sentinelone_group is in the wrong list"},
		{"{\"entities\":[\n" + `{"_key":"sentinelone_group:2","_type":"../../etc"}` + "\n]}", `line 2: _type: "../../etc" is not a name: it must be`},
		{"{\"entities\":{}}", "line 1: entities and relationships must be lists"},
		{"{\"entities\":[\n" + good, "line 2: "},
		{"{\"entities\":[\n" + good + "\n]}\n{}", "after the end of the graph"},
		{"", "line 1: "},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.json")
		write(t, path, c.content)
		temporary := t.TempDir()
		t.Setenv("TMPDIR", temporary)
		_, err := jsonstore.OpenFolder(dir, model)
		assert.ErrorContains(t, err, path+", ", c.content)
		assert.ErrorContains(t, err, c.fault, c.content)
		requireNames(t, temporary)
	}
	_, err := jsonstore.OpenFolder(filepath.Join(t.TempDir(), "missing"), model)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestAFileIsNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	write(t, path, `{"entities":[]}`)
	f := openFolder(t, path)
	assert.Len(t, f.Types(), len(model), "a single graph file is a graph too")
}
