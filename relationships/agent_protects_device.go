package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

// AgentProtectsDevice says which machine an agent guards.
var AgentProtectsDevice = model.Relationship[s1.Agent]{
	Type:     "sentinelone_agent_protects_device",
	Class:    protects,
	From:     entities.Agent.GraphType(),
	To:       entities.Device.GraphType(),
	Step:     "agents",
	Doc:      "The machine that the agent is on. Agents that are decommissioned or uninstalled protect nothing: they are in the device's formerAgentIds.",
	Subject:  model.From,
	Places:   model.To,
	Revision: 2,
}.Define()
