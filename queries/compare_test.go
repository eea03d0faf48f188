package queries_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/queries"
	"s1graph/s1/s1test"
)

// each is a property of each entity, in their order.
func each(entities []*entity, property string) []any {
	values := make([]any, len(entities))
	for i, e := range entities {
		values[i] = e.any(property)
	}
	return values
}

// distinct is what each gives, without repetition and without what is absent.
func distinct(entities []*entity, property string) []any {
	values := []any{}
	for _, e := range entities {
		if v := e.any(property); v != nil && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

func set(words map[string]bool) unordered {
	values := []any{}
	for word := range words {
		values = append(values, word)
	}
	return anyOrder(values)
}

// unordered is a list whose order does not matter.
type unordered []any

func anyOrder(values []any) unordered { return values }

// versionOrder is a version among others.
type versionOrder struct{ version any }

var digits = regexp.MustCompile(`[0-9]+`)

func numbersOf(version string) []string { return digits.FindAllString(version, -1) }

// compareVersions compares the numbers in two versions, of which the shorter goes on with zeros.
func compareVersions(a, b string) int {
	left, right := numbersOf(a), numbersOf(b)
	for i := range max(len(left), len(right)) {
		x, y := new(big.Int), new(big.Int)
		if i < len(left) {
			x.SetString(left[i], 10)
		}
		if i < len(right) {
			y.SetString(right[i], 10)
		}
		if c := x.Cmp(y); c != 0 {
			return c
		}
	}
	return 0
}

// compare puts values into Cypher's order: what is absent comes last.
func compare(a, b any) int {
	if d, ok := a.(desc); ok {
		return -compare(d.value, b.(desc).value)
	}
	if v, ok := a.(versionOrder); ok {
		x, y := fmt.Sprint(v.version), fmt.Sprint(b.(versionOrder).version)
		return compareVersions(x, y)
	}
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	switch x := a.(type) {
	case int64:
		return cmp.Compare(x, b.(int64))
	case float64:
		return cmp.Compare(x, b.(float64))
	case string:
		return cmp.Compare(x, b.(string))
	case bool:
		return cmp.Compare(fmt.Sprint(x), fmt.Sprint(b))
	case time.Time:
		return x.Compare(b.(time.Time))
	}
	panic(fmt.Sprintf("%T has no order", a))
}

// gathered is what a statement gave.
type gathered struct {
	columns []string
	rows    [][]any
}

func (g *gathered) Columns(names []string) error { g.columns = names; return nil }

func (g *gathered) Row(values []any) error {
	g.rows = append(g.rows, plain(values).([]any))
	return nil
}

func TestTheQuestionsOnAKnownGraph(t *testing.T) {
	server := neo4jtest.Own(t, neo4jtest.Options{}) // how the planner finds nodes depends on what a database holds
	driver := server.Driver(t)
	before, after := collect(t, s1test.Hostile(), 0), collect(t, s1test.Hostile(), 1)
	graphs := load(t, server, slices.Concat(before, madeByHand()), after) // many of the same keys in two scopes
	t.Run("each gives the rows that the graph has", func(t *testing.T) { answersAreRight(t, queries.Database{Driver: driver}, graphs) })
	t.Run("each is found by labels and indexes", func(t *testing.T) { plansAreLean(t, driver, graphs) })
	t.Run("what changed lately is what the graphs differ in", func(t *testing.T) { recentChangesAreRight(t, server, before, after) })
}

func answersAreRight(t *testing.T, database queries.Database, graphs []*known) {
	for _, q := range queries.All() {
		assert.True(t, len(answers[q.Name]) > 0 || q.Name == "recent-changes", "%s: nothing says what it should give", q.Name)
		for _, a := range answers[q.Name] {
			given := slices.Sorted(maps.Values(a.given))
			t.Run(q.Name+strings.Join(given, ","), func(t *testing.T) {
				all := ask(t, database, q, a.given, nil, graphs)
				requireRows(t, a.rows(graphs), all.rows)
				one := ask(t, database, q, a.given, map[string]string{"scope": graphs[0].scope}, graphs)
				requireRows(t, a.rows(graphs[:1]), one.rows)
				first := ask(t, database, q, a.given, map[string]string{"scope": graphs[0].scope, "limit": "1"}, graphs)
				assert.Equal(t, one.rows[:min(1, len(one.rows))], first.rows)
			})
		}
	}
}

func recentChangesAreRight(t *testing.T, server *neo4jtest.Server, before, after []graph.Record) {
	scope := server.Scope(t)
	yesterday := today.AddDate(0, 0, -1)
	apply(t, server, scope, yesterday, before)
	apply(t, server, scope, today, before, after)

	changed := map[string]string{} // what, by key
	_, err := graph.Diff(t.Context(), snapshot(before), snapshot(after), graph.DiffOptions{}, func(c graph.Change) error {
		switch {
		case c.Op == graph.Created:
			changed[c.Key] = "created"
		case c.Op == graph.Updated:
			changed[c.Key] = "updated"
		}
		return nil
	})
	require.NoError(t, err)
	graphs := []*known{newKnown(scope, after)}
	rows := func(since time.Time, class string) (rows []row) {
		for _, e := range graphs[0].entities {
			when, what := today, changed[e.Key]
			if what != "" && !when.Before(since) && (class == "" || class == e.Type.Class) {
				rows = append(rows, row{
					[]any{when, what, e.Type.Class, e.any("displayName"), e.Key, scope},
					[]any{desc{when}, e.Type.Class, e.any("displayName"), e.Key},
				})
			}
		}
		return rows
	}
	database := queries.Database{Driver: server.Driver(t)}
	q, _ := queries.Find("recent-changes")
	for _, test := range []struct {
		since time.Time
		class string
	}{{today, ""}, {today, "HostAgent"}, {yesterday, "Finding"}, {yesterday, ""}, {today.Add(time.Second), ""}} {
		given := map[string]string{"since": test.since.Format(time.RFC3339)}
		if test.class != "" {
			given["class"] = test.class
		}
		got := ask(t, database, q, given, map[string]string{"scope": scope}, graphs)
		requireRows(t, rows(test.since, test.class), got.rows)
	}
	assert.Contains(t, slices.Collect(maps.Values(changed)), "updated")
}

// ask gives the rows of a question, as far as they are of the given graphs: others may use the database at the
// same time.
func ask(t *testing.T, database queries.Database, q queries.Question, given, also map[string]string, graphs []*known) *gathered {
	t.Helper()
	all := map[string]string{"limit": "1000000"}
	maps.Copy(all, given)
	maps.Copy(all, also)
	arguments, err := q.Arguments(all, today)
	require.NoError(t, err)
	got := &gathered{}
	require.NoError(t, database.Read(t.Context(), q.Cypher, arguments, got))
	var columns []string
	for _, c := range q.Columns {
		columns = append(columns, c.Name)
	}
	require.Equal(t, columns, got.columns)
	got.rows = slices.DeleteFunc(got.rows, func(values []any) bool {
		return !slices.ContainsFunc(graphs, func(k *known) bool { return k.scope == values[len(values)-1] })
	})
	return got
}

func requireRows(t *testing.T, want []row, got [][]any) {
	t.Helper()
	slices.SortStableFunc(want, func(a, b row) int {
		for i := range a.order {
			if c := compare(a.order[i], b.order[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	require.Len(t, got, len(want))
	for i := range want {
		for c, value := range want[i].values {
			if u, ok := value.(unordered); ok {
				require.ElementsMatch(t, []any(u), got[i][c], "row %d of %v", i, got[i])
				continue
			}
			require.Equal(t, value, got[i][c], "row %d of %v", i, got[i])
		}
	}
}

// plain has moments in UTC, as at makes them.
func plain(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.UTC()
	case []any:
		for i, element := range v {
			v[i] = plain(element)
		}
	}
	return value
}
