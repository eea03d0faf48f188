package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

// commented matches the lines of the example file that are settings: # is followed by a name, or by
// the indentation of a nested one.
var commented = regexp.MustCompile(`(?m)^#((?:  )?[/a-z][/A-Za-z0-9]*:)`)

func exampleFile(t *testing.T) (commentedOut, uncommented string) {
	b, err := os.ReadFile("../s1graph.example.yaml")
	require.NoError(t, err)
	return string(b), commented.ReplaceAllString(string(b), "$1")
}

func TestTheExampleFileShowsEverySetting(t *testing.T) {
	_, uncommented := exampleFile(t)
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(uncommented), &tree))
	for _, s := range config.Settings() {
		at, parent := any(tree), tree
		for part := range strings.SplitSeq(s.Key, ".") {
			parent, _ = at.(map[string]any)
			at = parent[part]
		}
		assert.Contains(t, parent, s.Key[strings.LastIndex(s.Key, ".")+1:], "%s is not in s1graph.example.yaml", s.Key)
	}
}

func TestTheExampleFileSetsNothingAsItIs(t *testing.T) {
	example, _ := exampleFile(t)
	folder(t, map[string]string{"s1graph.yaml": example})
	got, err := config.Load(sources(nil))
	require.NoError(t, err)
	require.NoError(t, os.Remove("s1graph.yaml"))
	want, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestTheExampleFileIsRightWhenUncommented(t *testing.T) {
	_, uncommented := exampleFile(t)
	folder(t, map[string]string{"s1graph.yaml": uncommented, "sentinelone.token": token, "neo4j.password": "hunter3", "console-ca.pem": certificate(t)})
	c, err := config.Load(sources(func(s *config.Sources) { s.Environment = nil }))
	require.NoError(t, err)
	assert.Equal(t, "https://example.sentinelone.net", c.URL)
	assert.Equal(t, map[string]float64{"/agents": 20, "/threats": 10}, c.RateLimits)
	assert.Len(t, c.Sites, 2)

	// What is not there for an example is the default.
	defaults := config.Default()
	assert.Equal(t, defaults.APIVersion, c.APIVersion)
	assert.Equal(t, defaults.PageDeadline, c.PageDeadline)
	assert.Equal(t, defaults.Store, c.Store)
	assert.Equal(t, defaults.Applications, c.Applications)
	assert.Equal(t, defaults.DeletionGuard, c.DeletionGuard)
	assert.Equal(t, defaults.Interval, c.Interval)
	assert.Equal(t, defaults.Log, c.Log)
}
