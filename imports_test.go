package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allowed says which of the project's packages each may import; their tests are free. A package below
// a listed one that is not listed itself, such as s1/replay, counts as part of that one.
var allowed = map[string][]string{
	"s1":              {},
	"graph":           {},
	"config":          {},
	"entities":        {"s1", "graph"},
	"relationships":   {"s1", "graph", "entities"},
	"steps":           {"s1", "graph", "entities", "relationships"},
	"graph/jsonstore": {"graph"},
	"graph/storetest": {"graph"},
	"queries":         {},
	"docs":            {"graph", "entities", "relationships", "queries", "alerts"},
	"posture":         {"graph", "config", "entities", "relationships"},
	"alerts":          {"graph", "config", "entities", "relationships", "posture"},
	"connector":       {"s1", "graph", "config", "entities", "relationships", "steps", "graph/jsonstore", "graph/neo4jstore", "posture", "alerts"},
	"poll":            {"s1", "graph", "graph/jsonstore", "config", "connector", "alerts"},
	"visualize":       {"graph"},
	"check":           {"s1", "graph", "config", "connector"},
	"cli":             {"s1", "graph", "config", "steps", "graph/jsonstore", "queries", "docs", "connector", "posture", "alerts", "poll", "check", "visualize"},
	"":                {"cli"},

	// Programs of the Makefile, and tests of files that are no code, which nothing imports.
	"bench":                {"s1", "graph", "config", "connector", "entities", "relationships", "graph/jsonstore", "graph/neo4jstore", "visualize"},
	"docs/images":          {"visualize"},
	"release":              {},
	"deploy":               {},
	"s1/s1test/recordings": {"s1", "config", "connector"},
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsGoOneWay(t *testing.T) {
	for _, p := range packages(t) {
		name := relative(p.ImportPath)
		owner := ownerOf(name)
		rule, known := allowed[owner]
		require.True(t, known, "%s is in no folder that design.md names", p.ImportPath)
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, "s1graph/") || ownerOf(relative(imported)) == owner {
				continue
			}
			assert.Contains(t, rule, ownerOf(relative(imported)), "%s may not import %s", p.ImportPath, imported)
		}
	}
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

// ownerOf is the folder in allowed that a folder belongs to: itself, or the nearest above it.
func ownerOf(folder string) string {
	parts := strings.Split(folder, "/")
	for n := len(parts); n > 0; n-- {
		name := strings.Join(parts[:n], "/")
		if _, known := allowed[name]; known {
			return name
		}
	}
	return folder
}
