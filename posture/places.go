package posture

import (
	"context"
	"maps"
	"slices"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/relationships"
)

// Place says where a device is, and whose it is, by names.
type Place struct {
	Site   string   // of the agent that the device is evaluated by
	Owners []string // sorted
}

// Places finds the places of devices by their keys. In memory it holds about 300 bytes a device.
func Places(ctx context.Context, g graph.Snapshot, devices map[string]bool) (map[string]Place, error) {
	places := map[string]Place{}
	ranks := map[string]model.Rank{}
	err := eachEnd(ctx, g, protectsType, agentType, []string{"id", "lastActiveDate", "siteName"}, devices, func(device string, agent *graph.Record) {
		rank := rankOf(agent)
		if other, seen := ranks[device]; seen && rank.Compare(other) < 0 {
			return
		}
		ranks[device] = rank
		places[device] = Place{Site: agent.Get("siteName").Text()}
	})
	if err != nil {
		return nil, err
	}
	owns, user := relationships.UserOwnsDevice.GraphType().Name, entities.User.GraphType().Name
	err = eachEnd(ctx, g, owns, user, []string{"displayName"}, devices, func(device string, user *graph.Record) {
		place := places[device]
		place.Owners = append(place.Owners, user.Get("displayName").Text())
		slices.Sort(place.Owners)
		places[device] = place
	})
	return places, err
}

// eachEnd calls visit with each of the devices at which relationships of a type end, and what is picked of the record at which
// the relationship begins.
func eachEnd(ctx context.Context, g graph.Snapshot, relationship, from string, wanted []string, devices map[string]bool, visit func(device string, r *graph.Record)) error {
	picked := map[string]bool{}
	for _, name := range wanted {
		picked[name] = true
	}
	for keys, err := range graph.Chunks(graph.Keys(ctx, g, relationship), batch) {
		if err != nil {
			return err
		}
		ends := endsOf(keys)
		for encoded, err := range g.Fetch(ctx, from, slices.Sorted(maps.Keys(ends))) {
			if err != nil {
				return err
			}
			r, err := graph.Pick(encoded, picked)
			if err != nil {
				return err
			}
			for _, device := range ends[r.Key] {
				if devices[device] {
					visit(device, &r)
				}
			}
		}
	}
	return nil
}

// endsOf are the devices at which relationships end, by where these begin.
func endsOf(relationships []string) map[string][]string {
	ends := map[string][]string{}
	for _, key := range relationships {
		if from, device, ok := graph.RelationshipEnds(key); ok {
			ends[from] = append(ends[from], device)
		}
	}
	return ends
}

// rankOf ranks agents: the one of the greatest rank says what its device is like.
func rankOf(agent *graph.Record) model.Rank {
	return entities.AgentRank(agent.Get("lastActiveDate").Int64(), agent.Get("id").Text())
}
