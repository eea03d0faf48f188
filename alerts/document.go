package alerts

import (
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/alerts/outbox"
)

// What a part of a document has at most of the events of an alert that tells of many.
const (
	maxPartEvents = 500
	maxPartBytes  = 512 << 10
)

// document is what is posted to a webhook. Values are as they are in the graph.
type document struct {
	ID          string    `json:"id"`
	EventID     string    `json:"event"`
	Instance    string    `json:"instance"`
	AccountName string    `json:"accountName,omitempty"`
	Run         string    `json:"run,omitempty"`
	At          time.Time `json:"at"`
	Rule        string    `json:"rule"`
	Severity    string    `json:"severity"`
	Title       string    `json:"title"`
	Text        string    `json:"text,omitempty"`
	WebLink     string    `json:"webLink,omitempty"`
	More        string    `json:"more"`
	Count       int       `json:"count"`

	event
	Related map[string]neighbor `json:"related,omitempty"`
	Threats []threatFact        `json:"threats,omitempty"`

	Devices     []neighbor `json:"devices,omitempty"`
	DeviceCount int        `json:"deviceCount,omitzero"`

	Part   int              `json:"part,omitzero"`
	Parts  int              `json:"parts,omitzero"`
	Events []jsontext.Value `json:"events,omitempty"` // of type told
}

// event is what happened to one thing.
type event struct {
	Op          string         `json:"op"`
	Type        string         `json:"type,omitempty"`
	Class       string         `json:"class,omitempty"`
	Key         string         `json:"key,omitempty"`
	PreviousKey string         `json:"previousKey,omitempty"`
	DisplayName string         `json:"displayName,omitempty"`
	Changed     []string       `json:"changed,omitempty"`
	Before      map[string]any `json:"before,omitempty"` // of what was updated, what changed
	After       map[string]any `json:"after,omitempty"`  // likewise; an entity in a state is here as a whole
}

// told is an event of many.
type told struct {
	ID string `json:"id"`
	event
}

type neighbor struct {
	Key         string `json:"key"`
	DisplayName string `json:"displayName"`
}

// encode writes the event of a subject as a webhook gets it among many.
func (s *subject) encode() jsontext.Value {
	return marshal(told{s.id, s.document()})
}

func (s *subject) document() event {
	return event{
		Op: s.op, Type: s.typ, Class: s.class, Key: s.key, PreviousKey: s.previousKey, DisplayName: s.name, Changed: s.changed,
		Before: s.before.values(s.changed), After: s.after.values(s.changed),
	}
}

func marshal(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) // it is made of strings, numbers and flags
	}
	return b
}

// encode writes the events of an alert that tells of many. The records of states are read for it, some at a time.
func (e *evaluation) encode(ctx context.Context, a *alert) error {
	for some := range slices.Chunk(a.many[:min(len(a.many), maxEvents)], batch) {
		whole := make([]*subject, len(some))
		for i, s := range some {
			own := *s
			whole[i] = &own
		}
		if a.rule.kind == OnState {
			if err := e.complete(ctx, whole); err != nil {
				return err
			}
		}
		for _, s := range whole {
			if s.event == nil {
				s.event = s.encode()
			}
			a.events = append(a.events, s.event)
		}
	}
	return nil
}

// documents are what is posted to a webhook: one, or the parts of an alert that tells of many.
func (e *Engine) documents(a *alert, m outbox.Message) []document {
	d := document{
		ID: m.ID, EventID: m.Event, Instance: m.Instance, Run: m.Run, At: m.At, Rule: m.Rule, Severity: m.Severity,
		AccountName: e.accountName(a.subject), WebLink: m.Link, More: a.rule.more(e.Instance), Title: m.Title, Text: m.Text, Count: a.count, event: event{Op: m.Op, Type: m.Type, Class: m.Class},
	}
	if a.many == nil {
		d.event, d.Related = a.subject.document(), map[string]neighbor{}
		for i, r := range relations {
			if other := a.subject.related[i]; other != nil {
				d.Related[r.name] = neighbor{other.key, other.displayName()}
			}
		}
		for _, t := range a.subject.threats {
			d.Threats = append(d.Threats, threatFactOf(t))
		}
		for _, on := range a.subject.on {
			d.Devices = append(d.Devices, neighbor{on.key, on.displayName()})
		}
		d.DeviceCount = a.subject.devices
		return []document{d}
	}
	parts := []document{d}
	bytes := 0
	for _, event := range a.events {
		last := &parts[len(parts)-1]
		if len(last.Events) == maxPartEvents || len(last.Events) > 0 && bytes+len(event) > maxPartBytes {
			parts = append(parts, d)
			last, bytes = &parts[len(parts)-1], 0
		}
		last.Events = append(last.Events, event)
		bytes += len(event)
	}
	for i := range parts {
		parts[i].ID, parts[i].Part, parts[i].Parts = outbox.PartID(m.ID, i+1), i+1, len(parts)
	}
	return parts
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
