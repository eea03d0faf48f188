package connector_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

// busy is a tenant large enough for its busy days not to look like a fault.
func busy() s1test.Tenant {
	return s1test.Tenant{Seed: 5, Accounts: 2, Sites: 4, Groups: 12, Agents: 100, Threats: 40, ApplicationsPerAgent: 3}
}

func TestTheFirstRunIsABaselineAndTheSecondChangesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Hostile())
	first := c.mustSync()
	assert.Empty(t, first.changes, "a first run raises no events")
	for name, counts := range first.Changes {
		assert.Equal(t, counts.Created, counts.Baseline, name)
		assert.Equal(t, counts.Created, first.Entities[name]+first.Relationships[name], name)
	}
	totals := c.Totals()
	assert.EqualValues(t, totals.Accounts, first.Entities["sentinelone_account"])
	assert.EqualValues(t, totals.Sites, first.Entities["sentinelone_site"])
	assert.EqualValues(t, totals.Groups, first.Entities["sentinelone_group"])
	assert.EqualValues(t, totals.Agents, first.Entities["sentinelone_agent"])
	assert.EqualValues(t, totals.Threats, first.Entities["sentinelone_threat"])

	files := readFiles(t, filepath.Join(c.dir, "graph"))
	second := c.mustSync()
	assert.Empty(t, second.changes)
	for name, counts := range second.Changes {
		assert.Zero(t, counts, name)
	}
	assert.Equal(t, files, readFiles(t, filepath.Join(c.dir, "graph")))
	assert.Equal(t, []string{"GET"}, c.Methods())
}

func TestEveryRelationshipHasBothItsEnds(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Hostile())
	result := c.mustSync()
	records := c.graph()
	for key := range records {
		if from, to, ok := graph.RelationshipEnds(key); ok {
			assert.NotEmpty(t, records[from], key)
			assert.NotEmpty(t, records[to], key)
		}
	}
	assert.Positive(t, result.DanglingRelationships, "Acme has things that belong to what is not there")
}

