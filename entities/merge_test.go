package entities_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/sorter"
	"s1graph/s1"
	"s1graph/steps"
)

// merged is what the sorter makes of records, each a row of its own.
func merged(t *testing.T, records ...graph.Record) []graph.Record {
	t.Helper()
	b, err := sorter.New(sorter.Config{Dir: t.TempDir(), Types: steps.GraphTypes(), MemoryBytes: 1 << 10})
	require.NoError(t, err)
	defer b.Close()
	for i, r := range records {
		require.NoError(t, b.Add(sorter.Row{List: "rows", ID: fmt.Sprint(i), Records: []graph.Record{r}}))
	}
	types := map[string]*graph.Type{}
	var result []graph.Record
	for _, typ := range steps.Entities() {
		types[typ.Name] = typ.Type
		for e, err := range b.Sorted(t.Context(), typ.Name) {
			require.NoError(t, err)
			r, err := graph.Decode(e.JSON, types)
			require.NoError(t, err)
			result = append(result, r)
		}
	}
	return result
}

// reinstalled are three agents of one machine: two that are out of service and the one that is in it.
func reinstalled() []*s1.Agent {
	old, older, current := laptop(), laptop(), laptop()
	older.ID, older.UUID, older.IsUninstalled, older.LastActiveDate, older.OSName = "100", "u1", s1.True, 1, "Windows 8"
	old.ID, old.UUID, old.IsDecommissioned, old.LastActiveDate, old.OSName = "200", "u2", s1.True, 2, "Windows 10"
	current.ID, current.UUID, current.LastActiveDate, current.OSName = "300", "u3", 3, "Windows 11"
	return []*s1.Agent{old, older, current}
}

func TestTheAgentThatReportedLastDescribesTheDevice(t *testing.T) {
	var records []graph.Record
	for _, a := range reinstalled() {
		records = append(records, entities.Device.Entity(a))
	}
	devices := merged(t, records...)
	require.Len(t, devices, 1)
	assert.Equal(t, "Windows 11", devices[0].Get("osName").Text())
	assert.Equal(t, []string{"100", "200"}, devices[0].Get("formerAgentIds").List())
	assert.Equal(t, []string{"u1", "u2", "u3"}, devices[0].Get("deviceId").List())
	assert.Equal(t, graph.Bool(true), devices[0].Get("malwareProtected"))
}

func TestOfAgentsThatReportedTogetherTheGreaterIDDescribesTheDevice(t *testing.T) {
	a, b := laptop(), laptop()
	a.ID, a.OSName = "999", "Windows Z"
	b.ID, b.OSName = "1000", "Windows A"
	devices := merged(t, entities.Device.Entity(a), entities.Device.Entity(b))
	require.Len(t, devices, 1)
	assert.Equal(t, "Windows A", devices[0].Get("osName").Text(), "ids are numbers")
}

func TestAPersonHasTheNamesOfAllDevices(t *testing.T) {
	work, home := laptop(), laptop()
	home.ID, home.SerialNumber, home.LastLoggedInUserName, home.ActiveDirectory.Mail = "2", "HOME1", `CORP\jane.d`, "jd@acme.example"
	home.LastActiveDate = work.LastActiveDate + 5
	users := merged(t, entities.User.Entity(work), entities.User.Entity(home))
	require.Len(t, users, 1)
	assert.Equal(t, []string{`CORP\jane.d`, "jane", "jdoe@corp.acme.example"}, users[0].Get("username").List())
	assert.Equal(t, []string{"jane.doe@acme.example", "jd@acme.example"}, users[0].Get("email").List())
	assert.Equal(t, graph.Int(int64(home.LastActiveDate)), users[0].Get("lastSeenOn"))
}

func TestTheHighestRiskOfAnApplicationCounts(t *testing.T) {
	installation := func(risk string) graph.Record {
		return entities.Application.Entity(&entities.Installation{Name: "Chrome", RiskLevel: risk})
	}
	for _, c := range []struct {
		risks []string
		want  string
	}{
		{[]string{"low", "critical", "high"}, "critical"},
		{[]string{"none", "low"}, "low"},
		{[]string{"", "none"}, "none"},
		{[]string{"medium", "unheard-of", ""}, "medium"},
		{[]string{"unheard-of", "strange"}, "unheard-of"},
		{[]string{"", ""}, ""},
	} {
		var records []graph.Record
		for _, risk := range c.risks {
			records = append(records, installation(risk))
		}
		applications := merged(t, records...)
		require.Len(t, applications, 1)
		assert.Equal(t, c.want, applications[0].Get("riskLevel").Text(), c.risks)
	}
}

func TestTheOrderOfRowsDoesNotMatter(t *testing.T) {
	var records []graph.Record
	for _, list := range fixedRecords() {
		records = append(records, list...)
	}
	for _, a := range reinstalled() {
		records = append(records, entities.Device.Entity(a), entities.User.Entity(a))
	}
	for _, risk := range []string{"low", "critical", "", "none"} {
		records = append(records, entities.Application.Entity(&entities.Installation{Name: "Chrome", RiskLevel: risk, CPE: risk}))
	}
	random := rand.New(rand.NewPCG(1, 2))
	first := merged(t, records...)
	for range 5 {
		random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		again := append(records[:len(records):len(records)], records[:len(records)/2]...) // and some twice
		assert.Equal(t, first, merged(t, again...))
	}
}

func TestCombinationsDoNotDependOnTheOrder(t *testing.T) {
	values := map[graph.ValueKind][]graph.Value{
		graph.StringKind:  {graph.String(""), graph.String("none"), graph.String("high"), graph.String("low"), graph.String("strange"), graph.String("zzz")},
		graph.BoolKind:    {graph.Bool(true), graph.Bool(false)},
		graph.IntKind:     {graph.Int(-1), graph.Int(0), graph.Int(7)},
		graph.StringsKind: {graph.Strings([]string{}), graph.Strings([]string{"a"}), graph.Strings([]string{"a", "b"}), graph.Strings([]string{"c"})},
	}
	for _, d := range steps.Entities() {
		for _, p := range d.Properties {
			combine, combined := d.Type.Combine[p.Name]
			assert.Equal(t, p.Combined != "", combined)
			if !combined {
				continue
			}
			for _, a := range values[p.Kind] {
				assert.True(t, combine(a, a).Equal(a), "%s: idempotent", p.Name)
				for _, b := range values[p.Kind] {
					assert.True(t, combine(a, b).Equal(combine(b, a)), "%s: commutative", p.Name)
					for _, c := range values[p.Kind] {
						assert.True(t, combine(combine(a, b), c).Equal(combine(a, combine(b, c))), "%s: associative", p.Name)
					}
				}
			}
		}
	}
}
