package reconcile_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/model"
	"s1graph/reconcile"
	"s1graph/relationships"
	"s1graph/s1"
	"s1graph/steps"
)

func TestHowATypeWasReadDecidesWhatStays(t *testing.T) {
	last := []graph.Record{site("1"), site("2", siteCalled("old"), func(row *s1.Site) { row.Description = "known" }), site("3")}
	fresh := []graph.Record{site("2", siteCalled("new")), site("3"), site("4")}
	for name, test := range map[string]struct {
		run               run
		keys              []string
		name, description string // of site 2
		fresh             int64
	}{
		"what was skipped stays as it was": {
			run{skipped: []string{sites}}, []string{"1", "2", "3"}, "old", "known", 0,
		},
		"what was not read whole gains rows and loses none, and a row that was read says all of its thing": {
			run{failed: []string{sites}}, []string{"1", "2", "3", "4"}, "new", "", 3,
		},
		"what was read whole is what the rows say": {
			run{}, []string{"2", "3", "4"}, "new", "", 3,
		},
		"where rows say less than is known nothing is lost": {
			run{partly: []string{sites}}, []string{"1", "2", "3", "4"}, "new", "known", 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.run.last, test.run.fresh, test.run.guard = last, fresh, off
			o := test.run.do(t)
			var want []string
			for _, id := range test.keys {
				want = append(want, entities.SiteKey(id))
			}
			assert.Equal(t, want, o.keys(t, sites))
			two := o.get(t, sites, entities.SiteKey("2"))
			assert.Equal(t, test.name, two.Get("name").Text())
			assert.Equal(t, test.description, two.Get("description").Text())
			assert.Equal(t, test.fresh, o.Types[sites].Fresh)
			assert.Equal(t, int64(len(want)), o.Types[sites].Records)
		})
	}
}

func TestATypeThatIsAsItWasIsCalledTheSame(t *testing.T) {
	o := run{last: manySites(1, 3), fresh: manySites(1, 3)}.do(t)
	assert.True(t, o.Same[sites])
	o = run{last: manySites(1, 3), fresh: manySites(1, 4)}.do(t)
	assert.False(t, o.Same[sites])
	o = run{last: agent("1"), fresh: agent("1")}.do(t)
	assert.True(t, o.Same[groupHasAgent])
	o = run{last: agent("1"), fresh: slices.Concat(agent("1"), agent("2"))}.do(t)
	assert.False(t, o.Same[groupHasAgent])
}

func siteKeys(from, to int) (keys []string) {
	for _, r := range manySites(from, to) {
		keys = append(keys, r.Key)
	}
	return keys
}

func TestARelationshipStaysWhileAnEndIsInDoubt(t *testing.T) {
	three := slices.Concat(agent("1"), agent("2"), agent("3"), application("Chrome", "1"), application("Chrome", "3"))
	for name, test := range map[string]struct {
		last, fresh []graph.Record
		key         string
	}{
		"the type where it starts is withheld": {
			three, without(three, deviceOf("1"), deviceOf("2"), keyOf(application("Chrome", "3"), deviceHasApplication)),
			keyOf(application("Chrome", "3"), deviceHasApplication),
		},
		"the type where it starts is derived from one that is withheld": {
			three, slices.Concat(agent("3"), application("Chrome", "3")), keyOf(application("Chrome", "1"), deviceHasApplication),
		},
	} {
		t.Run(name, func(t *testing.T) {
			// One relationship alone may go by this guard.
			o := run{last: test.last, fresh: test.fresh, guard: reconcile.Guard{Percent: 0, Count: 1}}.do(t)
			o.assertStays(t)
			for name, typ := range o.Types {
				if slices.Contains(o.keys(t, name), test.key) {
					assert.True(t, typ.Derived)
				}
			}
		})
	}
}

func TestARelationshipGoesWithEitherEnd(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"))
	for name, lost := range map[string]string{"where it starts": deviceOf("1"), "where it ends": keyOf(application("Chrome", "1"), applications)} {
		t.Run(name, func(t *testing.T) {
			before := slices.Concat(last, application("Chrome", "1"), application("Zoom", "2"))
			// The list of relationships failed, so that all of them would stay.
			o := run{last: before, fresh: without(before, lost), failed: []string{deviceHasApplication}, guard: off}.do(t)
			assert.Equal(t, []string{keyOf(application("Zoom", "2"), deviceHasApplication)}, o.keys(t, deviceHasApplication))
			assert.Empty(t, o.withheldKeys(t))
		})
	}
}

