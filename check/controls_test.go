package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/check"
	"s1graph/config"
	"s1graph/connector"
)

func TestWhatDoesNothingAndWhatIsReadNoLongerIsNamedOnceThereWasARun(t *testing.T) {
	t.Parallel()
	server, o := tenant(t)
	yes := true
	o.Config.Posture = []config.PosturePolicy{{Name: "laptops", Groups: []string{"405"}, FirewallEnabled: &yes}}
	assert.NotContains(t, findings(t, o), "controls", "there was no run yet")

	_, err := connector.Sync(t.Context(), connector.Options{Config: o.Config, Clock: server.Now})
	require.NoError(t, err)
	o.Config.Skip = []string{"threats"}
	month := func() time.Time { return server.Now().AddDate(0, 0, 31) }
	_, err = connector.Sync(t.Context(), connector.Options{Config: o.Config, Clock: month})
	require.NoError(t, err)
	o.Clock = month
	found := findings(t, o)
	assert.Equal(t, check.Warning, found["controls"].State)
	assert.Equal(t, `The posture policy "laptops" does nothing: there is no group with the ID 405.`, found["controls"].Detail)
	assert.Equal(t, check.Warning, found["graph"].State)
	assert.Contains(t, found["graph"].Detail, "s1graph forget sentinelone_threat")

	o.Config.Posture = nil
	_, err = connector.Forget(t.Context(), connector.Options{Config: o.Config, Clock: month}, []string{"sentinelone_threat"})
	require.NoError(t, err)
	found = findings(t, o)
	assert.NotContains(t, found, "controls")
	assert.NotContains(t, found, "graph")
}
