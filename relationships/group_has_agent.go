package relationships

import (
	"s1graph/entities"
	"s1graph/s1"
)

// GroupHasAgent says which group an agent is in.
var GroupHasAgent = define(Kind[s1.Agent]{
	Type:     "sentinelone_group_has_agent",
	Class:    has,
	From:     entities.Group.GraphType(),
	To:       entities.Agent.GraphType(),
	Step:     "agents",
	Doc:      "The group that the agent is in.",
	Subject:  To,
	Revision: 1,
})
