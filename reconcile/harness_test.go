package reconcile_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/model"
	"s1graph/reconcile"
	"s1graph/relationships"
	"s1graph/s1"
	"s1graph/steps"
)

// The names of the types.
const (
	accounts     = "sentinelone_account"
	sites        = "sentinelone_site"
	groups       = "sentinelone_group"
	agents       = "sentinelone_agent"
	threats      = "sentinelone_threat"
	devices      = "sentinelone_device"
	users        = "sentinelone_user"
	applications = "sentinelone_application"

	groupHasAgent        = "sentinelone_group_has_agent"
	agentProtectsDevice  = "sentinelone_agent_protects_device"
	userOwnsDevice       = "sentinelone_user_owns_device"
	deviceHasApplication = "sentinelone_device_has_application"

	vulnerabilities             = "sentinelone_vulnerability"
	deviceHasVulnerability      = "sentinelone_device_has_vulnerability"
	applicationHasVulnerability = "sentinelone_application_has_vulnerability"
)

// run is what reconcile.Run is given in a test.
type run struct {
	last, fresh []graph.Record // of several with one key the first counts
	elsewhere   []string       // keys of what is out of scope
	inside      []string       // keys of things without a place that the last run did not keep as out of scope
	moved       []string       // keys of devices that are out of scope since the last run
	unread      []string       // keys of devices of which the list of vulnerabilities does not tell
	failed      []string       // types of which not all was read
	doubted     []string       // types of which all was read, and nobody knows of how much of the tenant
	skipped     []string       // types that were not read
	partly      []string       // types of which rows say less than is known from before
	guard       reconcile.Guard
	accepted    []reconcile.Key
	withheld    []reconcile.Key      // by the run before
	model       []*model.Description // nil is the program's
}

// outcome is what came of a run.
type outcome struct {
	*reconcile.Result
	last  *storetest.Snapshot
	draft *draft
}

var off = reconcile.Guard{Off: true}

// all withholds every deletion.
var all = reconcile.Guard{Percent: 0, Count: 0}

func (r run) input(t testing.TB) (reconcile.Input, *storetest.Snapshot) {
	t.Helper()
	if r.model == nil {
		r.model = steps.Model()
	}
	last, fresh := snapshot(r.last), snapshot(r.fresh)
	readings := map[string]reconcile.Reading{}
	for _, typ := range steps.GraphTypes() {
		readings[typ.Name] = reconcile.Reading{
			Written: *typ, Before: int64(len(keysOf(t, last, typ.Name))),
			Skipped:        slices.Contains(r.skipped, typ.Name),
			Incomplete:     slices.Contains(r.failed, typ.Name) || slices.Contains(r.doubted, typ.Name),
			Failed:         slices.Contains(r.failed, typ.Name),
			KeepProperties: slices.Contains(r.partly, typ.Name),
		}
	}
	accepted, err := reconcile.NewKeySet(keys(r.accepted))
	require.NoError(t, err)
	return reconcile.Input{
		Model: r.model, Last: last, Fresh: rows{fresh}, Draft: newDraft(), Read: readings, Decodable: graph.TypesByName(last),
		MayBeOutOfScope: func(typeName, key string) bool { return !slices.Contains(r.inside, key) },
		Tenant:          tenant{elsewhere: r.elsewhere, moved: r.moved, unread: r.unread, before: r.last, now: r.fresh}, Guard: r.guard, Accepted: accepted,
		Withheld: keys(r.withheld), Sort: sortInMemory,
	}, last
}

func (r run) do(t testing.TB) outcome {
	t.Helper()
	in, last := r.input(t)
	result, err := reconcile.Run(t.Context(), in)
	require.NoError(t, err)
	return outcome{result, last, in.Draft.(*draft)}
}

func sortInMemory(_ context.Context, t *graph.Type, records iter.Seq2[graph.Record, error]) (iter.Seq2[graph.Encoded, error], func() error, error) {
	var all []graph.Record
	for record, err := range records {
		if err != nil {
			return nil, nil, err
		}
		all = append(all, record)
	}
	s := storetest.NewSnapshot([]*graph.Type{t}, all...)
	return graph.All(context.Background(), s, t.Name), func() error { return nil }, nil
}

// keys are those of the graph that results.
func (o outcome) keys(t testing.TB, typeName string) []string { return keysOf(t, o.draft, typeName) }

// assertStays says that the graph that results is the last one.
func (o outcome) assertStays(t testing.TB) {
	t.Helper()
	assert.Equal(t, everything(t, o.last), everything(t, o.draft))
}

// get is a record of the graph that results.
func (o outcome) get(t testing.TB, typeName, key string) graph.Record {
	t.Helper()
	for e, err := range o.draft.Fetch(t.Context(), typeName, []string{key}) {
		require.NoError(t, err)
		record, err := graph.Decode(e.JSON, graph.TypesByName(o.last))
		require.NoError(t, err)
		return record
	}
	require.FailNow(t, "not there", key)
	return graph.Record{}
}

