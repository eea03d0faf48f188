package check_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/check"
	"s1graph/fleet"
	"s1graph/fleet/fleettest"
)

func TestNATSIsTriedWhereAFleetIsConfigured(t *testing.T) {
	_, o := tenant(t)
	assert.NotContains(t, findings(t, o), "fleet")
	o.Config.NATS, o.Config.Claim = fleettest.Nodes(t, 1)[0].ClientURL(), 15*time.Second
	found := findings(t, o)["fleet"]
	assert.Equal(t, check.Warning, found.State)
	assert.Contains(t, found.Detail, "single node")
	first, err := fleet.Join(t.Context(), fleet.Config{URL: o.Config.NATS, Worker: "w1", TTL: 15 * time.Second})
	require.NoError(t, err)
	defer first.Close()
	o.Config.Claim = 30 * time.Second
	found = findings(t, o)["fleet"]
	assert.Equal(t, check.Fault, found.State)
	assert.Equal(t, "claims last 15s there, and claim is 30s here: a worker with this configuration is refused", found.Detail)

	o.Config.NATS, o.Config.Claim = fleettest.URLs(fleettest.Nodes(t, 3)), 15*time.Second
	f, err := fleet.Join(t.Context(), fleet.Config{URL: o.Config.NATS, Worker: "w1", TTL: 15 * time.Second})
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, check.Finding{Subject: "fleet", State: check.OK, Detail: "1 living worker"}, findings(t, o)["fleet"])

	assert.NotContains(t, findings(t, o), "fleet's clock")
	right := o.Clock
	o.Clock = func() time.Time { return time.Now().Add(-time.Hour) }
	found = findings(t, o)["fleet's clock"]
	assert.Equal(t, check.Warning, found.State)
	assert.Regexp(t, `^this machine's clock is -1h0m\ds off that of NATS$`, found.Detail)
	o.Clock = right

	o.Config.NATS = "nats://127.0.0.1:1"
	found = findings(t, o)["fleet"]
	assert.Equal(t, check.Fault, found.State)
	assert.Contains(t, found.Detail, "no server of NATS can be reached")
}

func TestWhatAUserOfNATSMayNotDoIsFoundBeforeAWorkerDoesIt(t *testing.T) {
	all := []string{"$KV.s1graph-workers.>", "$KV.s1graph-claims.>", "$KV.s1graph-status.>", "$JS.API.>", "$JS.FC.>", "s1graph.>", "_INBOX.>"}
	for missing, says := range map[string]string{
		"":                      "",
		"$KV.s1graph-workers.>": `may not publish to $KV.s1graph-workers.`,
		"$KV.s1graph-claims.>":  `may not publish to $KV.s1graph-claims.`,
		"$KV.s1graph-status.>":  `may not publish to $KV.s1graph-status.`,
		"s1graph.>":             `may not publish to s1graph.run.`,
	} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()
			may := &server.SubjectPermission{}
			for _, subject := range all {
				if subject != missing {
					may.Allow = append(may.Allow, subject)
				}
			}
			s := fleettest.Nodes(t, 1, func(o *server.Options) {
				o.Users = []*server.User{{Username: "s1graph", Password: "x", Permissions: &server.Permissions{Publish: may, Subscribe: may}}, {Username: "first", Password: "x"}}
			})[0]
			_, o := tenant(t)
			o.Config.NATS, o.Config.Claim = "nats://s1graph:x@"+s.Addr().String(), 15*time.Second
			found := findings(t, o)["fleet"]
			if missing != "s1graph.>" { // which can be tried before there are buckets
				assert.Contains(t, found.Detail, "whether this user may make and write the buckets was not tried")
			}
			first, err := fleet.Join(t.Context(), fleet.Config{URL: "nats://first:x@" + s.Addr().String(), Worker: "first", TTL: 15 * time.Second})
			require.NoError(t, err)
			first.Close()
			found = findings(t, o)["fleet"]
			f, err := fleet.Join(t.Context(), fleet.Config{URL: o.Config.NATS, TTL: 15 * time.Second})
			require.NoError(t, err)
			defer f.Close()
			workers, instances, err := f.Status(t.Context())
			require.NoError(t, err)
			assert.Empty(t, workers)
			assert.Empty(t, instances, "nothing is left of what was tried")
			if missing == "" {
				assert.Equal(t, check.Warning, found.State, found.Detail) // of the single node
				return
			}
			assert.Equal(t, check.Fault, found.State)
			assert.Contains(t, found.Detail, "NATS does not let this user do all that a fleet needs: it may not")
			assert.Contains(t, found.Detail, says)
		})
	}
}
