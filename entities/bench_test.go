package entities_test

import (
	"fmt"
	"testing"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

// usual is a row that is as full as most: nothing of clouds and containers.
func usual() *s1.Agent {
	a := laptop()
	a.CloudProviders, a.ContainerizedWorkloadCounts, a.Locations = nil, nil, nil
	return a
}

func BenchmarkMapAgents(b *testing.B) {
	for name, entity := range map[string]func(*s1.Agent) graph.Record{
		"agent": entities.Agent.Entity, "device": entities.Device.Entity, "user": entities.User.Entity,
	} {
		b.Run(name, func(b *testing.B) {
			row := usual()
			b.ReportAllocs()
			for b.Loop() {
				entity(row)
			}
		})
	}
}

func BenchmarkMapThreats(b *testing.B) {
	row := populated[s1.Threat]()
	b.ReportAllocs()
	for b.Loop() {
		entities.Threat.Entity(row)
	}
}

// BenchmarkMapInstallations is the part of an installation that the application is; the relationship
// is benchmarked where it is made.
func BenchmarkMapInstallations(b *testing.B) {
	row := entities.FromInstalled(&s1.InstalledApplication{ID: "1234567890123456789", AgentID: "1234567890123456789",
		Name: "Microsoft Visual C++ 2015-2022 Redistributable (x64)", Publisher: "Microsoft Corporation", Version: "14.38.33130.0",
		Type: "app", OSType: "windows", RiskLevel: "low", Signed: s1.True, InstalledAt: 1, CreatedAt: 2, UpdatedAt: 3})
	b.ReportAllocs()
	for b.Loop() {
		entities.Application.Entity(&row)
	}
}

func Example() {
	agent := s1.Agent{ID: "1234567890123456789", ComputerName: "FIN-LT-042", AgentVersion: "23.4.2.216", Infected: s1.False}
	record := entities.Agent.Entity(&agent)
	fmt.Println(string(graph.Encode(&record).JSON))
	// Output:
	// {"_class":["HostAgent"],"_key":"sentinelone_agent:1234567890123456789","_type":"sentinelone_agent","agentVersion":"23.4.2.216","computerName":"FIN-LT-042","displayName":"FIN-LT-042","function":["activity-monitor","anti-malware","endpoint-protection"],"id":"1234567890123456789","infected":false,"lastSeenOn":0,"name":"FIN-LT-042"}
}
