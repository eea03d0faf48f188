package entities

import "s1graph/s1"

// severity is how bad a threat is, in a word and as a number from 1 to 10.
type severity struct {
	name    string
	numeric int64
}

// severityRule gives threats of one certainty a severity by what became of them.
type severityRule struct {
	what     string // what the threats are
	when     string // how that is known
	is       func(*s1.ThreatInfo) bool
	severity [len(fates)]severity // in the order of fates
}

// fates is what can have become of a threat. What is unknown counts as the worse.
var fates = [...]string{"not mitigated, not resolved", "mitigated, not resolved", "not mitigated, resolved", "mitigated, resolved"}

func fateOf(info *s1.ThreatInfo) (i int) {
	if info.MitigationStatus == "mitigated" {
		i++
	}
	if isResolved(info) {
		i += 2
	}
	return i
}

// severityRules are tried in this order; the last one is everything else's.
var severityRules = []severityRule{
	{
		what: "benign",
		when: "analystVerdict is false_positive, or mitigationStatus is marked_as_benign",
		is: func(info *s1.ThreatInfo) bool {
			return info.AnalystVerdict == "false_positive" || info.MitigationStatus == "marked_as_benign"
		},
		severity: [...]severity{{"low", 1}, {"low", 1}, {"low", 1}, {"low", 1}},
	},
	{
		what:     "malicious",
		when:     "analystVerdict is true_positive, or there is no verdict and confidenceLevel is malicious",
		is:       func(info *s1.ThreatInfo) bool { return isVerdict(info, "true_positive", "malicious") },
		severity: [...]severity{{"critical", 10}, {"high", 8}, {"high", 7}, {"medium", 5}},
	},
	{
		what:     "suspicious",
		when:     "analystVerdict is suspicious, or there is no verdict and confidenceLevel is suspicious",
		is:       func(info *s1.ThreatInfo) bool { return isVerdict(info, "suspicious", "suspicious") },
		severity: [...]severity{{"high", 7}, {"medium", 5}, {"medium", 4}, {"low", 3}},
	},
	{
		what:     "unclear",
		when:     "anything else, such as confidenceLevel n/a without a verdict",
		is:       func(*s1.ThreatInfo) bool { return true },
		severity: [...]severity{{"medium", 5}, {"medium", 4}, {"low", 3}, {"low", 2}},
	},
}

// severityOf looks the threat up in severityRules.
func severityOf(t *s1.Threat) severity {
	info := threatInfo(t)
	rule := 0
	for !severityRules[rule].is(info) {
		rule++
	}
	return severityRules[rule].severity[fateOf(info)]
}

// isVerdict says whether the analyst gave the verdict or, where there is none, the engine the confidence.
func isVerdict(info *s1.ThreatInfo, verdict, confidence string) bool {
	switch info.AnalystVerdict {
	case "true_positive", "suspicious":
		return info.AnalystVerdict == verdict
	}
	return info.ConfidenceLevel == confidence
}

func isResolved(info *s1.ThreatInfo) bool { return info.IncidentStatus == "resolved" }
