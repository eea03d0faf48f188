package delivery

import (
	"errors"
	"net/http"
	"time"

	shoutrrrdiscord "github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

var discord = Service{
	Name:   "discord",
	URL:    "discord://TOKEN@WEBHOOKID",
	host:   at("discord.com:443"),
	escape: markdown,
	titled: true,
	adapt: func(ready types.Service) error {
		s := ready.(*shoutrrrdiscord.Service)
		if s.Config.JSON {
			return errors.New("discord with json=yes, or /raw, cannot be used: alerts are text")
		}
		s.Config.SplitLines = false // into embeds, of which a message has ten at most, and the last overwrites the first
		s.HTTPClient, s.Sleeper = discordClient{s.HTTPClient}, noSleep{}
		return nil
	},
}

// discordClient makes of each failure an error at once, where shoutrrr's service would try again for five
// minutes.
type discordClient struct{ shoutrrrdiscord.HTTPClient }

func (c discordClient) Do(r *http.Request) (*http.Response, error) {
	res, err := c.HTTPClient.Do(r)
	switch {
	case err != nil:
		return nil, faultOf("discord", err)
	case res.StatusCode < 300:
		return res, nil
	}
	_ = res.Body.Close()
	return nil, statusFault(res.StatusCode, retryAfter(res.Header, time.Now()))
}

type noSleep struct{}

func (noSleep) Sleep(time.Duration) {}
