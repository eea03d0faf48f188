package alerts_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/s1"
)

const many = 100_000

// fleet are agents with as many properties as those of a real tenant, all infected or none.
func fleet(infected s1.Flag) *storetest.Snapshot {
	records := make([]graph.Record, many)
	for i := range records {
		records[i] = entities.Agent.Entity(&s1.Agent{
			ID: fmt.Sprintf("%019d", 1_000_000_000_000_000_000+i), UUID: fmt.Sprintf("%032x", i), ComputerName: fmt.Sprintf("ACME-LT-%06d", i),
			AccountID: "1", AccountName: "Acme", SiteID: "2", SiteName: "Berlin Headquarters", GroupID: "3", GroupName: "Laptops",
			AgentVersion: "24.1.2.6", Infected: infected, IsActive: s1.True, IsUpToDate: s1.True, MitigationMode: "protect", MitigationModeSuspicious: "detect",
			OSName: "Windows 11 Pro", OSRevision: "22631", OSArch: "64 bit", OSType: "windows", Domain: "ACME", ModelName: "Dell Inc. - Latitude 7440",
			SerialNumber: fmt.Sprintf("SN%08d", i), MachineType: "laptop", NetworkStatus: "connected", ExternalIP: "198.51.100.7", LastIPToMgmt: "10.0.0.7",
			LastActiveDate: 1_795_000_000_000, RegisteredAt: 1_700_000_000_000, CreatedAt: 1_700_000_000_000, UpdatedAt: 1_795_000_000_000,
			FirewallEnabled: s1.True, EncryptedApplications: s1.True, OperationalState: "na", ScanStatus: "finished", InstallerType: ".msi",
			CPUID: "13th Gen Intel(R) Core(TM) i7-1365U", LastLoggedInUserName: "jane", RangerStatus: "Enabled", RangerVersion: "24.1.0.1",
		})
	}
	return storetest.NewSnapshot(model, records...)
}

func bench(b *testing.B, run alerts.Run, rules ...config.Rule) {
	compiled, faults := alerts.Compile(&config.Alerts{Destinations: []config.Destination{hook}, Rules: rules})
	require.Empty(b, faults)
	empty := alerts.Run{ID: "before", StartedAt: at(0), Graph: storetest.NewSnapshot(model), Types: typesByName(), Report: alerts.Report{Run: "before", Status: "complete", StartedAt: at(0)}}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		e := alerts.New(alerts.Config{Rules: compiled, Instance: "test", Destinations: []config.Destination{hook}, Outbox: outbox.At(filepath.Join(b.TempDir(), "alerts.db"))})
		_, err := e.Apply(b.Context(), empty)
		require.NoError(b, err)
		b.StartTimer()
		_, err = e.Apply(b.Context(), run)
		require.NoError(b, err)
	}
}

func BenchmarkAStateRuleOverAHundredThousandAgents(b *testing.B) {
	run := alerts.Run{ID: "now", StartedAt: at(1), Graph: fleet(s1.False), Types: typesByName(), Report: alerts.Report{Run: "now", Status: "complete", StartedAt: at(1)}}
	b.Run("of which none is in it", func(b *testing.B) { bench(b, run, config.Rule{Use: "agent silent"}) })
	b.Run("with what is related", func(b *testing.B) {
		bench(b, run, config.Rule{Name: "mine", When: `entity.type == "sentinelone_agent" && entity.infected == true && entity.group.type == "static"`})
	})
	run.Graph = fleet(s1.True)
	b.Run("of which all come into it", func(b *testing.B) {
		bench(b, run, config.Rule{Name: "mine", When: `entity.type == "sentinelone_agent" && entity.infected == true`})
	})
}

func BenchmarkAFloodOfAHundredThousandChanges(b *testing.B) {
	before, after := fleet(s1.False), fleet(s1.True)
	changes := events(b, before, after, graph.DiffOptions{})
	run := alerts.Run{ID: "now", StartedAt: at(1), Graph: after, Types: typesByName(), Changes: changes, Report: alerts.Report{Run: "now", Status: "complete", StartedAt: at(1)}}
	b.Run("one rule", func(b *testing.B) { bench(b, run, config.Rule{Use: "device infected"}) })
	b.Run("all ready-made rules on changes", func(b *testing.B) {
		var rules []config.Rule
		for _, r := range alerts.Ready() {
			if !slices.Contains([]string{"agent silent", "agent out of date", "device not compliant"}, r.Name) {
				rules = append(rules, config.Rule{Use: r.Name})
			}
		}
		bench(b, run, rules...)
	})
}
