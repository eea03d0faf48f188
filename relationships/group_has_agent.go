package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

// GroupHasAgent says which group an agent is in.
var GroupHasAgent = model.Relationship[s1.Agent]{
	Type:     "sentinelone_group_has_agent",
	Class:    has,
	From:     entities.Group.GraphType(),
	To:       entities.Agent.GraphType(),
	Step:     "agents",
	Doc:      "The group that the agent is in.",
	Subject:  model.To,
	Revision: 1,
}.Define()
