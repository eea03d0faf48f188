package alerts

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
)

// history is what a run's changes tell that its graph does not: what was connected with what until this run. It is
// only read where something asks for it.
type history struct {
	deviceOf map[string]string // by agent: the device that it protected
	ownerOf  map[string]string // by device: who owned it
	nameOf   map[string]string // of devices and users that are gone
	nowAs    map[string]string // by the key before: the key now, of what was rekeyed
}

// resolver finds the entities that are told with others. It remembers keys alone, and the records of groups, sites
// and accounts, which are few.
type resolver struct {
	run *Run

	deviceOf map[string]string   // by agent; nil: not read yet
	agentsOf map[string][]string // by device; likewise
	ownerOf  map[string]string   // by device; likewise
	threats  map[string][]string // by agent; likewise
	past     *history
	exposed  map[string]*exposure // by device; likewise
	places   map[string]*record   // groups, sites and accounts, by key; nil where there is none
}

// maxPlaces bounds what is remembered of groups, sites and accounts.
const maxPlaces = 20_000

func newResolver(run *Run) *resolver { return &resolver{run: run, places: map[string]*record{}} }

// readEdges puts the ends of the relationships of a type into a map, unless that was done before.
func readEdges[V any](ctx context.Context, r *resolver, into *map[string]V, typeName string, put func(from, to string)) error {
	if *into != nil {
		return nil
	}
	*into = map[string]V{}
	for key, err := range graph.Keys(ctx, r.run.Graph, typeName) {
		if err != nil {
			return fmt.Errorf("type %s: %w", typeName, err)
		}
		if from, to, ok := graph.RelationshipEnds(key); ok {
			put(from, to)
		}
	}
	return nil
}

func (r *resolver) readDevices(ctx context.Context) error {
	return readEdges(ctx, r, &r.deviceOf, protectsType, func(agent, device string) { r.deviceOf[agent] = device })
}

func (r *resolver) readAgents(ctx context.Context) error {
	return readEdges(ctx, r, &r.agentsOf, protectsType, func(agent, device string) { r.agentsOf[device] = append(r.agentsOf[device], agent) })
}

func (r *resolver) readOwners(ctx context.Context) error {
	return readEdges(ctx, r, &r.ownerOf, ownsType, func(user, device string) { r.ownerOf[device] = user })
}

// history reads the run's changes for what they tell of the past.
func (r *resolver) history(ctx context.Context) (*history, error) {
	if r.past != nil {
		return r.past, nil
	}
	h := &history{deviceOf: map[string]string{}, ownerOf: map[string]string{}, nameOf: map[string]string{}, nowAs: map[string]string{}}
	for e, err := range r.run.events(ctx) {
		if err != nil {
			return nil, err
		}
		switch {
		case e.Op == graph.Rekeyed:
			h.nowAs[e.PreviousKey] = e.Key
		case e.Op != graph.Deleted:
		case e.Type == deviceType || e.Type == userType:
			h.nameOf[e.Key] = e.DisplayName
		case e.Type == protectsType || e.Type == ownsType:
			from, to, _ := graph.RelationshipEnds(e.Key)
			if e.Type == protectsType {
				h.deviceOf[from] = to
			} else {
				h.ownerOf[to] = from
			}
		}
	}
	r.past = h
	return h, nil
}

// link is a subject whose related entities are sought: their keys, as far as they are known.
type link struct {
	*subject
	keys   [relationCount]string
	agents []string // of the device, where it has several
	isPast bool     // the subject, or what connects it with its device, is gone
}

