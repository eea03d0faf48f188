package neo4jstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// verdicts has, by run and by the ID of an agent, the reasons why it is not compliant; none: it is.
type verdicts map[string]map[string][]string

// overlaid is a target with verdicts on its agents.
func overlaid(t neo4jstore.Target, by verdicts) neo4jstore.Target {
	t.Overlays = []neo4jstore.Overlay{{Type: agent.Name, Properties: []string{"compliant", "reasons"},
		Values: func(_ context.Context, runID string) iter.Seq2[neo4jstore.OverlayValues, error] {
			return func(yield func(neo4jstore.OverlayValues, error) bool) {
				of, kept := by[runID]
				if !kept {
					yield(neo4jstore.OverlayValues{}, errors.New("the run is gone"))
					return
				}
				for _, id := range slices.Sorted(maps.Keys(of)) {
					v := neo4jstore.OverlayValues{Key: agent.Name + ":" + id, Properties: map[string]graph.Value{
						"compliant": graph.Bool(len(of[id]) == 0)}}
					if len(of[id]) > 0 {
						v.Properties["reasons"] = graph.Strings(of[id])
					}
					if !yield(v, nil) {
						return
					}
				}
			}
		},
	}}
	return t
}

// requireVerdicts holds the scope to the verdicts of a run, and its records to their digests.
func requireVerdicts(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store, want map[string][]string) {
	t.Helper()
	got := map[string][]string{}
	for _, row := range query(t, server, s.Scope(), "MATCH (n) WHERE n._scope = $s AND (n.compliant IS NOT NULL OR n.reasons IS NOT NULL) RETURN n.displayName, n.compliant, coalesce(n.reasons, [])") {
		reasons := []string{}
		for _, reason := range row[2].([]any) {
			reasons = append(reasons, reason.(string))
		}
		require.Equal(t, len(reasons) == 0, row[1])
		got[row[0].(string)] = reasons
	}
	require.Equal(t, want, got)
}

func agents(ids ...string) graph.Snapshot {
	var records []graph.Record
	for _, id := range ids {
		records = append(records, record(agent, id, "osName", "x"))
	}
	return snapshot(records...)
}

var (
	fine = []string{}
	off  = []string{"firewall off"}
	both = []string{"firewall off", "infected"}
)

func TestAnOverlayIsWrittenWhereItDiffers(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	g, h := agents("1", "2", "3"), agents("1", "2", "4")
	by := verdicts{
		"a": {"1": fine, "2": off, "3": off},
		"b": {"1": fine, "2": off, "3": off},
		"c": {"1": off, "2": fine, "3": off},
		"d": {"1": off, "4": both},
		"e": {},
	}
	apply(t, s, overlaid(target("a", g), by))
	requireVerdicts(t, server, s, by["a"])
	untouched := query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) RETURN n._key, n._updatedOn, n._digest ORDER BY n._key")

	result := apply(t, s, overlaid(following("b", g, "a", g), by))
	assert.Zero(t, result.Statements, "nothing differs")
	assert.Equal(t, "a", result.Run)

	result = apply(t, s, overlaid(following("c", g, "a", g), by))
	assert.EqualValues(t, 2, result.Rows, "two of them differ")
	assert.Equal(t, "c", result.Run)
	requireVerdicts(t, server, s, by["c"])
	assert.Equal(t, untouched, query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) RETURN n._key, n._updatedOn, n._digest ORDER BY n._key"))

	apply(t, s, overlaid(following("d", h, "c", g), by))
	requireVerdicts(t, server, s, by["d"])
	apply(t, s, overlaid(following("e", h, "d", h), by))
	requireVerdicts(t, server, s, by["e"])
	requireClean(t, server, s.Scope(), h)
}

