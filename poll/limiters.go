package poll

import (
	"crypto/sha256"
	"os"
	"strings"

	"s1graph/config"
	"s1graph/s1"
)

// tokenID tells tokens apart without being one.
type tokenID [sha256.Size]byte

// limiters makes the limiter of each instance. Instances that have one token, however it was given, have one
// limiter, since the console counts by token. Where they were given different limits, the stricter count.
func limiters(instances []*config.Config) map[*config.Config]*s1.Limiter {
	rates := make(map[tokenID]map[string]float64)
	for _, c := range instances {
		id := tokenOf(c)
		if rates[id] == nil {
			rates[id] = make(map[string]float64)
		}
		for path, perSecond := range c.RateLimits {
			if known, given := rates[id][path]; !given || isStricter(perSecond, known) {
				rates[id][path] = perSecond
			}
		}
	}
	made := make(map[tokenID]*s1.Limiter)
	of := make(map[*config.Config]*s1.Limiter)
	for _, c := range instances {
		id := tokenOf(c)
		if made[id] == nil {
			made[id] = s1.NewLimiter(rates[id])
		}
		of[c] = made[id]
	}
	return of
}

// isStricter compares requests a second, of which 0 means no limit.
func isStricter(a, b float64) bool { return a > 0 && (b <= 0 || a < b) }

// tokenOf is the instance's token as it is now. A file that cannot be read is taken for one that nobody else has.
func tokenOf(c *config.Config) tokenID {
	token := c.Token.Reveal()
	if c.TokenFile != "" {
		token = c.TokenFile
		if content, err := os.ReadFile(c.TokenFile); err == nil {
			token = strings.TrimSpace(string(content))
		}
	}
	return sha256.Sum256([]byte(c.URL + "\n" + token))
}
