package alerts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"s1graph/alerts/delivery"
	"s1graph/config"
)

// severities, from the least.
var severities = []string{"info", "low", "medium", "high", "critical"}

const defaultSeverity = "medium"

// Rules are what Compile makes of a configuration. They do not change, and are safe for concurrent use.
type Rules struct {
	rules []*rule // in the file's order
}

// Names are the names of the rules, in the file's order.
func (r *Rules) Names() []string {
	names := make([]string, len(r.rules))
	for i, rule := range r.rules {
		names[i] = rule.name
	}
	return names
}

// named is nil where there is no rule of the name.
func (r *Rules) named(name string) *rule {
	for _, rule := range r.rules {
		if rule.name == name {
			return rule
		}
	}
	return nil
}

// rule is a compiled one.
type rule struct {
	*condition
	name     string
	severity *text
	fixed    string // the severity, where it is the same for all
	title    *text
	text     *text
	to       []string // names of destinations; empty: all
	atLeast  int
	mute     time.Duration
	ended    bool
	hash     string // of the condition
	query    string // saved query that shows more
	own      bool   // the condition is the user's, and no ready-made one
}

// tells are the related entities that the rule's templates look at.
func (r *rule) tells() relationSet {
	return r.title.needs.with(r.text.needs)
}

// severityOf is the rank of the severity that a rule gives to s: 1 for the least, 0 where it is none.
func (r *rule) severityOf(e *evaluation, s *subject) int {
	if s.severity > 0 {
		return s.severity
	}
	word := r.fixed
	if word == "" {
		one := alert{rule: r, subject: s, count: 1}
		given, err := r.severity.render(one.data(e), plain)
		if err != nil {
			return 0
		}
		word = strings.TrimSpace(given)
	}
	return slices.Index(severities, word) + 1
}

// severityOfRank is the word for what severityOf gives.
func severityOfRank(rank int) string {
	if rank == 0 {
		return defaultSeverity
	}
	return severities[rank-1]
}

// Compile makes rules of a configuration that config has checked, or says all that is wrong with what their words mean.
// Nil is no rule at all. Rules that read the same are one in the process, however many instances have them: a compiled
// condition takes 140 kB.
func Compile(a *config.Alerts) (*Rules, config.Faults) {
	rules := &Rules{}
	if a == nil {
		return rules, nil
	}
	var c compiler
	for i := range a.Rules {
		c.rule, c.index = &a.Rules[i], i
		if len(a.Destinations) == 0 && len(c.rule.To) == 0 {
			c.fault("", "no destination is configured: add one under alerts.destinations")
		}
		if r := c.shared(); r != nil {
			rules.rules = append(rules.rules, r)
		}
	}
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return rules, nil
}

// Check says all that is wrong with a configuration, its destinations included. Nothing is sent.
func Check(a *config.Alerts) config.Faults {
	if a == nil {
		return nil
	}
	var faults config.Faults
	for _, d := range a.Destinations {
		if err := delivery.Check(d); err != nil {
			where := cmp.Or(d.Places["url"], d.Places[""], "alerts.destinations."+d.Name)
			faults = append(faults, config.Fault{Where: where, Detail: err.Error()})
		}
	}
	_, ofRules := Compile(a)
	return append(faults, ofRules...)
}

// compiler compiles one rule after the other.
type compiler struct {
	rule   *config.Rule
	index  int
	faults config.Faults
}

func (c *compiler) fault(key, format string, args ...any) {
	where := cmp.Or(c.rule.Places[key], c.rule.Places[""], fmt.Sprintf("alerts.rules[%d]", c.index))
	c.faults = append(c.faults, config.Fault{Where: where, Detail: fmt.Sprintf(format, args...)})
}

// compiled are the rules of this process without a fault, by what they say.
var compiled sync.Map

