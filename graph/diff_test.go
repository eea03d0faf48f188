package graph_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/storetest"
)

// diffed are the changes as lines, and the counts.
func diffed(t *testing.T, before, after graph.Snapshot, o graph.DiffOptions) ([]string, map[string]graph.Counts) {
	t.Helper()
	var changes []string
	counts, err := graph.Diff(t.Context(), before, after, o, func(c graph.Change) error {
		changes = append(changes, string(graph.AppendChange(nil, "", &c)))
		return nil
	})
	require.NoError(t, err)
	return changes, counts
}

func snapshot(records ...graph.Record) graph.Snapshot {
	return storetest.NewSnapshot(model, records...)
}

func TestEqualGraphsHaveNoChangesAndACountForEveryType(t *testing.T) {
	g := func() graph.Snapshot {
		return snapshot(entity(agents, "1"), entity(groups, "1"), between(hasAgent, "1", "1"))
	}
	changes, counts := diffed(t, g(), g(), graph.DiffOptions{Touches: true})
	assert.Empty(t, changes)
	assert.Equal(t, map[string]graph.Counts{agents.Name: {}, groups.Name: {}, devices.Name: {}, hasAgent.Name: {}, protects.Name: {}}, counts)
}

func TestChangesComeInTheOrderOfTypesAndKeysWithWhatChanged(t *testing.T) {
	before := snapshot(
		entity(groups, "1", is("displayName", graph.String("one")), is("rank", graph.Int(1))),
		entity(agents, "1", is("displayName", graph.String("a")), is("isInfected", graph.Bool(false)), is("lastSeenOn", graph.Int(1)), is("osName", graph.String("Linux"))),
		entity(agents, "3", is("displayName", graph.String("c")), is("lastSeenOn", graph.Int(1))),
		entity(agents, "5"),
		between(hasAgent, "1", "1"), between(hasAgent, "1", "3"))
	after := snapshot(
		entity(groups, "1", is("displayName", graph.String("one")), is("rank", graph.Float(1))),
		entity(agents, "1", is("displayName", graph.String("a")), is("isInfected", graph.Bool(true)), is("lastSeenOn", graph.Int(2)), is("tags", graph.Strings([]string{}))),
		entity(agents, "2", is("displayName", graph.String("b")), is("lastSeenOn", graph.Int(9))),
		entity(agents, "5", is("lastSeenOn", graph.Int(7))),
		between(hasAgent, "1", "1"), between(hasAgent, "1", "2"))

	changes, counts := diffed(t, before, after, graph.DiffOptions{Touches: true})
	assert.Equal(t, []string{
		`{"op":"updated","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:1","displayName":"a","changed":["isInfected","osName","tags"],"before":{"isInfected":false,"osName":"Linux"},"after":{"isInfected":true,"tags":[]}}`,
		`{"op":"created","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:2","displayName":"b","after":{"displayName":"b","lastSeenOn":9}}`,
		`{"op":"deleted","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:3","displayName":"c","before":{"displayName":"c","lastSeenOn":1}}`,
		`{"op":"touched","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:5","changed":["lastSeenOn"],"before":{},"after":{"lastSeenOn":7}}`,
		`{"op":"updated","type":"sentinelone_group","class":"Group","key":"sentinelone_group:1","displayName":"one","changed":["rank"],"before":{"rank":1},"after":{"rank":1.0}}`,
		`{"op":"created","type":"sentinelone_group_has_agent","class":"HAS","key":"sentinelone_group:1|has|sentinelone_agent:2","after":{}}`,
		`{"op":"deleted","type":"sentinelone_group_has_agent","class":"HAS","key":"sentinelone_group:1|has|sentinelone_agent:3","before":{}}`,
	}, changes)
	assert.Equal(t, graph.Counts{Created: 1, Updated: 1, Deleted: 1, Touched: 1}, counts[agents.Name])
	assert.Equal(t, graph.Counts{Updated: 1}, counts[groups.Name])
	assert.Equal(t, graph.Counts{Created: 1, Deleted: 1}, counts[hasAgent.Name])

	withoutTouches, same := diffed(t, before, after, graph.DiffOptions{})
	assert.Len(t, withoutTouches, len(changes)-1)
	assert.Equal(t, counts, same)
}

func TestATypeThatOneSideAloneKnowsIsAllNewOrAllGone(t *testing.T) {
	with := snapshot(entity(groups, "1"), entity(agents, "1"))
	without := storetest.NewSnapshot([]*graph.Type{groups}, entity(groups, "1"))
	_, counts := diffed(t, without, with, graph.DiffOptions{})
	assert.Equal(t, graph.Counts{Created: 1}, counts[agents.Name])
	changes, counts := diffed(t, with, without, graph.DiffOptions{})
	assert.Equal(t, graph.Counts{Deleted: 1}, counts[agents.Name])
	assert.Contains(t, counts, hasAgent.Name)
	assert.Len(t, changes, 1)
}

func TestABaselineIsCountedAndRaisesNoEvent(t *testing.T) {
	before := snapshot(entity(groups, "1"), entity(agents, "1", is("osName", graph.String("Linux"))), entity(agents, "2"),
		entity(agents, "4", is("lastSeenOn", graph.Int(1))))
	after := snapshot(entity(groups, "2"), entity(agents, "1", is("osName", graph.String("Windows"))), entity(agents, "3"),
		entity(agents, "4", is("lastSeenOn", graph.Int(2))))
	changes, counts := diffed(t, before, after, graph.DiffOptions{
		Baseline: func(typeName string) bool { return typeName == agents.Name }, Touches: true})
	assert.Len(t, changes, 2)
	assert.Equal(t, graph.Counts{Created: 1, Updated: 1, Deleted: 1, Touched: 1, Baseline: 3}, counts[agents.Name])
	assert.Equal(t, graph.Counts{Created: 1, Deleted: 1}, counts[groups.Name])
}

