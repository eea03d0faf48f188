package steps

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/sorter"
	"s1graph/model"
	"s1graph/plural"
	"s1graph/relationships"
	"s1graph/s1"
)

// The sources of applications. Older consoles list installations, a row for each application on each
// agent; newer ones may lack that list or leave it empty, and have an inventory instead.
const (
	AutoSource      = "auto"
	InstalledSource = "installed"
	InventorySource = "inventory"
)

var (
	installedList = List{
		Path: s1.InstalledApplications.Path, Filters: url.Values{"agentIsDecommissioned": {both}}, Scope: byGroup,
		Optional: true, Right: viewApplications, StandsIn: &inventoryList,
	}
	inventoryList = List{Path: s1.Inventory.Path, Scope: byGroup, Optional: true, Right: viewApplications}
)

const viewApplications = "Applications Page.view"

var applications = Step{
	ID:        "applications",
	Name:      "Applications",
	DependsOn: []string{"agents"},
	Every:     6 * time.Hour,
	Lists:     []List{installedList},
	Types:     []*model.Description{entities.Application.Description(), relationships.DeviceHasApplication.Description()},
	Run: func(ctx context.Context, in *Input, out *Emitter) error {
		source, err := findSource(ctx, in)
		switch {
		case err != nil:
			return err
		case source == InventorySource:
			err = collectInventory(ctx, in, out)
		default:
			err = installations(in, out).collect(ctx, in, out)
		}
		in.lookups.applicationsRead = err == nil
		return err
	},
}

func installations(in *Input, out *Emitter) *list[s1.InstalledApplication] {
	given := agentSet{ids: make(map[string]struct{})} // that a row named
	known := newApplicationTable()
	l := &list[s1.InstalledApplication]{
		List:     installedList,
		endpoint: s1.InstalledApplications,
		chains:   in.split,
		id:       func(row *s1.InstalledApplication) string { return row.ID },
		updated:  func(row *s1.InstalledApplication) s1.Time { return row.UpdatedAt },
		records: func(row *s1.InstalledApplication, to *made) error {
			if row.AgentID != to.agentID || row.AgentUUID != to.agentUUID {
				given.add(row.AgentID)
				to.agentID, to.agentUUID, to.device = row.AgentID, row.AgentUUID, in.lookups.device(row.AgentID, row.AgentUUID)
			}
			to.installation = entities.FromInstalled(row)
			return known.addRecords(in, out, to.device, to)
		},
	}
	l.strays = func(ctx context.Context) error {
		uuids, err := in.withoutRows(ctx, &given)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(uuids, strayAgentsAtOnce) {
			question := *l
			question.filters, question.chains = url.Values{"agentUuid__contains": {strings.Join(some, ",")}}, nil
			question.name, question.among = "?"+some[0], newAmong(l.rows())
			if err := question.collect(ctx, in, out); err != nil {
				return fmt.Errorf("asking for the applications of %s that the list lacks: %w", plural.Of(len(some), "agent"), err)
			}
		}
		return nil
	}
	return l
}

// strayAgentsAtOnce is of how many agents one question asks for the applications: 50 UUIDs make a URL of 2 kB.
const strayAgentsAtOnce = 50

// withoutRows are the UUIDs of the agents whose devices had applications in the last graph, and that no row named now.
// Each of them has no application any more, or was in no chain because it moved while they were read.
func (in *Input) withoutRows(ctx context.Context, given *agentSet) (uuids []string, err error) {
	unnamed := make(map[string][]string) // the agents' UUIDs, by device
	err = in.DevicesBefore(ctx, func(agentID, device string) {
		if given.has(agentID) {
			return
		}
		in.lookups.mu.RLock()
		defer in.lookups.mu.RUnlock()
		if uuid := in.lookups.agents[agentID].uuid; uuid != "" {
			unnamed[strings.Clone(device)] = append(unnamed[device], uuid)
		}
	})
	if err != nil || len(unnamed) == 0 { // what follows goes through all that is installed
		return nil, err
	}
	for d, err := range in.Last.Digests(ctx, relationships.DeviceHasApplication.GraphType().Name) {
		if err != nil {
			return nil, err
		}
		if device, _, _ := graph.RelationshipEnds(d.Key); unnamed[device] != nil {
			uuids = append(uuids, unnamed[device]...)
			delete(unnamed, device)
		}
	}
	slices.Sort(uuids)
	return slices.Compact(uuids), nil
}

// agentSet has IDs of agents, in less memory than a sync.Map. It is safe for concurrent use.
type agentSet struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

func (s *agentSet) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.ids[id]
	return found
}

func (s *agentSet) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[id] = struct{}{}
}

// applicationTable has the applications that rows gave rise to, so that one which many devices have is made once. It knows them
// by hashes of 128 bits under seeds that nobody outside of the process can know: comparing the texts would fetch them from far
// memory for each row. It is safe for concurrent use.
type applicationTable struct {
	seeds [2]maphash.Seed
	mu    sync.RWMutex
	known map[[2]uint64]knownApplication
}

