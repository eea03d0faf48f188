package steps

import (
	"context"
	"strings"
	"sync"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/model"
	"s1graph/relationships"
	"s1graph/s1"
)

// lookups answer what a row at hand does not say: a group row has no account, an application row no
// device. The steps that come first fill them; Seed fills them from the last graph where a step did not
// run to its end. Safe for concurrent use.
type lookups struct {
	mu            *sync.RWMutex
	accountOfSite map[string]string   // IDs
	sites         map[string]int64    // ID of a listed site -> licenses in use, a measure of its size
	groups        map[string]groupRef // by ID
	agents        map[string]agentRef // by ID
	agentOfUUID   map[string]string   // ID by UUID, for rows that name no ID; "" where several agents share it
	agentsOfSite  map[string]int64    // how many agent rows named the site
	moved         []string            // IDs of agents that moved out of the part that is read

	applications     map[entities.ApplicationName]string // keys
	applicationsRead bool                                // the list of applications was read whole

	listedAccounts, listedSites, listedGroups map[string]bool   // IDs
	names                                     map[string]string // of accounts and sites, by ID
}

// groupRef measures a group: by what /groups says, and by the agent rows that named it.
type groupRef struct {
	site         string
	agents, rows int64
}

// agentRef is what later rows need to know of an agent, and what decides between two versions of it.
type agentRef struct {
	device     string // key
	protecting bool   // neither decommissioned nor uninstalled
	account    string // IDs of where it is; "" where only the last graph knows the agent
	site       string
	group      string
	uuid       string
	user       string // key of who owns the device, if anybody

	updated    s1.Time // greater wins between versions of one agent
	lastActive s1.Time
}

func newLookups() lookups {
	return lookups{
		mu:            new(sync.RWMutex),
		accountOfSite: make(map[string]string),
		sites:         make(map[string]int64),
		groups:        make(map[string]groupRef),
		agents:        make(map[string]agentRef),
		agentOfUUID:   make(map[string]string),
		agentsOfSite:  make(map[string]int64),
		applications:  make(map[entities.ApplicationName]string),

		listedAccounts: make(map[string]bool), listedSites: make(map[string]bool), listedGroups: make(map[string]bool), names: make(map[string]string),
	}
}

func (l *lookups) addAccount(row *s1.Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listedAccounts[row.ID] = true
	l.names[row.ID] = row.Name
}

func (l *lookups) addSite(row *s1.Site) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accountOfSite[row.ID] = row.AccountID
	l.sites[row.ID] = row.ActiveLicenses.Value
	l.listedSites[row.ID] = true
	l.names[row.ID], l.names[row.AccountID] = row.Name, row.AccountName
}

func (l *lookups) account(siteID string) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.accountOfSite[siteID]
}

func (l *lookups) addGroup(row *s1.Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listedGroups[row.ID] = true
	l.groups[row.ID] = groupRef{site: row.SiteID, agents: row.TotalAgents.Value, rows: l.groups[row.ID].rows}
}

// addAgent keeps the version of the agent that the sorter takes too.
func (l *lookups) addAgent(row *s1.Agent) {
	ref := agentRef{
		device:     entities.DeviceKey(row),
		protecting: entities.IsProtecting(row),
		account:    row.AccountID,
		site:       row.SiteID,
		group:      row.GroupID,
		uuid:       row.UUID,
		user:       entities.UserKey(row),
		updated:    row.UpdatedAt,
		lastActive: row.LastActiveDate,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.agentsOfSite[row.SiteID]++
	group := l.groups[row.GroupID]
	group.site = row.SiteID
	group.rows++
	l.groups[row.GroupID] = group
	if known, found := l.agents[row.ID]; found && !ref.supersedes(known) {
		return
	}
	l.agents[row.ID] = ref
	l.addUUID(row.UUID, row.ID)
}

func (l *lookups) addUUID(uuid, agentID string) {
	if known, found := l.agentOfUUID[uuid]; found && known != agentID {
		agentID = ""
	}
	if uuid != "" {
		l.agentOfUUID[uuid] = agentID
	}
}

// agentWith returns the ID of the agent that alone has the UUID, or "".
func (l *lookups) agentWith(uuid string) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.agentOfUUID[uuid]
}

