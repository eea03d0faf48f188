package main

import (
	"context"
	"iter"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/steps"
)

// declared is what the data model declares.
var declared = func() map[string][]string {
	names := map[string][]string{}
	for _, d := range steps.Entities() {
		for _, p := range d.Properties {
			names[d.Type.Name] = append(names[d.Type.Name], p.Name)
		}
	}
	for _, d := range steps.Relationships() {
		for _, p := range d.Properties {
			names[d.Type.Name] = append(names[d.Type.Name], p.Name)
		}
	}
	return names
}()

// altered is a graph of which some records are others, and some are gone.
type altered struct {
	graph.Snapshot
	records map[string]map[string]*graph.Encoded // by type and key; nil is gone
}

// alter makes a graph of another. change says of each record, told its number in its type, whether it changes it, and
// whether it stays.
func alter(ctx context.Context, g graph.Snapshot, change func(r *graph.Record, number int) (changed, stays bool)) (graph.Snapshot, error) {
	a := altered{g, map[string]map[string]*graph.Encoded{}}
	types := graph.TypesByName(g)
	for _, t := range g.Types() {
		a.records[t.Name] = map[string]*graph.Encoded{}
		number := 0
		for e, err := range graph.All(ctx, g, t.Name) {
			if err != nil {
				return nil, err
			}
			r, err := graph.Decode(e.JSON, types)
			if err != nil {
				return nil, err
			}
			switch changed, stays := change(&r, number); {
			case !stays:
				a.records[t.Name][r.Key] = nil
			case changed:
				e := graph.Encode(&r)
				a.records[t.Name][r.Key] = &e
			}
			number++
		}
	}
	return a, nil
}

// touchAgents moves every agent's lastActiveDate, which is volatile.
func touchAgents(r *graph.Record, number int) (changed, stays bool) {
	if r.Type.Name != entities.Agent.GraphType().Name {
		return false, true
	}
	r.Set("lastActiveDate", graph.Int(r.Get("lastActiveDate").Int64()+60_000))
	return true, true
}

// changeOnePercent changes each hundredth record; of the relationships every other one of these goes instead.
func changeOnePercent(r *graph.Record, number int) (changed, stays bool) {
	switch {
	case number%100 != 0:
		return false, true
	case r.Type.Relationship && number%200 == 0:
		return false, false
	}
	r.Set("displayName", graph.String(r.Get("displayName").Text()+", changed"))
	return true, true
}

func (a altered) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return func(yield func(graph.KeyDigest, error) bool) {
		for d, err := range a.Snapshot.Digests(ctx, typeName) {
			if e, ok := a.records[typeName][d.Key]; ok {
				if e == nil {
					continue
				}
				d = e.KeyDigest
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

func (a altered) Fetch(ctx context.Context, typeName string, keys []string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		var others []string
		var own []graph.Encoded
		for _, key := range keys {
			if e, ok := a.records[typeName][key]; !ok {
				others = append(others, key)
			} else if e != nil {
				own = append(own, *e)
			}
		}
		for e, err := range a.Snapshot.Fetch(ctx, typeName, others) {
			if err != nil {
				yield(e, err)
				return
			}
			e.Key, e.JSON = strings.Clone(e.Key), slices.Clone(e.JSON)
			own = append(own, e)
		}
		slices.SortFunc(own, func(a, b graph.Encoded) int { return strings.Compare(a.Key, b.Key) })
		for _, e := range own {
			if !yield(e, nil) {
				return
			}
		}
	}
}
