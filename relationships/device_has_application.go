package relationships

import (
	"s1graph/entities"
	"s1graph/model"
	"s1graph/s1"
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
	Properties: []model.Property[entities.Installation]{ // without model.Field: there are more of these than of all others together
		model.Moment("installedAt", "When the application was installed.", func(i *entities.Installation) s1.Time { return i.InstalledAt }),
		model.Moment("detectedAt", "When the console first saw the installation.", func(i *entities.Installation) s1.Time { return i.DetectedAt }).
			Volatile("moves when the console writes its inventory anew"),
		model.Moment("updatedAt", "When the console last wrote to the installation.", func(i *entities.Installation) s1.Time { return i.UpdatedAt }).
			Volatile("moves whenever the console writes to the row, whatever for"),
		model.Text("path", "Folder that the application is installed in.", func(i *entities.Installation) string { return i.Path }),
		model.Whole("size", "Size in bytes.", func(i *entities.Installation) s1.Int { return i.Size }),
		model.Flag("signed", "Whether the application is signed.", func(i *entities.Installation) s1.Flag { return i.Signed }),
	},
}.Define()
