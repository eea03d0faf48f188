package connector_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/gotest"
	"s1graph/graph"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

func TestMain(m *testing.M) {
	if child := os.Getenv("S1GRAPH_TEST_CHILD"); child != "" {
		os.Exit(syncAsChild(child))
	}
	gotest.VerifyTestMain(neo4jtest.Main{M: m})
}

// console is a tenant behind a real socket, and the directory that it is synced to.
type console struct {
	*s1test.Server
	t        *testing.T
	url      string
	dir      string
	pageSize int // rows of a page; 0: as many as lists have
}

func newConsole(t *testing.T, tenant s1test.Tenant) *console {
	t.Helper()
	server := s1test.New(tenant)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	return &console{Server: server, t: t, url: web.URL, dir: filepath.Join(t.TempDir(), "instance")}
}

// newPaged is a tenant whose agents are read in several chains of several pages: the pages are small.
func newPaged(t *testing.T, adjust ...func(*s1test.Tenant)) *console {
	t.Helper()
	tenant := paged()
	for _, f := range adjust {
		f(&tenant)
	}
	c := newConsole(t, tenant)
	c.pageSize = 40
	return c
}

// small is a tenant whose lists fit on a page, and paged the one of newPaged.
func small() s1test.Tenant {
	return s1test.Tenant{Seed: 1, Sites: 3, Groups: 6, Agents: 40, Threats: 30, ApplicationsPerAgent: 3}
}
func paged() s1test.Tenant {
	return s1test.Tenant{Seed: 2, Sites: 4, Groups: 8, Agents: 124, Threats: 30}
}

// outcome is what a user gets of a run.
type outcome struct {
	connector.Summary
	changes []graph.Change
	err     error
}

// noWait stands for the client's pauses between tries.
func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// options are those of a user who sets nothing but what is needed.
func (c *console) options() connector.Options {
	settings := config.Default()
	settings.Vulnerabilities = []string{"off"}
	settings.URL, settings.Token = c.url, config.NewSecret(s1test.DefaultToken)
	settings.Instance, settings.Dir, settings.PageSize = "test", c.dir, cmp.Or(c.pageSize, settings.PageSize)
	return connector.Options{Config: &settings, Sleep: noWait}
}

func (c *console) sync(adjust ...func(*connector.Options)) outcome {
	c.t.Helper()
	o := c.options()
	for _, f := range adjust {
		f(&o)
	}
	var result outcome
	o.Changes = func(change graph.Change, _, _ graph.Snapshot) error {
		result.changes = append(result.changes, change)
		return nil
	}
	result.Summary, result.err = connector.Sync(c.t.Context(), o)
	return result
}

// mustSync is a run that is complete.
func (c *console) mustSync(adjust ...func(*connector.Options)) outcome {
	c.t.Helper()
	result := c.sync(adjust...)
	require.NoError(c.t, result.err)
	require.Equal(c.t, connector.Complete, result.Status, "notices: %q, incomplete: %q, withheld: %v, steps: %+v",
		result.Notices, result.IncompleteTypes, result.WithheldDeletions, result.Steps)
	return result
}

// mustSyncInPart is a run that is committed in part.
func (c *console) mustSyncInPart(adjust ...func(*connector.Options)) outcome {
	c.t.Helper()
	result := c.sync(adjust...)
	require.NoError(c.t, result.err)
	require.Equal(c.t, connector.Partial, result.Status)
	return result
}

// clean is the graph that a run of the same tenant into an empty directory gives.
func (c *console) clean(adjust ...func(*connector.Options)) map[string]string {
	c.t.Helper()
	fresh := *c
	fresh.dir = filepath.Join(c.t.TempDir(), "clean")
	fresh.mustSync(adjust...)
	return fresh.graph()
}

// graph is what the graph files hold: lines by key. It reads them as anybody would.
func (c *console) graph() map[string]string {
	c.t.Helper()
	return readGraph(c.t, c.dir)
}

func readGraph(t *testing.T, dir string) map[string]string {
	t.Helper()
	records := make(map[string]string)
	for path, content := range readFiles(t, filepath.Join(dir, "graph")) {
		var file map[string][]jsontext.Value
		require.NoError(t, json.Unmarshal([]byte(content), &file), path)
		for _, record := range slices.Concat(file["entities"], file["relationships"]) {
			var meta struct {
				Key string `json:"_key"`
			}
			// That no name comes twice was checked above, with the whole file.
			require.NoError(t, json.Unmarshal(record, &meta, jsontext.AllowDuplicateNames(true)), path)
			records[meta.Key] = string(record)
		}
	}
	return records
}