// The events of a busy day are those that the tenant planned, no more and no fewer.
func TestABusyDayGivesTheChangesThatHappened(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	c.SetDay(1)
	result := c.mustSync()
	plan := c.Plan(1)

	changed := func(op graph.Op, typeName, property string) (keys []string) {
		for _, change := range result.changes {
			if change.Op == op && change.Type.Name == typeName && (property == "" || slices.Contains(change.Changed, property)) {
				keys = append(keys, change.Key)
			}
		}
		slices.Sort(keys)
		return keys
	}
	planned := func(typeName string, events ...s1test.Event) (keys []string) {
		for _, event := range events {
			for _, id := range plan.IDs(event) {
				keys = append(keys, typeName+":"+id)
			}
		}
		slices.Sort(keys)
		return slices.Compact(keys)
	}
	for _, expected := range []struct {
		op       graph.Op
		typeName string
		property string
		events   []s1test.Event
	}{
		{graph.Created, "sentinelone_agent", "", []s1test.Event{s1test.AgentNew}},
		{graph.Deleted, "sentinelone_agent", "", []s1test.Event{s1test.AgentGone}},
		{graph.Updated, "sentinelone_agent", "agentVersion", []s1test.Event{s1test.AgentUpgraded}},
		{graph.Updated, "sentinelone_agent", "infected", []s1test.Event{s1test.AgentInfected}},
		{graph.Updated, "sentinelone_agent", "mitigationMode", []s1test.Event{s1test.AgentDetecting}},
		{graph.Updated, "sentinelone_agent", "firewallEnabled", []s1test.Event{s1test.AgentFirewallOff}},
		{graph.Updated, "sentinelone_agent", "networkStatus", []s1test.Event{s1test.AgentIsolated, s1test.AgentReconnected}},
		{graph.Updated, "sentinelone_agent", "isDecommissioned", []s1test.Event{s1test.AgentDecommissioned}},
		{graph.Updated, "sentinelone_agent", "isUninstalled", []s1test.Event{s1test.AgentUninstalled}},
		{graph.Updated, "sentinelone_agent", "groupId", []s1test.Event{s1test.AgentMovedGroup, s1test.AgentMovedSite}},
		{graph.Updated, "sentinelone_agent", "siteId", []s1test.Event{s1test.AgentMovedSite}},
		{graph.Updated, "sentinelone_agent", "computerName", []s1test.Event{s1test.AgentRenamed}},
		{graph.Created, "sentinelone_threat", "", []s1test.Event{s1test.ThreatOpened}},
		{graph.Updated, "sentinelone_threat", "incidentStatus", []s1test.Event{s1test.ThreatResolved, s1test.ThreatReopened}},
		{graph.Updated, "sentinelone_site", "name", []s1test.Event{s1test.SiteRenamed}},
	} {
		want := planned(expected.typeName, expected.events...)
		require.NotEmpty(t, want, "planned %v", expected.events)
		assert.Equal(t, want, changed(expected.op, expected.typeName, expected.property), "%s %s %s", expected.op, expected.typeName, expected.property)
	}
	assert.Len(t, changed(graph.Rekeyed, "sentinelone_device", ""), len(plan.Of(s1test.AgentRenamed))+len(plan.Of(s1test.AgentSerialFilled)))
	assert.Len(t, changed(graph.Created, "sentinelone_device", ""), len(plan.Of(s1test.AgentNew)))
	assert.Len(t, changed(graph.Deleted, "sentinelone_device", ""), len(plan.Of(s1test.AgentGone)))

	agents := []s1test.Event{
		s1test.AgentUpgraded, s1test.AgentInfected, s1test.AgentDetecting, s1test.AgentFirewallOff, s1test.AgentIsolated, s1test.AgentReconnected, s1test.AgentDecommissioned,
		s1test.AgentUninstalled, s1test.AgentMovedGroup, s1test.AgentMovedSite, s1test.AgentRenamed, s1test.AgentSerialFilled, s1test.AgentOwnerChanged,
	}
	for _, key := range changed(graph.Updated, "sentinelone_agent", "") {
		assert.Contains(t, planned("sentinelone_agent", agents...), key, "an agent that changed although nothing happened to it")
	}
	assertSame(t, c.clean(), c.graph()) // the graph depends on this run's rows alone
}

func TestAQuietDayGivesNoChanges(t *testing.T) {
	t.Parallel()
	tenant := busy()
	tenant.Quiet = true
	c := newConsole(t, tenant)
	c.mustSync()
	before := c.graph()
	c.SetDay(1)
	result := c.mustSync()
	for _, change := range result.changes {
		assert.Fail(t, "an event on a quiet day", "%s %s %v", change.Op, change.Key, change.Changed)
	}
	assert.NotEqual(t, before, c.graph(), "what moved is written all the same")
	assert.Positive(t, result.Changes["sentinelone_agent"].Touched)
}

// Odd days are busy, even ones quiet. After each the graph is that of a clean run, odd rows included.
func TestAfterEachOfManyDaysTheGraphIsThatOfACleanRun(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{11, 12} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, s1test.Tenant{
				Seed: seed, Accounts: 2, Sites: 6, Groups: 20, Agents: 110, Threats: 30, ApplicationsPerAgent: 3, Awkward: true,
			})
			c.mustSync()
			for day := 1; day <= 6; day++ {
				c.SetDay(day)
				result := c.mustSync()
				if day%2 == 0 {
					for _, change := range result.changes {
						assert.Fail(t, "an event on a quiet day", "%s %s %v", change.Op, change.Key, change.Changed)
					}
				}
				assertSame(t, c.clean(), c.graph())
			}
		})
	}
}

func TestADryRunCommitsNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	before := readFiles(t, c.dir)
	c.SetDay(1)
	result := c.mustSync(func(o *connector.Options) { o.DryRun = true })
	assert.NotEmpty(t, result.changes)
	assert.Empty(t, result.Run)
	assert.Equal(t, before, readFiles(t, c.dir))
	c.mustSync()
}

func TestSkippedTypesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	c.SetDay(1)
	result := c.mustSync(func(o *connector.Options) { o.Config.Skip = []string{"applications", "threats"} })
	assert.Equal(t, "skipped", result.step("threats").State)
	assert.Empty(t, result.IncompleteTypes)
	after := c.graph()
	assert.Equal(t, only(before, "sentinelone_application"), only(after, "sentinelone_application"))
	assert.Equal(t, only(before, "sentinelone_threat"), only(after, "sentinelone_threat"))
	gone := lacking(before, after)
	assert.NotEmpty(t, gone)
	for _, key := range gone {
		if from, _, ok := ends(key, "sentinelone_device"); ok {
			assert.Empty(t, after[from], "an installation is gone although its device is there")
		}
	}
	for key := range after {
		if from, to, ok := graph.RelationshipEnds(key); ok {
			assert.NotEmpty(t, after[from], key)
			assert.NotEmpty(t, after[to], key)
		}
	}
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
}

func TestOnlyOneStepRuns(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	c.SetDay(1)
	result := c.mustSync(func(o *connector.Options) { o.Only = []string{"agents"} })
	for _, step := range result.Steps {
		if step.ID == "agents" {
			assert.Equal(t, "ok", step.State)
			continue
		}
		assert.Equal(t, "skipped", step.State, step.ID)
		assert.Zero(t, step.Requests, step.ID)
	}
	assert.Zero(t, result.Changes["sentinelone_threat"].Created)
	assert.Positive(t, result.Changes["sentinelone_agent"].Created)
}

func TestATypeThatIsCollectedForTheFirstTimeIsABaseline(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync(func(o *connector.Options) { o.Config.Skip = []string{"threats"} })
	result := c.mustSync()
	assert.Empty(t, result.changes)
	assert.Equal(t, result.Changes["sentinelone_threat"].Created, result.Changes["sentinelone_threat"].Baseline)
	assert.Positive(t, result.Changes["sentinelone_threat"].Baseline)
}

func TestSkipsOnAFirstRunMakeABaselineOfWhatComesLater(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"accounts", "sites", "groups", "agents", "threats", "applications"} {
		for name, adjust := range map[string]func(*connector.Options){
			"skip " + step: func(o *connector.Options) { o.Config.Skip = []string{step} },
			"only " + step: func(o *connector.Options) { o.Only = []string{step} },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := newConsole(t, small())
				c.mustSync(adjust)
				assert.Empty(t, c.mustSync().changes)
				assertSame(t, c.clean(), c.graph())
			})
		}
	}
}

func TestANewAccountNameOnEveryEntityIsNoChange(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	tagged := func(o *connector.Options) { o.Config.AccountName, o.Config.TagAccountName = "Acme", true }
	result := c.mustSync(tagged)
	assert.Empty(t, result.changes)
	for key, line := range c.graph() {
		_, _, isRelationship := graph.RelationshipEnds(key)
		assert.Equal(t, !isRelationship, strings.Contains(line, `"tag.AccountName":"Acme"`), key)
	}
	assert.Empty(t, c.mustSync(tagged).changes)
}

func TestALostLinkToTheLastRunLosesNothing(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	before := c.graph()
	require.NoError(t, os.Remove(filepath.Join(c.dir, "current")))
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500)})
	result := c.sync()
	require.NoError(t, result.err)
	assert.NotEmpty(t, result.Notices)
	assert.Empty(t, result.changes)
	assert.Empty(t, lacking(before, c.graph()))
}

// The agent that describes a device of two was not read: the other one does not describe it instead.
func TestAnIncompleteListDoesNotDescribeDevicesByTheirOlderAgents(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Hostile())
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/agents", Match: notByID, Effect: s1test.MissingRows(c.AgentID(s1test.ReinstallAgent), c.AgentID(s1test.ComposedAgent))})
	c.Break(s1test.Fault{Path: "/agents", Match: byID, Effect: s1test.Status(500)})
	result := c.sync()
	assert.Equal(t, agentTypes, result.IncompleteTypes)
	assert.Empty(t, result.changes)
	assertSame(t, before, c.graph())
}

