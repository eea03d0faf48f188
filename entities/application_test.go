package entities_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/s1"
)

func TestBothSourcesOfApplicationsGiveInstallations(t *testing.T) {
	assert.Equal(t, entities.Installation{
		ID: "1", AgentID: "2", AgentUUID: "3", Name: "Chrome", Publisher: "Google", Version: "120", Type: "app", OSType: "windows",
		RiskLevel: "high", Size: s1.Int{Value: 9, Known: true}, Signed: s1.True, InstalledAt: 5, DetectedAt: 6, UpdatedAt: 7,
	}, entities.FromInstalled(&s1.InstalledApplication{
		ID: "1", AgentID: "2", AgentUUID: "3", Name: "Chrome", Publisher: "Google", Version: "120", Type: "app", OSType: "windows",
		RiskLevel: "high", Size: s1.Int{Value: 9, Known: true}, Signed: s1.True, InstalledAt: 5, CreatedAt: 6, UpdatedAt: 7,
	}))
	assert.Equal(t, entities.Installation{
		ID: "1", AgentID: "2", AgentUUID: "3", Name: "Chrome", Publisher: "Google", Version: "120", OSType: "windows", CPE: "cpe:2.3:a",
		Path: `C:\Chrome`, Size: s1.Int{Value: 9, Known: true}, InstalledAt: 5, DetectedAt: 6,
	}, entities.FromInventory(
		&s1.InventoryApplication{ApplicationName: "Chrome", ApplicationVendor: "Google"},
		&s1.InventoryEndpoint{ID: "1", EndpointID: "2", EndpointUUID: "3", Version: "120", OSType: "windows", Cpe: "cpe:2.3:a",
			ApplicationInstallationPath: `C:\Chrome`, FileSize: s1.Int{Value: 9, Known: true}, ApplicationInstallationDate: 5, DetectionDate: 6},
	))
}

func TestAnApplicationIsShownWithItsVersion(t *testing.T) {
	r := entities.Application.Entity(&entities.Installation{Name: "Chrome", Version: "120"})
	assert.Equal(t, "Chrome", r.Get("name").Text())
	assert.Equal(t, "Chrome 120", r.Get("displayName").Text())
	r = entities.Application.Entity(&entities.Installation{})
	assert.Equal(t, r.Key, r.Get("name").Text(), "one without a name has its key")
}

func TestAnApplicationIsMadeOfNothingThatDiffersBetweenItsInstallations(t *testing.T) {
	for _, row := range append(awkwardInstallations(), populated[entities.Installation]()) {
		assert.Equal(t, entities.Application.Entity(row), entities.Application.Entity(row.Application().Installation()))
	}
}