func TestARelationshipOfATypeThatWasNotReadWholeStays(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"))
	for name, failed := range map[string]string{"where it starts": groups, "where it ends": agents} {
		t.Run(name, func(t *testing.T) {
			fresh := without(last, keyOf(agent("1"), groupHasAgent))
			if failed == agents {
				fresh = without(fresh, entities.AgentKey("1"))
			}
			o := run{last: last, fresh: fresh, failed: []string{failed}, guard: off}.do(t)
			o.assertStays(t)
			assert.True(t, o.Types[groupHasAgent].Incomplete)
		})
	}
}

func TestRelationshipsWithoutAnEndAreLeftOutAndCounted(t *testing.T) {
	lonely := relationships.GroupHasAgent.Between(entities.GroupKey("9"), entities.AgentKey("1"), nil)
	for name, test := range map[string]struct {
		run      run
		dangling int64
	}{
		"the end is nowhere":         {run{}, 1},
		"its list failed":            {run{failed: []string{groups}}, 0},
		"its list was not read":      {run{skipped: []string{groups}}, 0},
		"only the other list failed": {run{failed: []string{agents}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			test.run.fresh = append(agent("1"), lonely)
			o := test.run.do(t)
			assert.Equal(t, test.dangling, o.Dangling)
			assert.NotContains(t, o.keys(t, groupHasAgent), lonely.Key)
		})
	}
}

// What is derived from a type is not known to be gone while the type's own deletions are in doubt.
func TestWhatIsDerivedFromAWithheldTypeStays(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"), agent("3"))
	o := run{last: last, fresh: agent("3"), guard: reconcile.Guard{Percent: 50, Count: 1}}.do(t)
	o.assertStays(t)
	assert.Equal(t, int64(2), o.Types[agents].Withheld)
	for _, name := range []string{devices, users, groupHasAgent, agentProtectsDevice, userOwnsDevice} {
		assert.True(t, o.Types[name].Derived, name)
		assert.Zero(t, o.Types[name].Withheld, name)
	}
	assert.False(t, o.Types[agents].Derived)
	assert.False(t, o.Types[groups].Derived)
}

func TestWhatIsDerivedFromADerivedTypeStaysToo(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"), agent("3"))
	// The devices alone are gone, and withheld; users are derived from them.
	fresh := without(slices.Concat(last), deviceOf("1"), deviceOf("2"), userOf("1"), userOf("2"))
	o := run{last: last, fresh: fresh, guard: reconcile.Guard{Percent: 50, Count: 1}}.do(t)
	assert.Equal(t, int64(2), o.Types[devices].Withheld)
	assert.Zero(t, o.Types[agents].Withheld)
	assert.True(t, o.Types[users].Derived)
	assert.True(t, o.Types[userOwnsDevice].Derived)
	o.assertStays(t)
}

// The model says of users that they are derived from agents too. Where it did not, devices would do.
func TestBeingDerivedPassesOnFromTypeToType(t *testing.T) {
	var changed []*model.Description
	for _, d := range steps.Model() {
		if d.Name == users {
			d = new(*d)
			d.DerivedFrom = []*graph.Type{entities.Device.GraphType()}
		}
		changed = append(changed, d)
	}
	o := run{last: slices.Concat(agent("1"), agent("2"), agent("3")), fresh: agent("3"), guard: reconcile.Guard{Percent: 50, Count: 1}, model: changed}.do(t)
	assert.True(t, o.Types[devices].Derived)
	assert.True(t, o.Types[users].Derived)
}

// A device of two agents is made of the rows of both. Where one is missing, what its row said is not lost.
func TestADeviceOfWhichOneAgentIsMissingKeepsWhatThatOneSaid(t *testing.T) {
	recent := func(row *s1.Agent) { row.LastActiveDate = 2000; row.OSName = "Windows 11" }
	stale := func(row *s1.Agent) { row.LastActiveDate = 1000; row.OSName = "Windows 10" }
	first := slices.Concat(agent("1", recent), agent("2", on("1"), stale))
	key := deviceOf("1")
	both := withProperty(entities.Device.Entity(agentRow("1", recent)), "deviceId", graph.Strings([]string{"uuid-1", "uuid-2"}))
	last := append([]graph.Record{both}, first...)
	for name, test := range map[string]struct {
		run  run
		name string
	}{
		"the list failed, and the one that describes it is missing":     {run{fresh: agent("2", on("1"), stale), failed: []string{agents, devices, users}, guard: off}, "Windows 11"},
		"the list failed, and the other one is missing":                 {run{fresh: agent("1", recent), failed: []string{agents, devices, users}, guard: off}, "Windows 11"},
		"the one that describes it is missing, and agents are withheld": {run{fresh: agent("2", on("1"), stale), guard: all}, "Windows 11"},
		"the one that describes it is out of scope":                     {run{fresh: agent("2", on("1"), stale), elsewhere: []string{entities.AgentKey("1")}, guard: off}, "Windows 11"},
	} {
		t.Run(name, func(t *testing.T) {
			test.run.last = last
			device := test.run.do(t).get(t, devices, key)
			assert.Equal(t, []string{"uuid-1", "uuid-2"}, device.Get("deviceId").List())
			assert.Equal(t, test.name, device.Get("osName").Text())
		})
	}
	o := run{last: last, fresh: agent("2", on("1"), stale), guard: off}.do(t)
	device := o.get(t, devices, key)
	assert.Equal(t, []string{"uuid-2"}, device.Get("deviceId").List(), "of whole lists the rows alone count")
}

