package config

import (
	"cmp"
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// foundDestination is a destination as it stands in the file.
type foundDestination struct {
	Destination
	broken bool // it is not what it must be, which was told
}

// foundRule is a rule as it stands in the file.
type foundRule struct {
	Rule
	broken bool // one does not know what it is, which was told
}

// destinations and rules of an instance stand for themselves: one of the two may come from the top level.
func (d *document) readAlerts(key string, node ast.Node) {
	m := d.mapping(key, node, "destinations", "rules")
	if m == nil {
		return
	}
	if destinations, isGiven := m.values["destinations"]; isGiven {
		d.layer.destinations.place = m.places["destinations"]
		d.readDestinations(key+".destinations", destinations)
	}
	if rules, isGiven := m.values["rules"]; isGiven {
		d.layer.rules.place = m.places["rules"]
		d.list(key+".rules", rules, "rules", d.readRule)
	}
}

// readDestinations takes the names from the file, and so repeats none of them before it has seen that it is
// one: an address may have got into its place.
func (d *document) readDestinations(key string, node ast.Node) {
	tree, ok := node.(ast.MapNode)
	if !ok {
		d.fault(d.place(node, key), "must be a map of destinations by name, such as {soc: {url: …}}")
		return
	}
	lines := map[string]int{}
	for entries := tree.MapRange(); entries.Next(); {
		name := entries.Key().GetToken().Value
		if err := isDestinationName(name); err != nil {
			d.fault(d.place(entries.Key(), key), "%v", err)
		} else if !d.isTwice(lines, entries.Key(), key+"."+name) {
			d.readDestination(key+"."+name, name, entries.Value())
		}
	}
}

func (d *document) readDestination(key, name string, node ast.Node) {
	found := foundDestination{Destination: Destination{Name: name}}
	m := d.mapping(key, node, "url", "urlFile", "format", "secretFile")
	if m == nil {
		found.broken = true
		d.layer.destinations.items = append(d.layer.destinations.items, found)
		return
	}
	found.Places = m.places
	m.take("url", Text, func(address string) error {
		found.URL = NewSecret(address)
		d.hasSecrets = true
		return nil
	})
	m.secretFile("urlFile", &found.URL)
	m.text("format", &found.Format, oneOf("json"))
	m.secretFile("secretFile", &found.Secret)

	_, hasURL := m.values["url"]
	_, hasFile := m.values["urlFile"]
	switch {
	case hasURL && hasFile:
		m.fault(m.places["urlFile"], "must not be given along with url: leave one of them out")
	case !hasURL && !hasFile:
		m.fault(m.places[""], "must have a url, or a urlFile that holds it")
	case hasFile:
		m.places["url"] = m.places["urlFile"]
	}
	if found.URL.IsSet() {
		if err := isDestinationURL(found.URL.Reveal()); err != nil {
			m.fault(m.places["url"], "%v", err)
		}
	}
	if _, signed := m.values["secretFile"]; signed && found.Format != "json" {
		m.fault(m.places["secretFile"], "must be left out, or format be json: nothing else is signed")
	}
	found.broken = m.broken
	d.layer.destinations.items = append(d.layer.destinations.items, found)
}

// isDestinationName never repeats what it refuses: an address may have got into a name's place.
func isDestinationName(name string) error {
	if len(name) > 100 || isInstance(name) != nil {
		return errors.New("must be names of destinations: letters, digits, dots, hyphens and underscores")
	}
	return nil
}

// isDestinationURL never repeats what it refuses. Which services there are is not this package's to know.
func isDestinationURL(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme == "" {
		return errors.New("must be an address, such as slack://… or https://hooks.example.net/s1graph")
	}
	return nil
}

// secretFile reads a secret out of the file that is named. No fault of it repeats the name, which may be the
// secret itself.
func (m *mapping) secretFile(name string, field *Secret) {
	m.take(name, Path, func(path string) error {
		if m.sources.NoConsole {
			return nil // nobody is told of anything
		}
		if strings.Contains(path, "://") || tokenLike.MatchString(path) {
			return errors.New("must be the name of a file, and seems to be what belongs into it")
		}
		path = m.relative(path)
		content, info, err := read(path)
		if err != nil {
			return errors.New("must be a file of mode 0600: " + reason("it", err))
		}
		text := strings.TrimSpace(string(content))
		if text == "" || strings.ContainsFunc(text, unicode.IsControl) {
			return errors.New("must be a file with one line of text, and nothing else")
		}
		if seenByOthers(info) {
			m.warn("%s can be read by other users of this machine: chmod 600 %s", path, path)
		}
		*field = NewSecret(text)
		return nil
	})
}

func (d *document) readRule(key string, node ast.Node) {
	m := d.mapping(key, node, "use", "name", "when", "severity", "title", "text", "to", "atLeast", "mute", "ended", "days")
	if m == nil {
		return
	}
	rule := Rule{Places: m.places}
	m.text("use", &rule.Use, isOneLine)
	m.text("name", &rule.Name, isOneLine)
	m.text("when", &rule.When)
	if !m.broken && rule.Use == "" && (rule.Name == "" || rule.When == "") {
		m.fault(m.places[""], "must have a name and a condition (name and when), or the name of a ready-made rule (use)")
	}
	m.unique("rule", cmp.Or(rule.Name, rule.Use), cmp.Or(m.places["name"], m.places["use"]))
	broken := m.broken
	m.text("severity", &rule.Severity, oneOf("info", "low", "medium", "high", "critical"))
	m.text("title", &rule.Title)
	m.text("text", &rule.Text)
	m.words("to", &rule.To, isDestinationName)
	m.whole("atLeast", 1, math.MaxInt32, &rule.AtLeast)
	m.take("mute", Duration, func(value string) error {
		mute, err := parseDuration(value)
		if err != nil || mute <= 0 {
			return must("a duration over 0 with its unit, such as 24h or 7d", value)
		}
		rule.Mute = mute
		return nil
	})
	m.flag("ended", &rule.Ended)
	m.whole("days", 1, 3650, &rule.Days)
	d.layer.rules.items = append(d.layer.rules.items, foundRule{rule, broken})
}

// readAlerts settles who is told of what, out of the instance's own words and the top level's. What was told to be wrong
// is left out.
func (l *loader) readAlerts() {
	destinations, rules := l.own.destinations.over(l.top.destinations), l.own.rules.over(l.top.rules)
	if destinations.place == "" && rules.place == "" {
		return
	}
	l.config.Alerts = &Alerts{}
	var names []string
	for _, found := range destinations.items {
		names = append(names, found.Name)
		if !found.broken {
			l.config.Alerts.Destinations = append(l.config.Alerts.Destinations, found.Destination)
		}
	}
	for _, found := range rules.items {
		l.checkDestinations(found.Rule, names)
		if !found.broken {
			l.config.Alerts.Rules = append(l.config.Alerts.Rules, found.Rule)
		}
	}
	if len(rules.items) > 0 && len(names) == 0 {
		l.warn("%s: there are no destinations, so no alert is sent", rules.place)
	}
	if l.sources.CheckAlerts != nil && !l.sources.NoConsole {
		for _, fault := range l.sources.CheckAlerts(l.config.Alerts) {
			l.fault(fault.Where, "%s", fault.Detail)
		}
	}
}

func (l *loader) checkDestinations(rule Rule, names []string) {
	for _, name := range rule.To {
		switch {
		case slices.Contains(names, name):
		case len(names) == 0:
			l.fault(rule.Places["to"], "must be left out, or alerts.destinations must be set")
		default:
			l.fault(rule.Places["to"], "must be names of destinations, which are %s%s", strings.Join(names, ", "), suggestion(name, names))
		}
	}
}
