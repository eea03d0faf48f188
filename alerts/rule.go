package alerts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
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
	title    *text
	text     *text
	to       []string // names of destinations; empty: all
	atLeast  int
	mute     time.Duration
	ended    bool
	hash     string // of the condition
}

// tells are the related entities that the rule's templates look at.
func (r *rule) tells() relationSet {
	return r.title.needs.with(r.text.needs).with(r.severity.needs)
}

// Compile makes rules of a configuration, or says all that is wrong with it. Nil is no rule at all.
func Compile(a *config.Alerts) (*Rules, config.Faults) {
	rules := &Rules{}
	if a == nil {
		return rules, nil
	}
	c := compiler{destinations: make([]string, 0, len(a.Destinations))}
	for _, d := range a.Destinations {
		c.destinations = append(c.destinations, d.Name)
	}
	for i := range a.Rules {
		c.rule, c.index = &a.Rules[i], i
		if r := c.compile(); r != nil {
			if rules.named(r.name) != nil {
				c.fault(cmp.Or(c.keyOf("name", c.rule.Name), "use"), "there is another rule %q: give this one a name of its own", r.name)
			}
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
	destinations []string
	rule         *config.Rule
	index        int
	faults       config.Faults
}

func (c *compiler) fault(key, format string, args ...any) {
	where := cmp.Or(c.rule.Places[key], c.rule.Places[""], fmt.Sprintf("alerts.rules[%d]", c.index))
	c.faults = append(c.faults, config.Fault{Where: where, Detail: fmt.Sprintf(format, args...)})
}

// keyOf is key where its value is given.
func (c *compiler) keyOf(key, value string) string {
	if value == "" {
		return ""
	}
	return key
}

// compile is nil where the rule cannot be told from others, or what it looks at is not known.
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
	name := cmp.Or(given.Name, given.Use)
	if name == "" {
		c.fault("", "must have a name, or use a ready-made rule")
		return nil
	}
	c.checkNumbers(ready)
	r := &rule{
		name: name, to: given.To, mute: given.Mute,
		atLeast: cmp.Or(given.AtLeast, ready.AtLeast), ended: ready.Ended,
	}
	c.checkDestinations()
	when := cmp.Or(given.When, ready.when(given.Days))
	if when == "" {
		c.fault("", "must have a condition: when")
		return nil
	}
	condition, problems := compile(when)
	for _, problem := range problems {
		c.fault("when", "%s", problem)
	}
	if condition == nil {
		return nil
	}
	r.condition = condition
	sum := sha256.Sum256([]byte(when))
	r.hash = hex.EncodeToString(sum[:8])
	if given.Ended != nil {
		if r.ended = *given.Ended; r.ended && condition.kind != OnState {
			c.fault("ended", "only a state ends: a condition on entity")
		}
	}
	r.severity = c.severity(cmp.Or(given.Severity, ready.Severity, defaultSeverity), condition)
	r.title = c.template("title", cmp.Or(given.Title, ready.Title, defaultTitle(r)), condition)
	r.text = c.template("text", cmp.Or(given.Text, ready.Text), condition)
	return r
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

func (c *compiler) checkNumbers(ready readyRule) {
	if c.rule.AtLeast < 0 {
		c.fault("at_least", "must not be negative")
	}
	if c.rule.Mute < 0 {
		c.fault("mute", "must not be negative")
	}
	switch {
	case c.rule.Days < 0:
		c.fault("days", "must not be negative")
	case c.rule.Days > 0 && len(ready.Days) == 0:
		c.fault("days", "only %s have a number of days", strings.Join(readyWithDays(), " and "))
	case c.rule.Days > 0 && c.rule.When != "":
		c.fault("days", "belongs to the ready-made condition, and when replaces that")
	}
}

func (c *compiler) checkDestinations() {
	for _, name := range c.rule.To {
		if !slices.Contains(c.destinations, name) {
			c.fault("to", "%q is none of the destinations%s", name, orRather(name, c.destinations))
		}
	}
	if len(c.rule.To) == 0 && len(c.destinations) == 0 {
		c.fault("", "there is no destination to tell of it: give one under alerts.destinations")
	}
}

// severity is a word, or a template that gives one.
func (c *compiler) severity(given string, on *condition) *text {
	if !strings.Contains(given, "{{") && !slices.Contains(severities, given) {
		c.fault("severity", "%q is no severity%s", given, orRather(given, severities))
		given = defaultSeverity
	}
	return c.template("severity", given, on)
}

func (c *compiler) template(key, given string, on *condition) *text {
	t, problems := parseText(given, on)
	for _, problem := range problems {
		c.fault(key, "%s", problem)
	}
	return t
}
