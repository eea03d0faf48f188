package config

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// readEnvironment takes what variables say. One that begins like s1graph's and is none is a fault: what it was to set
// would not be so, without a word.
func (l *loader) readEnvironment() {
	known := []string{TokenVariable, PasswordVariable, FileVariable}
	for _, s := range settings {
		known = append(known, s.Variable())
		if value, name := s.among(l.variables); value != "" {
			l.checkVariable(name, s)
			l.set(s, name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.variables)) {
		rest, isOurs := strings.CutPrefix(name, "S1GRAPH_")
		if !isOurs || slices.Contains(known, name) || isInjected(rest, l.variables[name]) {
			continue
		}
		// Those of console and database begin otherwise.
		meant := cmp.Or(Nearest(name, known), Nearest("SENTINELONE_"+rest, known), Nearest(rest, known))
		if meant != "" {
			meant = "; did you mean " + meant + "?"
		}
		l.fault(name, "there is no such setting%s", meant)
	}
	slices.Sort(l.config.Warnings)
}

// injected are the ends of the variables that Kubernetes and Docker put into a container beside a Service or a link that is
// called s1graph, or s1graph-something: S1GRAPH_SERVICE_HOST, S1GRAPH_PORT_8338_TCP_ADDR, S1GRAPH_METRICS_PORT and
// S1GRAPH_ENV_PATH. By their names alone some could be settings; their values have a form.
var injected = []struct{ name, value *regexp.Regexp }{
	{regexp.MustCompile(`^(\w+_)?SERVICE_HOST$`), regexp.MustCompile(`^[0-9a-fA-F.:]+$`)},
	{regexp.MustCompile(`^(\w+_)?SERVICE_PORT(_\w+)?$`), regexp.MustCompile(`^\d+$`)},
	{regexp.MustCompile(`^(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?$`), regexp.MustCompile(`^(tcp|udp|sctp)://`)},
	{regexp.MustCompile(`^(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$`), regexp.MustCompile(`^([a-z]+|[0-9a-fA-F.:]+)$`)},
	{regexp.MustCompile(`^(\w+_)?NAME$`), regexp.MustCompile(`^/`)},
	{regexp.MustCompile(`^(\w+_)?ENV_\w+$`), regexp.MustCompile(``)},
}

func isInjected(name, value string) bool {
	for _, i := range injected {
		if i.name.MatchString(name) && i.value.MatchString(value) {
			return true
		}
	}
	return false
}
