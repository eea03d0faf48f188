package connector

import (
	"context"
	"maps"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
)

// findOutside adds to outside what this run's rows do not tell all about, of one type. Of what has a list
// of its own these are the missing things that say that they belong elsewhere, unless it was accepted that those
// go. Of what is made of others, it is all that has to do with an agent outside, missing or not.
func (r *resolver) findOutside(ctx context.Context, s *typeState, missing map[string]bool) error {
	accepted := func(key string) bool { return s.readWhole() && r.accepted.hasOutOfScope(s.Name, key) }
	if placedBy[s.Name] != nil {
		unrelated := maps.Clone(missing)
		err := r.eachSource(ctx, s.Name, func(source, key string) {
			delete(unrelated, key)
			if r.outside[source] {
				r.outside[strings.Clone(key)] = true
			}
		})
		if s.Name != entities.Device.GraphType().Name {
			for key := range unrelated { // they cannot be judged
				if !accepted(key) {
					r.outside[key] = true
				}
			}
		}
		return err
	}
	for _, keys := range batches(missing) {
		for encoded, err := range r.last.Fetch(ctx, s.Name, keys) {
			if err != nil {
				return err
			}
			record, err := r.decode(encoded)
			if err != nil {
				return err
			}
			if r.in.OutOfScope(&record) && !accepted(record.Key) {
				r.outside[record.Key] = true
			}
		}
	}
	return nil
}

// eachSource calls each with what a thing was made of in the last graph, and the thing: the agents of devices, and
// the devices of users and applications.
func (r *resolver) eachSource(ctx context.Context, name string, each func(source, key string)) error {
	d := placedBy[name]
	switch {
	case d == nil:
		return nil
	case name == entities.Device.GraphType().Name: // a device also names agents that no longer protect it
		return r.in.DevicesBefore(ctx, func(agentID, device string) { each(entities.AgentKey(agentID), device) })
	case d.Places == model.From:
		return r.eachEdge(ctx, d.Name, func(from, to string) { each(to, from) })
	}
	return r.eachEdge(ctx, d.Name, each)
}

// eachEdge calls each with the ends of every relationship of a type in the last graph.
func (r *resolver) eachEdge(ctx context.Context, name string, each func(from, to string)) error {
	for d, err := range r.last.Digests(ctx, name) {
		if err != nil {
			return err
		}
		from, to, _ := graph.RelationshipEnds(d.Key)
		each(from, to)
	}
	return nil
}

// batches are the keys in ascending order, as many at once as are fetched together.
func batches[V any](keys map[string]V) [][]string {
	return slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(keys)), 500))
}
