package sorter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/graph"
	"s1graph/graph/sorter"
	"s1graph/graph/storetest"
)

// child is what this test program does in a process of its own, for the one test that needs that.
var child func()

const childVariable = "S1GRAPH_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	gotest.VerifyTestMain(m)
}

var (
	groups, agents     = storetest.Group, storetest.Agent
	hasAgent, protects = storetest.HasAgent, storetest.Protects
	devices            = &graph.Type{Name: storetest.Device.Name, Class: "Device", Step: "agents", Schema: "1",
		Combine: map[string]func(a, b graph.Value) graph.Value{
			"agentIds":  func(a, b graph.Value) graph.Value { return graph.Set(slices.Concat(a.List(), b.List())) },
			"firstSeen": func(a, b graph.Value) graph.Value { return graph.Int(min(a.Int64(), b.Int64())) },
		}}
	model = []*graph.Type{groups, agents, devices, hasAgent, protects}

	entity, between, is = storetest.Entity, storetest.Between, storetest.Is
)

// agentRow is a row of the list of agents, with all that it gives rise to.
func agentRow(id, group, device string, updated int64) sorter.Row {
	d := entity(devices, device,
		is("agentIds", graph.Strings([]string{id})),
		is("firstSeen", graph.Int(updated)),
		is("name", graph.String("described by "+id)))
	d.Rank, d.Tie = updated/10, id
	return sorter.Row{List: "agents", ID: id, Updated: updated, Records: []graph.Record{
		entity(agents, id, is("groupId", graph.String(group)), is("lastSeenOn", graph.Int(updated))),
		d, between(hasAgent, group, id), between(protects, id, device),
	}}
}

