package delivery_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/delivery"
)

func TestADestinationIsReachedWithoutSendingAnything(t *testing.T) {
	r := newReceiver(t)
	require.NoError(t, delivery.Reach(t.Context(), hook("hook", r.URL+"/"+word), nil))
	assert.Empty(t, r.requests())
	r.Close()
	err := delivery.Reach(t.Context(), hook("hook", r.URL+"/"+word), nil)
	require.EqualError(t, err, "the connection was refused")
}

func TestTheHostOfEachServiceIsKnown(t *testing.T) {
	var asked []string
	for _, to := range everyDestination() {
		err := delivery.Reach(t.Context(), to, dialer(func(address string) { asked = append(asked, to.Name+" "+address) }))
		assert.Error(t, err, to.Name)
	}
	assert.Len(t, asked, len(everyService))
	for _, want := range []string{
		"slack slack.com:443", "smtp 127.0.0.1:1", "teams acme.webhook.office.com:443", "pagerduty events.pagerduty.com:443",
		"generic generic.example:443", "webhook hook.example:443", "telegram api.telegram.org:443",
	} {
		assert.Contains(t, asked, want)
	}
	for _, a := range asked {
		for _, secret := range planted {
			assert.NotContains(t, a, secret)
		}
	}
}
