package entities_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/s1"
	"s1graph/steps"
)

func TestTypesAndWhatIsVolatileAreSorted(t *testing.T) {
	var names []string
	for _, typ := range steps.Entities() {
		names = append(names, typ.Name)
		assert.True(t, slices.IsSorted(typ.Volatile))
	}
	assert.True(t, slices.IsSorted(names))
}

func TestEveryTypeAndPropertyIsDocumented(t *testing.T) {
	for _, d := range steps.Entities() {
		for _, text := range []string{d.Doc, d.Key, d.Source, d.Type.Step} {
			assert.NotEmpty(t, text, d.Type.Name)
		}
		assert.Positive(t, d.Revision, d.Type.Name)
		for _, p := range d.Properties {
			assert.Regexp(t, `^\S.*\.$`, p.Doc, "%s.%s", d.Type.Name, p.Name)
			assert.NotContains(t, p.Doc, "\n", "%s.%s: one line", d.Type.Name, p.Name)
		}
	}
}

func TestNoSecretIsAProperty(t *testing.T) {
	for _, d := range steps.Entities() {
		for _, p := range d.Properties {
			name := strings.ToLower(p.Name)
			for _, secret := range []string{"token", "licensekey", "passphrase", "password", "arguments", "commandline"} {
				assert.NotContains(t, name, secret, d.Type.Name)
			}
		}
	}
}

func TestRecordsHaveTheDescribedPropertiesInOrder(t *testing.T) {
	for _, d := range steps.Entities() {
		seen := map[string]bool{}
		for _, r := range fixedRecords()[d.Type.Name] {
			require.True(t, slices.IsSortedFunc(r.Properties, func(a, b graph.Property) int { return strings.Compare(a.Name, b.Name) }))
			for _, p := range r.Properties {
				seen[p.Name] = true
				i := slices.IndexFunc(d.Properties, func(q model.PropertyDescription) bool { return q.Name == p.Name })
				if strings.HasPrefix(p.Name, "tag.") {
					assert.NotEmpty(t, d.Tags)
					continue
				}
				require.GreaterOrEqual(t, i, 0, p.Name)
				if !p.Value.Equal(graph.Null()) {
					assert.Equal(t, d.Properties[i].Kind, p.Value.Kind(), "%s.%s", d.Type.Name, p.Name)
				}
			}
		}
		for _, p := range d.Properties {
			assert.True(t, seen[p.Name], "no row gives %s.%s a value", d.Type.Name, p.Name)
		}
	}
}

func TestWhatIsUnknownIsAbsent(t *testing.T) {
	r := entities.Agent.Entity(&s1.Agent{ID: "1"})
	names := make([]string, len(r.Properties))
	for i, p := range r.Properties {
		names[i] = p.Name
	}
	assert.Equal(t, []string{"displayName", "function", "id", "lastSeenOn", "name"}, names)
}

// fieldsLeftOut are the fields of the models that become no property, each with the reason.
var fieldsLeftOut = map[string]string{
	"Licenses.Bundles0.MajorVersion":  "the vendor's price list",
	"Licenses.Bundles0.MinorVersion":  "the vendor's price list",
	"Licenses.Bundles0.TotalSurfaces": "the number of licenseSurfaces",
	"Licenses.Bundles0.Name":          "taken where there is no displayName",
	"Licenses.Modules0.MajorVersion":  "the vendor's price list",
	"Licenses.Modules0.Name":          "taken where there is no displayName",

	"Locations0.ID":                                           "taken where there is no name",
	"Locations0.Scope":                                        "a setting of the location, not of the agent",
	"NetworkInterfaces0.ID":                                   "a number without meaning outside of the console",
	"ShowAlertIcon":                                           "how the agent looks on its desktop",
	"Tags.SentinelOne0.AssignedByID":                          "taken where there is no name",
	"Tags.SentinelOne0.ID":                                    "a number without meaning outside of the console",
	"NetworkInterfaces0.GatewayMACAddress":                    "the router's",
	"MitigationStatus0.LastUpdate":                            "taken where an action does not say when it began or ended",
	"MitigationStatus0.ReportID":                              "part of latestReport",
	"MitigationStatus0.GroupNotFound":                         "detail of the report",
	"ThreatInfo.AnalystVerdictDescription":                    "analystVerdict in other words",
	"ThreatInfo.IncidentStatusDescription":                    "incidentStatus in other words",
	"ThreatInfo.InitiatedByDescription":                       "initiatedBy in other words",
	"ThreatInfo.MitigationStatusDescription":                  "mitigationStatus in other words",
	"MitigationStatus0.AgentSupportsReport":                   "detail of the report",
	"AgentRealtimeInfo.RebootRequired":                        "threatRebootRequired of the agent",
	"Indicators0.Tactics0.Source":                             "MITRE, whatever it is called",
	"AgentDetectionInfo.AccountID":                            "where the threat was found: taken where the row does not say where the agent is today",
	"AgentDetectionInfo.AccountName":                          "where the threat was found: taken where the row does not say where the agent is today",
	"AgentDetectionInfo.SiteID":                               "where the threat was found: taken where the row does not say where the agent is today",
	"AgentDetectionInfo.SiteName":                             "where the threat was found: taken where the row does not say where the agent is today",
	"AgentDetectionInfo.GroupID":                              "where the threat was found: taken where the row does not say where the agent is today",
	"AgentDetectionInfo.GroupName":                            "where the threat was found: taken where the row does not say where the agent is today",
	"AgentDetectionInfo.CloudProviders.KubernetesNodeLabels0": "the agent has it; the API document has none in threats",
	"AgentDetectionInfo.CloudProviders.KubernetesNodeName":    "the agent has it; the API document has none in threats",
	"AgentDetectionInfo.CloudProviders.KubernetesType":        "the agent has it; the API document has none in threats",
	"AgentDetectionInfo.CloudProviders.KubernetesVersion":     "the agent has it; the API document has none in threats",
	"KubernetesInfo.IsContainerQuarantine":                    "the container's",
	"EndpointID":                                              "the device of sentinelone_device_has_vulnerability",
	"Application":                                             "an application of sentinelone_device_has_vulnerability",
	"ApplicationName":                                         "an application of sentinelone_device_has_vulnerability",
	"ApplicationVendor":                                       "tells the application of sentinelone_application_has_vulnerability",
	"ApplicationVersion":                                      "an application of sentinelone_device_has_vulnerability",
	"OSType":                                                  "tells the application of sentinelone_application_has_vulnerability",
	"BaseScore":                                               "taken where there is no nvdBaseScore",
	"CVSSVersion":                                             "taken where there is no nvdCvssVersion",
	"MitigationStatus":                                        "of sentinelone_device_has_vulnerability",
	"Status":                                                  "of sentinelone_device_has_vulnerability, and Removed is not open",
	"ID":                                                      "a number that tells rows of risks apart, without meaning outside of the list",
	"DetectionDate":                                           "detectedAt of sentinelone_device_has_vulnerability",
	"WhiteningOptions0":                                       "a menu of the console",
}