func newSorter(t testing.TB, memory int) *sorter.Sorter {
	t.Helper()
	b, err := sorter.New(sorter.Config{Dir: t.TempDir(), Types: model, MemoryBytes: memory})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// built adds the rows and reads back all lines.
func built(t testing.TB, b *sorter.Sorter, rows ...sorter.Row) []string {
	t.Helper()
	for _, row := range rows {
		require.NoError(t, b.Add(row))
	}
	return lines(t, b)
}

func lines(t testing.TB, b *sorter.Sorter) []string {
	t.Helper()
	all := []string{}
	for _, typ := range model {
		last := ""
		for e, err := range b.Sorted(t.Context(), typ.Name) {
			require.NoError(t, err)
			require.Less(t, last, e.Key)
			last = e.Key
			r, err := graph.Decode(e.JSON, map[string]*graph.Type{typ.Name: typ})
			require.NoError(t, err)
			require.Equal(t, graph.Encode(&r), e)
			all = append(all, string(e.JSON))
		}
	}
	return all
}

func TestNeitherTheOrderOfRowsNorTheMemoryMatters(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var rows []sorter.Row
	for i := range 1000 {
		// Some agents come more than once, in other groups and with other devices; some rows are repeated as
		// they are; devices have several agents.
		id := strconv.Itoa(random.IntN(700))
		rows = append(rows, agentRow(id, strconv.Itoa(random.IntN(5)), strconv.Itoa(random.IntN(300)), random.Int64N(100)))
		if i%100 == 0 {
			rows = append(rows, rows[random.IntN(len(rows))])
		}
	}
	want := built(t, newSorter(t, 0), rows...)
	for _, memory := range []int{1 << 30, 1 << 20, 100_000, 10_000} {
		random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		b := newSorter(t, memory)
		var wait sync.WaitGroup
		for part := range slices.Chunk(rows, len(rows)/4+1) {
			wait.Go(func() {
				for _, row := range part {
					assert.NoError(t, b.Add(row))
				}
			})
		}
		wait.Wait()
		require.Equal(t, want, lines(t, b), "with %d bytes of memory", memory)
	}
}

func TestTheNewerOfTwoRowsWinsAndNothingIsLeftOfTheOther(t *testing.T) {
	older, newer := agentRow("1", "10", "100", 1), agentRow("1", "20", "200", 2)
	alone := built(t, newSorter(t, 0), newer)
	for _, memory := range []int{0, 1} {
		assert.Equal(t, alone, built(t, newSorter(t, memory), older, newer))
		assert.Equal(t, alone, built(t, newSorter(t, memory), newer, older))
		assert.Equal(t, alone, built(t, newSorter(t, memory), newer, older, newer, older))
	}
}

func TestOfTwoRowsOfTheSameTimeOneWinsWhateverTheOrder(t *testing.T) {
	one, other := agentRow("1", "10", "100", 1), agentRow("1", "20", "200", 1)
	first := built(t, newSorter(t, 0), one, other)
	assert.Equal(t, first, built(t, newSorter(t, 0), other, one))
	assert.Len(t, first, 4)
}

func TestWhatAnotherRowGaveRiseToStays(t *testing.T) {
	got := built(t, newSorter(t, 1), agentRow("1", "10", "100", 1), agentRow("2", "10", "100", 1), agentRow("1", "20", "200", 2))
	assert.Contains(t, strings.Join(got, "\n"), `"_key":"sentinelone_device:100","_type":"sentinelone_device","agentIds":["2"]`)
	assert.Contains(t, strings.Join(got, "\n"), `"_key":"sentinelone_device:200","_type":"sentinelone_device","agentIds":["1"]`)
}

func TestTheSameIDInTwoListsIsTwoRows(t *testing.T) {
	b := newSorter(t, 0)
	require.NoError(t, b.Add(sorter.Row{List: "sites", ID: "1", Records: []graph.Record{entity(groups, "of-site-1")}}))
	require.NoError(t, b.Add(sorter.Row{List: "groups", ID: "1", Records: []graph.Record{entity(groups, "of-group-1")}}))
	assert.Len(t, lines(t, b), 2)
}

func TestRowsWithoutAnIDAreNotCountedAndNeverTheSame(t *testing.T) {
	b := newSorter(t, 0)
	for i := range 3 {
		require.NoError(t, b.Add(sorter.Row{List: "groups", Records: []graph.Record{entity(groups, fmt.Sprint(i))}}))
	}
	assert.Zero(t, b.Distinct("groups"))
	assert.Len(t, lines(t, b), 3)
}

func TestTheGreatestRankThenTieThenBytesDescribesARecord(t *testing.T) {
	named := func(name string, rank int64, tie string) graph.Record {
		r := entity(groups, "1", is("name", graph.String(name)))
		r.Rank, r.Tie = rank, tie
		return r
	}
	for _, c := range []struct{ greater, less graph.Record }{
		{named("a", 2, "a"), named("b", 1, "b")},
		{named("a", 0, ""), named("b", -1, "")},
		{named("a", 1, "b"), named("b", 1, "a")},
		{named("b", 1, "a"), named("a", 1, "a")},
	} {
		for _, memory := range []int{0, 1} {
			want := []string{string(graph.Encode(&c.greater).JSON)}
			greater, less := sorter.Row{Records: []graph.Record{c.greater}}, sorter.Row{Records: []graph.Record{c.less}}
			assert.Equal(t, want, built(t, newSorter(t, memory), greater, less))
			assert.Equal(t, want, built(t, newSorter(t, memory), less, greater))
		}
	}
}

func TestCombinedPropertiesAreMadeOfAllRows(t *testing.T) {
	withoutFirstSeen := agentRow("3", "10", "100", 70)
	withoutFirstSeen.Records[1].Properties = slices.DeleteFunc(withoutFirstSeen.Records[1].Properties, func(p graph.Property) bool { return p.Name == "firstSeen" })
	for _, memory := range []int{0, 1} {
		got := built(t, newSorter(t, memory), agentRow("2", "10", "100", 60), withoutFirstSeen, agentRow("1", "10", "100", 50))
		assert.Contains(t, strings.Join(got, "\n"), `"agentIds":["1","2","3"],"firstSeen":50,"name":"described by 3"`)
	}
}

func TestSeenAndDistinctAnswerBetweenAdds(t *testing.T) {
	b := newSorter(t, 0)
	assert.False(t, b.Seen("agents", "1"))
	assert.Zero(t, b.Distinct("agents"))
	for i := range 1000 {
		require.NoError(t, b.Add(sorter.Row{List: "agents", ID: fmt.Sprint(i)}))
		require.NoError(t, b.Add(sorter.Row{List: "agents", ID: fmt.Sprint("uuid-", i/2)}))
		if i%100 == 0 {
			assert.EqualValues(t, i+1+i/2+1, b.Distinct("agents"))
		}
		assert.True(t, b.Seen("agents", fmt.Sprint(i)))
		assert.True(t, b.Seen("agents", fmt.Sprint("uuid-", i/2)))
		assert.False(t, b.Seen("agents", fmt.Sprint(i+1)))
		assert.False(t, b.Seen("agents", fmt.Sprint("0", i)))
		assert.False(t, b.Seen("threats", fmt.Sprint(i)))
	}
	assert.True(t, b.Seen("agents", "0"))
	assert.EqualValues(t, 1500, b.Distinct("agents"))
}

func TestIDsThatOnlyLookAlikeAreDistinct(t *testing.T) {
	b := newSorter(t, 0)
	ids := []string{"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
		"99999999999999999999", "1", "01", "+1", " 1", "1 ", "-1", "1.0", "0", "00", "a"}
	for _, id := range ids {
		assert.False(t, b.Seen("agents", id), id)
		require.NoError(t, b.Add(sorter.Row{List: "agents", ID: id}))
		assert.True(t, b.Seen("agents", id), id)
	}
	assert.EqualValues(t, len(ids), b.Distinct("agents"))
}

func TestRecordsThatCannotBeTakenAreRefused(t *testing.T) {
	unsorted := entity(groups, "1")
	unsorted.Properties = []graph.Property{is("b", graph.Int(1)), is("a", graph.Int(1))}
	twice := entity(groups, "1")
	twice.Properties = []graph.Property{is("a", graph.Int(1)), is("a", graph.Int(1))}
	withoutEnd := between(hasAgent, "1", "2")
	withoutEnd.To = ""
	for fault, r := range map[string]graph.Record{
		"where 10 to 256 are allowed":      {Type: groups, Key: "short"},
		"is not printable ASCII":           entity(groups, "ü"),
		"is none of the sorter's":          entity(&graph.Type{Name: "sentinelone_unknown"}, "1"),
		"it has no type":                   {Key: "sentinelone_group:1"},
		"properties b and a are not in":    unsorted,
		"properties a and a are not in":    twice,
		`a property cannot be named "_id"`: entity(groups, "1", is("_id", graph.Int(1))),
		`a property cannot be named ""`:    entity(groups, "1", is("", graph.Int(1))),
		"end of relationship":              withoutEnd,
		"a Tie of 65536 bytes":             {Type: groups, Key: "sentinelone_group:1", Tie: strings.Repeat("t", 1<<16)},
	} {
		b := newSorter(t, 0)
		err := b.Add(sorter.Row{List: "groups", ID: "7", Records: []graph.Record{entity(groups, "0"), r}})
		assert.ErrorContains(t, err, fault)
		assert.ErrorContains(t, err, "row 7 of groups: ")
		assert.Zero(t, b.Distinct("groups"))
		assert.Empty(t, lines(t, b))
	}
}

func TestASorterTakesARowThatIsLargerThanItsMemory(t *testing.T) {
	long := entity(groups, "1", is("name", graph.String(strings.Repeat("long ", 100_000))))
	for _, memory := range []int{0, 1, 10_000} {
		got := built(t, newSorter(t, memory),
			sorter.Row{Records: []graph.Record{entity(groups, "0")}},
			sorter.Row{Records: []graph.Record{long}},
			sorter.Row{Records: []graph.Record{entity(groups, "2")}})
		require.Len(t, got, 3)
		assert.Equal(t, string(graph.Encode(&long).JSON), got[1])
	}
}

func TestNothingCanBeAddedOnceTheReadingBegan(t *testing.T) {
	b := newSorter(t, 0)
	assert.Empty(t, lines(t, b))
	assert.ErrorContains(t, b.Add(agentRow("1", "10", "100", 1)), "after the reading began")
}

func TestReadingEndsWhenItsContextDoes(t *testing.T) {
	b := newSorter(t, 1)
	require.NoError(t, b.Add(agentRow("1", "10", "100", 1)))
	ctx, cancel := context.WithCancelCause(t.Context())
	why := fmt.Errorf("the user pressed Ctrl-C")
	cancel(why)
	for _, err := range b.Sorted(ctx, agents.Name) {
		assert.ErrorIs(t, err, why)
	}
}

func TestReadingMayStopAnywhereAndBeginAgain(t *testing.T) {
	b := newSorter(t, 1)
	for i := range 10 {
		require.NoError(t, b.Add(agentRow(fmt.Sprint(i), "10", "100", 1)))
	}
	for range b.Sorted(t.Context(), agents.Name) {
		break
	}
	assert.Len(t, lines(t, b), 10+1+10+10)
}

func TestTypesMayBeReadAtTheSameTime(t *testing.T) {
	for _, memory := range []int{0, 1000} {
		b := newSorter(t, memory)
		for i := range 100 {
			require.NoError(t, b.Add(agentRow(fmt.Sprint(i), "10", "100", 1)))
		}
		var wait sync.WaitGroup
		for _, typ := range append(model, model...) {
			wait.Go(func() {
				for _, err := range b.Sorted(t.Context(), typ.Name) {
					assert.NoError(t, err)
				}
			})
		}
		wait.Wait()
	}
}

func TestCloseRemovesTheSpillFile(t *testing.T) {
	dir := t.TempDir()
	b, err := sorter.New(sorter.Config{Dir: dir, Types: model, MemoryBytes: 1})
	require.NoError(t, err)
	require.NoError(t, b.Add(agentRow("1", "10", "100", 1)))
	spilled, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, spilled, 1)
	require.NoError(t, b.Close())
	spilled, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, spilled)
	require.ErrorContains(t, b.Add(agentRow("2", "10", "100", 1)), "closed")
	for _, err := range b.Sorted(t.Context(), agents.Name) {
		require.ErrorContains(t, err, "closed")
	}
	require.NoError(t, b.Close())
}

