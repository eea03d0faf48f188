package relationships

import (
	"s1graph/entities"
	"s1graph/s1"
)

// DeviceHasApplication says which machine an application is installed on, with what differs from one
// installation to the next. Of an installation that is listed twice, the row last updated counts.
var DeviceHasApplication = define(Kind[entities.Installation]{
	Type:     "sentinelone_device_has_application",
	Class:    has,
	From:     entities.Device.GraphType(),
	To:       entities.Application.GraphType(),
	Step:     "applications",
	Doc:      "The machine that the application is installed on.",
	Subject:  From,
	Revision: 1,
	Rank:     func(i *entities.Installation) int64 { return int64(i.UpdatedAt) },
	Properties: []entities.Property[entities.Installation]{
		entities.Moment("installedAt", "When the application was installed.",
			func(i *entities.Installation) s1.Time { return i.InstalledAt }),
		entities.Moment("detectedAt", "When the console first saw the installation.",
			func(i *entities.Installation) s1.Time { return i.DetectedAt }).
			Volatile("moves when the console writes its inventory anew"),
		entities.Moment("updatedAt", "When the console last wrote to the installation.",
			func(i *entities.Installation) s1.Time { return i.UpdatedAt }).
			Volatile("moves whenever the console writes to the row, whatever for"),
		entities.Text("path", "Folder that the application is installed in.",
			func(i *entities.Installation) string { return i.Path }),
		entities.Whole("size", "Size in bytes.",
			func(i *entities.Installation) s1.Int { return i.Size }),
		entities.Flag("signed", "Whether the application is signed.",
			func(i *entities.Installation) s1.Flag { return i.Signed }),
	},
})
