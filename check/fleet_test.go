package check_test

import (
	"testing"
	"time"

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

	o.Config.NATS = "nats://127.0.0.1:1"
	found = findings(t, o)["fleet"]
	assert.Equal(t, check.Fault, found.State)
	assert.Contains(t, found.Detail, "no server of NATS can be reached")
}
