package connector_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// replay makes a run read a recording in place of the console.
func replayed(recording string) func(*connector.Options) {
	return func(o *connector.Options) { o.Replay, o.Config.URL = recording, "" }
}

func TestARecordingReplaysToTheSameGraph(t *testing.T) {
	t.Parallel()
	inventory := s1test.Hostile()
	inventory.NoInstalled, inventory.Catalog, inventory.ApplicationsPerAgent = true, 60, 2
	for name, test := range map[string]struct {
		tenant s1test.Tenant
		pages  int // rows of one
		adjust func(*console) func(*connector.Options)
		faults func(*console)
	}{
		"one page a list":   {tenant: s1test.Hostile()},
		"several chains":    {tenant: paged(), pages: 40},
		"the inventory":     {tenant: inventory},
		"a token of a site": {tenant: spread(), adjust: func(c *console) func(*connector.Options) { return c.siteToken(1) }},
		"configured sites": {tenant: spread(), adjust: func(c *console) func(*connector.Options) {
			return func(o *connector.Options) { o.Config.Sites = []string{c.SiteID(0), c.SiteID(1)} }
		}},
		"configured groups": {tenant: spread(), adjust: func(c *console) func(*connector.Options) {
			return func(o *connector.Options) { o.Config.Groups = []string{c.GroupID(0), c.GroupID(1)} }
		}},
		"a refused list": {tenant: spread(), faults: func(c *console) {
			c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(403)})
		}},
		"rows that answer by ID alone": {tenant: spread(), faults: func(c *console) {
			c.Break(s1test.Fault{Path: "/agents", Effect: s1test.MissingRows(c.AgentID(100), c.AgentID(101))})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, test.tenant)
			c.pageSize = test.pages
			adjust := func(*connector.Options) {}
			if test.adjust != nil {
				adjust = test.adjust(c)
			}
			if name == "rows that answer by ID alone" {
				c.mustSync() // so that they are asked for
			}
			if test.faults != nil {
				test.faults(c)
			}
			recording := filepath.Join(t.TempDir(), "recording")
			recorded := c.sync(adjust, func(o *connector.Options) { o.Record = recording })
			require.NoError(t, recorded.err)

			again := *c
			again.dir = filepath.Join(t.TempDir(), "replayed")
			result := again.sync(replayed(recording))
			require.NoError(t, result.err)
			assert.Equal(t, recorded.Status, result.Status)
			files := func(dir string) map[string]string {
				files := readFiles(t, filepath.Join(dir, "graph"))
				for path, content := range files {
					files[path] = withoutHosts(content)
				}
				return files
			}
			assert.Equal(t, files(c.dir), files(again.dir))
			assert.Equal(t, recorded.StartedAt, result.StartedAt, "the clock is the recording's")
			assert.Empty(t, again.sync(replayed(recording)).changes)
		})
	}
}

// The recording covers a part of the tenant; what it does not cover is not gone.
func TestAReplayOfAPartOfTheTenantKeepsTheRest(t *testing.T) {
	t.Parallel()
	c := newConsole(t, spread())
	whole, part := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "part")
	recorder := *c
	recorder.dir = filepath.Join(t.TempDir(), "recorder")
	recorder.mustSync(func(o *connector.Options) { o.Record = whole })
	recorder.sync(func(o *connector.Options) { o.Record, o.Config.Sites = part, []string{c.SiteID(0), c.SiteID(1)} })

	c.mustSync(replayed(whole))
	before := c.graph()
	result := c.mustSyncInPart(replayed(part))
	assert.Empty(t, result.changes)
	assertSame(t, before, c.graph())
}

func TestARecordingIsNotRecordedOverWhileItIsReplayed(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	recording := filepath.Join(t.TempDir(), "recording")
	c.mustSync(func(o *connector.Options) { o.Record = recording })
	before := readFiles(t, recording)
	c.dir = filepath.Join(t.TempDir(), "other")
	result := c.sync(replayed(recording), func(o *connector.Options) { o.Record = recording })
	var usage *connector.UsageError
	require.ErrorAs(t, result.err, &usage)
	assert.Equal(t, before, readFiles(t, recording))
}
