package reconcile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/s1"
)

func TestADeviceThatWasRenamedIsNotGone(t *testing.T) {
	now := agent("1", renamed("pc-new"))
	for name, test := range map[string]struct {
		last, fresh []graph.Record
		rekeyed     map[string]string
	}{
		"its agent is on another one now": {agent("1"), now, map[string]string{
			deviceOf("1"): keyOf(now, devices), userOf("1"): keyOf(now, users),
		}},
		"nobody owns it": {agent("1", unowned), agent("1", unowned, renamed("pc-new")), map[string]string{
			deviceOf("1"): keyOf(now, devices),
		}},
		"its owner is known everywhere": {agent("1", ownedBy("jane@acme.example")), agent("1", ownedBy("jane@acme.example"), renamed("pc-new")),
			map[string]string{deviceOf("1"): keyOf(now, devices)}},
		"its owner was known everywhere, and is known there only now": {
			agent("1", ownedBy("jane@acme.example")), now, map[string]string{deviceOf("1"): keyOf(now, devices)},
		},
		"its owner has another name now": {agent("1"), agent("1", renamed("pc-new"), loggedIn("joe")), map[string]string{
			deviceOf("1"): keyOf(now, devices),
		}},
		"its agent was decommissioned, and came back": {
			agent("1", decommissioned, unowned), agent("1", unowned, renamed("pc-new")), map[string]string{deviceOf("1"): keyOf(now, devices)},
		},
		"its agent moved to a device that was there before": {
			slices.Concat(agent("1"), agent("2")), slices.Concat(agent("1", on("2")), agent("2")), map[string]string{},
		},
		"another agent is still on it": {
			slices.Concat(agent("1"), agent("2", on("1")), agent("3")), slices.Concat(now, agent("2", on("1"))), map[string]string{},
		},
		"its agent is gone, and another came": {agent("1"), agent("2"), map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			o := run{last: test.last, fresh: test.fresh, guard: off}.do(t)
			assert.Equal(t, test.rekeyed, o.Rekeyed)
		})
	}
}

func loggedIn(name string) func(*s1.Agent) {
	return func(row *s1.Agent) { row.LastLoggedInUserName = name }
}

// Two devices may become one, and one may become two: each is one thing before and one thing now.
func TestADeviceIsRekeyedToOneAndFromOne(t *testing.T) {
	merged := slices.Concat(agent("1", renamed("pc-new")), agent("2", on("1"), renamed("pc-new")))
	o := run{last: slices.Concat(agent("1"), agent("2")), fresh: merged, guard: off}.do(t)
	assert.Equal(t, map[string]string{
		sorted(deviceOf("1"), deviceOf("2"))[0]: keyOf(merged, devices),
		userOf(agentOfFirst()):                  keyOf(merged, users),
	}, o.Rekeyed, "the first in the order of keys is taken")

	parted := slices.Concat(agent("1", renamed("pc-a")), agent("2", on("1"), renamed("pc-b")))
	first := sorted(keyOf(agent("1", renamed("pc-a")), devices), keyOf(agent("2", on("1"), renamed("pc-b")), devices))[0]
	one, two := agent("1", unowned), agent("2", on("1"), unowned)
	for _, last := range [][]graph.Record{slices.Concat(one, two), slices.Concat(two, one)} {
		o = run{last: last, fresh: parted, guard: off}.do(t)
		assert.Equal(t, map[string]string{deviceOf("1"): first}, o.Rekeyed)
	}
}

// agentOfFirst is whose device comes first in the order of keys, of agents 1 and 2.
func agentOfFirst() string {
	if deviceOf("1") < deviceOf("2") {
		return "1"
	}
	return "2"
}

func TestTheGuardDoesNotCountWhatWasRekeyed(t *testing.T) {
	last := slices.Concat(agent("1"), agent("2"), agent("3"))
	fresh := slices.Concat(agent("1", renamed("pc-a")), agent("2", renamed("pc-b")), agent("3"))
	o := run{last: last, fresh: fresh, guard: all}.do(t)
	assert.Zero(t, o.Types[devices].Withheld)
	assert.Zero(t, o.Types[users].Withheld)
	assert.Len(t, o.keys(t, devices), 3)
	assert.Empty(t, o.withheldKeys(t))
}

// Where deletions are withheld the rekeyed ones stay as well; what is to be accepted is only the others.
func TestWhatWasRekeyedIsNotListedAsWithheld(t *testing.T) {
	last := slices.Concat(agent("1", unowned), agent("2", unowned))
	fresh := append(agent("1", unowned, renamed("pc-a")), entities.Agent.Entity(agentRow("2")), keep(agent("2"), groupHasAgent, entities.AgentKey("2")))
	o := run{last: last, fresh: fresh, guard: all}.do(t)
	assert.Equal(t, int64(1), o.Types[devices].Withheld)
	var listed []string
	for _, k := range o.withheldKeys(t) {
		if k.Type == devices {
			listed = append(listed, k.Key)
		}
	}
	assert.Equal(t, []string{deviceOf("2")}, listed)
}

// Devices of a list that was not read whole are not gone, so that nothing is there under another key.
func TestNothingIsRekeyedWhereNotAllIsKnown(t *testing.T) {
	fresh := agent("1", renamed("pc-new"))
	assert.Empty(t, run{last: agent("1"), fresh: fresh, failed: []string{agents, devices, users}}.do(t).Rekeyed)
	o := run{last: slices.Concat(agent("1"), agent("2"), agent("3")), fresh: fresh, guard: all}.do(t)
	assert.NotZero(t, o.Types[agents].Withheld)
	assert.Empty(t, o.Rekeyed)
}
