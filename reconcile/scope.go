package reconcile

import (
	"context"
	"maps"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
)

// findOutOfScope adds to outOfScope the entities of a type that this run's rows do not tell all of. Where the type says where
// its entities stand, these are the missing ones that stand elsewhere, unless somebody accepted that they go. Where another
// type places it, these are all that have to do with an agent out of scope, missing or not.
func (r *reconciler) findOutOfScope(ctx context.Context, s *Type, missing map[string]bool) error {
	accepted := func(key string) bool { return s.ReadWhole() && r.Accepted.hasOutOfScope(s.Name, key) }
	if d := r.placedBy[s.Name]; d != nil {
		unrelated := maps.Clone(missing)
		ownList := len(r.derivedFrom[s.Name]) == 0
		inDoubt := ownList && r.types[placing(d)].Incomplete // an agent that was not read may have moved
		err := r.eachSource(ctx, s.Name, func(source, key string) {
			delete(unrelated, key)
			if r.outOfScope[source] || r.moved[source] || inDoubt && r.unread[source] {
				r.outOfScope[strings.Clone(key)] = true
			}
			// While a type is skipped, it stays what it was: other devices that were read may have it too.
			if r.untold[s.Step][source] && !accepted(key) && (!s.Skipped || r.MayBeOutOfScope(s.Name, key)) {
				r.outOfScope[strings.Clone(key)] = true
			}
		})
		if ownList {
			for key := range unrelated {
				if r.MayBeOutOfScope(s.Name, key) && !accepted(key) {
					r.outOfScope[key] = true
				}
			}
		}
		return err
	}
	return r.eachOf(ctx, s.Name, missing, func(record *graph.Record) {
		if r.Tenant.OutOfScope(record) && !accepted(record.Key) {
			r.outOfScope[record.Key] = true
		}
	})
}

// findUntold finds, for each step, the devices that its rows do not tell of, and what else stands where these devices stand.
func (r *reconciler) findUntold(ctx context.Context) error {
	for _, d := range r.Model {
		if r.untold[d.Step] != nil {
			continue
		}
		devices, err := r.Tenant.DevicesUnread(ctx, d.Step)
		if err != nil {
			return err
		}
		untold := maps.Clone(devices)
		for _, other := range r.placedBy {
			if len(devices) == 0 || other.Step == d.Step || other.From != entities.Device.GraphType().Name {
				continue
			}
			err := r.eachEdge(ctx, other.Name, func(device, key string) {
				if devices[device] {
					untold[strings.Clone(key)] = true
				}
			})
			if err != nil {
				return err
			}
		}
		r.untold[d.Step] = untold
	}
	return nil
}

// findNotAsked adds to outOfScope the entities of a type that the configuration no longer asks for, unless somebody accepted
// that they go.
func (r *reconciler) findNotAsked(ctx context.Context, s *Type, missing map[string]bool) error {
	isNotAsked := r.Tenant.NotAsked(s.Name)
	if isNotAsked == nil {
		return nil
	}
	return r.eachOf(ctx, s.Name, missing, func(record *graph.Record) {
		if isNotAsked(record) && !(s.ReadWhole() && r.Accepted.hasOutOfScope(s.Name, record.Key)) {
			r.outOfScope[record.Key], r.notAsked[record.Key] = true, true
		}
	})
}

// eachOf calls each with those records of the last graph that have the keys.
func (r *reconciler) eachOf(ctx context.Context, name string, keys map[string]bool, each func(*graph.Record)) error {
	for _, some := range batches(keys) {
		for encoded, err := range r.Last.Fetch(ctx, name, some) {
			if err != nil {
				return err
			}
			record, err := r.decode(encoded)
			if err != nil {
				return err
			}
			each(&record)
		}
	}
	return nil
}

// eachSource calls each with the source of a thing in the last graph, and the thing: the agents of devices and users, and
// the devices of applications.
func (r *reconciler) eachSource(ctx context.Context, name string, each func(source, key string)) error {
	d := r.placedBy[name]
	ofAgents := func(agentID, key string) { each(entities.AgentKey(agentID), key) }
	switch {
	case d == nil:
		return nil
	case name == entities.Device.GraphType().Name: // a device also names agents that no longer protect it
		return r.Tenant.DevicesBefore(ctx, ofAgents)
	case name == entities.User.GraphType().Name: // an agent also names users who own nothing
		return r.Tenant.UsersBefore(ctx, ofAgents)
	}
	return r.eachEdge(ctx, d.Name, each)
}

// eachEdge calls each with the ends of every relationship of a type in the last graph.
func (r *reconciler) eachEdge(ctx context.Context, name string, each func(from, to string)) error {
	for d, err := range r.Last.Digests(ctx, name) {
		if err != nil {
			return err
		}
		from, to, _ := graph.RelationshipEnds(d.Key)
		each(from, to)
	}
	return nil
}

// someKeys are as many as are fetched together.
const someKeys = 500

// batches are the keys in ascending order, as many at once as are fetched together.
func batches[V any](keys map[string]V) [][]string {
	return slices.Collect(slices.Chunk(slices.Sorted(maps.Keys(keys)), someKeys))
}
