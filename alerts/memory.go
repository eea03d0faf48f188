package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/alerts/outbox"
)

// Buckets of the outbox in which the rules remember what they must know of earlier runs.
const (
	runBucket   = "runs"   // the cursor, and counts of runs
	ruleBucket  = "rules"  // by name of a rule on states, a zero byte and a type: the hash of its condition
	muteBucket  = "mutes"  // by name of the rule, a zero byte and the key: until when, in milliseconds
	stateBucket = "states" // and the name of a rule, after a slash; by key: state
)

const (
	cursorKey = "cursor"
	countsKey = "counts"
)

// memory is what the rules remember of earlier runs, as it is read before a run is evaluated.
type memory struct {
	cursor   string
	counts   counts
	policies string            // of the run that is evaluated
	hashes   map[string]string // by name of a rule, a zero byte and a type
	states   map[*rule]map[string]state
	mutes    map[string]time.Time // by name of the rule, a zero byte and the key
	asides   []string             // files of an outbox that was damaged
}

// counts are what conditions on runs see of the runs before.
type counts struct {
	Last             string `json:"last"` // run that was counted last
	FailedInRow      int64  `json:"failedInRow"`
	NotCompleteInRow int64  `json:"notCompleteInRow"`
	TokenDaysLeft    *int64 `json:"tokenDaysLeft,omitempty"`
}

// state is one that an entity is in.
type state struct {
	Type  string    `json:"type"`
	Name  string    `json:"name,omitempty"` // of the entity, for when it is gone
	Since time.Time `json:"since"`
	Muted bool      `json:"muted,omitempty"` // it was not told, because its key was muted

	Severity string `json:"severity,omitempty"` // with which it began; "" where that is not known

	Alert    string `json:"alert,omitempty"`    // ID of the alert that told that it began; "" where none did, as far as is known
	Together bool   `json:"together,omitempty"` // that alert told of others too
	Key      string `json:"key,omitempty"`      // the key that it began under, where that was another one
}

// recall reads what the rules remember, to evaluate a run with such policies.
func recall(ctx context.Context, o *outbox.Outbox, rules []*rule, policies string) (*memory, error) {
	m, err := recallOnce(ctx, o, rules, policies)
	if errors.Is(err, outbox.ErrDamaged) { // now there is a new one
		return recallOnce(ctx, o, rules, policies)
	}
	return m, err
}

func recallOnce(ctx context.Context, o *outbox.Outbox, rules []*rule, policies string) (*memory, error) {
	m := &memory{policies: policies, hashes: map[string]string{}, states: map[*rule]map[string]state{}, mutes: map[string]time.Time{}}
	err := o.View(ctx, func(tx *outbox.Tx) error {
		cursor, _ := tx.Get(runBucket, cursorKey)
		m.cursor, m.asides = string(cursor), tx.Asides()
		if b, found := tx.Get(runBucket, countsKey); found {
			if err := json.Unmarshal(b, &m.counts); err != nil {
				return fmt.Errorf("counts of runs: %w", err)
			}
		}
		for name, hash := range tx.Each(ruleBucket, "") {
			m.hashes[name] = string(hash)
		}
		for _, r := range rules {
			if r.kind != OnState {
				continue
			}
			m.states[r] = map[string]state{}
			for key, b := range tx.Each(stateBucket+"/"+r.name, "") {
				var s state
				if err := json.Unmarshal(b, &s); err != nil {
					return fmt.Errorf("state of %s: %w", key, err)
				}
				if !m.isNew(r, s.Type) {
					m.states[r][key] = s
				}
			}
		}
		for key, b := range tx.Each(muteBucket, "") {
			if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
				m.mutes[key] = time.UnixMilli(n)
			}
		}
		return nil
	})
	return m, err
}

// isNew says whether a rule on states has not evaluated a type before with this condition: it begins with a baseline.
func (m *memory) isNew(r *rule, typeName string) bool {
	return m.hashes[r.name+"\x00"+typeName] != m.hashOf(r)
}

// hashOf is that of all that a rule's states depend on but the entities.
func (m *memory) hashOf(r *rule) string {
	if r.kind == OnState && r.posture {
		return r.hash + m.policies
	}
	return r.hash
}

func (m *memory) isMuted(r *rule, key string, at time.Time) bool {
	return r.mutes(m.mutes[muteKey(r, key)], at)
}

// mutes says whether a rule is muted until a time. A time more than a day later than the rule could set was written by a clock
// that was ahead.
func (r *rule) mutes(until, at time.Time) bool {
	return until.After(at) && until.Sub(at) <= r.mute+24*time.Hour
}

func muteKey(r *rule, key string) string { return r.name + "\x00" + key }

