package alerts

import (
	"maps"
	"slices"
	"strings"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/steps"
)

// kinds are the properties of a type, or of several types together: what values they have. One that differs from type to type
// is graph.AbsentKind: nothing is known of it before it is looked at.
type kinds map[string]graph.ValueKind

// modelType is what rules may know of an entity or relationship type.
type modelType struct {
	*model.Description
	properties kinds
}

// dataModel has all types, by name.
var dataModel = func() map[string]modelType {
	types := make(map[string]modelType)
	for _, d := range steps.Model() {
		m := modelType{d, kinds{}}
		for _, p := range d.Properties {
			m.properties[p.Name] = p.Kind
		}
		types[d.Name] = m
	}
	return types
}()

// placeOf says which properties of a type name where it stands.
func placeOf(typeName string) model.Place {
	if m, known := dataModel[typeName]; known {
		return m.Place
	}
	return model.Place{}
}

// typeNames are the names of the types that fit, sorted.
func typeNames(fits func(*graph.Type) bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(dataModel)) {
		if fits(dataModel[name].Type) {
			names = append(names, name)
		}
	}
	return names
}

func isEntity(t *graph.Type) bool { return !t.Relationship }
func isAny(*graph.Type) bool      { return true }

// propertiesOf are those that at least one of the types has.
func propertiesOf(types []string) kinds {
	all := kinds{}
	for _, name := range types {
		for property, kind := range dataModel[name].properties {
			if known, found := all[property]; found && known != kind {
				kind = graph.AbsentKind
			}
			all[property] = kind
		}
	}
	return all
}

// The types whose entities are told with others, and the properties of a device that posture gives it.
var (
	accountType     = entities.Account.GraphType().Name
	agentType       = entities.Agent.GraphType().Name
	applicationType = entities.Application.GraphType().Name
	deviceType      = entities.Device.GraphType().Name
	groupType       = entities.Group.GraphType().Name
	siteType        = entities.Site.GraphType().Name
	threatType      = entities.Threat.GraphType().Name
	userType        = entities.User.GraphType().Name

	vulnerabilityType = entities.Vulnerability.GraphType().Name

	hasThreatType = relationships.AgentHasThreat.GraphType().Name
	protectsType  = relationships.AgentProtectsDevice.GraphType().Name
	exposesType   = relationships.DeviceHasVulnerability.GraphType().Name
	ownsType      = relationships.UserOwnsDevice.GraphType().Name
)

const (
	compliant = "compliant"
	reasons   = "nonCompliantReasons"
)

// relation is an entity that is told with another one.
type relation int

// The relations. The owner before is there for a relationship between a device and its new owner.
const (
	toAgent relation = iota
	toDevice
	toOwner
	toPreviousOwner
	toGroup
	toSite
	toAccount
	toThreat
	toApplication
	toVulnerability
	relationCount
)

// relations has, for each, what conditions call it and what the type is.
var relations = [relationCount]struct{ name, typeName string }{
	toAgent:         {"agent", agentType},
	toDevice:        {"device", deviceType},
	toOwner:         {"owner", userType},
	toPreviousOwner: {"previousOwner", userType},
	toGroup:         {"group", groupType},
	toSite:          {"site", siteType},
	toAccount:       {"account", accountType},
	toThreat:        {"threat", threatType},
	toApplication:   {"application", applicationType},
	toVulnerability: {"vulnerability", vulnerabilityType},
}

// capital is what templates call it.
func capital(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// relationSet has some of the relations.
type relationSet [relationCount]bool

func (s relationSet) isEmpty() bool { return s == relationSet{} }

func (s relationSet) with(o relationSet) relationSet {
	for i, in := range o {
		s[i] = s[i] || in
	}
	return s
}

// addNamed adds the relation of a name, if there is one of that name.
func (s *relationSet) addNamed(name string) {
	for i, r := range relations {
		if r.name == name {
			s[i] = true
		}
	}
}
