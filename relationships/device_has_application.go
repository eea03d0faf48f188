package relationships

import (
	"s1graph/entities"
	"s1graph/model"
)

// DeviceHasApplication says which machine an application is installed on, with what differs from one
// installation to the next. Of an installation that is listed twice, the row last updated counts.
var DeviceHasApplication = model.Relationship[entities.Installation]{
	Type:     "sentinelone_device_has_application",
	Class:    has,
	From:     entities.Device.GraphType(),
	To:       entities.Application.GraphType(),
	Step:     "applications",
	Doc:      "The machine that the application is installed on.",
	Subject:  model.From,
	Places:   model.To,
	Revision: 2,
	Rank:     func(i *entities.Installation) model.Rank { return model.Rank{Number: int64(i.UpdatedAt)} },
	Properties: []model.Property[entities.Installation]{
		model.Field[entities.Installation]("installedAt", "When the application was installed."),
		model.Field[entities.Installation]("detectedAt", "When the console first saw the installation.").
			Volatile("moves when the console writes its inventory anew"),
		model.Field[entities.Installation]("updatedAt", "When the console last wrote to the installation.").
			Volatile("moves whenever the console writes to the row, whatever for"),
		model.Field[entities.Installation]("path", "Folder that the application is installed in."),
		model.Field[entities.Installation]("size", "Size in bytes."),
		model.Field[entities.Installation]("signed", "Whether the application is signed."),
	},
}.Define()
