package cli_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/s1/s1test"
)

// queueOf leaves an outbox as s1graph poll --instance test would have in the working directory: two alerts that
// wait, one of them after a failure, and two that failed.
func queueOf(t *testing.T) *outbox.Outbox {
	t.Helper()
	t.Chdir(t.TempDir())
	box := outbox.In(".s1graph/test")
	at := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	put := func(tx *outbox.Tx, destination, id, title string) error {
		return tx.Enqueue(outbox.Message{
			ID: id, Destination: destination, Key: "sentinelone_agent:" + id, Rule: "agent gone", Severity: "high", Instance: "test",
			Run: "r1", At: at, Title: title,
		})
	}
	require.NoError(t, box.Update(t.Context(), func(tx *outbox.Tx) error {
		if err := errors.Join(put(tx, "soc", "a1", "DC01 is gone"), put(tx, "soc", "a2", "DC02 is gone"),
			put(tx, "hook", "a3", "DC03 is gone"), put(tx, "soc", "a4", "DC04 is gone")); err != nil {
			return err
		}
		soc, err := tx.Queued("soc")
		if err != nil {
			return err
		}
		hook, err := tx.Queued("hook")
		return errors.Join(err, tx.Bury(soc[0], at, "HTTP 404 Not Found"), tx.Bury(hook[0], at, "HTTP 410 Gone"),
			tx.Failed(soc[1], at.Add(5*time.Second), "no answer in time"))
	}))
	return box
}

func TestAlertsThatWaitAndThoseThatFailedAreListed(t *testing.T) {
	queueOf(t)
	got := s1graph(t, "alerts", "list", "--instance", "test")
	assert.Equal(t, outcome{0, `STATE   TO    SEVERITY  RULE        TITLE         FOUND                 ATTEMPTS  NEXT                  WHY                 ID
failed  hook  high      agent gone  DC03 is gone  2026-03-14T12:00:00Z         1                        HTTP 410 Gone       a3
failed  soc   high      agent gone  DC01 is gone  2026-03-14T12:00:00Z         1                        HTTP 404 Not Found  a1
waits   soc   high      agent gone  DC02 is gone  2026-03-14T12:00:00Z         1  2026-03-14T12:00:05Z  no answer in time   a2
waits   soc   high      agent gone  DC04 is gone  2026-03-14T12:00:00Z         0  now                                       a4
`, ""}, got)

	got = s1graph(t, "alerts", "list", "--failed", "--to", "soc", "--instance", "test")
	assert.Contains(t, got.stdout, "a1")
	assert.Equal(t, 2, strings.Count(got.stdout, "\n"))

	got = invocation{width: 200}.s1graph(t, "alerts", "list", "--instance", "test")
	assert.Contains(t, got.stdout, "2 alerts of 4 alerts failed; s1graph alerts retry sends them again.")
}

func TestAlertsAreListedForOtherPrograms(t *testing.T) {
	queueOf(t)
	got := s1graph(t, "alerts", "list", "--json", "--instance", "test")
	assert.Zero(t, got.code)
	var states []string
	for line := range strings.Lines(got.stdout) {
		var a struct{ ID, State, LastError string }
		require.NoError(t, json.Unmarshal([]byte(line), &a))
		states = append(states, strings.Join([]string{a.ID, a.State, a.LastError}, " "))
	}
	assert.Equal(t, []string{"a3 dead HTTP 410 Gone", "a1 dead HTTP 404 Not Found", "a2 waiting no answer in time", "a4 waiting "}, states)
}

func TestWithoutAlertsNothingIsListed(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll(".s1graph/test", 0o700))
	assert.Equal(t, outcome{}, s1graph(t, "alerts", "list", "--instance", "test"))
	assert.Contains(t, invocation{width: 80}.s1graph(t, "alerts", "list", "--instance", "test").stdout, "No such alerts")
	assert.Equal(t, outcome{0, "No alert has failed.\n", ""}, s1graph(t, "alerts", "retry", "--instance", "test"))
	assert.NoFileExists(t, ".s1graph/test/alerts.db")
}

func TestOfAFolderThatIsNotThereNobodySaysThatAllWasDelivered(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, command := range []string{"list", "retry"} {
		got := s1graph(t, "alerts", command, "--instance", "tset")
		assert.Equal(t, outcome{2, "", "s1graph: .s1graph/tset: there is no run yet; run s1graph run first, or give another --instance or --dir\n"}, got)
	}
	assert.NoDirExists(t, ".s1graph")
}

