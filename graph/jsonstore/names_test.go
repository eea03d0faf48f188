package jsonstore_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/graph/storetest"
)

// hostile are names that would lead out of a run's folder, or be more than a name in a statement of Neo4j.
var hostile = []string{"", "..", "../../etc", "/etc/passwd", "a/b", "x`) DETACH DELETE n //", `x\u0060) DETACH DELETE n //`, "x\x00", "Gerät", strings.Repeat("x", 300)}

// misname puts another name into a field of the type called sentinelone_group_has_agent of a run.json.
func misname(t *testing.T, path, field, name string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var manifest map[string]any
	require.NoError(t, json.Unmarshal(content, &manifest))
	for _, typ := range manifest["types"].([]any) {
		if typ := typ.(map[string]any); typ["name"] == hasAgent.Name {
			if field == "name" { // so that it is not just missing
				contents := manifest["contents"].(map[string]any)
				contents[name] = contents[hasAgent.Name]
			}
			typ[field] = name
		}
	}
	content, err = json.Marshal(manifest)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

func TestARunWithAHostileNameIsRefused(t *testing.T) {
	run := committed(t, 30)
	for _, field := range []string{"name", "class", "step", "from", "to"} {
		for _, name := range hostile {
			c := copied(t, run)
			path := filepath.Join(c.Dir(), "run.json")
			misname(t, path, field, name)
			_, err := jsonstore.OpenRun(c.Dir())
			var damaged *jsonstore.DamagedError
			require.ErrorAs(t, err, &damaged, "%s %q", field, name)
			assert.Equal(t, path, damaged.File)
			assert.ErrorContains(t, err, field+": ")
		}
	}
}

func TestAFolderWhoseLastRunHasAHostileNameFallsBackAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	s, err := jsonstore.Open(dir, jsonstore.Options{})
	require.NoError(t, err)
	first, err := commit(t.Context(), s, numbered(30))
	require.NoError(t, err)
	_, err = commit(t.Context(), s, numbered(31))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	misname(t, filepath.Join(dir, "current", "run.json"), "step", "../../../elsewhere")

	s = open(t, dir)
	assert.Equal(t, first.Manifest().ID, s.Last().Manifest().ID)
	assert.Contains(t, s.Recovered(), `step: "../../../elsewhere" is not a name`)
	storetest.RequireSame(t, numbered(30), s.Last())
}

// paths are all files and folders below dir.
func paths(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	}))
	return all
}

func TestADraftTakesNoTypeWithAHostileName(t *testing.T) {
	outside := t.TempDir()
	s := open(t, filepath.Join(outside, "instance"))
	before := paths(t, outside)
	d, err := s.Begin(time.Now())
	require.NoError(t, err)
	for _, name := range hostile {
		for _, typ := range []graph.Type{
			{Name: name, Class: "Host", Step: "agents"}, {Name: "x", Class: name, Step: "agents"}, {Name: "x", Class: "Host", Step: name},
		} {
			_, err := d.Write(t.Context(), &typ, func(func(graph.Encoded, error) bool) {})
			assert.ErrorContains(t, err, "is not a name", "%+v", typ)
		}
	}
	require.NoError(t, d.Abort())
	assert.Equal(t, before, paths(t, outside))
}

func TestAFolderOfGraphFilesTakesNoHostileName(t *testing.T) {
	for _, name := range hostile {
		if name == "" {
			continue // a record without a type is refused as such
		}
		quoted, err := json.Marshal(name)
		require.NoError(t, err)
		for field, record := range map[string]string{
			"_type":  `{"_key":"sentinelone_x:1","_class":["Host"],"_type":` + string(quoted) + `}`,
			"_class": `{"_key":"sentinelone_x:1","_class":[` + string(quoted) + `],"_type":"sentinelone_x"}`,
		} {
			path := filepath.Join(t.TempDir(), "a.json")
			write(t, path, `{"entities":[`+record+`]}`)
			_, err = jsonstore.OpenFolder(path, model)
			assert.ErrorContains(t, err, path+", line 1: "+field+": ", "%q", name)
		}
	}
}
