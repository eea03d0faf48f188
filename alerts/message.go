package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/graph"
	"s1graph/harmless"
)

// maxNames is how many of many are named.
const maxNames = 10

// firstNames are those of the first of many.
func (a *alert) firstNames() []string {
	var names []string
	for _, s := range a.many[:min(len(a.many), maxNames)] {
		names = append(names, harmless.Cut(s.name, maxValue))
	}
	return names
}

func (a *alert) names() string {
	names := a.firstNames()
	list := strings.Join(names, ", ")
	if more := a.count - len(names); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// isFolded says whether what a rule would tell one by one is told together.
func (a *alert) isFolded() bool { return a.many != nil && a.rule.atLeast == 0 }

// posts says whether a webhook is told of a rule.
func (e *Engine) posts(r *rule) bool {
	return slices.ContainsFunc(e.Destinations, func(d config.Destination) bool { return d.Format == "json" && r.isFor(d) })
}

func (r *rule) isFor(d config.Destination) bool {
	return len(r.to) == 0 || slices.Contains(r.to, d.Name)
}

// messages are an alert in the words of each of its destinations.
func (e *Engine) messages(ev *evaluation, a alert) []outbox.Message {
	data := a.data(ev)
	var messages []outbox.Message
	for _, d := range e.Destinations {
		if !a.rule.isFor(d) || a.to == people && delivery.KeepsIncidents(d) || a.to == keepers && !delivery.KeepsIncidents(d) {
			continue
		}
		m := outbox.Message{
			ID: a.id, Event: a.event, Instance: e.Instance, Run: ev.run.Report.Run, Rule: a.rule.name, Severity: a.severity,
			Destination: d.Name, Type: a.subject.typ, Class: a.subject.class, Op: a.subject.op, At: ev.run.StartedAt.UTC(),
			Incident: a.incident, Ends: a.ends, Lasts: a.subject.op == "began" && delivery.Forgets(d),
		}
		if a.many == nil {
			m.Key = cmp.Or(a.key, a.subject.key)
		}
		m.Title, m.Text = a.words(data, d)
		m.Link = e.link(&a)
		if d.Format != "json" {
			m.Text = e.facts(&a, m, m.Text, delivery.Escape(d))
			messages = append(messages, m)
			continue
		}
		for _, part := range e.documents(&a, m) {
			m.ID, m.Payload = part.ID, marshal(part)
			messages = append(messages, m)
		}
	}
	return messages
}

// words are title and text. Where a template fails, the rule's name is told all the same. A webhook is told of each of
// many, and needs no names.
func (a *alert) words(data map[string]any, d config.Destination) (title, text string) {
	escape, names := delivery.Escape(d), ""
	if a.many != nil && d.Format != "json" {
		names = escape(a.names())
	}
	if a.isFolded() {
		title = fmt.Sprintf("%s: %d in one run", escape(a.rule.name), a.count)
		switch {
		case a.subject.op == "ended" && a.to == keepers:
			title = "Ended: " + escape(a.rule.name) + ", of the last of those that were told together"
		case a.subject.op == "ended":
			title = "Ended: " + title
		}
		return title, names
	}
	title, err := a.rule.title.render(data, escape)
	if err != nil || strings.TrimSpace(title) == "" {
		title = escape(a.rule.name)
	}
	if a.subject.op == "ended" && !a.rule.title.tellsOp {
		title = "Ended: " + title
	}
	text, err = a.rule.text.render(data, escape)
	if err != nil {
		text = ""
	}
	text = cmp.Or(text, names)
	return harmless.Cut(strings.Join(strings.Fields(title), " "), maxTitle), harmless.Cut(strings.TrimSpace(text), maxText)
}

// data is what templates see.
func (a *alert) data(ev *evaluation) map[string]any {
	s, run := a.subject, ev.state
	data := map[string]any{
		"Rule": a.rule.name, "Instance": ev.instance, "Run": ev.run.Report.Run, "Severity": a.severity,
		"At": ev.run.StartedAt.UTC().Format("2006-01-02 15:04 UTC"), "Count": strconv.Itoa(a.count), "Names": s.name,
		"Key": s.key, "Name": s.name, "Op": s.op,
	}
	if a.many != nil {
		data["Names"] = a.names()
	}
	if a.rule.kind == OnRun {
		data["Status"], data["Error"] = run.report.Status, run.report.Error
		data["FailedInRow"] = strconv.FormatInt(run.failedInRow, 10)
		data["NotCompleteInRow"] = strconv.FormatInt(run.notCompleteInRow, 10)
		data["IncompleteTypes"] = strings.Join(run.report.IncompleteTypes, ", ")
		data["Behind"], data["Unseen"] = strings.Join(run.report.Behind, ", "), strings.Join(run.report.Unseen, " ")
		var withheld []string
		for name, n := range run.report.Withheld {
			withheld = append(withheld, fmt.Sprintf("%s %d", name, n))
		}
		slices.Sort(withheld)
		data["Withheld"], data["TokenDaysLeft"] = strings.Join(withheld, ", "), ""
		if run.tokenDaysLeft != nil {
			data["TokenDaysLeft"] = strconv.FormatInt(*run.tokenDaysLeft, 10)
		}
		return data
	}
	data["Type"], data["Class"] = s.typ, s.class
	if a.rule.kind == OnState {
		data["Entity"] = s.after.words()
	} else {
		data["PreviousKey"], data["Changed"] = s.previousKey, strings.Join(s.changed, ", ")
		data["Before"], data["After"] = s.before.words(), s.after.words()
	}
	for i, r := range relations {
		data[capital(r.name)] = s.related[i].words()
	}
	return data
}

// words are the properties as templates see them.
func (r *record) words() map[string]string {
	words := map[string]string{}
	if r == nil {
		return words
	}
	for _, p := range r.properties {
		words[p.Name] = word(p.Value)
	}
	return words
}

func word(v graph.Value) string {
	if v.Kind() == graph.StringsKind {
		return strings.Join(v.List(), ", ")
	}
	return fmt.Sprint(v.Any())
}

func plain(s string) string { return s }
