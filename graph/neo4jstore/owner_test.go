package neo4jstore_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/neo4jstore"
)

// owned is the graph of a run of somebody's.
func owned(run string, g graph.Snapshot, folder string) neo4jstore.Target {
	t := target(run, g)
	t.Owner = neo4jstore.Owner{Folder: folder, Host: "acme.example", Source: "console", Scope: "{}"}
	t.State = `{"of":"` + run + `"}`
	return t
}

func TestAScopeIsWrittenToByItsOwnerAlone(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	apply(t, s, owned("1", numbered(30, "Windows"), "ours"))
	held := contents(t, server, s.Scope())
	for name, theirs := range map[string]neo4jstore.Target{
		"a smaller graph": owned("2", numbered(3, "Linux"), "theirs"),
		"the same run":    owned("1", numbered(30, "Windows"), "theirs"),
		"a kept run": func() neo4jstore.Target {
			t := owned("2", numbered(3, "Linux"), "theirs")
			t.Kept = func(string) (graph.Snapshot, bool) { return numbered(30, "Windows"), true }
			return t
		}(),
		"with verify": func() neo4jstore.Target { t := owned("1", snapshot(), "theirs"); t.Verify = true; return t }(),
	} {
		result, err := s.Apply(t.Context(), theirs)
		var foreign *neo4jstore.ForeignError
		require.ErrorAs(t, err, &foreign, name)
		assert.Equal(t, "ours", foreign.Owner.Folder)
		assert.Zero(t, result.Statements)
		assert.Equal(t, held, contents(t, server, s.Scope()), name)
	}
	apply(t, s, owned("2", numbered(20, "Windows"), "ours"))
	requireClean(t, server, s.Scope(), numbered(20, "Windows"))
}

func TestAMarkerThatNamesNoOwnerIsClaimedBeforeItIsWrittenTo(t *testing.T) {
	t.Parallel()
	_, s := scoped(t)
	apply(t, s, target("1", numbered(30, "Windows")))
	ours := owned("2", numbered(20, "Windows"), "ours")
	_, err := s.Apply(t.Context(), ours)
	var foreign *neo4jstore.ForeignError
	require.ErrorAs(t, err, &foreign)
	assert.ErrorContains(t, err, "names no owner")
	m, err := s.Marker(t.Context())
	require.NoError(t, err)
	assert.Equal(t, neo4jstore.Owner{}, m.Owner)
	m.State = "{}"
	require.NoError(t, s.Claim(t.Context(), m, ours.Owner))
	apply(t, s, ours)
	m, err = s.Marker(t.Context())
	require.NoError(t, err)
	assert.Equal(t, ours.Owner, m.Owner)
	assert.Equal(t, `{"of":"2"}`, m.State)
	assert.Equal(t, "2", m.Run)
}

// Who lost the scope while it was writing to it writes no more.
func TestAClaimEndsAnApplyThatIsUnderWay(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	apply(t, s, owned("1", numbered(30, "Windows"), "ours"))
	theirs := openWith(t, server, neo4jstore.Config{Scope: s.Scope(), BatchRows: 5})
	next := owned("2", numbered(60, "Linux"), "ours")
	claimed := false
	next.Progress = func(string, int64, int64) {
		if claimed {
			return
		}
		claimed = true
		m, err := s.Marker(context.WithoutCancel(t.Context()))
		assert.NoError(t, err)
		assert.Equal(t, "2", m.UnderWay)
		m.Owner.Folder = "theirs"
		assert.NoError(t, s.Claim(t.Context(), m, m.Owner))
	}
	_, err := theirs.Apply(t.Context(), next)
	var fenced *neo4jstore.FencedError
	require.ErrorAs(t, err, &fenced)
	_, err = theirs.Apply(t.Context(), next)
	var foreign *neo4jstore.ForeignError
	require.ErrorAs(t, err, &foreign)
}

func TestAClaimOnAMarkerThatMovedIsRefused(t *testing.T) {
	t.Parallel()
	_, s := scoped(t)
	apply(t, s, owned("1", numbered(30, "Windows"), "ours"))
	m, err := s.Marker(t.Context())
	require.NoError(t, err)
	apply(t, s, owned("2", numbered(20, "Windows"), "ours"))
	err = s.Claim(t.Context(), m, neo4jstore.Owner{Folder: "theirs"})
	var fenced *neo4jstore.FencedError
	require.ErrorAs(t, err, &fenced)
	m, err = s.Marker(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "ours", m.Folder)
}

