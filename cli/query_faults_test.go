package cli_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/cli"
	"s1graph/graph/neo4jstore/neo4jtest"
)

func TestADatabaseThatCannotBeAskedIsAFaultWithWhatToDo(t *testing.T) {
	with, _ := inNeo4j(t)
	server := neo4jtest.Shared(t)
	for _, test := range []struct {
		name, value string // of a variable
		code        int
		want        string
	}{
		{"NEO4J_PASSWORD", "wrong password", 2, `the password of the user "` + server.Username + `" is wrong`},
		{"NEO4J_URI", "bolt://127.0.0.1:1", 1, "the server cannot be reached"},
		{"NEO4J_DATABASE", "nothing", 2, `there is no database "nothing"`},
		{"NEO4J_URI", "", 2, "neo4j.uri: must be set"},
		{"NEO4J_PASSWORD", "", 2, "neo4j.password: must be set"},
	} {
		other := invocation{environment: append(slices.Clone(with.environment), test.name+"="+test.value)}
		other.environment = slices.DeleteFunc(other.environment, func(line string) bool {
			return strings.HasPrefix(line, test.name+"=") && line != test.name+"="+test.value
		})
		got := other.s1graph(t, "query", "unprotected-devices")
		assert.Equal(t, test.code, got.code, test.want)
		assert.Empty(t, got.stdout)
		assert.Contains(t, got.stderr, test.want)
		assert.Equal(t, 1, strings.Count(got.stderr, "\n"), got.stderr)
		for _, password := range []string{server.Password, "wrong password"} {
			assert.NotContains(t, got.stderr, password)
		}
	}
}

func TestAnswersStopWhereTheyCannotBeWritten(t *testing.T) {
	with, scope := inNeo4j(t, hostile()...)
	for _, form := range []string{"--json", "--csv"} {
		with.stdout = closedPipe{}
		assert.Equal(t, outcome{}, with.s1graph(t, "query", "unprotected-devices", "--scope", scope, form))
		with.stdout = fullDisk{}
		got := with.s1graph(t, "query", "unprotected-devices", "--scope", scope, form)
		assert.Equal(t, 1, got.code)
		assert.Contains(t, got.stderr, "no space left on device")
	}
}

func TestAQuestionThatIsInterruptedSaysSo(t *testing.T) {
	with, scope := inNeo4j(t, entity("sentinelone_device", "1", "LAPTOP", nil))
	ctx, cancel := context.WithCancel(t.Context())
	var stderr strings.Builder
	code := cli.Run(ctx, cli.Process{
		Args:        []string{"s1graph", "query", "--json", "--scope", scope, "--cypher", "UNWIND range(1, 100000000) AS i RETURN i"},
		Environment: with.environment,
		Stdout:      onFirstWrite(cancel),
		Stderr:      &stderr,
	})
	assert.Equal(t, 1, code)
	assert.Equal(t, "s1graph: interrupted\n", stderr.String())
}

// onFirstWrite is a writer that does something.
type onFirstWrite func()

func (f onFirstWrite) Write(b []byte) (int, error) { f(); return len(b), nil }
