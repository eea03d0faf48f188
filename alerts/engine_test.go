package alerts_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/graph"
	"s1graph/posture"
)

// infected is a rule on a state whose end is told too.
func infected() config.Rule {
	return config.Rule{Name: "infected", When: `entity.type == "sentinelone_agent" && entity.infected == true`, Ended: new(true)}
}

var (
	sick    = properties{"infected": true}
	healthy = properties{"infected": false}
)

func TestAStateIsToldWhenItBeginsAndWhenItEnds(t *testing.T) {
	w := newWorld(t, infected())
	w.put(agent("1001", healthy), agent("1002", healthy))
	assert.Empty(t, w.apply())
	w.put(agent("1001", sick))
	assert.Equal(t, []string{"infected: 1001"}, titles(w.apply()))
	assert.Empty(t, w.apply(), "it goes on")
	w.put(agent("1001", healthy), agent("1002", sick))
	raised := w.apply()
	assert.Equal(t, []string{"infected: 1002", "Ended: infected: 1001"}, titles(raised))
	assert.Equal(t, []string{"began", "ended"}, []string{raised[0].Op, raised[1].Op})
	assert.Equal(t, true, raised[0].After["infected"], "an entity comes with its properties")
}

func TestStatesThatAreThereWhenARuleBeginsAreRememberedInSilence(t *testing.T) {
	w := newWorld(t)
	w.put(agent("1001", sick))
	w.apply()

	w.config.Rules = []config.Rule{infected()}
	assert.Empty(t, w.apply(), "a rule that is new")
	w.put(agent("1002", sick))
	assert.Equal(t, []string{"infected: 1002"}, titles(w.apply()))

	w.put(agent("1003", sick))
	w.config.Rules[0].When += ` && entity.isActive != true`
	w.put(agent("1003", properties{"infected": true, "isActive": false}))
	assert.Empty(t, w.apply(), "a condition that is another")
	w.put(agent("1001", properties{"infected": true, "isActive": false}))
	assert.Equal(t, []string{"infected: 1001"}, titles(w.apply()), "what was remembered by the old condition is forgotten")
}

func TestStatesOfABaselineAreRememberedInSilence(t *testing.T) {
	w := newWorld(t, infected())
	w.put(agent("1001", sick))
	w.apply()
	w.put(agent("1001", healthy), agent("1002", sick))
	w.baseline = func(typeName string) bool { return typeName == "sentinelone_agent" }
	assert.Empty(t, w.apply())
	w.baseline = nil
	w.put(agent("1001", sick), agent("1002", healthy))
	assert.Equal(t, []string{"infected: 1001", "Ended: infected: 1002"}, titles(w.apply()))
}

func TestStatesOfTypesThatWereNotReadAreNotEvaluated(t *testing.T) {
	w := newWorld(t, infected())
	w.put(agent("1001", sick))
	w.fresh = func(string) bool { return false }
	assert.Empty(t, w.apply())
	w.fresh = nil
	assert.Empty(t, w.apply(), "the first time that the type is read is the baseline")

	w.fresh = func(string) bool { return false }
	w.put(agent("1001", healthy), agent("1002", sick))
	assert.Empty(t, w.apply())
	w.fresh = nil
	assert.Equal(t, []string{"infected: 1002", "Ended: infected: 1001"}, titles(w.apply()))
}

func TestTheStateOfAnEntityThatIsGoneEndsInSilenceUnlessTheEndIsAskedFor(t *testing.T) {
	for _, ended := range []bool{false, true} {
		r := infected()
		r.Ended = &ended
		w := newWorld(t, r)
		w.apply()
		w.put(agent("1001", sick))
		w.apply()
		clear(w.records)
		if ended {
			assert.Equal(t, []string{"Ended: infected: 1001"}, titles(w.apply()))
		} else {
			assert.Empty(t, w.apply())
		}
		w.put(agent("1001", sick))
		assert.Equal(t, []string{"infected: 1001"}, titles(w.apply()), "it is forgotten, and begins anew")
	}
}

func TestAnAgentIsSilentAfterTheDaysThatAreGiven(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "agent silent", Days: 3})
	seen := w.now.UnixMilli()
	w.put(agent("1001", properties{"lastSeenOn": seen}), agent("1002", properties{"lastSeenOn": seen, "isDecommissioned": true}), agent("1003", properties{"lastSeenOn": 0}))
	w.apply()
	w.now = w.now.Add(70 * time.Hour)
	assert.Empty(t, w.apply()) // three days to the hour
	assert.Equal(t, []string{"The agent of 1001 has been silent since 2026-11-20 05:00 UTC"}, titles(w.apply()))
	assert.Empty(t, w.apply())
}