func TestEveryFieldThatIsReadIsMapped(t *testing.T) {
	agent := laptop()
	agent.NetworkInterfaces[0].Inet[0] = "192.168.1.21" // not the last that reached the console
	agent.Tags.SentinelOne[0].AssignedAt, agent.Tags.SentinelOne[0].AssignedBy = 1, "Mara"
	threat := populated[s1.Threat]()
	threat.KubernetesInfo.IsContainerQuarantine = s1.Unknown
	risk := populated[s1.Risk]()
	risk.CVEID, risk.Severity, risk.NVDBaseScore, risk.BaseScore = "CVE-2024-12345", "HIGH", "7.50", "6.5"
	risk.RiskScore, risk.MarkType = "6.8", "False positive"
	byHand := map[reflect.Type]reflect.Value{
		reflect.TypeFor[s1.Agent]():  reflect.ValueOf(agent).Elem(),
		reflect.TypeFor[s1.Threat](): reflect.ValueOf(threat).Elem(),
		reflect.TypeFor[s1.Risk]():   reflect.ValueOf(risk).Elem(),
	}
	madeOf := map[reflect.Type][]*model.Description{}
	for _, d := range steps.Entities() {
		var of reflect.Type
		d.Make("", "", func(row any) { of = reflect.TypeOf(row).Elem() })
		if of != reflect.TypeFor[entities.Installation]() { // which is made of rows of two lists
			madeOf[of] = append(madeOf[of], d)
		}
	}
	require.Len(t, madeOf[reflect.TypeFor[s1.Agent]()], 3, "agent, device and user")
	var without []string
	for of, types := range madeOf {
		row, found := byHand[of]
		if !found {
			row = reflect.New(of).Elem()
			populate(row, of.Name())
		}
		without = append(without, withoutEffect(row, func() (lines string) {
			for _, d := range types {
				r := d.Make("", "", func(empty any) { reflect.ValueOf(empty).Elem().Set(row) })
				lines += string(graph.Encode(&r).JSON)
			}
			return lines
		})...)
	}
	for _, field := range without {
		if name, ofAgent := strings.CutPrefix(field, "AgentRealtimeInfo."); ofAgent {
			_, agents := reflect.TypeFor[s1.Agent]().FieldByNameFunc(func(agents string) bool {
				return agents == strings.TrimSuffix(name, "0") || "Agent"+agents == name
			})
			if agents {
				continue // the agent has it
			}
		}
		assert.NotEmpty(t, fieldsLeftOut[field], "%s is neither mapped nor left out for a reason", field)
	}
}

// withoutEffect names the fields whose value makes no difference to what becomes of a row.
func withoutEffect(row reflect.Value, records func() string) []string {
	all := records()
	var without []string
	eachField(row, "", func(path string) {
		if records() == all {
			without = append(without, strings.TrimPrefix(path, "."))
		}
	})
	return without
}

// eachField calls try while one field after the other is empty. Of lists the first element is tried.
func eachField(v reflect.Value, path string, try func(path string)) {
	_, whole := v.Interface().(s1.Int)
	switch {
	case v.Kind() == reflect.Struct && !whole:
		for i := range v.NumField() {
			eachField(v.Field(i), path+"."+v.Type().Field(i).Name, try)
		}
	case v.Kind() == reflect.Pointer:
		eachField(v.Elem(), path, try)
	case v.Kind() == reflect.Slice:
		eachField(v.Index(0), path+"0", try)
	case v.Kind() == reflect.Map:
		key := reflect.ValueOf("AWS")
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		eachField(value, path, func(path string) {
			before := v.MapIndex(key)
			v.SetMapIndex(key, value)
			try(path)
			v.SetMapIndex(key, before)
		})
	default:
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		v.SetZero()
		try(path)
		v.Set(before)
	}
}