// resolve finds what the subjects need and do not have yet.
func (r *resolver) resolve(ctx context.Context, subjects []*subject, needs relationSet) error {
	if needs.isEmpty() || len(subjects) == 0 {
		return nil
	}
	links := make([]link, len(subjects))
	for i, s := range subjects {
		links[i] = link{subject: s, isPast: s.op == string(graph.Deleted)}
		links[i].begin()
	}
	needsPlace := needs[toGroup] || needs[toSite] || needs[toAccount]
	for i := range links {
		if err := r.connect(ctx, &links[i], needs, needsPlace); err != nil {
			return err
		}
	}
	if needs[toAgent] || needsPlace {
		if err := r.fetchAgents(ctx, links); err != nil {
			return err
		}
	}
	if needsPlace {
		for i := range links {
			links[i].place()
		}
		if err := r.fetchPlaces(ctx, links, toGroup, toSite); err != nil {
			return err
		}
		for i := range links {
			links[i].place()
		}
		if err := r.fetchPlaces(ctx, links, toSite, toAccount); err != nil {
			return err
		}
	}
	for _, to := range []relation{toDevice, toOwner, toPreviousOwner, toThreat, toApplication, toVulnerability} {
		if needs[to] {
			if err := r.fetchRelated(ctx, links, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin takes what the subject says itself.
func (l *link) begin() {
	own := l.now()
	for i, relation := range relations {
		if relation.typeName == l.typ && relation.name != relations[toPreviousOwner].name {
			l.related[i], l.keys[i] = own, l.key
		}
	}
	if from, to, ok := graph.RelationshipEnds(l.key); ok {
		for _, end := range []string{from, to} {
			typeName, _ := graph.CutKey(end)
			for i, relation := range relations {
				if relation.typeName == typeName && relation.name != relations[toPreviousOwner].name {
					l.keys[i] = end
				}
			}
		}
	}
	if id := own.get("agentId").Text(); id != "" {
		l.keys[toAgent] = entities.AgentKey(id)
	}
}

// connect goes from agents to devices and back, and on to owners.
func (r *resolver) connect(ctx context.Context, l *link, needs relationSet, needsPlace bool) error {
	if agent := l.keys[toAgent]; agent != "" && l.keys[toDevice] == "" && (needs[toDevice] || needs[toOwner]) {
		if err := r.readDevices(ctx); err != nil {
			return err
		}
		l.keys[toDevice] = r.deviceOf[agent]
		if l.keys[toDevice] == "" && r.run.Changes != nil {
			h, err := r.history(ctx)
			if err != nil {
				return err
			}
			l.keys[toDevice], l.isPast = h.deviceOf[agent], true
		}
	}
	device := l.keys[toDevice]
	if device == "" {
		return nil
	}
	if l.keys[toAgent] == "" && (needs[toAgent] || needsPlace) {
		if err := r.readAgents(ctx); err != nil {
			return err
		}
		l.agents = r.agentsOf[device]
	}
	if needs[toOwner] && l.keys[toOwner] == "" {
		if err := r.readOwners(ctx); err != nil {
			return err
		}
		l.keys[toOwner] = r.ownerOf[device]
		if l.keys[toOwner] == "" && l.isPast && r.run.Changes != nil {
			h, err := r.history(ctx)
			if err != nil {
				return err
			}
			l.keys[toOwner] = h.ownerOf[device]
		}
	}
	if needs[toPreviousOwner] && l.typ == ownsType && l.op == string(graph.Created) {
		h, err := r.history(ctx)
		if err != nil {
			return err
		}
		l.keys[toPreviousOwner] = h.ownerOf[device]
	}
	return nil
}

// fetchAgents fetches the agents; of a device that has several it is the one that was heard of last.
func (r *resolver) fetchAgents(ctx context.Context, links []link) error {
	wanted := map[string]bool{}
	for _, l := range links {
		if l.related[toAgent] != nil {
			continue
		}
		for _, key := range append(l.agents, l.keys[toAgent]) {
			wanted[key] = true
		}
	}
	found, err := r.fetch(ctx, agentType, wanted)
	if err != nil {
		return err
	}
	for i := range links {
		l := &links[i]
		if l.related[toAgent] != nil {
			continue
		}
		l.related[toAgent] = found[l.keys[toAgent]]
		for _, key := range l.agents {
			if a, best := found[key], l.related[toAgent]; a != nil && (best == nil || describesBetter(a, best)) {
				l.related[toAgent], l.keys[toAgent] = a, key
			}
		}
	}
	return nil
}

// describesBetter says whether a device that both agents are on is described by a.
func describesBetter(a, b *record) bool {
	rank := func(r *record) model.Rank {
		return entities.AgentRank(r.get("lastActiveDate").Int64(), r.get("id").Text())
	}
	return rank(a).Compare(rank(b)) > 0
}

// place says where the subject belongs, by what is known so far: itself, its agent, its group, its site, its device.
func (l *link) place() {
	for _, r := range []*record{l.now(), l.related[toAgent], l.related[toGroup], l.related[toSite], l.related[toDevice]} {
		if r == nil {
			continue
		}
		typeName, _ := graph.CutKey(r.key)
		place := placeOf(typeName)
		for to, property := range map[relation]string{toGroup: place.Group, toSite: place.Site, toAccount: place.Account} {
			if id := r.get(property).Text(); id != "" && l.keys[to] == "" {
				l.keys[to] = entities.IDKey(relations[to].typeName, id)
			}
		}
	}
}

func (r *resolver) fetchPlaces(ctx context.Context, links []link, to ...relation) error {
	if len(r.places) > maxPlaces {
		clear(r.places)
	}
	for _, to := range to {
		wanted := map[string]bool{}
		for _, l := range links {
			if _, known := r.places[l.keys[to]]; l.related[to] == nil && !known {
				wanted[l.keys[to]] = true
			}
		}
		found, err := r.fetch(ctx, relations[to].typeName, wanted)
		if err != nil {
			return err
		}
		for key := range wanted {
			r.places[key] = found[key]
		}
		for _, l := range links {
			if l.related[to] == nil {
				l.related[to] = r.places[l.keys[to]]
			}
		}
	}
	return nil
}

// fetchRelated fetches what stands at one relation of the subjects. Of what is gone, the name is known.
func (r *resolver) fetchRelated(ctx context.Context, links []link, to relation) error {
	wanted := map[string]bool{}
	for _, l := range links {
		if l.related[to] == nil {
			wanted[l.keys[to]] = true
		}
	}
	found, err := r.fetch(ctx, relations[to].typeName, wanted)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.related[to] != nil || l.keys[to] == "" {
			continue
		}
		l.related[to] = found[l.keys[to]]
		if l.related[to] == nil && r.past != nil && r.past.nameOf[l.keys[to]] != "" {
			l.related[to] = &record{key: l.keys[to], properties: []graph.Property{
				{Name: "displayName", Value: graph.String(r.past.nameOf[l.keys[to]])},
				{Name: "name", Value: graph.String(r.past.nameOf[l.keys[to]])},
			}}
		}
	}
	return nil
}

// fetch reads records; "" is no key.
func (r *resolver) fetch(ctx context.Context, typeName string, wanted map[string]bool) (map[string]*record, error) {
	delete(wanted, "")
	found := make(map[string]*record, len(wanted))
	if len(wanted) == 0 {
		return found, nil
	}
	for e, err := range r.run.Graph.Fetch(ctx, typeName, slices.Sorted(maps.Keys(wanted))) {
		if err != nil {
			return nil, fmt.Errorf("type %s: %w", typeName, err)
		}
		record, err := decoded(e, r.run.Types)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", e.Key, err)
		}
		found[record.key] = record
	}
	return found, nil
}
