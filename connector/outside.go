package connector

import (
	"context"
	"maps"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/relationships"
)

// findOutside adds to outside what this run's rows do not tell all about, of one type. Of what has a list
// of its own these are the missing things that say that they belong elsewhere. Of what is made of others,
// it is all that has to do with an agent outside, missing or not.
func (r *resolver) findOutside(ctx context.Context, name string, missing map[string]bool) error {
	switch name {
	case entities.Device.GraphType().Name:
		return r.in.DevicesBefore(ctx, func(agentID, device string) {
			if r.outside[entities.AgentKey(agentID)] {
				r.outside[strings.Clone(device)] = true
			}
		})
	case entities.User.GraphType().Name:
		return r.findOutsideOf(ctx, relationships.UserOwnsDevice.GraphType().Name, missing, func(from, to string) (thing, device string) {
			return from, to
		})
	case entities.Application.GraphType().Name:
		return r.findOutsideOf(ctx, relationships.DeviceHasApplication.GraphType().Name, missing, func(from, to string) (thing, device string) {
			return to, from
		})
	}
	for _, keys := range batches(missing) {
		for encoded, err := range r.last.Fetch(ctx, name, keys) {
			if err != nil {
				return err
			}
			record, err := r.decode(encoded)
			if err != nil {
				return err
			}
			if r.in.Outside(&record) {
				r.outside[record.Key] = true
			}
		}
	}
	return nil
}

// findOutsideOf finds the users or applications of devices outside, by their relationship. A missing one
// that has none cannot be judged, and counts as outside.
func (r *resolver) findOutsideOf(ctx context.Context, relationship string, missing map[string]bool, sort func(from, to string) (thing, device string)) error {
	unrelated := maps.Clone(missing)
	err := r.eachEdge(ctx, relationship, func(from, to string) {
		thing, device := sort(from, to)
		delete(unrelated, thing)
		if r.outside[device] {
			r.outside[strings.Clone(thing)] = true
		}
	})
	for key := range unrelated {
		r.outside[key] = true
	}
	return err
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