func TestAnAgentWithoutASiteCostsNoApplications(t *testing.T) {
	t.Parallel()
	tenant := s1test.Hostile()
	tenant.ApplicationsPerAgent = 30
	c := newConsole(t, tenant)
	c.mustSync()
}

func TestAnotherConsoleBehindTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before := readFiles(t, c.dir)
	other := newConsole(t, small())
	other.url = strings.Replace(other.url, "127.0.0.1", "localhost", 1)
	other.dir = c.dir
	result := other.sync()
	var usage *connector.UsageError
	require.ErrorAs(t, result.err, &usage)
	assert.Contains(t, result.err.Error(), "127.0.0.1")
	assert.Contains(t, result.err.Error(), "localhost")
	assert.Empty(t, other.Requests(), "nothing is asked")
	assert.Equal(t, before, readFiles(t, c.dir))
}

func TestTheSecondRunOnADirectoryNamesTheFirst(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	held, err := jsonstore.Open(c.dir, jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	result := c.sync()
	var locked *jsonstore.LockedError
	require.ErrorAs(t, result.err, &locked)
	assert.Contains(t, result.err.Error(), fmt.Sprint("process ", os.Getpid()))
	require.NoError(t, held.Close())
	c.mustSync()
}

// An older version of s1graph called a property otherwise: every agent looks different, and nothing
// happened to any.
func TestANewMappingIsABaselineAndNoFloodOfChanges(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	c.mustSync()
	store, err := jsonstore.Open(c.dir, jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	last := store.Last()
	types := make(map[string]*graph.Type)
	for _, known := range last.Types() {
		types[known.Name] = known
	}
	older := *types["sentinelone_agent"]
	older.Schema = "of an older version"
	draft, err := store.Begin(time.Now())
	require.NoError(t, err)
	for name, known := range types {
		records := graph.All(t.Context(), last, name)
		if name == older.Name {
			known, records = &older, func(yield func(graph.Encoded, error) bool) {
				for encoded, err := range graph.All(t.Context(), last, name) {
					record, decodeErr := graph.Decode(encoded.JSON, types)
					require.NoError(t, errors.Join(err, decodeErr))
					record.Set("hostLabel", record.Get("computerName"))
					record.Set("computerName", graph.Value{})
					if !yield(graph.Encode(&record), nil) {
						return
					}
				}
			}
		}
		_, err := draft.Write(t.Context(), known, records)
		require.NoError(t, err)
	}
	require.NoError(t, draft.Commit(jsonstore.CommitInfo{State: last.Manifest().State, Summary: []byte("{}")}))
	require.NoError(t, store.Close())

	result := c.mustSync()
	assert.Empty(t, result.changes)
	counts := result.Changes["sentinelone_agent"]
	assert.EqualValues(t, c.Totals().Agents, counts.Updated)
	assert.Equal(t, counts.Updated, counts.Baseline)
	assertSame(t, c.clean(), c.graph())
}

func TestTheSummaryFileHoldsWhatJupiterOneReads(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
	c.sync()
	content, err := os.ReadFile(filepath.Join(c.dir, "summary.json"))
	require.NoError(t, err)
	var summary struct {
		Status                 string
		IntegrationStepResults []struct {
			ID, Status    string
			DeclaredTypes []string
			PartialTypes  []string
		}
		Metadata struct{ PartialDatasets struct{ Types []string } }
	}
	require.NoError(t, json.Unmarshal(content, &summary, json.MatchCaseInsensitiveNames(true)))
	assert.Equal(t, "partial", summary.Status)
	assert.Equal(t, []string{"sentinelone_agent_has_threat", "sentinelone_threat"}, summary.Metadata.PartialDatasets.Types)
	require.Len(t, summary.IntegrationStepResults, len(steps.All()))
	for _, step := range summary.IntegrationStepResults {
		switch step.ID {
		case "agents":
			assert.Equal(t, "success", step.Status)
		case "threats":
			assert.Equal(t, "failure", step.Status)
			assert.ElementsMatch(t, []string{"sentinelone_agent_has_threat", "sentinelone_threat"}, step.PartialTypes)
		}
	}
}