func spilledInstallations(t *testing.T) (s *sorter.Sorter, path string) {
	dir := t.TempDir()
	s, err := sorter.New(sorter.Config{Dir: dir, Types: benchTypes, MemoryBytes: 8 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for row := range installations(600, 60) {
		require.NoError(t, s.Add(row))
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	return s, filepath.Join(dir, files[0].Name())
}

func TestTheSpillFileIsCompressed(t *testing.T) {
	s, path := spilledInstallations(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	records := 0
	for e, err := range s.Sorted(t.Context(), benchInstalled.Name) {
		require.NoError(t, err)
		records += len(e.JSON)
	}
	assert.Less(t, info.Size(), int64(records/3))
	assert.Greater(t, info.Size(), int64(records/40), "else little was spilled")
}

func TestASpillFileThatWasCutIsAnErrorThatNamesIt(t *testing.T) {
	s, path := spilledInstallations(t)
	require.NoError(t, os.Truncate(path, 1000))
	var failed error
	for _, err := range s.Sorted(t.Context(), benchInstalled.Name) {
		failed = err
	}
	require.ErrorContains(t, failed, path)
}

func TestADirectoryThatIsNotThereIsAnError(t *testing.T) {
	dir := t.TempDir() + "/missing"
	b, err := sorter.New(sorter.Config{Dir: dir, Types: model, MemoryBytes: 1})
	require.NoError(t, err)
	defer b.Close()
	err = b.Add(agentRow("1", "10", "100", 1))
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, dir)
	assert.ErrorIs(t, b.Add(agentRow("2", "10", "100", 1)), os.ErrNotExist, "the error stays")
}

// A list has a number. Where the 65,536th had the one of the first again, a row of it replaced another list's.
func TestRowsOfMoreListsThanTwoBytesCanNumberStayApart(t *testing.T) {
	const lists = 70_000
	b := newSorter(t, 1<<20)
	for i := range lists {
		require.NoError(t, b.Add(sorter.Row{List: strconv.Itoa(i), ID: "1", Records: []graph.Record{entity(groups, strconv.Itoa(i))}}))
	}
	// An ID that came twice in a list is looked for among the rows of that list alone.
	repeated := strconv.Itoa(lists - 1)
	got := built(t, b, sorter.Row{List: repeated, ID: "1", Updated: 1, Records: []graph.Record{entity(groups, repeated)}})
	assert.Equal(t, lists, len(got)) // Len would print them all
}

// sharing adds rows of which each gives rise to a group too: once for all of them where shared, else with each.
func sharing(t testing.TB, b *sorter.Sorter, rows []sorter.Row, groupOf func(sorter.Row) graph.Record, shared bool) []string {
	t.Helper()
	known := map[string]sorter.Shared{}
	for _, row := range rows {
		group := groupOf(row)
		if !shared {
			row.Records = append(slices.Clone(row.Records), group)
			require.NoError(t, b.Add(row))
			continue
		}
		if _, found := known[group.Key]; !found {
			var err error
			known[group.Key], err = b.Share(group)
			require.NoError(t, err)
		}
		row.Shared = known[group.Key]
		require.NoError(t, b.Add(row))
	}
	return lines(t, b)
}

func TestASharedRecordIsAsIfEachOfItsRowsHadIt(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var rows []sorter.Row
	for i := range 1000 { // many come twice, and some groups are those of superseded rows alone
		rows = append(rows, agentRow(strconv.Itoa(random.IntN(400)), "10", "100", int64(i)))
	}
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	groupOf := func(row sorter.Row) graph.Record { return entity(groups, strconv.FormatInt(row.Updated/3, 10)) }
	want := sharing(t, newSorter(t, 0), rows, groupOf, false)
	all := map[string]bool{}
	for _, row := range rows {
		all[groupOf(row).Key] = true
	}
	require.Less(t, strings.Count(strings.Join(want, "\n"), `"_type":"`+groups.Name+`"`), len(all), "some go with their rows")
	for _, memory := range []int{0, 100_000, 1} {
		assert.Equal(t, want, sharing(t, newSorter(t, memory), rows, groupOf, true), "with %d bytes of memory", memory)
	}
}

func TestASharedRecordThatCannotBeTakenIsRefused(t *testing.T) {
	b := newSorter(t, 0)
	_, err := b.Share(graph.Record{Type: groups, Key: "short"})
	assert.ErrorContains(t, err, "where 10 to 256 are allowed")
	assert.Empty(t, lines(t, b))
}
