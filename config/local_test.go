package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

func TestWhatReadsTheFolderAloneNeedsItsNameAndNothingElse(t *testing.T) {
	for _, test := range []struct {
		name        string
		environment []string
		dir         string
		faults      []string
	}{
		{"the console's name", []string{"SENTINELONE_URL=example.sentinelone.net"}, ".s1graph/example.sentinelone.net", nil},
		{"an instance", []string{"S1GRAPH_INSTANCE=acme"}, ".s1graph/acme", nil},
		{"a folder", []string{"S1GRAPH_DIR=state"}, "state", nil},
		{"a token file and a database that are not there", []string{
			"S1GRAPH_INSTANCE=acme", "S1GRAPH_STORE=neo4j", "SENTINELONE_TOKEN_FILE=gone", "NEO4J_PASSWORD_FILE=gone",
		}, ".s1graph/acme", nil},
		{"nothing", nil, "", []string{"instance: must be set: the name of the instance, by --instance, S1GRAPH_INSTANCE or instance in s1graph.yaml, which s1graph init writes"}},
		{"an address that is none", []string{"SENTINELONE_URL=a b"}, "", []string{
			"SENTINELONE_URL: there is a space in it",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder(t, nil)
			s := sources(func(s *config.Sources) { s.Environment, s.Local = test.environment, true })
			if test.faults != nil {
				assert.Equal(t, test.faults, faults(t, s))
				return
			}
			c, err := config.Load(s)
			require.NoError(t, err)
			assert.Equal(t, test.dir, c.Dir)
			assert.False(t, c.Token.IsSet())
		})
	}
}

func TestWhoNamesNoInstanceIsToldWhichHaveAGraph(t *testing.T) {
	folder(t, nil)
	for _, name := range []string{"acme/current", "globex/current", "neo4j-server/data"} {
		require.NoError(t, os.MkdirAll(filepath.Join(".s1graph", name), 0o700))
	}
	s := sources(func(s *config.Sources) { s.Environment, s.Local = nil, true })
	assert.Equal(t, []string{"instance: must be set: the name of the instance, by --instance, S1GRAPH_INSTANCE or instance in s1graph.yaml, which s1graph init writes; there are graphs of acme, globex"}, faults(t, s))
}
