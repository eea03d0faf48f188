package alerts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// alert is one thing that is told.
type alert struct {
	rule     *rule
	subject  *subject   // of many, the first
	many     []*subject // those that are told together; nil where it is one
	count    int
	severity string
	event    string // ID
	id       string
	events   []jsontext.Value // of many, where a webhook is told of them

	to       audience
	incident string   // that its beginning opens and its end closes
	key      string   // the key that the incident was opened under; "" for that of the subject
	ends     []string // IDs of the alerts that told that what ends now began
}

// audience says which destinations are told of an alert: those that keep incidents are told of the end of each that they
// opened, people of what their rules say.
type audience int

const (
	everybody audience = iota
	people
	keepers
)

// tell makes alerts of what was found, rule by rule, and notes with the states how their beginning was told.
func (e *evaluation) tell(ctx context.Context, rules []*rule) ([]alert, error) {
	var told []alert
	for _, r := range rules {
		f := e.found[r]
		if f == nil {
			continue
		}
		alerts := e.alerts(r, &f.matches)
		if r.kind == OnState {
			for _, a := range alerts {
				f.noteTold(&a)
			}
			alerts = append(alerts, e.endings(r, f)...)
		}
		subjects := make([]*subject, len(alerts))
		for i, a := range alerts {
			subjects[i] = a.subject
		}
		if r.kind == OnState {
			if err := e.complete(ctx, subjects); err != nil {
				return nil, err
			}
		}
		if err := e.resolve(ctx, r, alerts, subjects); err != nil {
			return nil, err
		}
		for i := range alerts {
			if a := &alerts[i]; a.many != nil && a.to != keepers && e.posted(r) {
				if err := e.encode(ctx, a); err != nil {
					return nil, err
				}
			}
		}
		told = append(told, alerts...)
	}
	return told, nil
}

// resolve finds what is related to what is told alone; of many, what the rule's words look at.
func (e *evaluation) resolve(ctx context.Context, r *rule, alerts []alert, subjects []*subject) error {
	if r.kind == OnRun {
		return nil
	}
	needs := r.tells()
	var alone []*subject
	for _, a := range alerts {
		if a.many == nil {
			alone = append(alone, a.subject)
		}
	}
	if len(alone) > 0 {
		needs = needs.with(placed)
	}
	if err := e.resolver.devicesWith(ctx, alone); err != nil {
		return err
	}
	if err := e.resolver.resolve(ctx, subjects, needs); err != nil {
		return err
	}
	return e.resolver.threatsOf(ctx, subjects)
}

// alerts are one for each match, or one for all.
func (e *evaluation) alerts(r *rule, m *matches) []alert {
	switch {
	case m.count == 0 || r.atLeast > 0 && !e.raisesTogether(r, m):
		return nil
	case r.atLeast > 0 || m.count > maxSingle:
		return []alert{e.together(r, m)}
	}
	alerts := make([]alert, len(m.subjects))
	for i, s := range m.subjects {
		alerts[i] = e.single(r, s)
	}
	return alerts
}

func (e *evaluation) together(r *rule, m *matches) alert {
	first := m.subjects[0]
	a := alert{rule: r, subject: first, many: m.subjects, count: m.count, severity: severityOfRank(m.worst)}
	a.event = graph.EventID(e.instance, e.run.ID, r.name, "together", first.op)
	a.id = e.alertID(r, a.event)
	a.incident = a.id
	if r.kind == OnState {
		a.incident = e.incident(r, "")
	}
	return a
}

func (e *evaluation) single(r *rule, s *subject) alert {
	a := alert{rule: r, subject: s, count: 1, severity: severityOfRank(r.severityOf(e, s)), event: s.id, id: e.alertID(r, s.id)}
	a.incident = a.id
	if r.kind == OnState {
		a.incident = e.incident(r, s.key)
	}
	return a
}

// noteTold notes with states by which alert people were told that they began.
func (f *finding) noteTold(a *alert) {
	for _, s := range a.subjects() {
		began := f.began[s.key]
		began.Alert, began.Together = a.id, a.many != nil
		f.began[s.key] = began
	}
}

// subjects are all that an alert tells of.
func (a *alert) subjects() []*subject {
	if a.many != nil {
		return a.many
	}
	return []*subject{a.subject}
}

// endings tell people of the ends that the rule asks for, as beginnings are told; and those who keep incidents of the end
// of each incident. One that was opened for many together ends with the last of them.
func (e *evaluation) endings(r *rule, f *finding) []alert {
	var alerts []alert
	if r.ended {
		alerts = e.alerts(r, &f.ended)
	}
	for i := range alerts {
		a := &alerts[i]
		a.to = people
		for _, s := range a.subjects() {
			if id := f.over[s.key].Alert; id != "" {
				a.ends = append(a.ends, id)
			}
		}
		slices.Sort(a.ends)
		a.ends = slices.Compact(a.ends)
	}
	last := matches{worst: f.ended.worst}
	for _, s := range f.ended.subjects {
		was := f.over[s.key]
		switch {
		case was.Together:
			last.count++
			last.subjects = append(last.subjects, s)
		case r.atLeast == 0: // else nobody was told of it
			a := e.single(r, s)
			a.to, a.key = keepers, cmp.Or(was.Key, s.key)
			a.incident = e.incident(r, a.key)
			if was.Alert != "" {
				a.ends = []string{was.Alert}
			}
			alerts = append(alerts, a)
		}
	}
	if last.count > 0 && !e.lastsTogether(r, f) {
		a := e.together(r, &last)
		a.to = keepers
		alerts = append(alerts, a)
	}
	return alerts
}

// lastsTogether says whether a state goes on that was told with others.
func (e *evaluation) lastsTogether(r *rule, f *finding) bool {
	for _, states := range []map[string]state{e.memory.states[r], f.began} {
		for key, s := range states {
			if _, over := f.over[key]; s.Together && !over {
				return true
			}
		}
	}
	return false
}

// incident is the same from the beginning of a state to its end; key is "" for those that are told together.
func (e *evaluation) incident(r *rule, key string) string {
	sum := sha256.Sum256([]byte(e.instance + "\x00" + r.name + "\x00" + key))
	return hex.EncodeToString(sum[:])
}

// raisesTogether says whether so much matched that a rule with atLeast is raised.
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