func (r agentRef) supersedes(other agentRef) bool {
	if r.updated != other.updated {
		return r.updated > other.updated
	}
	return r.device+"|"+r.user > other.device+"|"+other.user
}

// device returns the key of the device that an agent is on, or "". The agent is told by its ID, and by its UUID only
// where there is no ID and exactly one agent has that.
func (l *lookups) device(agentID, uuid string) string {
	if agentID == "" {
		agentID = l.agentWith(uuid)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.agents[agentID].device
}

// forgetAgents forgets what Seed told of agents, since they are read now.
func (l *lookups) forgetAgents() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.agents)
	clear(l.agentOfUUID)
}

// protectedDevice returns the key of the device that an agent protects, or "".
func (l *lookups) protectedDevice(agentID string) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if ref := l.agents[agentID]; ref.protecting {
		return ref.device
	}
	return ""
}

// addApplication notes the key of an application. Of several that are told alike, which differ in their type, the least key
// counts.
func (l *lookups) addApplication(name entities.ApplicationName, key string) {
	if name.IsNameless() || l.application(name) == key {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, found := l.applications[name]; !found || key < known {
		l.applications[name] = key
	}
}

// application returns the key of an application, or "".
func (l *lookups) application(name entities.ApplicationName) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.applications[name]
}

// completeApplications adds the applications of the last graph, where those of the tenant were not read whole.
func (in *Input) completeApplications(ctx context.Context) error {
	if in.lookups.applicationsRead {
		return nil
	}
	return in.lastRecords(ctx, entities.Application.GraphType().Name, func(r *graph.Record) {
		in.lookups.addApplication(entities.RecordedAs(r), strings.Clone(r.Key))
	})
}

func (l *lookups) addMoved(agentIDs []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = append(l.moved, agentIDs...)
}

// owners yields keys of devices and of the users who own them: the agent that describes a device names its owner.
func (l *lookups) owners() map[string]string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	rank := func(id string) model.Rank { return entities.AgentRank(int64(l.agents[id].lastActive), id) }
	describing := make(map[string]string, len(l.agents)) // device key -> agent ID
	for id, ref := range l.agents {
		other, found := describing[ref.device]
		if !found || rank(id).Compare(rank(other)) > 0 {
			describing[ref.device] = id
		}
	}
	owners := describing
	for device, id := range describing {
		owners[device] = l.agents[id].user
	}
	return owners
}

// DevicesNow maps the IDs of all agents that the run knows of to the keys of their devices.
func (in *Input) DevicesNow() map[string]string {
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	devices := make(map[string]string, len(in.lookups.agents))
	for id, ref := range in.lookups.agents {
		devices[id] = ref.device
	}
	return devices
}

// DevicesMoved has the keys of the devices whose agents moved out of the part that is read: the lists that were read do
// not say what is on them.
func (in *Input) DevicesMoved() map[string]bool {
	in.lookups.mu.RLock()
	defer in.lookups.mu.RUnlock()
	devices := make(map[string]bool)
	for _, id := range in.lookups.moved {
		devices[in.lookups.agents[id].device] = true
	}
	return devices
}

// UsersBefore yields which agent named which user in the last graph, as IDs and keys.
func (in *Input) UsersBefore(ctx context.Context, each func(agentID, userKey string)) error {
	devices := make(map[string]string)
	err := in.DevicesBefore(ctx, func(agentID, device string) {
		if _, found := devices[agentID]; !found { // an agent protects one device, and may be a former one of others
			devices[strings.Clone(agentID)] = strings.Clone(device)
		}
	})
	if err != nil {
		return err
	}
	for agent, err := range graph.PickAll(ctx, in.Last, entities.Agent.GraphType().Name, entities.NamesUser) {
		if err != nil {
			return err
		}
		id := idOf(agent.Key)
		if user := entities.UserNamedBy(&agent, devices[id]); user != "" {
			each(id, user)
		}
	}
	return nil
}

