package alerts

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/graph"
	"s1graph/harmless"
)

// alert is one thing that is told, to all destinations of a rule.
type alert struct {
	rule    *rule
	subject *subject   // of many, the first
	many    []*subject // the first of those that are told together; nil where it is one
	count   int
	event   string // ID
	id      string
}

// tell makes alerts of what was found, rule by rule.
func (e *evaluation) tell(ctx context.Context, rules []*rule) ([]alert, error) {
	var all []alert
	for _, r := range rules {
		f := e.found[r]
		if f == nil {
			continue
		}
		for _, m := range []*matches{&f.matches, &f.ended} {
			alerts := e.alerts(r, m)
			subjects := make([]*subject, len(alerts))
			for i, a := range alerts {
				subjects[i] = a.subject
			}
			if r.kind == OnState {
				if err := e.complete(ctx, append(slices.Clone(subjects), m.subjects...)); err != nil {
					return nil, err
				}
			}
			if err := e.resolver.resolve(ctx, subjects, r.tells()); err != nil {
				return nil, err
			}
			all = append(all, alerts...)
		}
	}
	return all, nil
}

// alerts are one for each match, or one for all.
func (e *evaluation) alerts(r *rule, m *matches) []alert {
	switch {
	case m.count == 0 || r.atLeast > 0 && !e.raisesTogether(r, m):
		return nil
	case r.atLeast > 0 || m.count > maxSingle:
		first := m.subjects[0]
		a := alert{rule: r, subject: first, many: m.subjects, count: m.count}
		a.event = graph.EventID(e.instance, e.run.ID, r.name, "together", first.op)
		a.id = e.alertID(r, a.event)
		return []alert{a}
	}
	alerts := make([]alert, len(m.subjects))
	for i, s := range m.subjects {
		alerts[i] = alert{rule: r, subject: s, count: 1, event: s.id, id: e.alertID(r, s.id)}
	}
	return alerts
}

// raisesTogether says whether so much matched that a rule with at_least is raised.
func (e *evaluation) raisesTogether(r *rule, m *matches) bool {
	return m.count >= r.atLeast && (e.preview || !e.memory.isMuted(r, "", e.run.StartedAt))
}

// alertID is the same whenever the same is told. What is only tried out is never taken for what happened.
func (e *evaluation) alertID(r *rule, event string) string {
	if e.preview {
		return graph.EventID(event, r.name, "preview")
	}
	return graph.EventID(event, r.name)
}

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

// messages are an alert in the words of each of its destinations.
func (e *Engine) messages(ev *evaluation, a alert, run *runState) []outbox.Message {
	data := a.data(ev, run)
	severity := a.severity(ev, run)
	data["Severity"] = severity
	var messages []outbox.Message
	for _, d := range e.Destinations {
		if len(a.rule.to) > 0 && !slices.Contains(a.rule.to, d.Name) {
			continue
		}
		m := outbox.Message{
			ID: a.id, Event: a.event, Instance: e.Instance, Run: run.report.Run, Rule: a.rule.name, Severity: severity,
			Destination: d.Name, Type: a.subject.typ, Class: a.subject.class, Op: a.subject.op, At: ev.run.StartedAt.UTC(),
		}
		if a.many == nil {
			m.Key = a.subject.key
		}
		m.Title, m.Text = a.words(data, delivery.Escape(d))
		if d.Format == "json" {
			m.Payload = a.document(m)
		}
		messages = append(messages, m)
	}
	return messages
}

// words are title and text. Where a template fails, the rule's name is told all the same.
func (a *alert) words(data map[string]any, escape func(string) string) (title, text string) {
	if a.isFolded() {
		title = fmt.Sprintf("%s: %d in one run", escape(a.rule.name), a.count)
		if a.subject.op == "ended" {
			title = fmt.Sprintf("Ended: %s: %d in one run", escape(a.rule.name), a.count)
		}
		return title, escape(a.names())
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
	if a.many != nil && text == "" {
		text = escape(a.names())
	}
	return harmless.Cut(strings.Join(strings.Fields(title), " "), maxTitle), harmless.Cut(strings.TrimSpace(text), maxText)
}

// severity is the rule's, or that of the worst of what is told.
func (a *alert) severity(ev *evaluation, run *runState) string {
	worst := -1
	for _, s := range append([]*subject{a.subject}, a.many...) {
		one := alert{rule: a.rule, subject: s, count: 1}
		word, err := a.rule.severity.render(one.data(ev, run), plain)
		if err == nil {
			worst = max(worst, slices.Index(severities, strings.TrimSpace(word)))
		}
	}
	if worst < 0 {
		return defaultSeverity
	}
	return severities[worst]
}

// data is what templates see.
func (a *alert) data(ev *evaluation, run *runState) map[string]any {
	s := a.subject
	data := map[string]any{
		"Rule": a.rule.name, "Instance": ev.instance, "Run": run.report.Run, "Severity": "",
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
		data["Behind"] = strings.Join(run.report.Behind, ", ")
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

// document is what is posted to a webhook. Values are as they are in the graph.
type document struct {
	ID          string              `json:"id"`
	Event       string              `json:"event"`
	Instance    string              `json:"instance"`
	Run         string              `json:"run,omitempty"`
	At          time.Time           `json:"at"`
	Rule        string              `json:"rule"`
	Severity    string              `json:"severity"`
	Op          string              `json:"op"`
	Type        string              `json:"type,omitempty"`
	Class       string              `json:"class,omitempty"`
	Key         string              `json:"key,omitempty"`
	PreviousKey string              `json:"previousKey,omitempty"`
	DisplayName string              `json:"displayName,omitempty"`
	Title       string              `json:"title"`
	Text        string              `json:"text,omitempty"`
	Count       int                 `json:"count"`
	Names       []string            `json:"names,omitempty"`
	Changed     []string            `json:"changed,omitempty"`
	Before      map[string]any      `json:"before,omitempty"` // of what was updated, what changed
	After       map[string]any      `json:"after,omitempty"`  // likewise; an entity in a state is here as a whole
	Related     map[string]neighbor `json:"related,omitempty"`
}

type neighbor struct {
	Key         string `json:"key"`
	DisplayName string `json:"displayName"`
}

func (a *alert) document(m outbox.Message) []byte {
	s := a.subject
	d := document{
		ID: m.ID, Event: m.Event, Instance: m.Instance, Run: m.Run, At: m.At, Rule: m.Rule, Severity: m.Severity,
		Op: m.Op, Type: m.Type, Class: m.Class, Key: m.Key, Title: m.Title, Text: m.Text, Count: a.count,
	}
	if a.many != nil {
		d.Names = a.firstNames()
	} else {
		d.DisplayName, d.PreviousKey, d.Changed = s.name, s.previousKey, s.changed
		d.Before, d.After = s.before.values(s.changed), s.after.values(s.changed)
		d.Related = map[string]neighbor{}
		for i, r := range relations {
			if other := s.related[i]; other != nil {
				d.Related[r.name] = neighbor{other.key, other.displayName()}
			}
		}
	}
	b, err := json.Marshal(d, json.Deterministic(true))
	if err != nil {
		panic(err) // it is made of strings, numbers and flags
	}
	return b
}

// values are some properties, or all where none are named.
func (r *record) values(only []string) map[string]any {
	if r == nil {
		return nil
	}
	values := make(map[string]any)
	for _, p := range r.properties {
		if len(only) == 0 || slices.Contains(only, p.Name) {
			values[p.Name] = p.Value.Any()
		}
	}
	return values
}

func plain(s string) string { return s }