type knownApplication struct {
	key    string
	shared sorter.Shared
}

// mostKnown is how many applications are known at a time, in some 16 MiB. Beyond it they are forgotten and made anew.
const mostKnown = 80_000

func newApplicationTable() *applicationTable {
	return &applicationTable{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		known: make(map[[2]uint64]knownApplication),
	}
}

// addRecords adds what to.installation, on the device of that key, becomes.
func (t *applicationTable) addRecords(in *Input, out *Emitter, device string, to *made) error {
	application, err := t.application(in, out, to.installation.Application())
	if err != nil {
		return err
	}
	to.shared = application.shared
	if device == "" {
		out.Dangling(relationships.DeviceHasApplication.GraphType())
		return nil
	}
	to.add(relationships.DeviceHasApplication.WrittenBetween(&to.written[0], device, application.key, &to.installation))
	return nil
}

func (t *applicationTable) application(in *Input, out *Emitter, of entities.ApplicationFacts) (knownApplication, error) {
	hashed := struct {
		entities.ApplicationFacts
		lengths [7]int // without AES "x", "" and "" have the hashes of "", "" and "x"
	}{of, [...]int{len(of.Name), len(of.Publisher), len(of.Version), len(of.Type), len(of.OSType), len(of.CPE), len(of.RiskLevel)}}
	hashes := [2]uint64{maphash.Comparable(t.seeds[0], hashed), maphash.Comparable(t.seeds[1], hashed)}
	t.mu.RLock()
	known, found := t.known[hashes]
	t.mu.RUnlock()
	if found {
		return known, nil
	}
	one := of.Installation()
	record := entities.Application.Entity(one)
	shared, err := out.share(record)
	if err != nil {
		return knownApplication{}, err
	}
	in.lookups.addApplication(entities.InstalledAs(one), record.Key)
	known = knownApplication{record.Key, shared}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) == mostKnown {
		clear(t.known)
	}
	t.known[hashes] = known
	return known, nil
}

// findSource settles what auto means. It stays open where both sources are empty; once found, the
// connector remembers it, and a source that fails later is a fault and no reason to change.
func findSource(ctx context.Context, in *Input) (string, error) {
	if in.Applications != AutoSource {
		return in.Applications, nil
	}
	installed, err := countOrAny(ctx, in, s1.InstalledApplications, withFilters(in.Scope.query(installedList.Scope), installedList.Filters))
	switch {
	case err != nil && !CannotBeHad(err):
		return "", err
	case err == nil && installed > 0:
		in.Applications = InstalledSource
		return InstalledSource, nil
	}
	// One account, site or group that has any application is enough.
	filters := in.Scope.queriesOfOne(inventoryList.Scope)
	listed, inventoryErr := 0, error(nil)
	for i := 0; i < len(filters) && listed == 0 && inventoryErr == nil; i++ {
		listed, inventoryErr = countOrAny(ctx, in, s1.Inventory, filters[i])
	}
	switch {
	case inventoryErr == nil && listed > 0:
		in.Applications = InventorySource
		return InventorySource, nil
	case inventoryErr == nil && err != nil:
		return InventorySource, nil // empty today: which one it is stays open
	case inventoryErr != nil && err != nil:
		return "", neither(err, inventoryErr)
	case inventoryErr != nil && !CannotBeHad(inventoryErr):
		return "", inventoryErr
	}
	return InstalledSource, nil
}

// neither is the error of a console that gives neither of the two lists: it lacks both, or the error is what it says of one of
// them, a refusal before others.
func neither(installed, inventory error) error {
	err := fmt.Errorf("%w; %w", installed, inventory)
	switch {
	case installedList.IsUnavailable(installed) && inventoryList.IsUnavailable(inventory):
		return &unavailableError{err}
	case s1.IsRefused(inventory) && !s1.IsUnlicensed(inventory), installedList.IsUnavailable(installed):
		err = fmt.Errorf("%w; %w", inventory, installed)
	}
	return fmt.Errorf("the console gives neither of the two lists of applications; leave them out with --skip applications: %w", err)
}

// CannotBeHad says whether an error is the console's answer that it does not give a list: it refuses it, has it not or
// no more, or does not take what is asked.
func CannotBeHad(err error) bool {
	var answer *s1.Error
	return errors.As(err, &answer) && slices.Contains([]int{400, 403, 404, 410, 501}, answer.Status)
}

// countOrAny is how many rows a list has, or, where the console does not say, how many a page of one row has.
func countOrAny[T any](ctx context.Context, in *Input, e s1.Endpoint[T], filters url.Values) (int, error) {
	n, err := s1.Count(ctx, in.Client, e, filters)
	if !errors.Is(err, s1.ErrNoTotal) {
		return n, err
	}
	for page, err := range s1.Pages(ctx, in.Client, e, withFilters(filters, url.Values{"limit": {"1"}})) {
		return len(page.Rows), err
	}
	return 0, nil
}

func withFilters(filters, more url.Values) url.Values {
	all := maps.Clone(filters)
	maps.Copy(all, more)
	return all
}
