package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/reconcile"
	"s1graph/relationships"
	"s1graph/s1"
)

func TestTheGuardWithholdsDeletionsThatLookLikeAFault(t *testing.T) {
	ten := manySites(1, 10)
	for name, test := range map[string]struct {
		fresh     []graph.Record
		guard     reconcile.Guard
		elsewhere []string
		withheld  int64
	}{
		"no more than the count may go, whatever part it is":       {manySites(6, 10), reconcile.Guard{Percent: 10, Count: 5}, nil, 0},
		"no more than the percentage may go, however many":         {manySites(6, 10), reconcile.Guard{Percent: 50, Count: 1}, nil, 0},
		"more than both is withheld":                               {manySites(7, 10), reconcile.Guard{Percent: 50, Count: 5}, nil, 6},
		"all of a type is withheld, however much may go":           {nil, reconcile.Guard{Percent: 100, Count: 100}, nil, 10},
		"all of a type may go where others came":                   {manySites(11, 20), reconcile.Guard{Percent: 100, Count: 1}, nil, 0},
		"nothing is withheld where the guard is off":               {nil, off, nil, 0},
		"what is out of scope does not count towards the type":     {manySites(4, 5), reconcile.Guard{Percent: 50, Count: 1}, siteKeys(6, 10), 3},
		"what is out of scope does not count as gone":              {manySites(1, 5), reconcile.Guard{Percent: 0, Count: 0}, siteKeys(6, 10), 0},
		"rows that are there although out of scope are no excuses": {manySites(1, 10), reconcile.Guard{Percent: 0, Count: 0}, siteKeys(6, 10), 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := run{last: ten, fresh: test.fresh, guard: test.guard, elsewhere: test.elsewhere}.do(t)
			assert.Equal(t, test.withheld, o.Types[sites].Withheld)
			if test.withheld > 0 {
				o.assertStays(t)
			}
			var listed int64
			for _, k := range o.withheldKeys(t) {
				if !k.OutOfScope {
					listed++
				}
			}
			assert.Equal(t, test.withheld, listed, "what is listed agrees with what is counted")
		})
	}
}

func TestTheGuardLooksAtRelationshipsByThemselves(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"))
	fresh := slices.DeleteFunc(slices.Clone(last), func(r graph.Record) bool { return r.Type.Name == groupHasAgent })
	o := run{last: last, fresh: fresh, guard: all}.do(t)
	assert.Equal(t, int64(2), o.Types[groupHasAgent].Withheld)
	o.assertStays(t)
	assert.Len(t, o.withheldKeys(t), 2)

	o = run{last: last, fresh: fresh, guard: off}.do(t)
	assert.Empty(t, o.keys(t, groupHasAgent))
}

func TestTheGuardCountsOnlyRelationshipsThatThisRunEvaluates(t *testing.T) {
	var last []graph.Record
	var keys []string // of the relationships from group to agent
	for i := 1; i <= 10; i++ {
		last = append(last, agent(fmt.Sprint(i))...)
		keys = append(keys, keyOf(agent(fmt.Sprint(i)), groupHasAgent))
	}
	var elsewhere []string
	for i := 6; i <= 10; i++ {
		elsewhere = append(elsewhere, entities.AgentKey(fmt.Sprint(i)))
	}
	var accepted []reconcile.Key
	for _, key := range keys[6:] {
		accepted = append(accepted, reconcile.Key{Type: groupHasAgent, Key: key})
	}
	for name, test := range map[string]run{
		"three of five, the others are out of scope": {
			fresh: without(last, append(slices.Clone(elsewhere), append(keys[:3:3], keys[5:]...)...)...), elsewhere: elsewhere,
			guard: reconcile.Guard{Percent: 50, Count: 1},
		},
		"three of six, the others were accepted": {
			fresh: without(last, append(keys[:3:3], keys[6:]...)...), accepted: accepted, guard: reconcile.Guard{Percent: 40, Count: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.last = last
			o := test.do(t)
			assert.Equal(t, int64(3), o.Types[groupHasAgent].Withheld)
			var listed []string
			for _, k := range o.withheldKeys(t) {
				if k.Type == groupHasAgent {
					listed = append(listed, k.Key)
				}
			}
			assert.ElementsMatch(t, keys[:3], listed)
		})
	}
}