func withProperty(r graph.Record, name string, v graph.Value) graph.Record {
	r.Properties = slices.Clone(r.Properties)
	r.Set(name, v)
	return r
}

// A skipped type stays in the form in which the last run wrote it.
func TestASkippedTypeKeepsTheTypeItWasWrittenWith(t *testing.T) {
	in, _ := run{last: manySites(1, 2), skipped: []string{sites}}.input(t)
	reading := in.Read[sites]
	reading.Written.Schema = "of another version"
	in.Read[sites] = reading
	_, err := reconcile.Run(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, "of another version", in.Draft.(*draft).types[sites].Schema)
}

func TestATypeIsDecidedAfterThoseThatItDependsOn(t *testing.T) {
	shuffled := slices.Clone(steps.Model())
	slices.Reverse(shuffled)
	o := run{fresh: agent("1"), model: shuffled}.do(t)
	at := func(name string) int { return slices.Index(o.draft.order, name) }
	assert.Less(t, at(agents), at(devices))
	assert.Less(t, at(devices), at(users))
	assert.Less(t, at(devices), at(applications))
	// Being derived is enough, where no relationship places a type.
	for i, d := range shuffled {
		shuffled[i] = new(*d)
		shuffled[i].Places = ""
	}
	o = run{fresh: agent("1"), model: shuffled}.do(t)
	assert.Less(t, at(agents), at(devices))
	assert.Less(t, at(devices), at(users))
	for _, relationship := range steps.Relationships() {
		for _, entity := range steps.Entities() {
			assert.Less(t, at(entity.Name), at(relationship.Name))
		}
	}
}

// busy is a run in which every rule has something to decide.
func busy() run {
	last := slices.Concat(manySites(1, 4), agent("1"), agent("2"), agent("3"), agent("4"), agent("5", on("4")),
		threat("1", "1"), threat("2", "2"), application("Chrome", "1"), application("Zoom", "2"), application("Chrome", "2"))
	fresh := slices.Concat(manySites(3, 4), agent("1", renamed("pc-new")), agent("5", on("4")), threat("1", "1"), application("Chrome", "5"))
	return run{
		last: last, fresh: fresh, guard: reconcile.Guard{Percent: 10, Count: 1},
		elsewhere: []string{entities.SiteKey("1"), entities.AgentKey("2"), entities.ThreatKey("2")},
		accepted:  []reconcile.Key{{Type: agents, Key: entities.AgentKey("3")}},
	}
}

func TestTheOrderOfTypesAndRecordsDecidesNothing(t *testing.T) {
	want := busy().do(t)
	assert.NotEmpty(t, want.withheldKeys(t))
	assert.NotEmpty(t, want.releasedKeys(t))
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, seed))
		r := busy()
		r.model = slices.Clone(steps.Model())
		random.Shuffle(len(r.model), func(i, j int) { r.model[i], r.model[j] = r.model[j], r.model[i] })
		random.Shuffle(len(r.last), func(i, j int) { r.last[i], r.last[j] = r.last[j], r.last[i] })
		random.Shuffle(len(r.fresh), func(i, j int) { r.fresh[i], r.fresh[j] = r.fresh[j], r.fresh[i] })
		got := r.do(t)
		assert.Equal(t, everything(t, want.draft), everything(t, got.draft))
		assert.Equal(t, want.withheldKeys(t), got.withheldKeys(t))
		assert.Equal(t, want.releasedKeys(t), got.releasedKeys(t))
		assert.Equal(t, want.Rekeyed, got.Rekeyed)
	}
}

func TestAGraphThatBreaksEndsTheRunWithItsError(t *testing.T) {
	for name, breakAfter := range map[string]func(in *reconcile.Input, n int){
		"the last graph": func(in *reconcile.Input, n int) { in.Last = storetest.BreakAfter(in.Last, n) },
		"the rows":       func(in *reconcile.Input, n int) { in.Fresh = rows{storetest.BreakAfter(in.Fresh.(rows).Snapshot, n)} },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				in, _ := busy().input(t)
				breakAfter(&in, n)
				_, err := reconcile.Run(t.Context(), in)
				if err == nil {
					assert.Greater(t, n, 10, "after so many records all had been read")
					return
				}
				require.ErrorIs(t, err, storetest.ErrBroken)
			}
		})
	}
}