func TestAnInfectionThatIsClearedIsTold(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "infection cleared"}, config.Rule{Use: "device infected"})
	w.put(agent("1001", sick), agent("1002", sick), agent("1003", healthy))
	w.apply()
	w.put(agent("1001", healthy), agent("1002", nil), agent("1003", properties{"infected": false, "osType": "linux"}))
	assert.Equal(t, []string{"1001 is no longer infected"}, titles(w.apply()), "what nobody knows any more is not cleared")
}

func TestAnAgentThatFallsBehindIsOutOfDate(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "agent out of date"})
	w.put(agent("1001", properties{"isUpToDate": true, "agentVersion": "23.4"}), agent("1002", nil))
	w.apply()
	w.put(agent("1001", properties{"isUpToDate": false, "agentVersion": "23.4"}))
	assert.Equal(t, []string{"The agent of 1001 is out of date: 23.4"}, titles(w.apply()))
}

func TestAnAgentThatWasDecommissionedAndThenGoesIsToldOnce(t *testing.T) {
	w := newWorld(t, allReady()...)
	w.put(agent("1001", properties{"isDecommissioned": false}), agent("1002", nil))
	w.apply()
	w.put(agent("1001", properties{"isDecommissioned": true}))
	assert.Equal(t, []string{"The agent of 1001 was decommissioned"}, titles(w.apply()))
	w.put(agent("1001", properties{"isDecommissioned": true, "isUninstalled": true}))
	assert.Empty(t, w.apply())
	clear(w.records)
	assert.Equal(t, []string{"The agent of 1002 is gone"}, titles(w.apply()))
}

func TestADeviceThatFallsOutOfPostureAndComesBackIsTold(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device not compliant"})
	w.put(device("a", nil), device("b", nil), device("c", nil))
	verdict := func(device string, reasons ...string) posture.Verdict {
		return posture.Verdict{Device: "sentinelone_device:" + device, Compliant: len(reasons) == 0, Reasons: reasons}
	}
	assert.Empty(t, w.apply(), "nothing is demanded of any device")
	w.posture = []posture.Verdict{verdict("a"), verdict("c", "infected")}
	assert.Empty(t, w.apply(), "the first verdicts are a baseline")
	w.posture = []posture.Verdict{verdict("a", "firewallEnabled is false, and must be true"), verdict("c")}
	raised := w.apply()
	assert.Equal(t, []string{"a is not compliant", "c is compliant again"}, titles(raised))
	assert.Contains(t, raised[0].Text, "firewallEnabled is false")
	w.posture = nil
	assert.Empty(t, w.apply())
}

func TestAnotherPolicyIsABaselineOfPosture(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device not compliant"}, infected())
	w.put(device("a", nil), device("b", nil), device("c", nil), agent("1001", sick))
	verdicts := func(compliant ...bool) {
		w.posture = nil
		for i, yes := range compliant {
			w.posture = append(w.posture, posture.Verdict{Device: "sentinelone_device:" + string(rune('a'+i)), Compliant: yes})
		}
	}
	w.policies = "firewalls"
	verdicts(true, false, true)
	w.apply()
	w.policies = "firewalls, encryption"
	verdicts(false, true, true)
	assert.Empty(t, w.apply(), "nothing has happened to any device")
	verdicts(true, true, false)
	w.put(agent("1001", healthy))
	assert.ElementsMatch(t, []string{"a is compliant again", "c is not compliant", "Ended: infected: 1001"}, titles(w.apply()))
}

func TestADeviceThatIsEvaluatedNoMoreIsNotCalledCompliant(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device not compliant"})
	w.put(device("gone", nil), device("unprotected", nil))
	w.posture = []posture.Verdict{
		{Device: "sentinelone_device:gone", Reasons: []string{"infected"}}, {Device: "sentinelone_device:unprotected", Reasons: []string{"infected"}},
	}
	w.apply()
	delete(w.records, "sentinelone_device:gone")
	w.posture = []posture.Verdict{}
	assert.ElementsMatch(t, []string{
		"gone was not compliant, and is no longer evaluated", "unprotected was not compliant, and is no longer evaluated",
	}, titles(w.apply()))
}

func TestReadyMadeRulesDoNotTellOfAStateThatHasEndedAsIfItLasted(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "agent silent", Ended: new(true)}, config.Rule{Use: "agent out of date", Ended: new(true)})
	old := properties{"lastSeenOn": w.now.AddDate(0, 0, -30).UnixMilli(), "isUpToDate": false, "agentVersion": "23.4"}
	w.put(agent("back", old), agent("gone", old))
	w.apply()
	clear(w.records)
	w.put(agent("back", properties{"lastSeenOn": w.now.UnixMilli(), "isUpToDate": true, "agentVersion": "24.1"}))
	raised := w.apply()
	assert.ElementsMatch(t, []string{
		"The agent of back no longer counts as silent", "The agent of gone no longer counts as silent",
		"The agent of back no longer counts as out of date", "The agent of gone no longer counts as out of date",
	}, titles(raised))
	for _, d := range by("agent silent", raised) {
		want := map[string]string{"back": "Last heard of: 2026-11-20 06:00 UTC", "gone": "Last heard of: unknown"}[d.DisplayName]
		assert.Contains(t, d.Text, want)
	}
}