func TestTheGuardDoesNotCountRelationshipsThatGoWithAnEnd(t *testing.T) {
	shared := slices.Concat(application("Chrome", "2"), application("Zoom", "2"), application("Word", "2"))
	last := slices.Concat(agent("1"), agent("2"), shared, application("Chrome", "1"), application("Zoom", "1"), application("Word", "1"))
	o := run{last: last, fresh: slices.Concat(agent("2"), shared), guard: reconcile.Guard{Percent: 0, Count: 1}}.do(t)
	assert.Zero(t, o.Types[deviceHasApplication].Withheld)
	assert.Len(t, o.keys(t, deviceHasApplication), 3)
}

// Of most types a fifth may go at once. A day on which much is patched closes more vulnerabilities than that.
func TestTheGuardLetsHalfOfTheVulnerabilitiesGo(t *testing.T) {
	vulnerable := func(n int) []graph.Record {
		found := slices.Concat(agent("1"), application("Chrome", "1"))
		for i := range n {
			row := &s1.Risk{CVEID: fmt.Sprintf("CVE-2026-%d", 1000+i), Severity: "HIGH"}
			key := entities.VulnerabilityKey(row)
			found = append(found, entities.Vulnerability.Entity(row), relationships.DeviceHasVulnerability.Between(deviceOf("1"), key, row),
				relationships.ApplicationHasVulnerability.Between(keyOf(application("Chrome", "1"), applications), key, row))
		}
		return found
	}
	keys := func(n int, types ...string) (keys []string) { // of the first n vulnerabilities
		for _, r := range vulnerable(n) {
			if slices.Contains(types, r.Type.Name) {
				keys = append(keys, r.Key)
			}
		}
		return keys
	}
	all := vulnerable(60)
	standard := reconcile.Guard{Percent: 20, Count: 10}
	for name, test := range map[string]struct {
		fresh    []graph.Record
		guard    reconcile.Guard
		withheld map[string]int64
	}{
		"13 of 60":                         {without(all, keys(13, vulnerabilities)...), standard, map[string]int64{}},
		"30 of 60":                         {without(all, keys(30, vulnerabilities)...), standard, map[string]int64{}},
		"40 of 60":                         {without(all, keys(40, vulnerabilities)...), standard, map[string]int64{vulnerabilities: 40}},
		"all":                              {without(all, keys(60, vulnerabilities)...), standard, map[string]int64{vulnerabilities: 60}},
		"40 of 60 where the guard says so": {without(all, keys(40, vulnerabilities)...), reconcile.Guard{Percent: 80, Count: 10}, map[string]int64{}},
		"edges of 13 of 60":                {without(all, keys(13, deviceHasVulnerability, applicationHasVulnerability)...), standard, map[string]int64{}},
		"edges of 40 of 60":                {without(all, keys(40, deviceHasVulnerability, applicationHasVulnerability)...), standard, map[string]int64{deviceHasVulnerability: 40, applicationHasVulnerability: 40}},
	} {
		t.Run(name, func(t *testing.T) {
			o := run{last: all, fresh: test.fresh, guard: test.guard}.do(t)
			withheld := map[string]int64{}
			for _, typ := range []string{vulnerabilities, deviceHasVulnerability, applicationHasVulnerability} {
				if n := o.Types[typ].Withheld; n > 0 {
					withheld[typ] = n
				}
			}
			assert.Equal(t, test.withheld, withheld)
			if withheld[vulnerabilities] > 0 {
				o.assertStays(t)
			}
		})
	}
	o := run{last: manySites(1, 60), fresh: manySites(14, 60), guard: standard}.do(t)
	assert.Equal(t, int64(13), o.Types[sites].Withheld, "of other types the guard's share counts")
}
