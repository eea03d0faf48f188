package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
)

// UserOwnsDevice says whose a machine is.
var UserOwnsDevice = model.Relationship[s1.Agent]{
	Type:     "sentinelone_user_owns_device",
	Class:    owns,
	From:     entities.User.GraphType(),
	To:       entities.Device.GraphType(),
	Step:     "agents",
	Doc:      "Whose the machine is: the person who logged in last, as far as the agent tells.",
	Subject:  model.To,
	Places:   model.From,
	Revision: 2,
}.Define()
