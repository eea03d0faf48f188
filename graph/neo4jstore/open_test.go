package neo4jstore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

func TestADatabaseThatCannotBeUsedIsToldWithWhatToDo(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	old := &proxy{answer: func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("Neo4j/5."), []byte("Neo4j/4.")) }}
	oldURI := through(t, server, old)
	for name, test := range map[string]struct {
		spoil  func(c *neo4jstore.Config)
		fault  neo4jstore.Fault
		advice string
	}{
		"no address":               {func(c *neo4jstore.Config) { c.URI = "" }, neo4jstore.BadAddress, "the address must read like neo4j://graph.example:7687"},
		"no scheme":                {func(c *neo4jstore.Config) { c.URI = "localhost:7687" }, neo4jstore.BadAddress, "the address must read like neo4j://graph.example:7687"},
		"the address of Browser":   {func(c *neo4jstore.Config) { c.URI = "http://localhost:7474" }, neo4jstore.BadAddress, "with one of the schemes bolt, bolt+s, "},
		"secrets in the address":   {func(c *neo4jstore.Config) { c.URI = "bolt://neo4j:hunter2@localhost:7687" }, neo4jstore.BadAddress, "must not stand in the address"},
		"no scope":                 {func(c *neo4jstore.Config) { c.Scope = "" }, neo4jstore.BadAddress, "the scope must not be empty"},
		"nobody listens":           {func(c *neo4jstore.Config) { c.URI = "bolt://127.0.0.1:1" }, neo4jstore.Unreachable, "look whether it runs"},
		"a wrong password":         {func(c *neo4jstore.Config) { c.Password = "hunter2" }, neo4jstore.Unauthorized, `the password of the user "` + server.Username + `" is wrong`},
		"an unknown database":      {func(c *neo4jstore.Config) { c.Database = "nowhere" }, neo4jstore.NoDatabase, `there is no database "nowhere": make it`},
		"a server that is too old": {func(c *neo4jstore.Config) { c.URI = oldURI }, neo4jstore.TooOld, "and 5.6 or later is needed: update the server"},
	} {
		t.Run(name, func(t *testing.T) {
			c := neo4jstore.Config{URI: server.URI, Username: server.Username, Password: server.Password, Scope: "x"}
			test.spoil(&c)
			_, err := neo4jstore.Open(t.Context(), c)
			var fault *neo4jstore.OpenError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, test.fault, fault.Fault)
			assert.ErrorContains(t, err, test.advice)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestTheDatabaseMayBeNamed(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	store := openWith(t, server, neo4jstore.Config{Database: "neo4j", Scope: scope})
	apply(t, store, target("1", named["Linux"]))
	requireClean(t, server, scope, named["Linux"])
}

func TestTheDocumentsNameTheOldestVersion(t *testing.T) {
	for _, path := range []string{"README.md", "docs/queries.md"} {
		b, err := os.ReadFile(filepath.Join("..", "..", path))
		require.NoError(t, err)
		assert.Regexp(t, `Neo4j (from )?`+regexp.QuoteMeta(neo4jstore.MinimumVersion)+` (or later|on)\b`, string(b), path)
	}
}