// DevicesBefore yields which agent was on which device in the last graph, as IDs and keys: by the PROTECTS
// relationships, and by the formerAgentIds of devices.
func (in *Input) DevicesBefore(ctx context.Context, each func(agentID, deviceKey string)) error {
	for d, err := range in.Last.Digests(ctx, relationships.AgentProtectsDevice.GraphType().Name) {
		if err != nil {
			return err
		}
		if from, to, ok := graph.RelationshipEnds(d.Key); ok {
			each(idOf(from), to)
		}
	}
	for device, err := range graph.PickAll(ctx, in.Last, entities.Device.GraphType().Name, map[string]bool{"formerAgentIds": true}) {
		if err != nil {
			return err
		}
		for _, id := range device.Get("formerAgentIds").List() {
			each(id, device.Key)
		}
	}
	return nil
}

// AccountBefore returns the ID of the account that a site had in the last graph, or "".
func (in *Input) AccountBefore(siteID string) string { return in.accountsBefore[siteID] }

// accountOf returns the ID of a site's account, or "": as /sites tells it, and of a site that is out of scope as the last
// graph has it.
func (in *Input) accountOf(siteID string) string {
	account, before := in.lookups.account(siteID), in.AccountBefore(siteID)
	if account == "" && (lacks(in.Scope.Sites, siteID) || lacks(in.Scope.Accounts, before)) {
		return before
	}
	return account
}

// readAccountsBefore reads the accounts of the last graph's sites.
func (in *Input) readAccountsBefore(ctx context.Context) error {
	in.accountsBefore = make(map[string]string)
	return in.lastRecords(ctx, entities.Site.GraphType().Name, func(r *graph.Record) {
		in.accountsBefore[idOf(r.Key)] = r.Get("accountId").Text()
	})
}

// seedSites fills in the accounts of the last graph's sites.
func seedSites(_ context.Context, in *Input) error {
	in.lookups.mu.Lock()
	defer in.lookups.mu.Unlock()
	for site, account := range in.accountsBefore {
		if _, found := in.lookups.accountOfSite[site]; !found {
			in.lookups.accountOfSite[site] = account
		}
	}
	return nil
}

// seedAgents fills in the devices of the last graph's agents.
func seedAgents(ctx context.Context, in *Input) error {
	err := in.DevicesBefore(ctx, func(agentID, deviceKey string) {
		in.lookups.mu.Lock()
		defer in.lookups.mu.Unlock()
		if _, found := in.lookups.agents[agentID]; !found {
			in.lookups.agents[strings.Clone(agentID)] = agentRef{device: strings.Clone(deviceKey)}
		}
	})
	if err != nil {
		return err
	}
	in.lookups.mu.Lock()
	defer in.lookups.mu.Unlock()
	for key, err := range graph.Keys(ctx, in.Last, relationships.AgentProtectsDevice.GraphType().Name) {
		if err != nil {
			return err
		}
		agent, device, _ := graph.RelationshipEnds(key)
		if ref := in.lookups.agents[idOf(agent)]; ref.device == device && ref.updated == 0 {
			ref.protecting = true
			in.lookups.agents[strings.Clone(idOf(agent))] = ref
		}
	}
	for agent, err := range graph.PickAll(ctx, in.Last, entities.Agent.GraphType().Name, map[string]bool{"uuid": true}) {
		if err != nil {
			return err
		}
		in.lookups.addUUID(strings.Clone(agent.Get("uuid").Text()), strings.Clone(idOf(agent.Key)))
	}
	return nil
}

// lastRecords calls each with every record of a type in the last graph.
func (in *Input) lastRecords(ctx context.Context, typeName string, each func(*graph.Record)) error {
	for encoded, err := range graph.All(ctx, in.Last, typeName) {
		if err != nil {
			return err
		}
		record, err := graph.Decode(encoded.JSON, in.types)
		if err != nil {
			return err
		}
		each(&record)
	}
	return nil
}

// idOf is the vendor's ID in a key such as sentinelone_agent:123.
func idOf(key string) string {
	_, id := graph.CutKey(key)
	return id
}
