package relationships_test

import (
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/s1"
	"s1graph/steps"
)

func TestATypeConnectsTheseEndsAndIsAFactAboutOneOfThem(t *testing.T) {
	type ends struct{ from, class, to, subject, step string }
	got := map[string]ends{}
	for _, d := range steps.Relationships() {
		got[d.Type.Name] = ends{d.Type.From, d.Type.Class, d.Type.To, string(d.Subject), d.Type.Step}
	}
	assert.Subset(t, got, map[string]ends{
		"sentinelone_account_has_site":       {"sentinelone_account", "HAS", "sentinelone_site", "to", "sites"},
		"sentinelone_account_has_group":      {"sentinelone_account", "HAS", "sentinelone_group", "to", "groups"},
		"sentinelone_site_has_group":         {"sentinelone_site", "HAS", "sentinelone_group", "to", "groups"},
		"sentinelone_group_has_agent":        {"sentinelone_group", "HAS", "sentinelone_agent", "to", "agents"},
		"sentinelone_agent_has_threat":       {"sentinelone_agent", "HAS", "sentinelone_threat", "to", "threats"},
		"sentinelone_device_has_application": {"sentinelone_device", "HAS", "sentinelone_application", "from", "applications"},
		"sentinelone_agent_protects_device":  {"sentinelone_agent", "PROTECTS", "sentinelone_device", "from", "agents"},
		"sentinelone_user_owns_device":       {"sentinelone_user", "OWNS", "sentinelone_device", "to", "agents"},
	})
}

func TestTypesAreNamedAfterTheirEndsAndClass(t *testing.T) {
	var names []string
	for _, typ := range steps.Relationships() {
		names = append(names, typ.Name)
		to, _ := strings.CutPrefix(typ.To, "sentinelone_")
		assert.Equal(t, typ.From+"_"+strings.ToLower(typ.Class)+"_"+to, typ.Name)
		assert.True(t, typ.Relationship)
	}
	assert.True(t, slices.IsSorted(names))
}

func TestEveryTypeAndPropertyIsDocumented(t *testing.T) {
	for _, d := range steps.Relationships() {
		assert.NotEmpty(t, d.Doc)
		assert.Positive(t, d.Revision)
		for _, p := range d.Properties {
			assert.Regexp(t, `^\S.*\.$`, p.Doc, "%s.%s", d.Type.Name, p.Name)
		}
	}
}

func TestTheKeyIsTheOneThatGraphMakes(t *testing.T) {
	agent, device := entities.AgentKey("1"), entities.DeviceKey(&s1.Agent{ID: "1"})
	r := relationships.AgentProtectsDevice.Between(agent, device, nil)
	assert.Equal(t, graph.RelationshipKey(agent, "PROTECTS", device), r.Key)
	assert.Equal(t, [2]string{agent, device}, [2]string{r.From, r.To})
	assert.Equal(t, "PROTECTS", r.Get("displayName").Text())
}

func TestRecordsThatShareTheirPropertiesAreNotChangedThroughEachOther(t *testing.T) {
	one := relationships.GroupHasAgent.Between(entities.GroupKey("1"), entities.AgentKey("1"), nil)
	other := relationships.GroupHasAgent.Between(entities.GroupKey("1"), entities.AgentKey("2"), nil)
	one.Set("added", graph.Bool(true))
	assert.True(t, other.Get("added").IsAbsent())
	assert.Equal(t, "HAS", other.Get("displayName").Text())
}

func TestWhatDiffersPerInstallationStandsOnTheRelationship(t *testing.T) {
	i := entities.Installation{Name: "Chrome", InstalledAt: 5, DetectedAt: 6, UpdatedAt: 7, Signed: s1.True, Path: `C:\Chrome`,
		Size: s1.Int{Value: 9, Known: true}}
	device, application := entities.DeviceKey(&s1.Agent{ID: "1"}), entities.ApplicationKey(&i)
	r := relationships.DeviceHasApplication.Between(device, application, &i)
	assert.Equal(t, int64(7), r.Rank)
	line := string(graph.Encode(&r).JSON)
	assert.JSONEq(t, `{"_class":"HAS","_type":"sentinelone_device_has_application","_key":"`+device+`|has|`+application+`",
		"_fromEntityKey":"`+device+`","_toEntityKey":"`+application+`","displayName":"HAS","installedAt":5,"detectedAt":6,"updatedAt":7,
		"signed":true,"path":"C:\\Chrome","size":9}`, line)
	empty := relationships.DeviceHasApplication.Between(device, application, &entities.Installation{})
	assert.Len(t, empty.Properties, 1, "what is unknown is absent")
}

func TestAnInstallationThatIsListedAgainIsNoChange(t *testing.T) {
	i := entities.Installation{Name: "Chrome", InstalledAt: 5, DetectedAt: 6, UpdatedAt: 7}
	again := i
	again.DetectedAt, again.UpdatedAt, again.ID = 8, 9, "another"
	reinstalled := i
	reinstalled.InstalledAt = 8
	stable := func(i entities.Installation) graph.Digest {
		r := relationships.DeviceHasApplication.Between("sentinelone_device:1", entities.ApplicationKey(&i), &i)
		return graph.Encode(&r).Stable
	}
	assert.Equal(t, stable(i), stable(again))
	assert.NotEqual(t, stable(i), stable(reinstalled))
}