func TestAnOverlayIsHealed(t *testing.T) {
	t.Parallel()
	g := agents("1", "2", "3")
	by := verdicts{"a": {"1": fine, "2": off}, "b": {"1": fine, "2": off}}
	for name, heal := range map[string]func(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store){
		"edited by hand, and verified": func(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store) {
			query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) SET n.compliant = true, n.reasons = CASE n.displayName WHEN '1' THEN NULL ELSE ['made up'] END")
			verified := overlaid(target("a", g), by)
			verified.Verify = true
			apply(t, s, verified)
			assert.Zero(t, apply(t, s, verified).Statements, "it is as it should be")
		},
		"a run that is not kept": func(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store) {
			query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) REMOVE n.compliant, n.reasons")
			apply(t, s, overlaid(target("b", g), by))
		},
		"a kept run whose verdicts are lost": func(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store) {
			assert.True(t, apply(t, s, overlaid(following("b", g, "a", g), verdicts{"b": by["b"]})).Compared)
		},
		"an apply that was cut off": func(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store) {
			query(t, server, s.Scope(), "MATCH (m:S1GraphScope {_scope: $s}) SET m.underWay = 'b' WITH m MATCH (n:sentinelone_agent {_scope: $s}) SET n.compliant = false")
			apply(t, s, overlaid(following("b", g, "a", g), by))
		},
		"a node that was deleted by hand": func(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store) {
			query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) WHERE n.displayName = '2' DELETE n")
			apply(t, s, overlaid(following("c", g, "a", g), verdicts{"a": by["a"], "c": {"1": fine, "2": both}}))
			apply(t, s, overlaid(following("b", g, "c", g), verdicts{"c": {"1": fine, "2": both}, "b": by["b"]}))
		},
		"a database that was wiped": func(t *testing.T, server *neo4jtest.Server, s *neo4jstore.Store) {
			query(t, server, s.Scope(), "MATCH (n {_scope: $s}) DETACH DELETE n")
			apply(t, s, overlaid(following("b", g, "a", g), by))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, s := scoped(t)
			apply(t, s, overlaid(target("a", g), by))
			heal(t, server, s)
			requireVerdicts(t, server, s, by["a"])
			apply(t, s, overlaid(following("e", g, "b", g), verdicts{"a": by["a"], "b": by["b"], "e": {}}))
			requireVerdicts(t, server, s, map[string][]string{})
			requireClean(t, server, s.Scope(), g)
		})
	}
}

func TestATombstoneReturnsWithoutItsOverlay(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	both, one := agents("1", "2"), agents("1")
	by := verdicts{"a": {"1": fine, "2": off}, "b": {"1": fine}, "c": {"1": fine}}
	apply(t, s, overlaid(target("a", both), by))
	query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) CREATE (:Ticket {testScope: $s})-[:ABOUT]->(n)")
	apply(t, s, overlaid(following("b", one, "a", both), by))
	query(t, server, s.Scope(), "MATCH (n:S1GraphGone {_scope: $s}) SET n.compliant = false") // as a wipe leaves it
	apply(t, s, overlaid(following("c", both, "b", one), by))
	requireVerdicts(t, server, s, by["c"])
}

func TestWithoutVerdictsAnApplyLeavesThoseThatAreThere(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	by := verdicts{"a": {"1": fine, "2": off}}
	apply(t, s, overlaid(target("a", agents("1", "2")), by))
	again := target("b", agents("1", "2", "3"))
	again.Verify = true
	apply(t, s, again)
	requireVerdicts(t, server, s, by["a"])
}

func TestVerdictsThatCannotBeReadAreAnError(t *testing.T) {
	t.Parallel()
	_, s := scoped(t)
	_, err := s.Apply(t.Context(), overlaid(target("a", agents("1")), verdicts{}))
	assert.ErrorContains(t, err, "the run is gone")
}

func TestMoreVerdictsThanAPageHasAreComparedToo(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	by := verdicts{"a": {}, "b": {}}
	var ids []string
	for i := range 10_001 {
		id := fmt.Sprintf("%05d", i)
		ids = append(ids, id)
		by["a"][id], by["b"][id] = fine, fine
	}
	by["b"]["00007"], by["b"]["10000"] = off, both
	apply(t, s, overlaid(target("a", agents(ids...)), by))
	assert.EqualValues(t, 2, apply(t, s, overlaid(target("b", agents(ids...)), by)).Rows)
	requireVerdicts(t, server, s, by["b"])
}
