package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allowed says which of the project's packages each may import; their tests are free. Each folder with Go in it is here.
var allowed = map[string][]string{
	"harmless":         {},
	"pause":            {},
	"plural":           {},
	"token":            {},
	"s1":               {"pause", "token"},
	"s1/replay":        {"s1"},
	"graph":            {},
	"graph/sorter":     {"graph"},
	"graph/jsonstore":  {"graph", "graph/sorter"},
	"graph/neo4jstore": {"graph", "pause"},
	"config":           {"token"},
	"model":            {"s1", "graph"},
	"entities":         {"s1", "graph", "model"},
	"relationships":    {"s1", "graph", "model", "entities"},
	"steps":            {"plural", "s1", "graph", "graph/sorter", "model", "entities", "relationships"},
	"reconcile":        {"graph", "model", "entities"},
	"queries":          {},
	"docs":             {"graph", "model", "entities", "steps", "queries", "alerts", "alerts/delivery"},
	"overview":         {"graph", "entities", "relationships"},
	"posture":          {"graph", "config", "model", "entities", "relationships"},
	"alerts":           {"graph", "config", "model", "entities", "relationships", "steps", "posture", "alerts/delivery", "alerts/outbox", "harmless"},
	"alerts/delivery":  {"config", "alerts/outbox", "pause", "harmless"},
	"alerts/outbox":    {"pause"},
	"events":           {"graph", "plural"},
	"connector":        {"plural", "s1", "s1/replay", "graph", "graph/sorter", "config", "model", "entities", "relationships", "steps", "reconcile", "graph/jsonstore", "graph/neo4jstore", "posture", "overview", "alerts", "alerts/outbox", "events", "pause", "state"},
	"state":            {"graph/jsonstore", "alerts/outbox", "pause"},
	"fleet":            {"pause"},
	"poll":             {"fleet", "state", "s1", "graph", "config", "connector", "overview", "alerts", "alerts/delivery", "alerts/outbox", "pause"},
	"visualize":        {"graph", "steps", "overview"},
	"check":            {"fleet", "state", "plural", "s1", "graph", "graph/jsonstore", "graph/neo4jstore", "config", "steps", "connector", "pause"},
	"cli": {
		"s1", "s1/replay", "graph", "config", "model", "entities", "steps", "graph/jsonstore", "graph/neo4jstore", "queries", "docs", "connector", "posture", "overview",
		"alerts", "alerts/delivery", "alerts/outbox", "events", "fleet", "state", "poll", "check", "visualize", "harmless", "plural", "pause",
	},
	"": {"cli"},

	// What only tests and the programs below import.
	"gotest":                     {},
	"alerts/outbox/disktest":     {"gotest"},
	"fleet/fleettest":            {"gotest", "pause"},
	"graph/storetest":            {"graph"},
	"graph/neo4jstore/neo4jtest": {"gotest"},
	"s1/s1test":                  {"pause"},
	"visualize/chromium":         {},

	// Programs of the Makefile, and tests of files that are no code, which nothing imports.
	"bench":                            {"connector", "s1/s1test"},
	"bench/fleet":                      {"fleet/fleettest", "graph", "pause", "s1/s1test"},
	"bench/neo4j":                      {"connector", "entities", "steps", "graph", "graph/jsonstore", "graph/neo4jstore", "graph/neo4jstore/neo4jtest", "s1/s1test"},
	"bench/soak":                       {},
	"bench/visualize":                  {"config", "connector", "s1/s1test", "visualize/chromium"},
	"deploy":                           {},
	"docs/images/make":                 {"visualize/chromium"},
	"gotest/run":                       {"gotest", "graph/neo4jstore/neo4jtest"},
	"graph/neo4jstore/neo4jtest/neo4j": {"graph/neo4jstore/neo4jtest"},
	"release":                          {},
	"release/make":                     {"release"},
	"s1/s1test/recordings":             {"config", "connector", "s1/s1test"},
	"s1/s1test/serve":                  {"s1/s1test"},
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsGoOneWay(t *testing.T) {
	var folders []string
	for _, p := range packages(t) {
		folder := relative(p.ImportPath)
		folders = append(folders, folder)
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "s1graph/") {
				assert.Contains(t, allowed[folder], relative(imported), "%s may not import %s", p.ImportPath, imported)
			}
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(allowed)), folders, "allowed has each folder, and no other")
}

func TestTheServerOfNATSIsNotInTheProgram(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "github.com/nats-io/nats.go")
	assert.NotContains(t, string(out), "nats-server")
}

func TestNoPackageIsCalledAfterNothing(t *testing.T) {
	for _, p := range packages(t) {
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			assert.NotContains(t, []string{"util", "utils", "common", "helpers", "helper", "types", "misc"}, part, p.ImportPath)
		}
	}
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			require.NotEmpty(t, all)
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// relative is a package's folder, "" for the one at the top.
func relative(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, "s1graph"), "/")
}
