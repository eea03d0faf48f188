package steps

import (
	"context"
	"maps"
	"slices"
	"sync"

	"s1graph/entities"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/s1"
)

var threatList = List{Path: s1.Threats.Path, Scope: byGroup, Ask: "ids"}

var threats = Step{
	ID:        "threats",
	Name:      "Threats",
	DependsOn: []string{"agents"},
	ReadAlone: true,
	Lists:     []List{threatList},
	Types:     []*model.Description{entities.Threat.Description(), relationships.AgentHasThreat.Description()},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		var strange ofUnknownAgents
		l := &list[s1.Threat]{
			List:     threatList,
			endpoint: s1.Threats,
			chains:   in.split,
			entity:   entities.Threat.GraphType(),
			id:       func(row *s1.Threat) string { return row.ID },
			updated: func(row *s1.Threat) s1.Time {
				if row.ThreatInfo == nil {
					return 0
				}
				return row.ThreatInfo.UpdatedAt
			},
			records: func(row *s1.Threat, to *made) error {
				to.add(entities.Threat.EntityOn(in.Client.Host(), row))
				id, uuid := entities.AgentOfThreat(row)
				if id == "" {
					id = in.lookups.agentWith(uuid)
				}
				if in.lookups.device(id, "") == "" {
					strange.add(row, id == "")
				}
				if id != "" {
					to.add(relationships.AgentHasThreat.Between(entities.AgentKey(id), entities.ThreatKey(row.ID), row))
				}
				return nil
			},
		}
		if err := l.collect(ctx, in, out); err != nil {
			return err
		}
		return strange.settle(ctx, in, out)
	},
}

// ofUnknownAgents are threats of agents that nobody has read yet.
type ofUnknownAgents struct {
	mu       sync.Mutex
	keys     map[string]bool
	withUUID []s1.Threat // those that name no ID
}

func (u *ofUnknownAgents) add(row *s1.Threat, namesNoID bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.keys == nil {
		u.keys = make(map[string]bool)
	}
	u.keys[entities.ThreatKey(row.ID)] = true
	if namesNoID {
		u.withUUID = append(u.withUUID, *row) // copied, since the memory of its page is used again
	}
}

// settle has the agents read where one of the threats is new: agents that are gone have threats for ever. Those that name a
// UUID alone are put to their agents when that is done.
func (u *ofUnknownAgents) settle(ctx context.Context, in *Input, out *Emitter) error {
	known := 0
	for _, err := range in.Last.Fetch(ctx, entities.Threat.GraphType().Name, slices.Sorted(maps.Keys(u.keys))) {
		if err != nil {
			return err
		}
		known++
	}
	put := func() error {
		for i := range u.withUUID {
			row := &u.withUUID[i]
			_, uuid := entities.AgentOfThreat(row)
			id := in.lookups.agentWith(uuid)
			if id == "" {
				out.Dangling(relationships.AgentHasThreat.GraphType())
				continue
			}
			edge := relationships.AgentHasThreat.Between(entities.AgentKey(id), entities.ThreatKey(row.ID), row)
			if err := out.Row("threats by UUID", row.ID, 0, edge); err != nil {
				return err
			}
		}
		return nil
	}
	if known < len(u.keys) && in.wanted.isResting(agents.ID) {
		in.wanted.add(agents.ID, put)
		return nil
	}
	return put()
}
