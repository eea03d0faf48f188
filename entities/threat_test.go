package entities_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

func TestSeverityIsWhatAThreatIsAndWhatBecameOfIt(t *testing.T) {
	for _, c := range []struct {
		confidence, verdict, mitigation, incident string
		severity                                  string
		numeric                                   int64
		open                                      bool
	}{
		{"malicious", "undefined", "not_mitigated", "unresolved", "critical", 10, true},
		{"malicious", "undefined", "not_mitigated", "in_progress", "critical", 10, true},
		{"malicious", "undefined", "mitigated", "unresolved", "high", 8, true},
		{"malicious", "undefined", "not_mitigated", "resolved", "high", 7, false},
		{"malicious", "true_positive", "mitigated", "resolved", "medium", 5, false},
		{"suspicious", "undefined", "not_mitigated", "unresolved", "high", 7, true},
		{"suspicious", "undefined", "mitigated", "unresolved", "medium", 5, true},
		{"suspicious", "undefined", "mitigated", "resolved", "low", 3, false},
		{"suspicious", "true_positive", "not_mitigated", "unresolved", "critical", 10, true},
		{"malicious", "suspicious", "not_mitigated", "unresolved", "high", 7, true},
		{"n/a", "undefined", "not_mitigated", "unresolved", "medium", 5, true},
		{"n/a", "", "mitigated", "resolved", "low", 2, false},
		{"malicious", "false_positive", "not_mitigated", "unresolved", "low", 1, true},
		{"malicious", "undefined", "marked_as_benign", "resolved", "low", 1, false},
		{"malicious", "true_positive", "marked_as_benign", "unresolved", "low", 1, true},
		{"malicious", "", "", "", "critical", 10, true},
		{"", "", "", "", "medium", 5, true},
		{"new_level", "new_verdict", "new_status", "new_status", "medium", 5, true},
	} {
		r := entities.Threat.Entity(&s1.Threat{ID: "1", ThreatInfo: &s1.ThreatInfo{ConfidenceLevel: c.confidence,
			AnalystVerdict: c.verdict, MitigationStatus: c.mitigation, IncidentStatus: c.incident}})
		assert.Equal(t, c.severity, r.Get("severity").Text(), c)
		assert.Equal(t, graph.Int(c.numeric), r.Get("numericSeverity"), c)
		assert.Equal(t, graph.Bool(c.open), r.Get("open"), c)
	}
}

func TestTheTechniquesOfAllIndicatorsAreGathered(t *testing.T) {
	r := entities.Threat.Entity(&s1.Threat{ID: "1", Indicators: []s1.Indicator{
		{Category: "Persistence", Description: "Wrote a run key", Tactics: []s1.Tactic{
			{Name: "Persistence", Source: "MITRE", Techniques: []s1.Technique{{Name: "T1547", Link: "https://attack.mitre.org/techniques/T1547/"}}},
			{Name: "Impact", Source: "mitre attack", Techniques: []s1.Technique{{Name: "T1490"}}},
		}},
		{Category: "Evasion", Tactics: []s1.Tactic{
			{Name: "Defense Evasion", Techniques: []s1.Technique{{Name: "T1055"}, {Name: "T1547"}, {}}},
		}},
	}})
	assert.Equal(t, []string{"Defense Evasion", "Impact", "Persistence"}, r.Get("mitreTactics").List())
	assert.Equal(t, []string{"T1055", "T1490", "T1547"}, r.Get("mitreTechniques").List())
	assert.Equal(t, []string{"https://attack.mitre.org/techniques/T1547/"}, r.Get("references").List())
	assert.Equal(t, []string{"Evasion", "Persistence: Wrote a run key"}, r.Get("indicators").List())
}

func TestAThreatWithoutNameHasItsID(t *testing.T) {
	r := entities.Threat.Entity(&s1.Threat{ID: "77"})
	assert.Equal(t, "77", r.Get("name").Text())
	assert.Equal(t, "77", r.Get("displayName").Text())
}