func (o outcome) withheldKeys(t testing.TB) []reconcile.Key {
	return list(t, o.WithheldKeys(t.Context()))
}

func (o outcome) releasedKeys(t testing.TB) []reconcile.Key {
	return list(t, o.ReleasedKeys(t.Context()))
}

func snapshot(records []graph.Record) *storetest.Snapshot {
	var distinct []graph.Record
	seen := map[string]bool{}
	for _, r := range records {
		if !seen[r.Key] {
			seen[r.Key] = true
			distinct = append(distinct, r)
		}
	}
	return storetest.NewSnapshot(steps.GraphTypes(), distinct...)
}

func keysOf(t testing.TB, s graph.Snapshot, typeName string) []string {
	t.Helper()
	found := []string{}
	for key, err := range graph.Keys(t.Context(), s, typeName) {
		require.NoError(t, err)
		found = append(found, key)
	}
	return found
}

// everything are all records of a graph, as they are written.
func everything(t testing.TB, s graph.Snapshot) []string {
	t.Helper()
	var lines []string
	for _, typ := range steps.GraphTypes() {
		for e, err := range graph.All(t.Context(), s, typ.Name) {
			require.NoError(t, err)
			lines = append(lines, string(e.JSON))
		}
	}
	return lines
}

func keys(list []reconcile.Key) reconcile.Keys {
	return func(yield func(reconcile.Key, error) bool) {
		for _, k := range list {
			if !yield(k, nil) {
				return
			}
		}
	}
}

func list(t testing.TB, keys reconcile.Keys) []reconcile.Key {
	t.Helper()
	var found []reconcile.Key
	for k, err := range keys {
		require.NoError(t, err)
		found = append(found, k)
	}
	return found
}

// rows are what a run's rows made.
type rows struct{ graph.Snapshot }

func (r rows) Sorted(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error] {
	return graph.All(ctx, r.Snapshot, typeName)
}

// tenant knows from the records which agent is on which device.
type tenant struct {
	elsewhere   []string
	notAsked    []string // keys
	moved       []string
	unread      []string // keys of devices of which the list of vulnerabilities does not tell
	before, now []graph.Record
}

func (t tenant) SeesAll() bool                   { return len(t.elsewhere)+len(t.moved) == 0 }
func (t tenant) OutOfScope(r *graph.Record) bool { return slices.Contains(t.elsewhere, r.Key) }

func (t tenant) NotAsked(typeName string) func(*graph.Record) bool {
	if len(t.notAsked) == 0 {
		return nil
	}
	return func(r *graph.Record) bool { return slices.Contains(t.notAsked, r.Key) }
}

func (t tenant) DevicesBefore(_ context.Context, each func(agentID, deviceKey string)) error {
	devicesOf(t.before, each)
	return nil
}

func (t tenant) UsersBefore(_ context.Context, each func(agentID, userKey string)) error {
	on := map[string]string{}
	devicesOf(t.before, func(agentID, deviceKey string) { on[agentID] = deviceKey })
	for _, r := range t.before {
		if r.Type.Name == agents {
			id := strings.TrimPrefix(r.Key, agents+":")
			if user := entities.UserNamedBy(&r, on[id]); user != "" {
				each(id, user)
			}
		}
	}
	return nil
}

func (t tenant) DevicesMoved() map[string]bool {
	moved := map[string]bool{}
	for _, key := range t.moved {
		moved[key] = true
	}
	return moved
}

func (t tenant) DevicesUnread(_ context.Context, stepID string) (map[string]bool, error) {
	unread := map[string]bool{}
	for _, key := range t.unread {
		unread[key] = stepID == "vulnerabilities"
	}
	return unread, nil
}

func (t tenant) DevicesNow() map[string]string {
	found := map[string]string{}
	devicesOf(t.now, func(agentID, deviceKey string) { found[agentID] = deviceKey })
	return found
}

func devicesOf(records []graph.Record, each func(agentID, deviceKey string)) {
	for _, r := range records {
		switch r.Type.Name {
		case agentProtectsDevice:
			each(strings.TrimPrefix(r.From, agents+":"), r.To)
		case devices:
			for _, id := range r.Get("formerAgentIds").List() {
				each(id, r.Key)
			}
		}
	}
}

// draft is a graph in memory that is being written.
type draft struct {
	types   map[string]*graph.Type
	records map[string][]graph.Encoded
	order   []string // of the types as they were first written
}

func newDraft() *draft {
	return &draft{types: map[string]*graph.Type{}, records: map[string][]graph.Encoded{}}
}

func (d *draft) Types() []*graph.Type { return slices.Collect(maps.Values(d.types)) }

func (d *draft) Write(_ context.Context, t *graph.Type, records iter.Seq2[graph.Encoded, error]) (int64, error) {
	var written []graph.Encoded
	for e, err := range records {
		if err != nil {
			return 0, err
		}
		if n := len(written); n > 0 && written[n-1].Key >= e.Key {
			return 0, fmt.Errorf("%s is written after %s", e.Key, written[n-1].Key)
		}
		written = append(written, e)
	}
	if d.types[t.Name] == nil {
		d.order = append(d.order, t.Name)
	}
	d.types[t.Name], d.records[t.Name] = t, written
	return int64(len(written)), nil
}

