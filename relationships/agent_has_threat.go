package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

// AgentHasThreat says which agent found a threat.
var AgentHasThreat = model.Relationship[s1.Threat]{
	Type:     "sentinelone_agent_has_threat",
	Class:    has,
	From:     entities.Agent.GraphType(),
	To:       entities.Threat.GraphType(),
	Step:     "threats",
	Doc:      "The agent that found the threat.",
	Subject:  model.To,
	Revision: 2,
}.Define()