func TestARekeyedEntityIsOneChangeAndItsRelationshipsNone(t *testing.T) {
	device := func(id, serial string) graph.Record {
		return entity(devices, id, is("displayName", graph.String("box")), is("serial", graph.String(serial)))
	}
	rekeyed := func(from, to string) map[string]string {
		return map[string]string{"sentinelone_device:" + from: "sentinelone_device:" + to}
	}
	for _, ids := range [][2]string{{"aaa", "zzz"}, {"zzz", "aaa"}} {
		was, is := ids[0], ids[1]
		before := snapshot(device(was, ""), device("mmm", "5"), entity(agents, "1"), entity(agents, "2"),
			between(protects, "1", was), between(protects, "2", was), between(protects, "2", "mmm"))
		after := snapshot(device(is, "7"), device("mmm", "5"), entity(agents, "1"), entity(agents, "3"),
			between(protects, "1", is), between(protects, "3", is))
		changes, counts := diffed(t, before, after, graph.DiffOptions{Rekeyed: rekeyed(was, is)})
		assert.Equal(t, graph.Counts{Rekeyed: 1}, counts[devices.Name])
		assert.Equal(t, graph.Counts{Rekeyed: 1, Created: 1, Deleted: 2}, counts[protects.Name])
		assert.Contains(t, changes, fmt.Sprintf(`{"op":"rekeyed","type":"sentinelone_device","class":"Device","key":"sentinelone_device:%s","displayName":"box","previousKey":"sentinelone_device:%s","changed":["serial"],"before":{"serial":""},"after":{"serial":"7"}}`, is, was))
		assert.NotContains(t, strings.Join(changes, "\n"), "sentinelone_agent:1")
	}
}

func TestRekeyingNeedsTheOldKeyGoneAndTheNewOneNew(t *testing.T) {
	a, b, c := entity(devices, "a"), entity(devices, "b"), entity(devices, "c")
	rekeyed := map[string]string{a.Key: b.Key}
	for name, s := range map[string]struct {
		before, after graph.Snapshot
		counts        graph.Counts
	}{
		"the old one is still there":   {snapshot(a), snapshot(a, b), graph.Counts{Created: 1}},
		"the new one was there before": {snapshot(a, b), snapshot(b), graph.Counts{Deleted: 1}},
		"the new one is not there":     {snapshot(a), snapshot(), graph.Counts{Deleted: 1}},
		"the old one was not there":    {snapshot(), snapshot(b), graph.Counts{Created: 1}},
		"neither has to do with it":    {snapshot(c), snapshot(c), graph.Counts{}},
		"it is as the map says":        {snapshot(a, c), snapshot(b, c), graph.Counts{Rekeyed: 1}},
	} {
		_, counts := diffed(t, s.before, s.after, graph.DiffOptions{Rekeyed: rekeyed})
		assert.Equal(t, s.counts, counts[devices.Name], name)
	}
	_, counts := diffed(t, snapshot(a, b), snapshot(c), graph.DiffOptions{Rekeyed: map[string]string{a.Key: c.Key, b.Key: c.Key}})
	assert.Equal(t, graph.Counts{Rekeyed: 1, Deleted: 1}, counts[devices.Name], "two that became one")
	_, counts = diffed(t, snapshot(a), snapshot(a), graph.DiffOptions{Rekeyed: map[string]string{a.Key: a.Key}})
	assert.Equal(t, graph.Counts{}, counts[devices.Name], "a key that stayed")
}

func TestARekeyedBaselineRaisesNoEvent(t *testing.T) {
	changes, counts := diffed(t, snapshot(entity(devices, "a")), snapshot(entity(devices, "b")), graph.DiffOptions{
		Rekeyed:  map[string]string{"sentinelone_device:a": "sentinelone_device:b"},
		Baseline: func(string) bool { return true },
	})
	assert.Empty(t, changes)
	assert.Equal(t, graph.Counts{Rekeyed: 1}, counts[devices.Name])
}

func TestMoreChangesThanAreFetchedAtOnce(t *testing.T) {
	var before, after []graph.Record
	for i := range 2000 {
		before = append(before, entity(agents, fmt.Sprintf("%05d", i), is("osName", graph.String("Linux"))))
		after = append(after, entity(agents, fmt.Sprintf("%05d", i+500), is("osName", graph.String("Windows"))))
	}
	last := ""
	var n int
	counts, err := graph.Diff(t.Context(), snapshot(before...), snapshot(after...), graph.DiffOptions{}, func(c graph.Change) error {
		require.Less(t, last, c.Key)
		last, n = c.Key, n+1
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, graph.Counts{Created: 500, Updated: 1500, Deleted: 500}, counts[agents.Name])
	assert.Equal(t, 2500, n)
}

func TestADiffEndsWithTheFirstError(t *testing.T) {
	stop := errors.New("no space left")
	_, err := graph.Diff(t.Context(), snapshot(), snapshot(entity(agents, "1"), entity(groups, "1")), graph.DiffOptions{},
		func(graph.Change) error { return stop })
	assert.ErrorIs(t, err, stop)
	assert.ErrorContains(t, err, "type sentinelone_agent: ")
}

func TestASnapshotThatIsOutOfOrderIsAnErrorAndNoDeletion(t *testing.T) {
	_, err := graph.Diff(t.Context(), snapshot(entity(agents, "1"), entity(agents, "2")), backwards{snapshot(entity(agents, "1"), entity(agents, "2"))},
		graph.DiffOptions{}, func(c graph.Change) error { return fmt.Errorf("emitted %s of %s", c.Op, c.Key) })
	assert.ErrorContains(t, err, "but they should ascend")
}
