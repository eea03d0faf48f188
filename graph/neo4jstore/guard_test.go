package neo4jstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
)

func TestIncompleteTypesKeepEverything(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	full := snapshot(record(group, "1"), record(agent, "1", "osName", "Linux", "tag.Owner", "Bob"), record(agent, "2"), record(threat, "9"),
		record(hasAgent, "1|1"), record(hasAgent, "1|2"), record(hasThreat, "1|9"))
	less := snapshot(record(group, "1"), record(agent, "1", "isInfected", true), record(hasAgent, "1|1"))
	apply(t, store, target("1", full))

	// The directory is lost, and then not all is read.
	incomplete := target("2", less)
	incomplete.Complete = func(name string) bool { return name == group.Name || name == threat.Name }
	result := apply(t, store, incomplete)
	assert.Equal(t, map[string]int64{agent.Name: 2, hasAgent.Name: 1}, result.Withheld, "a threat takes its relationships along")
	one := node(t, server, store.Scope(), "sentinelone_agent:1")
	assert.Equal(t, []any{"Linux", "Bob", true}, []any{one["osName"], one["tag.Owner"], one["isInfected"]})
	assert.NotNil(t, node(t, server, store.Scope(), "sentinelone_agent:2"))
	assert.Nil(t, node(t, server, store.Scope(), "sentinelone_threat:9"))
	assert.Len(t, query(t, server, store.Scope(), "MATCH ()-[r:HAS]->() WHERE r._scope = $s RETURN r"), 2)

	assert.NotEmpty(t, apply(t, store, incomplete).Withheld, "the scope still has more than the run")
	assert.Empty(t, apply(t, store, following("3", less, "2", less)).Withheld)
	requireClean(t, server, store.Scope(), less)
}

func TestTheGuardWithholdsDeletions(t *testing.T) {
	t.Parallel()
	server, store := scoped(t)
	apply(t, store, target("1", numbered(40, "Linux")))
	withoutGroup := snapshot(slices.DeleteFunc(records(t, numbered(40, "Linux")), func(r graph.Record) bool {
		return r.Key == "sentinelone_group:2" || strings.HasPrefix(r.Key, "sentinelone_group:2|")
	})...)

	asked := map[string]int64{}
	guarded := target("2", withoutGroup)
	guarded.Withholds = func(gone, held, left int64) bool {
		asked[fmt.Sprint(gone, " of ", held, " leaving ", left)]++
		return false
	}
	apply(t, store, guarded)
	assert.Equal(t, map[string]int64{"1 of 4 leaving 3": 1}, asked, "the relationships go with their group")
	requireClean(t, server, store.Scope(), withoutGroup)

	guarded = target("3", numbered(10, "Linux"))
	guarded.Withholds = func(gone, held, left int64) bool { return gone > 10 }
	result := apply(t, store, guarded)
	// All relationships of the withheld agents are withheld with them, but those that go with their group go.
	assert.Equal(t, map[string]int64{agent.Name: 30}, result.Withheld)
	assert.Equal(t, [][]any{{int64(40)}}, query(t, server, store.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) RETURN count(n)"))

	guarded.Withholds = nil
	apply(t, store, guarded)
	requireClean(t, server, store.Scope(), numbered(10, "Linux"))
}

// What was accepted is deleted whatever the guard says of its type, or though the type was not read whole; nothing
// else of it is.
func TestAcceptedDeletionsPassTheGuardAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(*neo4jstore.Target){
		"the guard withholds":     func(t *neo4jstore.Target) { t.Withholds = func(gone, held, left int64) bool { return true } },
		"the type was not whole":  func(t *neo4jstore.Target) { t.Complete = func(string) bool { return false } },
		"the guard lets few pass": func(t *neo4jstore.Target) { t.Withholds = func(gone, held, left int64) bool { return gone > 2 } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, store := scoped(t)
			full := snapshot(record(group, "1"), record(agent, "1"), record(agent, "2"), record(agent, "3"), record(agent, "4"), record(threat, "9"),
				record(hasAgent, "1|1"), record(hasAgent, "1|2"), record(hasAgent, "1|3"), record(hasThreat, "1|9"), record(hasThreat, "4|9"))
			less := snapshot(record(group, "1"), record(agent, "4"), record(threat, "9"))
			left := snapshot(record(group, "1"), record(agent, "2"), record(agent, "3"), record(agent, "4"), record(threat, "9"),
				record(hasAgent, "1|2"), record(hasAgent, "1|3"))
			accepted := map[string]bool{"sentinelone_agent:1": true, "sentinelone_agent:4|has|sentinelone_threat:9": true}
			apply(t, store, target("1", full))

			guarded := target("2", less)
			hold(&guarded)
			guarded.Accepted = func(_, key string) bool { return accepted[key] }
			result := apply(t, store, guarded)
			if name == "the guard lets few pass" {
				assert.Empty(t, result.Withheld, "what was accepted does not count")
				requireClean(t, server, store.Scope(), less)
				return
			}
			assert.Equal(t, map[string]int64{agent.Name: 2, hasAgent.Name: 2}, result.Withheld)
			require.Equal(t, cleanly(t, server, left), written(t, server, store.Scope()))
			guarded.Accepted = nil
			assert.Equal(t, map[string]int64{agent.Name: 2, hasAgent.Name: 2}, apply(t, store, guarded).Withheld)
			require.Equal(t, cleanly(t, server, left), written(t, server, store.Scope()))
		})
	}
}
