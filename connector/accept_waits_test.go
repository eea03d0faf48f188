package connector_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

func TestWhatWasAcceptedWaitsUntilItsListIsReadWhole(t *testing.T) {
	t.Parallel()
	for name, unread := range map[string]func(c *console, o *connector.Options) (mend func()){
		"the list fails": func(c *console, _ *connector.Options) func() {
			return c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(500)})
		},
		"the list is refused": func(c *console, _ *connector.Options) func() {
			return c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
		},
		"the list is skipped": func(_ *console, o *connector.Options) func() {
			o.Config.Skip = []string{"threats"}
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, crowd())
			c.mustSync()
			threats := ofType(c.graph(), "sentinelone_threat")
			c.loseThreats()
			c.lose(0, 60)
			require.Len(t, c.sync().WithheldDeletions, 2)
			c.accept()
			mend := func() {}
			for range 2 {
				result := c.sync(func(o *connector.Options) { mend = unread(c, o) })
				require.NoError(t, result.err)
				assert.Len(t, ofType(c.graph(), "sentinelone_agent"), 190, "the other part passes")
				assert.Equal(t, threats, ofType(c.graph(), "sentinelone_threat"))
				assert.Contains(t, strings.Join(result.Notices, "\n"), "Waiting for a run that reads all of their list: 60 accepted deletions of sentinelone_threat.")
				withheld, err := connector.ReadWithheld(c.options().Config)
				require.NoError(t, err)
				require.Len(t, withheld.Waiting, 1)
				assert.EqualValues(t, 60, withheld.Waiting[0].Number)
				mend()
			}
			passed := c.mustSync()
			assert.Empty(t, passed.Notices)
			assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
			assertSame(t, c.clean(), c.graph())
		})
	}
}

func TestWhatIsBackInAListThatWasNotReadWholeIsAcceptedNoMore(t *testing.T) {
	t.Parallel()
	c := newConsole(t, crowd())
	c.mustSync()
	mend := c.lose(0, 60)
	c.sync()
	c.accept()
	mend()
	unanswered := c.Break(s1test.Fault{Path: "/agents", Effect: s1test.Status(500), Match: byID})
	mend = c.lose(0, 1)
	assert.Equal(t, "failed", c.sync().step("agents").State)
	unanswered()
	mend()

	c.lose(0, 60)
	result := c.sync()
	assert.Equal(t, map[string]int64{"sentinelone_agent": 59}, result.WithheldDeletions)
	assert.EqualValues(t, 1, result.Changes["sentinelone_agent"].Deleted)
}

// A process that is killed at any moment neither loses what was accepted nor lets anything else go.
func TestKilledAtRandomMomentsOnlyWhatWasAcceptedGoes(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	full := c.graph()
	c.loseThreats()
	c.sync()
	c.accept()
	started := time.Now()
	require.NoError(t, c.child("S1GRAPH_TEST_DRY=1").Run())
	whole := time.Since(started)
	random := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		child := c.child()
		require.NoError(t, child.Start())
		moment := time.AfterFunc(time.Duration(random.Float64()*float64(whole)), func() { _ = child.Process.Kill() })
		_ = child.Wait() // killed, or done before
		moment.Stop()
		gone := lackingThough(full, c.graph())
		if len(gone) > 0 {
			assert.Equal(t, ofType(full, "sentinelone_threat"), gone)
		}
	}
	c.mustSync()
	assertSame(t, c.clean(), c.graph())
}

func TestWhatIsAcceptedWhileARunIsUnderWayHoldsForTheNextOne(t *testing.T) {
	t.Parallel()
	c := thatLostThreats(t, crowd())
	c.sync()
	meanwhile := c.sync(func(o *connector.Options) {
		o.Progress = func(e connector.Event) {
			if e.Step == "agents" && e.State == "ok" {
				c.accept()
			}
		}
	})
	assert.EqualValues(t, 60, meanwhile.WithheldDeletions["sentinelone_threat"])
	c.mustSync()
	assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
}

func TestARunThatEndsBeforeItCommitsLosesNoAcceptance(t *testing.T) {
	t.Parallel()
	c := thatLostThreats(t, crowd())
	c.sync()
	c.accept()
	ctx, interrupt := context.WithCancel(t.Context())
	o := c.options()
	o.Progress = func(e connector.Event) {
		if e.Step == "threats" && e.State == "ok" {
			interrupt()
		}
	}
	_, err := connector.Sync(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	c.mustSync(func(o *connector.Options) { o.DryRun = true })
	assert.NotEmpty(t, ofType(c.graph(), "sentinelone_threat"))
	c.mustSync()
	assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
}

// A process that is killed between its commit and the removal of what was accepted leaves the file behind.
func TestAnAcceptanceThatIsLeftBehindPassesNothingTwice(t *testing.T) {
	t.Parallel()
	c := newConsole(t, crowd())
	c.mustSync()
	mend := c.lose(0, 60)
	c.sync()
	c.accept()
	files, err := filepath.Glob(filepath.Join(c.dir, "accepted", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	mend()
	c.mustSync() // they are back
	require.NoFileExists(t, files[0])
	require.NoError(t, os.WriteFile(files[0], content, 0o600))

	c.lose(0, 60)
	assert.EqualValues(t, 60, c.sync().WithheldDeletions["sentinelone_agent"])
	assert.NoFileExists(t, files[0])
}

func TestWhatAnEarlierVersionAcceptedIsVoidAndSaidSo(t *testing.T) {
	t.Parallel()
	c := thatLostThreats(t, crowd())
	withheld := c.sync()
	accepted := filepath.Join(c.dir, "accepted.json")
	require.NoError(t, os.WriteFile(accepted, []byte(`{"run":"`+withheld.Run+`","deletions":{"sentinelone_threat":60},"outside":{}}`), 0o600))
	result := c.sync()
	require.NoError(t, result.err)
	assert.EqualValues(t, 60, result.WithheldDeletions["sentinelone_threat"])
	assert.Contains(t, strings.Join(result.Notices, "\n"), "run s1graph accept-deletions again")
	assert.NoFileExists(t, accepted)
}

func TestAnAcceptanceThatCannotBeReadIsSaidAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, spoilt := range map[string]func(content string) string{
		"cut off": func(content string) string { return content[:100] },
		"out of order": func(content string) string {
			first, rest, _ := strings.Cut(content, "\n")
			return rest + first + "\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := thatLostThreats(t, crowd())
			c.sync()
			c.accept()
			files, err := filepath.Glob(filepath.Join(c.dir, "accepted", "*"))
			require.NoError(t, err)
			content, err := os.ReadFile(files[0])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(files[0], []byte(spoilt(string(content))), 0o600))
			result := c.sync()
			require.NoError(t, result.err)
			assert.EqualValues(t, 60, result.WithheldDeletions["sentinelone_threat"])
			assert.Contains(t, strings.Join(result.Notices, "\n"), "cannot be read")
			c.accept()
			c.mustSync()
			assert.Empty(t, ofType(c.graph(), "sentinelone_threat"))
		})
	}
}
