package cli_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestARuleIsTriedOnTheLastChanges(t *testing.T) {
	server, with := console(t, s1test.Tenant{Seed: 3, Agents: 60, Groups: 4, Sites: 2, Changes: 2})
	h := newHook(t)
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(`
alerts:
  destinations:
    hook: {url: "`+h.URL+`/secret-path", format: json}
  rules:
    - use: agent gone
`), 0o600))
	require.Zero(t, with.s1graph(t, "run").code)
	got := with.s1graph(t, "alerts", "test", "agent gone")
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stdout, "would send nothing")

	server.SetDay(1)
	require.Zero(t, with.s1graph(t, "run").code)
	gone := len(server.Plan(1).Of(s1test.AgentGone))
	require.Len(t, h.came(), gone)

	require.Zero(t, with.s1graph(t, "run").code) // which finds no changes
	got = with.s1graph(t, "alerts", "test", "new device", "--send")
	require.Zero(t, got.code, got.stderr)
	assert.Contains(t, got.stdout, "New device: ")
	assert.Contains(t, got.stdout, "2 messages sent.")
	assert.Len(t, h.came(), gone+2)

	got = with.s1graph(t, "alerts", "test", "agent gon")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "did you mean agent gone?")
}

func TestTheTextOfAnAlertIsOneLineInAPipeAndItsLinesOnATerminal(t *testing.T) {
	server, with := console(t, s1test.Tenant{Seed: 3, Agents: 60, Groups: 4, Sites: 2, Changes: 2})
	require.NoError(t, os.WriteFile("s1graph.yaml", []byte(`
alerts:
  destinations:
    chat: {url: "slack://xoxb:123456789012-1234567890123-4mt0t4l1yf3k3t0k3nabcdef@C0123456789"}
  rules:
    - use: new device
`), 0o600))
	for day := range 2 { // as an instance without alerts, so that nothing is sent
		server.SetDay(day)
		require.Zero(t, with.s1graph(t, "run", "--config", os.DevNull, "--dir", "data").code)
	}

	piped := with.s1graph(t, "alerts", "test", "new device", "--dir", "data")
	require.Zero(t, piped.code, piped.stderr)
	assert.Regexp(t, `(?m)Severity: info; Tenant: test.*; When: .*Device: `, piped.stdout)
	with.width = 120
	shown := with.s1graph(t, "alerts", "test", "new device", "--dir", "data")
	require.Zero(t, shown.code, shown.stderr)
	assert.Regexp(t, `Tenant: test[^\n;]*\n[^\n]*When: `, shown.stdout)
	assert.NotContains(t, piped.stdout+shown.stdout, `\n`)
}
