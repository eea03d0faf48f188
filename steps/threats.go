package steps

import (
	"context"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/s1"
)

var threatList = List{Path: s1.Threats.Path, Scope: byGroup, Ask: "ids"}

var threats = Step{
	ID:        "threats",
	Name:      "Threats",
	DependsOn: []string{"agents"},
	Lists:     []List{threatList},
	Types:     []*model.Description{entities.Threat.Description(), relationships.AgentHasThreat.Description()},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
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
			records: func(row *s1.Threat) []graph.Record {
				records := []graph.Record{entities.Threat.EntityOn(in.Client.Host(), row)}
				id, uuid := entities.AgentOfThreat(row)
				if id == "" {
					id = in.lookups.agentWith(uuid)
				}
				if id == "" {
					out.Dangling(relationships.AgentHasThreat.GraphType())
					return records
				}
				return append(records, relationships.AgentHasThreat.Between(entities.AgentKey(id), entities.ThreatKey(row.ID), row))
			},
		}
		return l.collect(ctx, in, out)
	},
}