func TestARunThatIsEvaluatedAgainAfterAKillRaisesTheSameUnderTheSameIDs(t *testing.T) {
	w := newWorld(t, infected(), config.Rule{Use: "device infected"}, config.Rule{Name: "each run", When: `run.status == "complete"`})
	w.put(agent("1001", healthy), agent("1002", healthy))
	w.apply()
	w.put(agent("1001", sick), agent("1002", sick))
	run := w.run()

	// A kill before the commit leaves the outbox as it was: it is played by another one with the same past.
	other := *w
	other.outbox = outbox.At(filepath.Join(t.TempDir(), "alerts.db"))
	past := w.run()
	past.ID, past.StartedAt = "run-1", at(0).Add(time.Hour)
	past.Graph, past.Changes = newWorld(t).run().Graph, nil
	_, err := other.engine().Apply(t.Context(), past)
	require.NoError(t, err)
	other.raised()

	_, err = w.engine().Apply(t.Context(), run)
	require.NoError(t, err)
	first := w.raised()
	require.Len(t, first, 5)
	_, err = other.engine().Apply(t.Context(), run)
	require.NoError(t, err)
	assert.Equal(t, first, other.raised())

	_, err = w.engine().Apply(t.Context(), run)
	require.NoError(t, err)
	assert.Empty(t, w.raised(), "a run that was taken in is nothing")
	cursor, err := w.engine().Cursor(t.Context())
	require.NoError(t, err)
	assert.Equal(t, run.ID, cursor)
}

func TestAKeyThatIsMutedIsNotRaisedAgainForThatTime(t *testing.T) {
	r := infected()
	r.Mute = 3 * time.Hour
	w := newWorld(t, r)
	w.put(agent("1001", healthy), agent("1002", healthy))
	w.apply()
	w.put(agent("1001", sick))
	assert.Equal(t, []string{"infected: 1001"}, titles(w.apply()))
	w.put(agent("1001", healthy))
	assert.Equal(t, []string{"Ended: infected: 1001"}, titles(w.apply()), "what was told when it began is told when it ends")
	w.put(agent("1001", sick), agent("1002", sick))
	assert.Equal(t, []string{"infected: 1002"}, titles(w.apply()), "another key is not muted")
	w.put(agent("1001", healthy), agent("1002", sick))
	assert.Empty(t, w.apply(), "what was not told when it began is not told when it ends")
	w.put(agent("1001", sick))
	assert.Equal(t, []string{"infected: 1001"}, titles(w.apply()))
}

func TestTheFirstRunRaisesNothingButWhatRulesOnRunsSay(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "new device"}, infected(), config.Rule{Name: "runs", When: `run.status == "complete"`})
	w.put(device("pc", nil), agent("1001", sick))
	assert.Equal(t, []string{"runs: run run-1 is complete"}, titles(w.apply()))
}

func TestThreeRunsInARowThatFailOrArePartialAreToldOnce(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "runs fail"})
	fail := func() []document {
		w.now = w.now.Add(time.Hour)
		report := w.report("", "failed")
		report.Error = "agents: 500"
		require.NoError(t, w.engine().Failed(t.Context(), report))
		require.NoError(t, w.engine().Failed(t.Context(), report), "the same run again")
		return w.raised()
	}
	w.apply()
	assert.Empty(t, fail())
	w.status = "partial"
	assert.Empty(t, w.apply())
	raised := fail()
	assert.Equal(t, []string{"Three runs of test in a row were not complete"}, titles(raised))
	assert.Equal(t, "The last run failed: agents: 500", raised[0].Text)
	assert.Empty(t, fail())
	w.status = "complete"
	assert.Empty(t, w.apply())
	assert.Empty(t, fail())
}

