package entities

import "s1graph/s1"

// severity is how bad a threat is, and as a number from 1 to 10.
type severity struct {
	name    string
	numeric int64
}

// severityRule gives a threat a severity by what it is and what became of it.
type severityRule struct {
	what      certainty
	mitigated bool
	resolved  bool
	severity  severity
}

// certainty is how sure it is that a threat is one. The analyst's verdict goes before the engine's
// confidence.
type certainty string

const (
	malicious  certainty = "malicious"
	suspicious certainty = "suspicious"
	unclear    certainty = "unclear"
	benign     certainty = "benign"
)

var certaintyDocs = map[certainty]string{
	malicious:  "analystVerdict true_positive, or without a verdict confidenceLevel malicious",
	suspicious: "analystVerdict suspicious, or without a verdict confidenceLevel suspicious",
	unclear:    "anything else, such as confidenceLevel n/a",
	benign:     "analystVerdict false_positive, or mitigationStatus marked_as_benign",
}

// severityRules has a rule for each case, but for benign ones, which are all alike.
var severityRules = []severityRule{
	{malicious, false, false, severity{"critical", 10}},
	{malicious, true, false, severity{"high", 8}},
	{malicious, false, true, severity{"high", 7}},
	{malicious, true, true, severity{"medium", 5}},
	{suspicious, false, false, severity{"high", 7}},
	{suspicious, true, false, severity{"medium", 5}},
	{suspicious, false, true, severity{"medium", 4}},
	{suspicious, true, true, severity{"low", 3}},
	{unclear, false, false, severity{"medium", 5}},
	{unclear, true, false, severity{"medium", 4}},
	{unclear, false, true, severity{"low", 3}},
	{unclear, true, true, severity{"low", 2}},
}

var benignSeverity = severity{"low", 1}

// severityOf looks the threat up in severityRules. What is unknown of its fate counts as the worse.
func severityOf(t *s1.Threat) severity {
	info := threatInfo(t)
	what := certaintyOf(info)
	mitigated := info.MitigationStatus == "mitigated"
	for _, r := range severityRules {
		if r.what == what && r.mitigated == mitigated && r.resolved == isResolved(info) {
			return r.severity
		}
	}
	return benignSeverity
}

func certaintyOf(info *s1.ThreatInfo) certainty {
	if info.AnalystVerdict == "false_positive" || info.MitigationStatus == "marked_as_benign" {
		return benign
	}
	switch info.AnalystVerdict {
	case "true_positive":
		return malicious
	case "suspicious":
		return suspicious
	}
	switch info.ConfidenceLevel {
	case "malicious":
		return malicious
	case "suspicious":
		return suspicious
	}
	return unclear
}

func isResolved(info *s1.ThreatInfo) bool { return info.IncidentStatus == "resolved" }
