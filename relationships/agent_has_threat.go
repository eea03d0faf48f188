package relationships

import (
	"s1graph/entities"
	"s1graph/s1"
)

// AgentHasThreat says which agent found a threat.
var AgentHasThreat = define(Kind[s1.Threat]{
	Type:     "sentinelone_agent_has_threat",
	Class:    has,
	From:     entities.Agent.GraphType(),
	To:       entities.Threat.GraphType(),
	Step:     "threats",
	Doc:      "The agent that found the threat.",
	Subject:  To,
	Revision: 1,
})
