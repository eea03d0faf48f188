package alerts_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/graph"
)

// fill puts n agents, the first of which has the number from.
func (w *world) fill(from, n int, p properties) {
	for i := range n {
		w.put(agent(fmt.Sprint(from+i), p))
	}
}

func TestAWebhookIsToldOfEachEventOfAFoldAsItWouldBeOfEachAlone(t *testing.T) {
	rules := []config.Rule{{Use: "device infected"}, infected()}
	few, many := newWorld(t, rules...), newWorld(t, rules...)
	for _, w := range []*world{few, many} {
		w.fill(1000, 40, healthy)
		w.apply()
	}
	few.fill(1000, 2, sick)
	many.fill(1000, 40, sick)
	alone, folds := few.apply(), many.apply()
	require.Len(t, alone, 4)
	require.Len(t, folds, 2)
	for i, fold := range folds {
		assert.Equal(t, 40, fold.Count)
		assert.Empty(t, fold.Text)
		require.Len(t, fold.Events, 40)
		for n, one := range alone[2*i : 2*i+2] {
			got := fold.Events[n]
			assert.Equal(t, one.Event, got.ID)
			assert.Equal(t, []any{one.Op, one.Type, one.Key, one.DisplayName, one.Changed, one.Before, one.After},
				[]any{got.Op, got.Type, got.Key, got.DisplayName, got.Changed, got.Before, got.After})
		}
		ids := map[string]bool{}
		for n, e := range fold.Events {
			ids[e.ID] = true
			assert.Equal(t, fmt.Sprint(1000+n), e.DisplayName)
			assert.Equal(t, true, e.After["infected"])
		}
		assert.Len(t, ids, 40)
	}
	assert.Equal(t, false, folds[0].Events[39].Before["infected"])
}

func TestAFoldOfThousandsComesInParts(t *testing.T) {
	for _, rule := range []config.Rule{{Use: "device infected"}, infected(), {Use: "device infected", Name: "at least", AtLeast: 3}} {
		w := newWorld(t, rule)
		w.fill(1000, 1234, healthy)
		w.apply()
		w.fill(1000, 1234, sick)
		parts := w.apply()
		require.Len(t, parts, 3)
		ids, keys := map[string]bool{}, map[string]bool{}
		for i, p := range parts {
			ids[p.ID] = true
			assert.Equal(t, []int{1234, i + 1, 3}, []int{p.Count, p.Part, p.Parts})
			assert.Equal(t, parts[0].Event, p.Event)
			assert.LessOrEqual(t, len(p.Events), 500)
			for _, e := range p.Events {
				keys[e.Key] = true
			}
		}
		assert.Len(t, ids, 3)
		assert.Len(t, keys, 1234)
	}
}

func TestOfWhatIsDeletedEachEventOfAFoldHasAllOfIt(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "many agents gone"})
	w.fill(1000, 25, properties{"osType": "linux"})
	w.apply()
	clear(w.records)
	raised := w.apply()
	require.Len(t, raised, 1)
	require.Len(t, raised[0].Events, 25)
	assert.Empty(t, raised[0].Text)
	for _, e := range raised[0].Events {
		assert.Equal(t, "linux", e.Before["osType"])
		assert.Equal(t, "deleted", e.Op)
	}
}

func TestAFoldIsAsSevereAsTheWorstOfAllOfIt(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "new unmitigated threat"})
	w.apply()
	for i := range 30 {
		severity := "low"
		if i == 27 {
			severity = "critical"
		}
		w.put(entity(threatType(), fmt.Sprint(1000+i), properties{"open": true, "severity": severity}))
	}
	raised := w.apply()
	require.Len(t, raised, 1)
	assert.Equal(t, "critical", raised[0].Severity)
}

func threatType() *graph.Type { return typesByName()["sentinelone_threat"] }

// pager is a destination that keeps incidents.
var pager = config.Destination{Name: "pager", URL: config.NewSecret("pagerduty:///5ec7e75ec7e75ec7e75ec7e75ec7e75e")}

