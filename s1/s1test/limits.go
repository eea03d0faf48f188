package s1test

import (
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rateRules are the limits of the paths that the tenant has, as a community Go SDK states them: so
// many requests a second and a token, the longest prefix counting. Other paths have none.
var rateRules = []struct {
	prefix    string
	perSecond float64
	burst     int
}{
	{"/accounts", 100, 10},
	{"/sites", 100, 10},
	{"/agents", 25, 1},
	{"/threats/", 100, 1000},
	{"/threats", 10, 50},
	{"/application-management/inventory", 3, 1},
	{"/users", 40, 80},
	{"/user", 2, 5},
}

// limits are the rate limits of all tokens.
type limits struct {
	clock func() time.Time

	mu       sync.Mutex
	limiters map[[2]string]*rate.Limiter // by token and prefix
}

// allow tells whether a request may pass, and if not, after how many seconds the next one may.
func (l *limits) allow(token, path string) (pause int, ok bool) {
	best := -1
	for i, rule := range rateRules {
		if strings.HasPrefix(path, rule.prefix) && (best < 0 || len(rule.prefix) > len(rateRules[best].prefix)) {
			best = i
		}
	}
	if best < 0 {
		return 0, true
	}
	rule := rateRules[best]
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{token, rule.prefix}
	if l.limiters == nil {
		l.limiters = map[[2]string]*rate.Limiter{}
	}
	if l.limiters[key] == nil {
		l.limiters[key] = rate.NewLimiter(rate.Limit(rule.perSecond), rule.burst)
	}
	return int(math.Ceil(1 / rule.perSecond)), l.limiters[key].AllowN(l.clock(), 1)
}