// shared is what compile makes of the rule, or made of another one that says the same.
func (c *compiler) shared() *rule {
	key := textOf(*c.rule)
	if known, found := compiled.Load(key); found {
		return known.(*rule)
	}
	faults := len(c.faults)
	r := c.compile()
	if len(c.faults) > faults {
		return r
	}
	first, _ := compiled.LoadOrStore(key, r)
	return first.(*rule)
}

// textOf is the same of rules that say the same, wherever they stand.
func textOf(r config.Rule) string {
	ended := "by default"
	if r.Ended != nil {
		ended = fmt.Sprint(*r.Ended)
	}
	r.Places, r.Ended = nil, nil
	return fmt.Sprintf("%#v, ended: %s", r, ended)
}

// Fingerprint is the same of configurations whose rules say the same, in 16 hexadecimal digits; "" where there are none.
func Fingerprint(a *config.Alerts) string {
	if a == nil {
		return ""
	}
	hash := sha256.New()
	for _, r := range a.Rules {
		fmt.Fprintf(hash, "%q", textOf(r))
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// compile is nil where it is not known what the rule looks at.
func (c *compiler) compile() *rule {
	given := c.rule
	ready := readyRule{}
	if given.Use != "" {
		found := false
		if ready, found = readyNamed(given.Use); !found {
			c.fault("use", "there is no ready-made rule %q%s", given.Use, orRather(given.Use, readyNames()))
			return nil
		}
	}
	switch {
	case given.Days > 0 && len(ready.Days) == 0:
		c.fault("days", "only %s have a number of days", strings.Join(readyWithDays(), " and "))
	case given.Days > 0 && given.When != "":
		c.fault("days", "is for the ready-made condition, which when replaces")
	}
	r := &rule{
		name: cmp.Or(given.Name, given.Use), to: given.To, mute: given.Mute,
		atLeast: cmp.Or(given.AtLeast, ready.AtLeast), ended: ready.Ended,
	}
	when := cmp.Or(given.When, ready.when(given.Days))
	condition, problems := compile(when)
	for _, problem := range problems {
		c.fault("when", "%s", problem)
	}
	if condition == nil {
		return nil
	}
	r.condition, r.own, r.query = condition, given.When != "", cmp.Or(ready.Query, queryFor(condition))
	sum := sha256.Sum256([]byte(when))
	r.hash = hex.EncodeToString(sum[:8])
	if given.Ended != nil {
		if r.ended = *given.Ended; r.ended && condition.kind != OnState {
			c.fault("ended", "only a state ends: a condition on entity")
		}
	}
	severity := cmp.Or(given.Severity, ready.Severity, defaultSeverity)
	r.severity = c.template("severity", severity, condition)
	if !strings.Contains(severity, "{{") {
		r.fixed = severity
	}
	r.title = c.template("title", cmp.Or(given.Title, ready.Title, defaultTitle(r)), condition)
	r.text = c.template("text", cmp.Or(given.Text, ready.Text), condition)
	r.readForTexts()
	return r
}

// readForTexts lets of entities in a state be read what the severity depends on, and what the texts tell of exposure.
func (r *rule) readForTexts() {
	if r.kind != OnState {
		return
	}
	r.exposure = r.exposure || slices.ContainsFunc(slices.Concat(r.severity.reads, r.title.reads, r.text.reads), exposes)
	if !r.severity.needs.isEmpty() || slices.Contains(r.severity.reads, "") {
		r.reads = nil
	}
	for _, name := range r.severity.reads {
		if r.reads != nil {
			r.reads[name] = true
		}
	}
}

func defaultTitle(r *rule) string {
	switch {
	case r.atLeast > 0:
		return "{{.Rule}}: {{.Count}} in one run"
	case r.kind == OnRun:
		return "{{.Rule}}: run {{.Run}} is {{.Status}}"
	}
	return "{{.Rule}}: {{.Name}}"
}

func (c *compiler) template(key, given string, on *condition) *text {
	t, problems := parseText(given, on)
	for _, problem := range problems {
		c.fault(key, "%s", problem)
	}
	return t
}