// paged evaluates the graph as it is now, and is what the pager is told: operations and incidents, the latter by the order
// in which they first came.
func (w *world) paged(known *[]string) (told []string) {
	w.t.Helper()
	_, err := w.engine().Apply(w.t.Context(), w.run())
	require.NoError(w.t, err)
	require.NoError(w.t, w.outbox.Update(w.t.Context(), func(tx *outbox.Tx) error {
		queued, err := tx.Queued("pager")
		for _, m := range queued {
			if !slices.Contains(*known, m.Incident) {
				*known = append(*known, m.Incident)
			}
			told = append(told, fmt.Sprint(m.Op, " ", slices.Index(*known, m.Incident)))
			require.NoError(w.t, tx.Delivered(m))
		}
		return err
	}))
	slices.Sort(told)
	return told
}

func TestAFoldIsOneIncidentThatEndsWithTheLastOfItsStates(t *testing.T) {
	for _, ended := range []bool{true, false} {
		r := infected()
		r.Ended = &ended
		w := newWorld(t, r)
		w.config.Destinations = append(w.config.Destinations, pager)
		var known []string
		w.fill(1000, 12, healthy)
		w.fill(2000, 1, healthy)
		w.apply()
		w.fill(1000, 12, sick)
		assert.Equal(t, []string{"began 0"}, w.paged(&known))
		w.fill(2000, 1, sick)
		assert.Equal(t, []string{"began 1"}, w.paged(&known))
		w.fill(1000, 1, healthy)
		assert.Empty(t, w.paged(&known), "eleven go on")
		w.fill(2000, 1, healthy)
		assert.Equal(t, []string{"ended 1"}, w.paged(&known), "the end of one is not the end of the others")
		w.fill(1001, 10, healthy)
		assert.Empty(t, w.paged(&known), "one goes on")
		w.fill(1011, 1, healthy)
		assert.Equal(t, []string{"ended 0"}, w.paged(&known))
		raised := titles(w.raised())
		if ended {
			assert.Contains(t, raised, "Ended: infected: 1000")
			assert.Contains(t, raised, "Ended: infected: 1011")
		} else {
			assert.NotContains(t, fmt.Sprint(raised), "Ended")
		}

		w.fill(1000, 12, sick)
		assert.Equal(t, []string{"began 0"}, w.paged(&known))
		w.fill(1000, 12, healthy)
		assert.Equal(t, []string{"ended 0"}, w.paged(&known))
	}
}

func TestManyThatBeganOneByOneEndEachInItsOwnIncident(t *testing.T) {
	w := newWorld(t, infected())
	w.config.Destinations = append(w.config.Destinations, pager)
	var known []string
	w.apply()
	for i := range 3 {
		w.fill(1000+10*i, 10, sick)
		assert.Len(t, w.paged(&known), 10)
	}
	w.raised()
	w.fill(1000, 30, healthy)
	told := w.paged(&known)
	assert.Len(t, slices.Compact(told), 30)
	assert.Len(t, known, 30)
	assert.Equal(t, []string{"Ended: infected: 30 in one run"}, titles(w.raised()), "people are told once")
}

func TestAFoldGoesOnWhileAnotherOneBegins(t *testing.T) {
	w := newWorld(t, infected())
	w.config.Destinations = append(w.config.Destinations, pager)
	var known []string
	w.apply()
	w.fill(1000, 12, sick)
	assert.Equal(t, []string{"began 0"}, w.paged(&known))
	w.fill(1000, 12, healthy)
	w.fill(2000, 12, sick)
	assert.Equal(t, []string{"began 0"}, w.paged(&known))
	clear(w.records)
	assert.Equal(t, []string{"ended 0"}, w.paged(&known))
}

func TestTheIncidentOfWhatWasRekeyedMeanwhileIsClosed(t *testing.T) {
	w := newWorld(t, config.Rule{Name: "old", When: `entity.type == "sentinelone_device" && entity.osVersion == "old"`})
	w.config.Destinations = append(w.config.Destinations, pager)
	var known []string
	w.apply()
	w.put(device("a", properties{"osVersion": "old", "id": "1"}))
	assert.Equal(t, []string{"began 0"}, w.paged(&known))
	for _, name := range []string{"a", "b"} {
		next := string(name[0] + 1)
		delete(w.records, "sentinelone_device:"+name)
		w.put(device(next, properties{"osVersion": "old", "id": "1"}))
		w.rekeyed = map[string]string{"sentinelone_device:" + name: "sentinelone_device:" + next}
		assert.Empty(t, w.paged(&known))
	}
	w.rekeyed = nil
	delete(w.records, "sentinelone_device:c")
	assert.Equal(t, []string{"ended 0"}, w.paged(&known))
}