var update = flag.Bool("update", false, "write testdata/mapping.txt anew, where revisions allow it")

const mappingFile = "testdata/mapping.txt"

// TestAnotherMappingHasAnotherRevision is explained in the entities package.
func TestAnotherMappingHasAnotherRevision(t *testing.T) {
	type mapping struct{ schema, digest string }
	want := map[string]mapping{}
	file, err := os.ReadFile(mappingFile)
	if !*update {
		require.NoError(t, err)
	}
	for line := range strings.Lines(string(file)) {
		if fields := strings.Fields(line); len(fields) == 4 {
			want[fields[0]] = mapping{fields[2], fields[3]}
		}
	}
	var lines strings.Builder
	for _, d := range steps.Relationships() {
		hash := sha256.New()
		for _, r := range fixedRecords(d) {
			e := graph.Encode(&r)
			fmt.Fprintf(hash, "%s\n%x\n", e.JSON, e.Stable)
		}
		got := mapping{d.Type.Schema, fmt.Sprintf("%x", hash.Sum(nil)[:8])}
		fmt.Fprintln(&lines, d.Type.Name, d.Revision, got.schema, got.digest)
		if before, known := want[d.Type.Name]; known && before.digest != got.digest {
			assert.NotEqual(t, before.schema, got.schema, "%[1]s is mapped differently under the same schema: "+
				"raise its Revision, then run go test ./relationships -run Revision -update", d.Type.Name)
		}
		if !*update {
			assert.Equal(t, want[d.Type.Name], got, "run go test ./relationships -run Revision -update")
		}
	}
	if !*update {
		assert.Equal(t, string(file), lines.String(), "a type has gone, or another name: folders of before have it")
	}
	if *update && !t.Failed() {
		require.NoError(t, os.WriteFile(mappingFile, []byte(lines.String()), 0o644))
	}
}

// fixedRecords are records of the type between entities whose ids and names never change.
func fixedRecords(d *model.Description) []graph.Record {
	agent := &s1.Agent{ID: "4", UUID: "5", AccountID: "1", ComputerName: "FIN-LT-042", LastLoggedInUserName: "jane"}
	full := &entities.Installation{ID: "7", Name: "Chrome", Version: "120", InstalledAt: 5, DetectedAt: 6, UpdatedAt: 7, Signed: s1.False,
		Path: "/opt/chrome", Size: s1.Int{Value: 9, Known: true}}
	keys := map[string]string{
		"sentinelone_account":     entities.AccountKey("1"),
		"sentinelone_site":        entities.SiteKey("2"),
		"sentinelone_group":       entities.GroupKey("3"),
		"sentinelone_agent":       entities.AgentKey("4"),
		"sentinelone_device":      entities.DeviceKey(agent),
		"sentinelone_user":        entities.UserKey(agent),
		"sentinelone_threat":      entities.ThreatKey("6"),
		"sentinelone_application": entities.ApplicationKey(full),
	}
	risk := &s1.Risk{ID: "8", CVEID: "CVE-2024-1234", ApplicationName: "Chrome", ApplicationVersion: "120", DetectionDate: 5,
		Severity: "HIGH", Status: "Detected", MitigationStatus: "On hold"}
	keys["sentinelone_vulnerability"] = entities.VulnerabilityKey(risk)
	key := func(typeName string) string { return cmp.Or(keys[typeName], typeName+":8") }
	made := func(fill func(row any)) graph.Record { return d.Make(key(d.From), key(d.To), fill) }
	records := []graph.Record{made(func(any) {})}
	switch {
	case d.Type == relationships.DeviceHasApplication.GraphType():
		records = slices.Insert(records, 0, made(func(row any) { *row.(*entities.Installation) = *full }))
	case d.Type == relationships.DeviceHasVulnerability.GraphType(), d.Type == relationships.ApplicationHasVulnerability.GraphType():
		records = slices.Insert(records, 0, made(func(row any) { *row.(*s1.Risk) = *risk }))
	case len(d.Properties) > 1: // besides displayName
		panic("no row is tried that gives the properties of " + d.Name + " values")
	}
	return records
}

func BenchmarkMapInstallations(b *testing.B) {
	row := entities.Installation{Name: "Chrome", InstalledAt: 5, DetectedAt: 6, UpdatedAt: 7, Signed: s1.True, Size: s1.Int{Value: 9, Known: true}}
	device, application := entities.DeviceKey(&s1.Agent{ID: "1"}), entities.ApplicationKey(&row)
	var space graph.Written
	b.ReportAllocs()
	for b.Loop() {
		relationships.DeviceHasApplication.WrittenBetween(&space, device, application, &row)
	}
}

func BenchmarkMapGroupsOfAgents(b *testing.B) {
	group, agent := entities.GroupKey("551799242253151036"), entities.AgentKey("1234567890123456789")
	b.ReportAllocs()
	for b.Loop() {
		relationships.GroupHasAgent.Between(group, agent, nil)
	}
}

func Example() {
	record := relationships.GroupHasAgent.Between(entities.GroupKey("551799242253151036"), entities.AgentKey("1234567890123456789"), nil)
	fmt.Println(record.Key)
	// Output:
	// sentinelone_group:551799242253151036|has|sentinelone_agent:1234567890123456789
}
