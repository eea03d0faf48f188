package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/reconcile"
)

// What is installed on a device did not go because the device has another name and nobody asked what is installed.
func TestRelationshipsThatWereNotReadFollowAnEndThatWasRenamed(t *testing.T) {
	installed := []string{applications, deviceHasApplication}
	for name, unread := range map[string]run{
		"a skipped step": {skipped: installed}, "a failed step": {failed: installed},
	} {
		t.Run(name, func(t *testing.T) {
			unread.last = slices.Concat(agent("1"), agent("2"), agent("3"), application("Chrome", "1"), application("Zoom", "1"), application("Zoom", "2"))
			fresh := slices.Concat(agent("1", renamed("pc-zzz")), agent("2", renamed("pc-aaa")), agent("3"))
			unread.fresh = fresh
			o := unread.do(t)
			first, second := keyOf(fresh, devices), keyOf(agent("2", renamed("pc-aaa")), devices)
			chrome, zoom := keyOf(application("Chrome", "1"), applications), keyOf(application("Zoom", "1"), applications)
			assert.Equal(t, sorted(
				graph.RelationshipKey(first, "HAS", chrome), graph.RelationshipKey(first, "HAS", zoom), graph.RelationshipKey(second, "HAS", zoom),
			), o.keys(t, deviceHasApplication))
			edge := o.get(t, deviceHasApplication, graph.RelationshipKey(second, "HAS", zoom))
			assert.Equal(t, []string{second, zoom}, []string{edge.From, edge.To})
			assert.Equal(t, sorted(chrome, zoom), o.keys(t, applications))

			counts, err := graph.Diff(t.Context(), o.last, o.draft, graph.DiffOptions{Rekeyed: o.Rekeyed}, func(c graph.Change) error {
				assert.NotEqual(t, deviceHasApplication, c.Type.Name, "%s %s", c.Op, c.Key)
				return nil
			})
			require.NoError(t, err)
			assert.EqualValues(t, 3, counts[deviceHasApplication].Rekeyed)
		})
	}
}

func TestRelationshipsThatWereNotReadGoWithADeviceThatIsGone(t *testing.T) {
	o := run{
		last: slices.Concat(agent("1"), agent("2"), application("Chrome", "1"), application("Zoom", "2")), fresh: agent("2"), guard: off,
		skipped: []string{applications, deviceHasApplication},
	}.do(t)
	assert.Equal(t, []string{keyOf(application("Zoom", "2"), deviceHasApplication)}, o.keys(t, deviceHasApplication))
	assert.Len(t, o.keys(t, applications), 2)
}

func TestWhatWasWithheldIsWithheldStillWhileItsTypeIsSkipped(t *testing.T) {
	last := slices.Concat(agent("1"), threat("5", "1"), threat("6", "1"), threat("7", "1"))
	withheld := []reconcile.Key{
		{Type: "sentinelone_agent_has_threat", Key: keyOf(threat("6", "1"), "sentinelone_agent_has_threat")},
		{Type: threats, Key: "sentinelone_threat:5"},
		{Type: threats, Key: "sentinelone_threat:6"},
		{Type: threats, Key: "sentinelone_threat:7", OutOfScope: true},
	}
	skipped := []string{threats, "sentinelone_agent_has_threat"}
	o := run{last: last, fresh: agent("1"), skipped: skipped, withheld: withheld}.do(t)
	o.assertStays(t)
	assert.Equal(t, withheld[:3], o.withheldKeys(t), "what is out of scope every run finds out itself")
	assert.EqualValues(t, 2, o.Types[threats].Withheld)
	assert.EqualValues(t, 1, o.Types["sentinelone_agent_has_threat"].Withheld)

	o = run{last: last, fresh: agent("1"), skipped: skipped, withheld: withheld, accepted: withheld[1:2]}.do(t)
	o.assertStays(t)
	assert.Equal(t, []reconcile.Key{withheld[0], withheld[2]}, o.withheldKeys(t))
	assert.True(t, o.Waits(withheld[1]), "it waits for a run that reads the list")

	o = run{last: last, fresh: slices.Concat(agent("1"), threat("7", "1")), withheld: withheld, guard: off}.do(t)
	assert.Empty(t, o.withheldKeys(t), "the list was read, and decides anew")
	assert.Equal(t, []string{"sentinelone_threat:7"}, o.keys(t, threats))
}

// The device has another name, and its edges do: what was withheld of them can be accepted by the keys that they have now.
func TestWhatWasWithheldOfARenamedDeviceIsWithheldUnderItsNewName(t *testing.T) {
	before, after := agent("1"), agent("1", renamed("pc-zzz"))
	apps := slices.Concat(application("Chrome", "1"), application("Zoom", "1"), application("Zoom", "2"))
	edge := func(of []graph.Record, app string) reconcile.Key {
		return reconcile.Key{Type: deviceHasApplication, Key: graph.RelationshipKey(keyOf(of, devices), "HAS", keyOf(application(app, "1"), applications))}
	}
	other := reconcile.Key{Type: deviceHasApplication, Key: keyOf(application("Zoom", "2"), deviceHasApplication)}
	byKey := func(keys ...reconcile.Key) []reconcile.Key {
		slices.SortFunc(keys, func(a, b reconcile.Key) int { return strings.Compare(a.Key, b.Key) })
		return keys
	}
	o := run{
		last: slices.Concat(before, agent("2"), apps), fresh: slices.Concat(after, agent("2")), guard: off,
		skipped: []string{applications, deviceHasApplication}, withheld: byKey(edge(before, "Chrome"), edge(before, "Zoom"), other),
	}.do(t)
	assert.Equal(t, byKey(edge(after, "Chrome"), edge(after, "Zoom"), other), o.withheldKeys(t))
	assert.EqualValues(t, 3, o.Types[deviceHasApplication].Withheld)
}
