package alerts

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"s1graph/alerts/outbox"
	"s1graph/graph"
	"s1graph/harmless"
)

// body is the text of every alert: the rule's own words, and then what whoever reads it needs to know to do something
// about it. Values are escaped before; what nobody knows has no line.
var body = template.Must(template.New("").Parse(`{{with .Text}}{{.}}
{{end}}Severity: {{.Severity}}
Tenant: {{.Tenant}}
When: {{.When}}
{{with .Device}}Device: {{.}}
{{end}}{{with .Devices}}Devices: {{.}}
{{end}}{{with .Owner}}Owner: {{.}}
{{end}}{{with .Site}}Site: {{.}}
{{end}}{{with .Group}}Group: {{.}}
{{end}}{{range .Threats}}Threat: {{.}}
{{end}}{{with .NVD}}NVD: {{.}}
{{end}}{{with .Console}}Console: {{.}}
{{end}}{{with .More}}More: {{.}}
{{end}}`))

// maxThreats is how many threats of a machine an alert names.
const maxThreats = 5

// placed are the relations that every alert on one thing tells of.
var placed = relationSet{toAgent: true, toDevice: true, toOwner: true, toGroup: true, toSite: true, toAccount: true, toThreat: true}

// threatFact is a threat that an alert names.
type threatFact struct {
	Key            string `json:"key"`
	DisplayName    string `json:"displayName"`
	Classification string `json:"classification,omitempty"`
	FilePath       string `json:"filePath,omitempty"`
	SHA1           string `json:"sha1,omitempty"`
	WebLink        string `json:"webLink,omitempty"`
}

func threatFactOf(r *record) threatFact {
	return threatFact{
		Key: r.key, DisplayName: r.displayName(), Classification: r.get("classification").Text(), FilePath: r.get("filePath").Text(),
		SHA1: r.get("sha1").Text(), WebLink: r.get("webLink").Text(),
	}
}

func (t threatFact) line(escape func(string) string) string {
	line := escape(t.DisplayName)
	for _, part := range [][2]string{{"", t.Classification}, {"file ", t.FilePath}, {"SHA-1 ", t.SHA1}} {
		if part[1] != "" {
			line += ", " + part[0] + escape(part[1])
		}
	}
	return line
}

// threatsOf finds what threats alerts tell of: the one that an alert is of, else those of its agent that are open.
func (r *resolver) threatsOf(ctx context.Context, subjects []*subject) error {
	wanted := map[string]bool{}
	for _, s := range subjects {
		if agent := s.related[toAgent]; agent != nil && s.related[toThreat] == nil {
			if err := r.readThreats(ctx); err != nil {
				return err
			}
			for _, key := range r.threats[agent.key] {
				wanted[key] = true
			}
		}
	}
	found, err := r.fetch(ctx, threatType, wanted)
	if err != nil {
		return err
	}
	for _, s := range subjects {
		if own := s.related[toThreat]; own != nil {
			s.threats = []*record{own}
		} else if agent := s.related[toAgent]; agent != nil {
			for _, key := range r.threats[agent.key] {
				if t := found[key]; t.get("open").Equal(graph.Bool(true)) && t.get("mitigationStatus").Text() != "mitigated" {
					s.threats = append(s.threats, t)
				}
			}
		}
	}
	return nil
}

func (r *resolver) readThreats(ctx context.Context) error {
	return readEdges(ctx, r, &r.threats, hasThreatType, func(agent, threat string) { r.threats[agent] = append(r.threats[agent], threat) })
}

// accountName is what people call the tenant that s is of; "" where nobody knows.
func (e *Engine) accountName(s *subject) string {
	return cmp.Or(e.AccountName, s.related[toAccount].displayName())
}

// facts is the text of an alert for a destination whose escaping is given.
func (e *Engine) facts(a *alert, m outbox.Message, text string, escape func(string) string) string {
	s, lines := a.subject, map[string]any{
		"Text": text, "Severity": a.severity, "Tenant": escape(e.Instance), "When": m.At.Format("2006-01-02 15:04 UTC"), "Console": m.Link,
		"More": a.rule.more(e.Instance),
	}
	if account := e.accountName(s); account != "" {
		lines["Tenant"] = fmt.Sprintf("%s (%s)", escape(e.Instance), escape(account))
	}
	if a.many == nil {
		lines["Device"] = escape(cmp.Or(s.related[toDevice].displayName(), s.related[toAgent].displayName()))
		for name, relation := range map[string]relation{"Owner": toOwner, "Site": toSite, "Group": toGroup} {
			lines[name] = escape(s.related[relation].displayName())
		}
		var threats []string
		for _, t := range s.threats[:min(len(s.threats), maxThreats)] {
			threats = append(threats, threatFactOf(t).line(escape))
		}
		if more := len(s.threats) - len(threats); more > 0 {
			threats = append(threats, fmt.Sprintf("and %d more", more))
		}
		lines["Threats"] = threats
		lines["Devices"] = s.deviceNames(escape)
		if link := s.now().get("webLink").Text(); s.typ == vulnerabilityType && plainLink.MatchString(link) {
			lines["NVD"] = link
		}
	}
	var b strings.Builder
	if err := body.Execute(&b, lines); err != nil {
		panic(err) // it is made of words
	}
	return strings.TrimSpace(b.String())
}

// deviceNames are those of the devices that have a vulnerability.
func (s *subject) deviceNames(escape func(string) string) string {
	var names []string
	for _, d := range s.on {
		names = append(names, escape(harmless.Cut(cmp.Or(d.displayName(), d.key), maxValue)))
	}
	list := strings.Join(names, ", ")
	if more := s.devices - len(names); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// plainLink is one that is markup nowhere.
var plainLink = regexp.MustCompile(`^https://[A-Za-z0-9.:-]+(/[A-Za-z0-9/.%_-]*)?$`)

// link leads into the console: to the threat, if there is one that has an address, else to the console itself.
func (e *Engine) link(a *alert) string {
	links := []string{e.Console}
	if a.many == nil {
		for _, t := range slices.Backward(a.subject.threats) {
			links = append(links, t.get("webLink").Text())
		}
	}
	for _, link := range slices.Backward(links) {
		if plainLink.MatchString(link) {
			return link
		}
	}
	return ""
}

// more is the command that shows more of what a rule tells of.
func (r *rule) more(instance string) string {
	if r.kind == OnRun {
		return "s1graph check --instance " + instance
	}
	return "s1graph query " + r.query + " --instance " + instance
}

// queryFor is the saved query that shows more of what a condition looks at.
func queryFor(c *condition) string {
	switch {
	case c.types[threatType]:
		return "open-threats"
	case c.types[applicationType]:
		return "risky-applications"
	}
	return "recent-changes"
}