func TestAlertsThatWereGivenUpAreSentAgainWhenAsked(t *testing.T) {
	for _, test := range []struct {
		args    []string
		says    string
		waiting []string
	}{
		{nil, "2 alerts wait again", []string{"a3", "a1", "a2", "a4"}},
		{[]string{"--to", "hook"}, "1 alert waits again", []string{"a3", "a2", "a4"}},
		{[]string{"a1"}, "1 alert waits again", []string{"a1", "a2", "a4"}},
	} {
		box := queueOf(t)
		got := s1graph(t, append([]string{"alerts", "retry", "--instance", "test"}, test.args...)...)
		assert.Zero(t, got.code, got.stderr)
		assert.Contains(t, got.stdout, test.says)
		var waiting []string
		require.NoError(t, box.View(t.Context(), func(tx *outbox.Tx) error {
			queued, err := tx.Queued("")
			for _, e := range queued {
				waiting = append(waiting, e.ID)
			}
			return err
		}))
		assert.Equal(t, test.waiting, waiting)
	}
}

func TestAnAlertThatWasNotGivenUpIsNotSentAgain(t *testing.T) {
	queueOf(t)
	got := s1graph(t, "alerts", "retry", "--instance", "test", "a2")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, `no alert "a2" has failed`)
}

func TestAlertsThatWereGivenUpAreDroppedWhenAsked(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
		dead []string
	}{
		{nil, "2 alerts dropped.", nil},
		{[]string{"--to", "hook"}, "1 alert dropped.", []string{"a1"}},
		{[]string{"a1"}, "1 alert dropped.", []string{"a3"}},
	} {
		box := queueOf(t)
		drop := append([]string{"alerts", "drop", "--instance", "test"}, test.args...)
		got := s1graph(t, drop...)
		assert.Equal(t, outcome{2, "", "s1graph: alerts drop asks, and there is no terminal to ask on: say --yes\n"}, got)
		got = invocation{width: 80, stdin: "no\n"}.s1graph(t, drop...)
		assert.Equal(t, 2, got.code)
		got = s1graph(t, append([]string{"alerts", "drop", "--yes", "--instance", "test"}, test.args...)...)
		assert.Equal(t, outcome{0, test.says + "\n", ""}, got)
		var dead []string
		require.NoError(t, box.View(t.Context(), func(tx *outbox.Tx) error {
			left, err := tx.Dead("")
			for _, e := range left {
				dead = append(dead, e.ID)
			}
			queued, _ := tx.Queued("")
			assert.Len(t, queued, 2, "what waits is left alone")
			return err
		}))
		assert.Equal(t, test.dead, dead)
	}
	queueOf(t)
	got := s1graph(t, "alerts", "drop", "--yes", "--instance", "test", "a2")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, `no alert "a2" has failed`)
}

func TestHostileNamesDoNothingInTheListOfAlerts(t *testing.T) {
	box := queueOf(t)
	require.NoError(t, box.Update(t.Context(), func(tx *outbox.Tx) error {
		var faults []error
		for i, name := range s1test.HostileNames {
			faults = append(faults, tx.Enqueue(outbox.Message{ID: "h" + string(rune('a'+i)), Destination: "soc", Rule: name, Title: name, Text: name}))
		}
		return errors.Join(faults...)
	}))
	assert.True(t, isPlain(s1graph(t, "alerts", "list", "--instance", "test").stdout))
	on := invocation{width: 200, environment: []string{"NO_COLOR=1"}}
	assert.True(t, isPlain(on.s1graph(t, "alerts", "list", "--instance", "test").stdout))
	assert.True(t, isPlain(on.s1graph(t, "alerts", "list", "--json", "--instance", "test").stdout))
}

func TestTheCommandsOfAlertsAreHelpedWith(t *testing.T) {
	t.Chdir(t.TempDir())
	got := s1graph(t, "alerts")
	assert.Zero(t, got.code)
	for _, name := range []string{"list", "retry", "drop", "test"} {
		assert.Contains(t, got.stdout, name)
		assert.Contains(t, s1graph(t, "alerts", name, "--help").stdout, "    s1graph alerts "+name)
	}
	got = s1graph(t, "alerts", "lst")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "did you mean list?")
	got = s1graph(t, "alerts", "list", "--faild", "--instance", "test")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "did you mean --failed? s1graph alerts list --help lists them")
	got = s1graph(t, "alerts", "list", "x", "--instance", "test")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "alerts list takes no argument")
}