func TestATokenThatExpiresIsToldAtEachThresholdOnce(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "token expires"})
	w.token = w.now.AddDate(0, 0, 40)
	told := map[string]int{}
	for range 45 * 4 {
		for _, d := range w.apply() {
			told[d.Title]++
		}
		w.now = w.now.Add(5 * time.Hour)
	}
	assert.Equal(t, map[string]int{
		"The API token of test expires in 30 days": 1, "The API token of test expires in 7 days": 1, "The API token of test expires in 1 day": 1,
	}, told)
	w.token = w.now.AddDate(0, 0, 5)
	w.apply()
	w.token = time.Time{}
	assert.Empty(t, w.apply())

	late := newWorld(t, config.Rule{Use: "token expires"})
	late.token = late.now.AddDate(0, 0, 5)
	assert.Equal(t, []string{"The API token of test expires in 5 days"}, titles(late.apply()), "also when it is first seen")
}

func TestRulesAreToldToTheirDestinationsAlone(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device infected", To: []string{"soc"}}, config.Rule{Use: "new device"})
	w.config.Destinations = append(w.config.Destinations, config.Destination{Name: "soc", URL: config.NewSecret("slack://token@channel")})
	w.apply()
	w.put(agent("1001", sick), device("<!channel>", nil))
	result, err := w.engine().Apply(t.Context(), w.run())
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"device infected": 1, "new device": 1}, result.Raised)
	assert.Equal(t, 3, result.Queued)
	assert.Equal(t, []string{"device infected", "new device"}, w.observed)
	require.NoError(t, w.outbox.View(t.Context(), func(tx *outbox.Tx) error {
		entries, err := tx.Queued("soc")
		require.NoError(t, err)
		require.Len(t, entries, 2)
		assert.Empty(t, entries[0].Payload, "only webhooks get documents")
		assert.Equal(t, "high", entries[0].Severity)
		assert.NotContains(t, entries[1].Title, "<!channel>", "names are written by attackers")
		return nil
	}))
	assert.Equal(t, []string{"New device: <!channel>"}, titles(w.raised()))
}

func TestAPreviewIsWhatARuleWouldSayAndChangesNothing(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device infected", Mute: time.Hour}, infected())
	w.put(agent("1001", healthy))
	w.apply()
	w.put(agent("1001", sick))
	run := w.run()
	_, err := w.engine().Apply(t.Context(), run)
	require.NoError(t, err)
	told := map[string]bool{}
	for _, d := range w.raised() {
		told[d.ID] = true
	}
	for _, rule := range []string{"device infected", "infected"} {
		messages, err := w.engine().Preview(t.Context(), rule, run)
		require.NoError(t, err)
		require.Len(t, messages, 1, rule)
		assert.Contains(t, messages[0].Title, "1001")
		assert.False(t, told[messages[0].ID], "it is not taken for what happened")
	}
	assert.Empty(t, w.raised())
	_, err = w.engine().Preview(t.Context(), "infectd", run)
	assert.ErrorContains(t, err, "did you mean infected?")
}

func TestAComputerThatIsRenamedStaysInItsState(t *testing.T) {
	r := config.Rule{Name: "server", When: `entity.type == "sentinelone_device" && entity.category == "server"`, Ended: new(true)}
	w := newWorld(t, r)
	w.apply()
	w.put(device("old", properties{"category": "server"}))
	assert.Len(t, w.apply(), 1)
	before := w.last
	clear(w.records)
	w.put(device("new", properties{"category": "server"}))
	run := w.run()
	renamed := graph.DiffOptions{Rekeyed: map[string]string{"sentinelone_device:old": "sentinelone_device:new"}}
	run.Changes = events(t, before, run.Graph, renamed)
	_, err := w.engine().Apply(t.Context(), run)
	require.NoError(t, err)
	assert.Empty(t, w.raised())
	w.put(device("new", properties{"category": "endpoint"}))
	assert.Equal(t, []string{"Ended: server: new"}, titles(w.apply()))
}

func TestWhatWasGivenUpIsDroppedByTheFirstRunAfterItsTime(t *testing.T) {
	w := newWorld(t, infected())
	w.apply()
	w.put(agent("1001", sick))
	_, err := w.engine().Apply(t.Context(), w.run())
	require.NoError(t, err)
	dead := func() (n int) {
		require.NoError(t, w.outbox.Update(t.Context(), func(tx *outbox.Tx) error {
			queued, err := tx.Queued("")
			require.NoError(t, err)
			for _, e := range queued {
				require.NoError(t, tx.Bury(e, w.now, "refused"))
			}
			given, err := tx.Dead("")
			n = len(given)
			return err
		}))
		return n
	}
	require.Equal(t, 1, dead())
	apply := func(after time.Duration) {
		w.now = w.now.Add(after - time.Hour) // a run takes an hour
		engine := w.engine()
		engine.DeadKept = 30 * 24 * time.Hour
		_, err := engine.Apply(t.Context(), w.run())
		require.NoError(t, err)
	}
	apply(30 * 24 * time.Hour)
	assert.Equal(t, 1, dead())
	apply(time.Hour)
	assert.Zero(t, dead())
}
