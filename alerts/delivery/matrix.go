package delivery

import (
	"net/url"

	shoutrrrmatrix "github.com/nicholas-fedor/shoutrrr/pkg/services/chat/matrix"

	"s1graph/config"
)

// matrix takes a title, and does nothing with it: the title stands in the text.
var matrix = Service{
	Name:   "matrix",
	URL:    "matrix://USER:PASSWORD@HOST/?rooms=ROOM",
	escape: withoutMentions,
	// shoutrrr's service logs in when it is located. That waits for the first send, and the URL alone is looked at.
	open: func(s *Service, to config.Destination, _ Config) (sender, error) {
		u, err := url.Parse(to.URL.Reveal())
		if err == nil {
			err = new(shoutrrrmatrix.Config).SetURL(u)
		}
		if err != nil || u.Host == "" {
			return nil, s.misunderstood()
		}
		return &courier{service: s, to: to}, nil
	},
}
