package poll

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"

	"s1graph/config"
	"s1graph/s1"
)

// tokenID tells tokens apart without being one.
type tokenID [sha256.Size]byte

// Limiters makes the limiter of each instance. Instances that have one token, however it was given, have one
// limiter, since the console counts by token. Where they were given different limits, the stricter count.
func Limiters(instances []*config.Config) map[*config.Config]*s1.Limiter {
	sharing := map[tokenID][]*config.Config{}
	for _, c := range instances {
		id := tokenOf(c)
		sharing[id] = append(sharing[id], c)
	}
	of := map[*config.Config]*s1.Limiter{}
	for _, together := range sharing {
		rates := map[string]float64{}
		for _, c := range together {
			for path, perSecond := range c.RateLimits {
				if known, given := rates[path]; !given || perSecond < known {
					rates[path] = perSecond
				}
			}
		}
		limiter := s1.NewLimiter(rates)
		for _, c := range together {
			of[c] = limiter
		}
	}
	return of
}

// tokenOf is the instance's token as it is now. A file that cannot be read is taken for one that nobody else has, and of a
// command, which is not run for this, the words stand for what it prints.
func tokenOf(c *config.Config) tokenID {
	token := c.Token.Reveal()
	if len(c.TokenCommand) > 0 {
		token = fmt.Sprintf("%q", c.TokenCommand)
	}
	if c.TokenFile != "" {
		token = c.TokenFile
		if content, err := os.ReadFile(c.TokenFile); err == nil {
			token = strings.TrimSpace(string(content))
		}
	}
	return sha256.Sum256([]byte(c.URL + "\n" + token))
}
