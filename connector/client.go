package connector

import (
	"time"

	"s1graph/config"
	"s1graph/s1"
)

// tokenWithin is how long a command may take to print the token.
const tokenWithin = 30 * time.Second

// NewClient makes a client of the console that c names; nothing is asked yet. adjust changes the client's settings before it is
// made, such as its Logger; nil changes nothing. The error is a *UsageError where no console can be asked so. Whoever makes a
// client closes it.
func NewClient(c *config.Config, adjust func(*s1.Config)) (*s1.Client, error) {
	cfg := s1.Config{
		URL:          c.URL,
		APIVersion:   c.APIVersion,
		Token:        s1.StaticToken(c.Token.Reveal()),
		PageDeadline: c.PageDeadline,
		PageSize:     c.PageSize,
		RateLimits:   c.RateLimits,
	}
	switch {
	case c.TokenFile != "":
		cfg.Token = s1.FileToken(c.TokenFile)
	case len(c.TokenCommand) > 0:
		cfg.Token = s1.CommandToken(tokenWithin, c.TokenCommand...)
	}
	if adjust != nil {
		adjust(&cfg)
	}
	if cfg.Transport == nil {
		transport, err := s1.NewTransport(c.Proxy.Reveal(), c.CAFile)
		if err != nil {
			return nil, &UsageError{err}
		}
		cfg.Transport = transport
	}
	client, err := s1.New(cfg)
	if err != nil {
		return nil, &UsageError{err}
	}
	return client, nil
}