// readFiles reads all files of a folder, which may be a link, by path. Of a link in it, it is where it leads.
func readFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	files := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if d.Type() == os.ModeSymlink {
			files[name], err = os.Readlink(path)
			return err
		}
		content, err := os.ReadFile(path)
		files[name] = string(content)
		return err
	}))
	return files
}

// ofType are the keys of a graph that are of an entity type.
func ofType(records map[string]string, typeName string) []string {
	var keys []string
	for key, line := range records {
		if strings.Contains(line, `"_type":"`+typeName+`"`) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// lacking are the keys of before that after does not have.
func lacking(before, after map[string]string) []string {
	gone := slices.DeleteFunc(slices.Sorted(maps.Keys(before)), func(key string) bool { _, found := after[key]; return found })
	return gone
}

// lackingThough is lacking without the relationships that went with one of their ends.
func lackingThough(before, after map[string]string) []string {
	return slices.DeleteFunc(lacking(before, after), func(key string) bool {
		from, to, ok := graph.RelationshipEnds(key)
		return ok && (after[from] == "" || after[to] == "")
	})
}

// lackingUnsaid is lackingThough without the relationships that the rows contradict: the clean graph has the thing that one
// is a fact about, and not it.
func lackingUnsaid(before, after, clean map[string]string) []string {
	return slices.DeleteFunc(lackingThough(before, after), func(key string) bool {
		from, to, ok := graph.RelationshipEnds(key)
		if strings.Contains(key, "|protects|") {
			to = from
		}
		return ok && !strings.Contains(key, "|has|sentinelone_application") && clean[key] == "" && clean[to] != ""
	})
}

// assertSame says in a few lines how two graphs differ.
func assertSame(t *testing.T, want, got map[string]string) {
	t.Helper()
	few := func(keys []string) []string { return keys[:min(len(keys), 5)] }
	assert.Empty(t, few(lacking(want, got)), "are missing")
	assert.Empty(t, few(lacking(got, want)), "are there and should not be")
	shown := 0
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if line, found := got[key]; found && line != want[key] && shown < 3 && withoutHosts(line) != withoutHosts(want[key]) {
			shown++
			assert.Equal(t, want[key], line)
		}
	}
}

var linkedHost = regexp.MustCompile(`"webLink":"https://[^/]+/`)

// withoutHosts is graph files without the hosts that links lead to: a recording does not tell its console's.
func withoutHosts(content string) string {
	return linkedHost.ReplaceAllString(content, `"webLink":"https://HOST/`)
}

// with matches requests that have a parameter.
func with(parameter string) func(request) bool {
	return func(r request) bool { return r.URL.Query().Has(parameter) }
}

// state of a step in a summary.
func (o outcome) step(id string) connector.StepResult {
	for _, step := range o.Steps {
		if step.ID == id {
			return step
		}
	}
	return connector.StepResult{}
}

// child is a run in a process of its own, which may be killed or run on a full disk.
func (c *console) child(environment ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), append(environment, "S1GRAPH_TEST_CHILD="+c.url+" "+c.dir)...)
	return cmd
}

// syncAsChild is what child runs: it prints the error and returns the exit code. A full disk is played
// by a bound on the size of files.
func syncAsChild(arguments string) int {
	if limit, err := strconv.ParseUint(os.Getenv("S1GRAPH_TEST_DISK"), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	url, dir, _ := strings.Cut(arguments, " ")
	settings := config.Default()
	settings.Vulnerabilities = []string{"off"}
	settings.URL, settings.Token = url, config.NewSecret(s1test.DefaultToken)
	settings.Instance, settings.Dir = "test", dir
	o := connector.Options{Config: &settings, DryRun: os.Getenv("S1GRAPH_TEST_DRY") != ""}
	if _, err := connector.Sync(context.Background(), o); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

type request = *http.Request

// stepOf is the step that reads a list.
func stepOf(path string) string { return strings.TrimPrefix(path, "/") }

// only are the records of one type.
func only(records map[string]string, typeName string) map[string]string {
	some := make(map[string]string)
	for _, key := range ofType(records, typeName) {
		some[key] = records[key]
	}
	return some
}

// ends are those of a relationship that starts at an entity of the given type.
func ends(key, fromType string) (from, to string, ok bool) {
	from, to, ok = graph.RelationshipEnds(key)
	return from, to, ok && strings.HasPrefix(from, fromType+":")
}

// typesRead is how many types a run of these options reads: those of vulnerabilities are left out.
var typesRead = len(steps.GraphTypes()) - len(vulnerable)