func (d *draft) Digests(_ context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	records := d.records[typeName]
	return func(yield func(graph.KeyDigest, error) bool) {
		for _, e := range records {
			if !yield(e.KeyDigest, nil) {
				return
			}
		}
	}
}

func (d *draft) Fetch(_ context.Context, typeName string, keys []string) iter.Seq2[graph.Encoded, error] {
	records := d.records[typeName]
	return func(yield func(graph.Encoded, error) bool) {
		for _, e := range records {
			if slices.Contains(keys, e.Key) && !yield(e, nil) {
				return
			}
		}
	}
}

// The rows of a tenant, as the steps make records of them.

func account(id string) graph.Record { return entities.Account.Entity(&s1.Account{ID: id}) }

func site(id string, edits ...func(*s1.Site)) graph.Record {
	row := &s1.Site{ID: id}
	for _, edit := range edits {
		edit(row)
	}
	return entities.Site.Entity(row)
}

func siteCalled(name string) func(*s1.Site) { return func(row *s1.Site) { row.Name = name } }

// manySites are sites from one ID to another.
func manySites(from, to int) (records []graph.Record) {
	for i := from; i <= to; i++ {
		records = append(records, site(fmt.Sprint(i)))
	}
	return records
}

func group(id string) graph.Record { return entities.Group.Entity(&s1.Group{ID: id}) }

// agentRow is the row of an agent on a machine that is named after it. Whoever is called jane there owns it.
func agentRow(id string, edits ...func(*s1.Agent)) *s1.Agent {
	row := &s1.Agent{ID: id, UUID: "uuid-" + id, ComputerName: "pc-" + id, SerialNumber: "VM-4711" + id, LastLoggedInUserName: "jane"}
	for _, edit := range edits {
		edit(row)
	}
	return row
}

// agent are the records of that row, which is in group 1.
func agent(id string, edits ...func(*s1.Agent)) []graph.Record {
	row := agentRow(id, edits...)
	key, device, user := entities.AgentKey(id), entities.DeviceKey(row), entities.UserKey(row)
	records := []graph.Record{
		group("1"), entities.Agent.Entity(row), entities.Device.Entity(row),
		relationships.GroupHasAgent.Between(entities.GroupKey("1"), key, row),
	}
	if entities.IsProtecting(row) {
		records = append(records, relationships.AgentProtectsDevice.Between(key, device, row))
	}
	if user != "" {
		records = append(records, entities.User.Entity(row), relationships.UserOwnsDevice.Between(user, device, row))
	}
	return records
}

// inGroup puts an agent's records into another group.
func inGroup(id string, records []graph.Record) []graph.Record {
	moved := without(records, keyOf(records, groupHasAgent), keyOf(records, groups))
	return append(moved, group(id), relationships.GroupHasAgent.Between(entities.GroupKey(id), keyOf(records, agents), nil))
}

// on puts an agent on the machine of another one.
func on(other string) func(*s1.Agent) {
	return func(row *s1.Agent) { row.ComputerName, row.SerialNumber = "pc-"+other, "VM-4711"+other }
}

// ownedBy gives the machine of an agent an owner who is known on all machines.
func ownedBy(name string) func(*s1.Agent) {
	return func(row *s1.Agent) { row.ActiveDirectory = &s1.ActiveDirectory{UserPrincipalName: name} }
}

func unowned(row *s1.Agent) { row.LastLoggedInUserName = "" }

func renamed(name string) func(*s1.Agent) { return func(row *s1.Agent) { row.ComputerName = name } }

func threat(id, agentID string) []graph.Record {
	row := &s1.Threat{ID: id}
	return []graph.Record{
		entities.Threat.Entity(row), relationships.AgentHasThreat.Between(entities.AgentKey(agentID), entities.ThreatKey(id), row),
	}
}

// application is installed on the machine of an agent.
func application(name, agentID string) []graph.Record {
	row := &entities.Installation{Name: name}
	return []graph.Record{
		entities.Application.Entity(row),
		relationships.DeviceHasApplication.Between(deviceOf(agentID), entities.ApplicationKey(row), row),
	}
}

// deviceOf is the key of the machine that an agent is on, if no edit says otherwise.
func deviceOf(agentID string) string { return keyOf(agent(agentID), devices) }

// userOf is the key of the owner of that machine.
func userOf(agentID string) string { return keyOf(agent(agentID), users) }

// keyOf is the key of the first record of a type.
func keyOf(records []graph.Record, typeName string) string {
	for _, r := range records {
		if r.Type.Name == typeName {
			return r.Key
		}
	}
	panic("no " + typeName)
}

// without are the records but those of some keys.
func without(records []graph.Record, keys ...string) []graph.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r graph.Record) bool { return slices.Contains(keys, r.Key) })
}

// sorted are keys in the order of a graph.
func sorted(keys ...string) []string { return slices.Sorted(slices.Values(keys)) }