func TestAnotherScopeIsNotedThoughNothingElseDiffers(t *testing.T) {
	t.Parallel()
	_, s := scoped(t)
	g := numbered(30, "Windows")
	first := owned("1", g, "ours")
	apply(t, s, first)
	narrower := following("2", g, "1", g)
	narrower.Owner, narrower.State = first.Owner, `{"of":"2"}`
	narrower.Owner.Scope = `{"sites":["1"]}`
	for range 2 {
		result := apply(t, s, narrower)
		assert.Zero(t, result.Rows)
		m, err := s.Marker(t.Context())
		require.NoError(t, err)
		assert.Equal(t, narrower.Owner, m.Owner)
		assert.Equal(t, narrower.State, m.State)
	}
	assert.Zero(t, apply(t, s, narrower).Statements)
}

func TestAGraphIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	g := numbered(2500, "Windows")
	apply(t, s, target("1", g))
	query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s}) SET n.note = 'mine'")
	query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:7'}) SET n.osName = 'edited'")
	query(t, server, s.Scope(), "MATCH (n:sentinelone_agent {_scope: $s, _key: 'sentinelone_agent:8'}) SET n.isInfected = true, n._digest = null")
	query(t, server, s.Scope(), "MATCH (a {_scope: $s})-[r:HAS {_key: 'sentinelone_group:0|has|sentinelone_agent:3'}]->(b) CREATE (a)-[twice:HAS]->(b) SET twice = properties(r)")
	query(t, server, s.Scope(), "MATCH (a {_scope: $s, _key: 'sentinelone_group:0'}), (b {_scope: $s, _key: 'sentinelone_agent:3'}) CREATE (a)-[:HAS {_scope: $s, _type: 'sentinelone_group_has_agent', _key: 'zzzzzzzzzzzz'}]->(b)")
	query(t, server, s.Scope(), "CREATE (:sentinelone_agent {_scope: $s, _key: 'short'})")

	query(t, server, s.Scope(), "MATCH (m:S1GraphScope {_scope: $s}) REMOVE m.types")
	written, err := s.ReadBack(t.Context(), model, names)
	require.NoError(t, err)
	var want, got []string
	for _, typ := range model {
		for e, err := range graph.All(t.Context(), g, typ.Name) {
			require.NoError(t, err)
			want = append(want, string(e.JSON))
		}
		for e, err := range written.All(t.Context(), typ.Name) {
			require.NoError(t, err)
			got = append(got, string(e.JSON))
		}
	}
	i := slices.IndexFunc(want, func(line string) bool { return strings.Contains(line, `"_key":"sentinelone_agent:7"`) })
	edited := record(agent, "7")
	edited.Properties = nil
	want[i] = string(graph.Encode(&edited).JSON)
	i = slices.IndexFunc(want, func(line string) bool { return strings.Contains(line, `"_key":"sentinelone_agent:8"`) })
	undigested := record(agent, "8", "osName", "Windows 8", "isInfected", true)
	want[i] = string(graph.Encode(&undigested).JSON)
	assert.Equal(t, want, got)
	assert.Equal(t, map[string]int64{agent.Name: 1}, written.Edited)
	assert.Equal(t, map[string]int64{agent.Name: 1, hasAgent.Name: 1}, written.Strange)
}

func TestAMarkerOfALaterVersionStopsEverything(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	apply(t, s, owned("1", numbered(30, "Windows"), "ours"))
	query(t, server, s.Scope(), "MATCH (m:S1GraphScope {_scope: $s}) SET m.format = 3")
	held := contents(t, server, s.Scope())
	_, applied := s.Apply(t.Context(), owned("2", snapshot(), "ours"))
	_, nobody := s.Apply(t.Context(), target("2", snapshot()))
	_, wiped := s.Wipe(t.Context(), model, nil)
	_, marked := s.Marker(t.Context())
	_, read := s.ReadBack(t.Context(), model, names)
	for _, err := range []error{applied, nobody, wiped, marked, read} {
		var newer *neo4jstore.FormatError
		require.ErrorAs(t, err, &newer)
	}
	assert.Equal(t, held, contents(t, server, s.Scope()))
}

