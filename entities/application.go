package entities

import (
	"cmp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
)

// Installation is one application on one agent, whichever of the two sources it was read from.
type Installation struct {
	ID        string // of the row
	AgentID   string // "" where the source has none
	AgentUUID string

	Name      string
	Publisher string
	Version   string
	Type      string // app, kb, patch, chromeExtension…; the inventory has none
	OSType    string
	CPE       string // the inventory's alone
	RiskLevel string // the inventory has none

	Path        string // the inventory's alone
	Size        s1.Int // bytes
	Signed      s1.Flag
	InstalledAt s1.Time
	DetectedAt  s1.Time // when the console first saw it
	UpdatedAt   s1.Time
}

// ApplicationFacts are the part of an installation that the application itself is made of. They are comparable.
type ApplicationFacts struct {
	Name, Publisher, Version, Type, OSType, CPE, RiskLevel string
}

// Application is the part of i that the application is made of.
func (i *Installation) Application() ApplicationFacts {
	return ApplicationFacts{i.Name, i.Publisher, i.Version, i.Type, i.OSType, i.CPE, i.RiskLevel}
}

// Installation is one with these facts and nothing else: the record of the application is made of it.
func (f ApplicationFacts) Installation() *Installation {
	return &Installation{
		Name: f.Name, Publisher: f.Publisher, Version: f.Version, Type: f.Type, OSType: f.OSType, CPE: f.CPE, RiskLevel: f.RiskLevel,
	}
}

// FromInstalled makes an Installation of a row of /installed-applications.
func FromInstalled(row *s1.InstalledApplication) Installation {
	return Installation{
		ID:          row.ID,
		AgentID:     row.AgentID,
		AgentUUID:   row.AgentUUID,
		Name:        unescaped(row.Name),
		Publisher:   unescaped(row.Publisher),
		Version:     row.Version,
		Type:        row.Type,
		OSType:      row.OSType,
		RiskLevel:   row.RiskLevel,
		Size:        row.Size,
		Signed:      row.Signed,
		InstalledAt: row.InstalledAt,
		DetectedAt:  row.CreatedAt,
		UpdatedAt:   row.UpdatedAt,
	}
}

// FromInventory makes an Installation of an application of /application-management/inventory and an
// endpoint that /application-management/inventory/endpoints says it is installed on.
func FromInventory(app *s1.InventoryApplication, e *s1.InventoryEndpoint) Installation {
	return Installation{
		ID:          e.ID,
		AgentID:     e.EndpointID,
		AgentUUID:   e.EndpointUUID,
		Name:        unescaped(cmp.Or(e.ApplicationName, app.ApplicationName)),
		Publisher:   unescaped(app.ApplicationVendor),
		Version:     e.Version,
		OSType:      e.OSType,
		CPE:         string(e.Cpe),
		Path:        e.ApplicationInstallationPath,
		Size:        e.FileSize,
		InstalledAt: e.ApplicationInstallationDate,
		DetectedAt:  e.DetectionDate,
	}
}

// Application is a version of an application, however many machines it is installed on.
var Application = model.Entity[Installation]{
	Type:   applicationType,
	Class:  "Application",
	Step:   "applications",
	Source: "/installed-applications, or /application-management/inventory with its /endpoints",
	Doc: "A version of an application, browser extension or patch. What differs from installation to installation stands on " +
		"the relationship sentinelone_device_has_application.",
	KeyDoc:   "a hash of name, publisher, version, type and osType",
	Revision: 2,
	Card:     []string{"riskLevel", "publisher"},
	List:     []string{"riskLevel", "publisher", "version", "osType", "#sentinelone_device"},
	Search:   []string{"cpe", "publisher"},
	Key:      ApplicationKey,
	Properties: []model.Property[Installation]{
		model.Text("name", "Name of the application; the key, where the console tells none.",
			applicationName).Required(),
		model.Text("displayName", "Name and version.", func(i *Installation) string {
			return strings.TrimSpace(applicationName(i) + " " + i.Version)
		}).Required(),
		installationField("publisher", "Who made the application."),
		installationField("version", "Version of the application."),
		installationField("type", "app, kb, patch, chromeExtension, edgeExtension, firefoxExtension or safariExtension."),
		installationField("osType", "Operating system that it is for: windows, macos, linux or windows_legacy."),
		installationField("riskLevel", "Risk of the application's vulnerabilities: none, low, medium, high or critical.").Combined(HighestRisk),
		installationField("cpe", "Common Platform Enumeration name.").Combined(model.Greatest),
	},
}.Define()

var installationField = model.Field[Installation]

const applicationType = "sentinelone_application"

// ApplicationKey is the key of the application that i is an installation of: the same for the same
// name, publisher, version, type and osType.
func ApplicationKey(i *Installation) string {
	return hashKey(applicationType, i.Name, i.Publisher, i.Version, i.Type, i.OSType)
}

func applicationName(i *Installation) string {
	if i.Name == "" {
		return ApplicationKey(i)
	}
	return i.Name
}

// HighestRisk is how the severities of several rows become one.
var HighestRisk = model.HighestOf("the highest", "none", "low", "medium", "high", "critical")

// ApplicationName tells an application as rows do that know no type of it. It is comparable.
type ApplicationName struct{ os, name, publisher, version string }

func applicationNameOf(os, name, publisher, version string) ApplicationName {
	return ApplicationName{os, norm.NFC.String(name), norm.NFC.String(publisher), norm.NFC.String(version)}
}

// IsNameless says whether it tells nothing: rows that name no application are about different ones.
func (n ApplicationName) IsNameless() bool { return n.name == "" }

// InstalledAs is how the application of an installation is told.
func InstalledAs(i *Installation) ApplicationName {
	return applicationNameOf(i.OSType, i.Name, i.Publisher, i.Version)
}

// RecordedAs is InstalledAs of the application's record.
func RecordedAs(application *graph.Record) ApplicationName {
	name := application.Get("name").Text()
	if name == application.Key { // it has none
		name = ""
	}
	return applicationNameOf(application.Get("osType").Text(), name, application.Get("publisher").Text(), application.Get("version").Text())
}