func TestTheEndOfWhatWasToldWithOthersWaitsForThat(t *testing.T) {
	w := newWorld(t, infected())
	w.apply()
	w.fill(1000, 12, sick)
	_, err := w.engine().Apply(t.Context(), w.run())
	require.NoError(t, err)
	w.fill(1000, 1, healthy)
	_, err = w.engine().Apply(t.Context(), w.run())
	require.NoError(t, err)
	require.NoError(t, w.outbox.Update(t.Context(), func(tx *outbox.Tx) error {
		due, _, err := tx.Due("hook", w.now, 10)
		require.NoError(t, err)
		require.Len(t, due, 1)
		assert.Equal(t, "infected: 12 in one run", due[0].Title)
		require.NoError(t, tx.Delivered(due[0]))
		due, _, err = tx.Due("hook", w.now, 10)
		require.Len(t, due, 1)
		assert.Equal(t, "Ended: infected: 1000", due[0].Title)
		return err
	}))
}

// watcher is a destination that is told again and again of what lasts.
var watcher = config.Destination{Name: "watcher", URL: config.NewSecret("alertmanager://127.0.0.1:9093")}

func TestWhatLastsIsToldAgainUntilItEndsOrItsRuleOrDestinationIsGone(t *testing.T) {
	r := infected()
	r.Ended = new(false)
	w := newWorld(t, r, config.Rule{Use: "device infected"})
	w.config.Destinations = append(w.config.Destinations, watcher)
	apply := func() (told []string) {
		_, err := w.engine().Apply(t.Context(), w.run())
		require.NoError(t, err)
		require.NoError(t, w.outbox.Update(t.Context(), func(tx *outbox.Tx) error {
			queued, err := tx.Queued("watcher")
			for _, m := range queued {
				told = append(told, m.Op+" "+m.Key)
				require.NoError(t, tx.Delivered(m))
			}
			return err
		}))
		return told
	}
	lasting := func() (keys []string) {
		require.NoError(t, w.outbox.View(t.Context(), func(tx *outbox.Tx) error {
			all, err := tx.Lasting("watcher")
			for _, m := range all {
				keys = append(keys, m.Key)
			}
			return err
		}))
		return sorted(keys)
	}
	begin := func() {
		w.fill(1000, 3, healthy)
		apply()
		w.fill(1000, 3, sick)
		assert.Contains(t, apply(), "began sentinelone_agent:1000")
		assert.Len(t, lasting(), 3, "what only happened does not last")
	}
	apply()
	begin()
	w.fill(1000, 1, healthy)
	assert.Contains(t, apply(), "ended sentinelone_agent:1000")
	assert.Equal(t, []string{"sentinelone_agent:1001", "sentinelone_agent:1002"}, lasting())
	require.NoError(t, w.engine().Failed(t.Context(), w.report("", "failed")))
	assert.Len(t, lasting(), 2, "a run that failed ends nothing")

	w.config.Rules[0].When += ` && entity.displayName != ""`
	apply()
	assert.Len(t, lasting(), 2, "the other condition is true of them too")
	begin()
	w.config.Rules = w.config.Rules[1:]
	apply()
	assert.Empty(t, lasting())

	w.config.Rules = append(w.config.Rules, r)
	apply()
	begin()
	w.config.Destinations = w.config.Destinations[:1]
	apply()
	assert.Empty(t, lasting())
}

func TestAStateIsAsSevereAsTheTemplateMakesOfTheEntity(t *testing.T) {
	for _, severity := range []string{"{{.Entity.osVersion}}", `{{with .Entity}}{{.osVersion}}{{end}}`, `{{index .Entity "osVersion"}}`, "{{.Device.osVersion}}"} {
		w := newWorld(t, config.Rule{Name: "named", When: `entity.type == "sentinelone_device" && entity.name == "one"`, Severity: severity})
		w.apply()
		w.put(device("1", properties{"name": "one", "osVersion": "critical"}))
		raised := w.apply()
		require.Len(t, raised, 1)
		assert.Equal(t, "critical", raised[0].Severity, severity)
	}
}