// inEpoch is the graph of a run of a worker who took the folder's runs over in an epoch.
func inEpoch(run string, g graph.Snapshot, log string, epoch int64) neo4jstore.Target {
	t := owned(run, g, "ours")
	t.Owner.Log, t.Owner.Epoch = log, epoch
	return t
}

func TestAnEpochThatIsOverIsNotLetInAndAnotherLogIs(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	apply(t, s, inEpoch("1", numbered(30, "Windows"), "log", 3))
	apply(t, s, inEpoch("1", numbered(30, "Windows"), "log", 7)) // which writes nothing but the epoch
	m, err := s.Marker(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(7), m.Epoch)
	held := contents(t, server, s.Scope())
	for _, late := range []neo4jstore.Target{inEpoch("2", numbered(3, "Linux"), "log", 3), inEpoch("1", numbered(30, "Windows"), "log", 6)} {
		_, err = s.Apply(t.Context(), late)
		var over *neo4jstore.EpochError
		require.ErrorAs(t, err, &over)
		assert.Equal(t, []int64{7, late.Owner.Epoch}, []int64{over.Has, over.Given})
		assert.Equal(t, held, contents(t, server, s.Scope()))
	}
	apply(t, s, inEpoch("2", numbered(20, "Windows"), "another log", 1))
	apply(t, s, inEpoch("3", numbered(10, "Windows"), "", 0)) // one machine again
	m, err = s.Marker(t.Context())
	require.NoError(t, err)
	assert.Zero(t, m.Epoch)
	assert.Empty(t, m.Log)
	apply(t, s, inEpoch("4", numbered(20, "Windows"), "log", 1))
	requireClean(t, server, s.Scope(), numbered(20, "Windows"))
}

// Whoever is in the middle of writing when another worker takes over writes no more.
func TestAnEpochThatBeginsEndsAnApplyThatIsUnderWay(t *testing.T) {
	t.Parallel()
	server, s := scoped(t)
	g := numbered(30, "Windows")
	apply(t, s, inEpoch("1", g, "log", 1))
	old := openWith(t, server, neo4jstore.Config{Scope: s.Scope(), BatchRows: 5})
	next := inEpoch("2", numbered(60, "Linux"), "log", 1)
	taken := false
	next.Progress = func(string, int64, int64) {
		if !taken {
			taken = true
			_, err := s.Apply(context.WithoutCancel(t.Context()), inEpoch("1", g, "log", 2))
			assert.NoError(t, err)
		}
	}
	_, err := old.Apply(t.Context(), next)
	var fenced *neo4jstore.FencedError
	require.ErrorAs(t, err, &fenced)
	requireClean(t, server, s.Scope(), g)
}

// A marker may be gone alone. What is there nonetheless is found, of whichever type it is.
func TestAScopeThatLostItsMarkerIsRead(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]string{
		"with all its nodes":   "true",
		"with agents":          "n:sentinelone_agent",
		"with groups":          "n:sentinelone_group",
		"with another's nodes": "false",
	} {
		t.Run(name, func(t *testing.T) {
			server, s := scoped(t)
			other := open(t, server, server.Scope(t))
			apply(t, other, target("1", named["Windows"]))
			apply(t, s, target("1", named["Windows"]))
			query(t, server, s.Scope(), "MATCH (n {_scope: $s}) WHERE n:S1GraphScope OR NOT ("+left+") DETACH DELETE n")
			isLeft := len(contents(t, server, s.Scope())) > 0
			assert.Equal(t, left != "false", isLeft)

			empty, err := s.IsEmpty(t.Context(), []string{group.Name, agent.Name, threat.Name})
			require.NoError(t, err)
			assert.Equal(t, !isLeft, empty)
			assert.Equal(t, isLeft, apply(t, s, target("2", named["Linux"])).Compared)
			requireClean(t, server, s.Scope(), named["Linux"])
			requireClean(t, server, other.Scope(), named["Windows"])
		})
	}
}
