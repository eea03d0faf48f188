package reconcile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
)

// matchRekeyed finds the entities that are there under another key, and takes them out of gone.
func (r *reconciler) matchRekeyed(ctx context.Context, name string, gone map[string]bool) error {
	if len(gone) == 0 {
		return nil
	}
	find := map[string]func(context.Context, map[string]bool) error{
		entities.Device.GraphType().Name: r.matchDevices,
		entities.User.GraphType().Name:   r.matchLocalUsers,
	}[name]
	if find == nil {
		return nil
	}
	if err := find(ctx, gone); err != nil {
		return err
	}
	for key := range gone {
		if r.rekeyed[key] != "" {
			delete(gone, key)
		}
	}
	return nil
}

// matchDevices finds the devices that have another key now, since their agent reports another name or serial number.
func (r *reconciler) matchDevices(ctx context.Context, gone map[string]bool) error {
	created, err := r.created(ctx, entities.Device.GraphType().Name)
	if err != nil {
		return err
	}
	now := r.Tenant.DevicesNow()
	candidates := make(map[string]string)
	err = r.Tenant.DevicesBefore(ctx, func(agentID, before string) {
		key := now[agentID]
		if !gone[before] || !created[key] {
			return
		}
		before = strings.Clone(before)
		r.devicesNow[before] = append(r.devicesNow[before], key)
		if candidates[before] == "" || key < candidates[before] {
			candidates[before] = key
		}
	})
	r.match(candidates)
	return err
}

// matchLocalUsers finds the users who are known on one device only, and whose device has another key now. Where a device
// became several, since its agents turned out to be on machines of their own, each user goes with one of them.
func (r *reconciler) matchLocalUsers(ctx context.Context, gone map[string]bool) error {
	if len(r.rekeyed) == 0 {
		return nil
	}
	created, err := r.created(ctx, entities.User.GraphType().Name)
	if err != nil {
		return err
	}
	devices := make(map[string]string) // of users that are gone
	err = r.eachEdge(ctx, r.placedBy[entities.User.GraphType().Name].Name, func(user, device string) {
		if gone[user] && r.rekeyed[device] != "" {
			devices[strings.Clone(user)] = strings.Clone(device)
		}
	})
	if err != nil {
		return err
	}
	candidates := make(map[string]string)
	for _, keys := range batches(devices) {
		for encoded, err := range r.Last.Fetch(ctx, entities.User.GraphType().Name, keys) {
			if err != nil {
				return err
			}
			user, err := r.decode(encoded)
			if err != nil {
				return err
			}
			before := devices[user.Key]
			for _, name := range user.Get("username").List() {
				if entities.LocalUserKey(before, name) != user.Key {
					continue
				}
				for _, device := range r.devicesNow[before] {
					if key := entities.LocalUserKey(device, name); created[key] && (candidates[user.Key] == "" || key < candidates[user.Key]) {
						candidates[user.Key] = key
					}
				}
			}
		}
	}
	r.match(candidates)
	return nil
}

// carryFollowing is carry for a type that was not read whole: where an end of a relationship has another key now, the
// relationship goes with it, since no row said that it ended.
func (r *reconciler) carryFollowing(ctx context.Context, s *Type, keep func(key string) bool) error {
	last := graph.All(ctx, r.Last, s.Name)
	if len(r.rekeyed) == 0 {
		return r.carry(ctx, s, last, keep)
	}
	follows := graph.Filter(last, func(e graph.Encoded) bool {
		from, to, _ := graph.RelationshipEnds(e.Key)
		return !r.nodes.has(from) && r.rekeyed[from] != "" || !r.nodes.has(to) && r.rekeyed[to] != ""
	})
	moved, release, err := r.Sort(ctx, &s.Written, func(yield func(graph.Record, error) bool) {
		for e, err := range follows {
			var record graph.Record
			if err == nil {
				record, err = r.decode(e)
			}
			if err != nil {
				yield(record, err)
				return
			}
			record.Type = &s.Written
			record.From, record.To = cmp.Or(r.rekeyed[record.From], record.From), cmp.Or(r.rekeyed[record.To], record.To)
			record.Key = graph.RelationshipKey(record.From, s.Class, record.To)
			if !yield(record, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	first := func(one, _ graph.Encoded) (graph.Encoded, error) { return one, nil }
	err = r.carry(ctx, s, graph.Merge(ctx, last, moved, first), keep)
	return errors.Join(err, release())
}

// match pairs each key before with one key now; no key now is taken twice.
func (r *reconciler) match(candidates map[string]string) {
	taken := make(map[string]bool)
	for _, before := range slices.Sorted(maps.Keys(candidates)) {
		if now := candidates[before]; !taken[now] {
			taken[now] = true
			r.rekeyed[before] = now
		}
	}
}

// created are the keys of a type that the last graph does not have.
func (r *reconciler) created(ctx context.Context, name string) (map[string]bool, error) {
	return graph.SetOf(graph.Missing(ctx, r.Draft, r.Last, name))
}
