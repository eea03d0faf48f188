package alerts

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"s1graph/graph"
)

// What a device with an open threat is said to have beside its properties. Other devices have none of it: to count the
// vulnerabilities of a whole fleet with each run would take long.
const (
	openThreats         = "openThreats"
	openVulnerabilities = "openVulnerabilities"
	worstVulnerability  = "worstVulnerability"
)

// derived are the properties that an entity has for rules alone: those that posture gives to a device, and its exposure.
var derived = kinds{
	compliant: graph.BoolKind, reasons: graph.StringsKind,
	openThreats: graph.IntKind, openVulnerabilities: graph.IntKind, worstVulnerability: graph.StringKind,
}

// exposes says whether a property is part of a device's exposure.
func exposes(property string) bool {
	return property == openThreats || property == openVulnerabilities || property == worstVulnerability
}

// exposure is what is open on a device.
type exposure struct {
	threats, vulnerabilities int64
	worst                    string // severity
}

// exposures are those of the devices with an open threat, by key.
func (r *resolver) exposures(ctx context.Context) (map[string]*exposure, error) {
	if r.exposed != nil {
		return r.exposed, nil
	}
	r.exposed = map[string]*exposure{}
	open := map[string]bool{}
	for t, err := range graph.PickAll(ctx, r.run.Graph, threatType, map[string]bool{"open": true}) {
		if err != nil {
			return nil, err
		}
		if t.Get("open").Equal(graph.Bool(true)) {
			open[t.Key] = true
		}
	}
	if err := r.readThreats(ctx); err != nil {
		return nil, err
	}
	if err := r.readDevices(ctx); err != nil {
		return nil, err
	}
	for agent, threats := range r.threats {
		for _, threat := range threats {
			if device := r.deviceOf[agent]; device != "" && open[threat] {
				if r.exposed[device] == nil {
					r.exposed[device] = &exposure{}
				}
				r.exposed[device].threats++
			}
		}
	}
	if len(r.exposed) == 0 {
		return r.exposed, nil
	}
	return r.exposed, r.countVulnerabilities(ctx)
}

// countVulnerabilities counts the open vulnerabilities of the devices with an open threat.
func (r *resolver) countVulnerabilities(ctx context.Context) error {
	severity := map[string]string{}
	for v, err := range graph.PickAll(ctx, r.run.Graph, vulnerabilityType, map[string]bool{"severity": true}) {
		if err != nil {
			return err
		}
		severity[strings.Clone(v.Key)] = v.Get("severity").Text()
	}
	return r.openEdges(ctx, func(device, _ string) bool { return r.exposed[device] != nil }, func(device, vulnerability string) {
		e := r.exposed[device]
		e.vulnerabilities++
		if slices.Index(severities, severity[vulnerability]) > slices.Index(severities, e.worst) {
			e.worst = severity[vulnerability]
		}
	})
}

// openEdges gives the devices and vulnerabilities of those of the wanted relationships between them that are open.
func (r *resolver) openEdges(ctx context.Context, isWanted func(device, vulnerability string) bool, give func(device, vulnerability string)) error {
	keys := make([]string, 0, batch)
	flush := func() error {
		for e, err := range r.run.Graph.Fetch(ctx, exposesType, keys) {
			var edge graph.Record
			if err == nil {
				edge, err = graph.Pick(e, map[string]bool{"open": true})
			}
			if err != nil {
				return err
			}
			if edge.Get("open").Equal(graph.Bool(true)) {
				device, vulnerability, _ := graph.RelationshipEnds(e.Key)
				give(device, vulnerability)
			}
		}
		keys = keys[:0]
		return nil
	}
	for d, err := range r.run.Graph.Digests(ctx, exposesType) {
		if err != nil {
			return err
		}
		if device, vulnerability, ok := graph.RelationshipEnds(d.Key); !ok || !isWanted(device, vulnerability) {
			continue
		}
		if keys = append(keys, strings.Clone(d.Key)); len(keys) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// exposed adds to a device what is open on it, where one of the rules asks for that.
func (e *evaluation) exposed(ctx context.Context, typeName string, rules []*rule) (add func(*record), err error) {
	if typeName != deviceType || !slices.ContainsFunc(rules, func(r *rule) bool { return r.exposure }) {
		return func(*record) {}, nil
	}
	of, err := e.resolver.exposures(ctx)
	return func(r *record) {
		if x := of[r.key]; x != nil {
			r.set(openThreats, graph.Int(x.threats))
			r.set(openVulnerabilities, graph.Int(x.vulnerabilities))
			if x.worst != "" {
				r.set(worstVulnerability, graph.String(x.worst))
			}
		}
	}, err
}

// devicesWith finds, for each vulnerability that alerts tell of, the devices that have it.
func (r *resolver) devicesWith(ctx context.Context, subjects []*subject) error {
	of := map[string][]*subject{}
	for _, s := range subjects {
		if s.typ == vulnerabilityType {
			of[s.key] = append(of[s.key], s)
		}
	}
	if len(of) == 0 {
		return nil
	}
	devices := map[string]bool{}
	err := r.openEdges(ctx, func(_, vulnerability string) bool { return of[vulnerability] != nil }, func(device, vulnerability string) {
		for _, s := range of[vulnerability] {
			if s.devices++; len(s.on) < maxDevices {
				device = strings.Clone(device)
				s.on, devices[device] = append(s.on, &record{key: device}), true
			}
		}
	})
	if err != nil {
		return err
	}
	found, err := r.fetch(ctx, deviceType, devices)
	for _, s := range subjects {
		for i, d := range s.on {
			s.on[i] = cmp.Or(found[d.key], d)
		}
	}
	return err
}

// maxDevices is how many devices with a vulnerability an alert names.
const maxDevices = 5
