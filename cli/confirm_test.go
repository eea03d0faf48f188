package cli_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

func TestAQuestionIsOverOnCtrlCAndCtrlDAndNothingIsDone(t *testing.T) {
	server, with := console(t, s1test.Tenant{Seed: 1, Agents: 60, Threats: 7})
	require.Zero(t, with.s1graph(t, "run").code)
	server.Break(s1test.Fault{Path: "/agents", Effect: s1test.EmptyList()})
	require.Equal(t, 3, with.s1graph(t, "run").code)
	with.environment = append(with.environment, "S1GRAPH_SKIP=threats")

	for _, test := range []struct {
		args []string
		done string
	}{
		{[]string{"accept-deletions"}, "accepted"},
		{[]string{"forget", "threat"}, "deleted"},
	} {
		// A terminal makes the signal of Ctrl-C that ends the context; a signal of another process does so too.
		for name, interrupt := range map[string]func(*person, context.CancelFunc){
			"Ctrl-D": func(p *person, _ context.CancelFunc) { p.answers("Type yes", "\x04") },
			"SIGINT": func(p *person, cancel context.CancelFunc) {
				p.until("Type yes")
				cancel()
			},
			"SIGINT after half a word": func(p *person, cancel context.CancelFunc) {
				p.answers("Type yes", "ye")
				p.until("ye")
				cancel()
			},
		} {
			t.Run(test.args[0]+", "+name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := types(ctx, t, with.environment, test.args...)
				interrupt(p, cancel)
				assert.Equal(t, 1, p.code("s1graph: interrupted: nothing was "+test.done+"; run it again"))
			})
		}
	}
}
