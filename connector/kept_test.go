package connector_test

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
)

var unseenRule = config.Rule{Use: "something was not seen"}

// runsOf are the IDs of the runs that a folder has.
func runsOf(t *testing.T, dir string) (ids []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "runs"))
	require.NoError(t, err)
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids
}

// texts are those of what waits to be told by a rule.
func (w *told) texts(rule string) (texts []string) {
	w.t.Helper()
	require.NoError(w.t, outbox.At(w.path).View(w.t.Context(), func(tx *outbox.Tx) error {
		entries, err := tx.Queued("hook")
		for _, e := range entries {
			if e.Rule == rule {
				texts = append(texts, e.Text)
			}
		}
		return err
	}))
	return texts
}

// days is a clock that is a day later with each run.
func days() func(*connector.Options) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	return func(o *connector.Options) {
		now = now.Add(24 * time.Hour)
		at := now
		o.Clock = func() time.Time { return at }
	}
}

func TestARunThatCannotBeReadIsPassedOverAndSaid(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, run string){
		"changes written over": func(t *testing.T, run string) {
			require.NoError(t, os.WriteFile(filepath.Join(run, "changes.jsonl"), []byte("{nonsense\n"), 0o600))
		},
		"changes that are a folder": func(t *testing.T, run string) {
			require.NoError(t, os.Remove(filepath.Join(run, "changes.jsonl")))
			require.NoError(t, os.Mkdir(filepath.Join(run, "changes.jsonl"), 0o700))
		},
		"a summary that is gone": func(t *testing.T, run string) {
			require.NoError(t, os.Remove(filepath.Join(run, "summary.json")))
		},
		"a graph that is cut off": func(t *testing.T, run string) {
			files, err := filepath.Glob(filepath.Join(run, "graph", "agents", "entities", "sentinelone_agent-*"))
			require.NoError(t, err)
			require.NoError(t, os.Truncate(files[0], 100))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			w := c.tell(newAgent, unseenRule, config.Rule{Name: "state", When: `entity.type == "sentinelone_agent" && entity.infected == true`})
			c.mustSync(w.of)
			c.SetDay(1)
			bad := c.mustSync() // as if it had been killed before the rules were asked
			damage(t, filepath.Join(c.dir, "runs", bad.Run))
			for day := 2; day <= 5; day++ {
				c.SetDay(day)
				result := c.sync(w.of)
				require.NoError(t, result.err)
				if day > 2 {
					require.Empty(t, result.MovedOn)
					assert.Subset(t, keysOf(w), newAgents(c.Plan(day)), "day %d", day)
					continue
				}
				require.Len(t, result.MovedOn, 1)
				assert.Equal(t, "alerts", result.MovedOn[0].Consumer)
				assert.Contains(t, result.MovedOn[0].What, "Alerts did not see the run "+bad.Run+", since it cannot be read: ")
				assert.Contains(t, result.Notices, result.MovedOn[0].What)
			}
			texts := w.texts(unseenRule.Use)
			require.Len(t, texts, 1, "somebody is told, once")
			assert.Contains(t, texts[0], bad.Run)
			assert.LessOrEqual(t, len(runsOf(t, c.dir)), 2)
		})
	}
}

func keysOf(w *told) []string {
	_, keys := w.events()
	return keys
}

func TestADamagedOutboxIsMovedAsideAndAlertsGoOn(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	w := c.tell(newAgent, unseenRule)
	c.mustSync(w.of)
	require.NoError(t, os.WriteFile(w.path, make([]byte, 1<<16), 0o600))
	c.SetDay(1)
	result := c.mustSync(w.of)
	require.Len(t, result.MovedOn, 1)
	assert.Contains(t, result.MovedOn[0].What, "alerts.db was damaged, and is kept as alerts.db.damaged-")
	assert.Contains(t, result.Notices, result.MovedOn[0].What)
	require.Len(t, w.texts(unseenRule.Use), 1, "somebody is told")
	assert.Subset(t, keysOf(w), newAgents(c.Plan(1)), "the last run is what the rules begin with")
	kept, err := filepath.Glob(w.path + ".damaged-*")
	require.NoError(t, err)
	assert.Len(t, kept, 1)
	c.SetDay(2)
	c.mustSync(w.of)
	assert.Subset(t, keysOf(w), newAgents(c.Plan(2)))
	assert.Len(t, w.texts(unseenRule.Use), 1)
}

// The file is found damaged after those who catch up have looked at it: when the rules read it, or when they write to it.
func TestAnOutboxThatIsDamagedDuringARunLosesNothingThatTheRunChanged(t *testing.T) {
	t.Parallel()
	whole := func(b []byte) { clear(b) }
	listOfFreePages := func(b []byte) { // the newer of the two meta pages says where it is
		page, field := os.Getpagesize(), binary.LittleEndian.Uint64
		const free, number = 16 + 32, 16 + 48
		meta := b[:page]
		if second := b[page : 2*page]; field(second[number:]) > field(meta[number:]) {
			meta = second
		}
		at := int(field(meta[free:])) * page
		copy(b[at:at+page], bytes.Repeat([]byte{0xff}, page))
	}
	for name, damage := range map[string]func([]byte){"all of it": whole, "the list of free pages": listOfFreePages} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			w := c.tell(newAgent, unseenRule)
			c.mustSync(w.of)
			c.SetDay(1)
			var once sync.Once
			c.OnRequest(func(*http.Request) {
				once.Do(func() {
					content, err := os.ReadFile(w.path)
					if assert.NoError(t, err) {
						damage(content)
						assert.NoError(t, os.WriteFile(w.path, content, 0o600))
					}
				})
			})
			result := c.mustSync(w.of)
			require.Len(t, result.MovedOn, 1)
			assert.Contains(t, result.MovedOn[0].What, "alerts.db was damaged")
			require.NotEmpty(t, newAgents(c.Plan(1)))
			assert.Subset(t, keysOf(w), newAgents(c.Plan(1)))
		})
	}
}