// count adds a run to those that were counted, and is what conditions on runs look at.
func (m *memory) count(report Report) (*runState, counts) {
	r := &runState{report: report, tokenDaysLeftBefore: m.counts.TokenDaysLeft}
	c := m.counts
	c.Last = r.id()
	switch report.Status {
	case "complete":
		c.FailedInRow, c.NotCompleteInRow = 0, 0
	case "failed":
		c.FailedInRow++
		c.NotCompleteInRow++
	default:
		c.FailedInRow = 0
		c.NotCompleteInRow++
	}
	if !report.TokenExpiresAt.IsZero() {
		const day = 24 * time.Hour
		left := report.TokenExpiresAt.Sub(report.StartedAt)
		days := int64(left / day)
		if left > 0 && left%day > 0 {
			days++
		}
		c.TokenDaysLeft, r.tokenDaysLeft = &days, &days
	}
	r.failedInRow, r.notCompleteInRow = c.FailedInRow, c.NotCompleteInRow
	return r, c
}

// remember writes what the next run is to know.
func (e *evaluation) remember(tx *outbox.Tx, rules []*rule, c counts, cursor string) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := tx.Put(runBucket, countsKey, b); err != nil {
		return err
	}
	if cursor == "" { // nothing was committed: no state was looked at
		return e.rememberMutes(tx, rules)
	}
	if err := tx.Put(runBucket, cursorKey, []byte(cursor)); err != nil {
		return err
	}
	if err := e.forgetRules(tx, rules); err != nil {
		return err
	}
	for _, r := range rules {
		if r.kind == OnState {
			if err := e.rememberStates(tx, r); err != nil {
				return err
			}
		}
	}
	return e.rememberMutes(tx, rules)
}

// outlast stops what is told again and again of states that are over, and by rules and to destinations that are there no
// more.
func (e *evaluation) outlast(tx *outbox.Tx, rules []*rule, known func(destination string) bool) error {
	incidents := sync.OnceValue(func() map[string]bool {
		last := map[string]bool{}
		for _, r := range rules {
			for _, states := range []map[string]state{e.memory.states[r], e.of(r).began} {
				for key, s := range states {
					if _, over := e.of(r).over[key]; over {
						continue
					}
					key = cmp.Or(s.Key, key)
					if s.Together {
						key = ""
					}
					last[e.incident(r, key)] = true
				}
			}
		}
		return last
	})
	return tx.Outlast(func(m outbox.Message) bool { return known(m.Destination) && incidents()[m.Incident] })
}

// forgetRules takes away what rules remember that are there no more, or have another condition now.
func (e *evaluation) forgetRules(tx *outbox.Tx, rules []*rule) error {
	hashes := map[string]string{}
	for _, r := range rules {
		hashes[r.name] = e.memory.hashOf(r)
	}
	for _, key := range slices.Sorted(maps.Keys(e.memory.hashes)) {
		name, typeName, _ := strings.Cut(key, "\x00")
		if hashes[name] == e.memory.hashes[key] {
			continue
		}
		if err := tx.Delete(ruleBucket, key); err != nil {
			return err
		}
		for key := range tx.Each(stateBucket+"/"+name, typeName+":") {
			if err := tx.Delete(stateBucket+"/"+name, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) rememberStates(tx *outbox.Tx, r *rule) error {
	f := e.of(r)
	for _, typeName := range f.evaluated {
		if e.memory.isNew(r, typeName) {
			if err := tx.Put(ruleBucket, r.name+"\x00"+typeName, []byte(e.memory.hashOf(r))); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.over)) {
		if err := tx.Delete(stateBucket+"/"+r.name, key); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.began)) {
		if _, over := f.over[key]; over {
			continue
		}
		b, err := json.Marshal(f.began[key])
		if err != nil {
			return err
		}
		if err := tx.Put(stateBucket+"/"+r.name, key, b); err != nil {
			return err
		}
	}
	return nil
}

// rememberMutes mutes what was raised, and forgets what is muted no more.
func (e *evaluation) rememberMutes(tx *outbox.Tx, rules []*rule) error {
	at := e.run.StartedAt
	muting := map[string]*rule{}
	for _, r := range rules {
		muting[r.name] = r
		f := e.found[r]
		if r.mute == 0 || f == nil {
			continue
		}
		until := []byte(strconv.FormatInt(at.Add(r.mute).UnixMilli(), 10))
		for _, key := range e.mutedNow(r, f) {
			if err := tx.Put(muteBucket, muteKey(r, key), until); err != nil {
				return err
			}
		}
	}
	for key, until := range e.memory.mutes {
		name, _, _ := strings.Cut(key, "\x00")
		if r := muting[name]; r != nil && r.mute > 0 && r.mutes(until, at) {
			continue
		}
		if b, _ := tx.Get(muteBucket, key); string(b) == strconv.FormatInt(until.UnixMilli(), 10) {
			if err := tx.Delete(muteBucket, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// mutedNow are the keys that a rule was just raised for.
func (e *evaluation) mutedNow(r *rule, f *finding) []string {
	if r.atLeast == 0 {
		return f.matches.keys
	}
	if e.raisesTogether(r, &f.matches) {
		return []string{""}
	}
	return nil
}
