package connector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/check"
	"s1graph/s1/s1test"
)

// Whoever asks check why a run failed is told of the one cause. All of the about 80 states are in check/states_test.go.
func TestConsoleThatIsNoneOrLetsNobodyInIsCalledSoByCheckAndGivesNoRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		effect         s1test.Effect
		subject, cause string
	}{
		"404 for all":        {s1test.Status(404), "API", "the console has no API v2.1"},
		"a web page for all": {s1test.HTML(), "API", "no SentinelOne console answers here"},
		"401 for all":        {s1test.Status(401), "token", "not accepted"},
		"403 for all":        {s1test.Refused(""), "role", "403"},
		"429 for all":        {s1test.TooManyRequests("120"), "rate limits", "2m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, s1test.Tenant{Agents: 1})
			c.Break(s1test.Fault{Effect: test.effect})
			var faults []check.Finding
			check.Run(t.Context(), check.Options{Config: c.options().Config, Sleep: noWait}, func(f check.Finding) {
				assert.False(t, f.Subject == "token" && f.State == check.OK, "accepted: %s", f.Detail)
				if f.State == check.Fault {
					faults = append(faults, f)
				}
			})
			require.Len(t, faults, 1, "%v", faults)
			assert.Equal(t, test.subject, faults[0].Subject)
			assert.Contains(t, faults[0].Detail, test.cause)
			assert.Error(t, c.sync().err)
		})
	}
}
