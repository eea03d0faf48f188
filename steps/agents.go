package steps

import (
	"context"
	"net/url"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/s1"
)

var agentList = List{
	Path: s1.Agents.Path, Filters: url.Values{"isDecommissioned": {both}, "isUninstalled": {both}}, Scope: byGroup, Ask: "ids",
	NeverEmpty: true,
}

var agents = Step{
	ID:        "agents",
	Name:      "Agents",
	DependsOn: []string{"sites", "groups"},
	Lists:     []List{agentList},
	Types: []*model.Description{
		entities.Agent.Description(),
		entities.Device.Description(),
		entities.User.Description(),
		relationships.GroupHasAgent.Description(),
		relationships.AgentProtectsDevice.Description(),
		relationships.UserOwnsDevice.Description(),
	},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		l := &list[s1.Agent]{
			List:     agentList,
			endpoint: s1.Agents,
			chains:   in.split,
			entity:   entities.Agent.GraphType(),
			moved:    in.lookups.addMoved,
			id:       func(row *s1.Agent) string { return row.ID },
			updated:  func(row *s1.Agent) s1.Time { return row.UpdatedAt },
			records: func(row *s1.Agent, to *made) error {
				entities.UnescapeNames(row)
				in.lookups.addAgent(row)
				addAgentRecords(in.Client.Host(), row, out.tags, to)
				return nil
			},
		}
		if err := l.collect(ctx, in, out); err != nil {
			return err
		}
		return emitOwners(in, out)
	},
	Seed: seedAgents,
}

// addAgentRecords adds all that an agent's row says, except who owns the device: that is known when all agents of the device
// are. host is the console's, and tags are those of every entity.
func addAgentRecords(host string, row *s1.Agent, tags []graph.Property, to *made) {
	key, device := entities.AgentKey(row.ID), entities.DeviceKey(row)
	to.add(entities.Agent.WrittenOn(&to.written[0], host, row, tags), entities.Device.WrittenOn(&to.written[1], "", row, tags))
	to.add(relationships.GroupHasAgent.Between(entities.GroupKey(row.GroupID), key, row))
	if entities.IsProtecting(row) {
		to.add(relationships.AgentProtectsDevice.Between(key, device, row))
	}
	if entities.UserKey(row) != "" {
		to.add(entities.User.WrittenOn(&to.written[2], "", row, tags))
	}
}

func emitOwners(in *Input, out *Emitter) error {
	for device, user := range in.lookups.owners() {
		if user == "" {
			continue
		}
		owns := relationships.UserOwnsDevice.Between(user, device, nil)
		if err := out.Row("owners", device, 0, owns); err != nil {
			return err
		}
	}
	return nil
}