// Where alerts.db cannot be opened at all, runs are kept for the rules.
func TestRunsThatAreKeptForRulesAreBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		adjust func(*connector.Options)
		most   int
	}{
		"by time": {func(o *connector.Options) { o.Config.RunsKept = 5 * 24 * time.Hour }, 6},
		"by room": {func(o *connector.Options) { o.Config.RunsKeptGiB = 1e-9 }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			w := c.tell(newAgent, unseenRule)
			daily := days()
			c.mustSync(w.of, daily)
			aside := w.path + ".aside"
			require.NoError(t, os.Rename(w.path, aside))
			require.NoError(t, os.Mkdir(w.path, 0o700))
			moved := 0
			for day := 1; day <= 9; day++ {
				c.SetDay(day)
				result := c.sync(w.of, daily, test.adjust)
				require.NoError(t, result.err)
				moved += len(result.MovedOn)
				assert.LessOrEqual(t, len(runsOf(t, c.dir)), test.most)
			}
			assert.Len(t, runsOf(t, c.dir), test.most)
			assert.Positive(t, moved)
			require.NoError(t, os.Remove(w.path))
			require.NoError(t, os.Rename(aside, w.path))
			c.SetDay(10)
			result := c.mustSync(w.of, daily, test.adjust)
			assert.Subset(t, keysOf(w), newAgents(c.Plan(10)), "later alerts come")
			require.Len(t, w.texts(unseenRule.Use), 1)
			assert.Contains(t, w.texts(unseenRule.Use)[0], "Alerts did not see ")
			assert.Contains(t, strings.Join(result.Notices, "\n"), "Alerts did not see ")
		})
	}
}

func TestTheRunThatNeo4jHoldsIsKeptForAWhileAndNeo4jIsThenMovedOn(t *testing.T) {
	t.Parallel()
	c := newConsole(t, busy())
	w := c.tell(unseenRule)
	daily := days()
	held := c.mustSync(w.of, daily).Run
	store, err := jsonstore.Open(c.dir, jsonstore.Options{Instance: "test"})
	require.NoError(t, err)
	require.NoError(t, store.NoteApplied("neo4j", held))
	require.NoError(t, store.Close())
	for day := 1; day <= 10; day++ {
		c.SetDay(day)
		result := c.sync(w.of, daily, at("bolt://127.0.0.1:1"))
		require.NoError(t, result.err)
		assert.Equal(t, day == 8, len(result.MovedOn) > 0, "day %d: %v", day, result.MovedOn)
		assert.Equal(t, day < 8, strings.Contains(strings.Join(runsOf(t, c.dir), " "), held), "day %d", day)
	}
	require.Len(t, w.texts(unseenRule.Use), 1)
	assert.Contains(t, w.texts(unseenRule.Use)[0], "neo4j is moved on")
	assert.Len(t, runsOf(t, c.dir), 2)
}

// Who runs by hand may use a configuration without the rules that the service's has.
func TestARunThatWaitsForRulesIsKeptWhileRunsWithoutRulesComeBy(t *testing.T) {
	for name, test := range map[string]struct {
		adjust func(*connector.Options)
		told   bool
	}{
		"for a few days":      {func(*connector.Options) {}, true},
		"longer than is kept": {func(o *connector.Options) { o.Config.RunsKept = 2 * 24 * time.Hour }, false},
		"in too much room":    {func(o *connector.Options) { o.Config.RunsKeptGiB = 1e-9 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, busy())
			w := c.tellBy(filepath.Join(c.dir, "alerts.db"), newAgent, unseenRule)
			daily := days()
			c.mustSync(w.of, daily, test.adjust)
			var want []string
			moved, most := 0, 0
			for day := 1; day <= 5; day++ {
				c.SetDay(day)
				want = append(want, newAgents(c.Plan(day))...)
				result := c.mustSync(daily, test.adjust)
				moved += len(result.MovedOn)
				most = max(most, len(runsOf(t, c.dir)))
			}
			kept := len(runsOf(t, c.dir))
			c.SetDay(6)
			result := c.mustSync(w.of, daily, test.adjust)
			if test.told {
				assert.Zero(t, moved)
				assert.Empty(t, result.MovedOn)
				assert.Subset(t, keysOf(w), want)
				assert.Empty(t, w.texts(unseenRule.Use))
			} else {
				assert.Equal(t, 1, moved, "it is said once: the rules may be gone for good")
				assert.Equal(t, 2, kept, "what nobody can evaluate in its order is not kept")
				assert.LessOrEqual(t, most, 5)
				require.Len(t, w.texts(unseenRule.Use), 1)
				assert.Contains(t, w.texts(unseenRule.Use)[0], "Alerts did not see ")
			}
			assert.LessOrEqual(t, len(runsOf(t, c.dir)), 2)
		})
	}
}
