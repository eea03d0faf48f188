package s1

import (
	"maps"
	"math"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rule is how often one token may ask for the paths that begin with a prefix.
type rule struct {
	perSecond float64
	burst     int
}

// defaultRules are the limits of the paths that s1graph reads or that `s1graph api` is likely to. They
// come from a community Go SDK of 2026 (s1buildpartners/sentinelone-go-sdk), not from the API
// description, but for /system/status, of which the latter says less. The longest prefix counts, and
// what matches none is not limited.
var defaultRules = map[string]rule{
	"/accounts":                         {100, 10},
	"/activities":                       {10, 30},
	"/agents":                           {25, 1},
	"/application-management/inventory": {3, 1},
	"/cloud-detection/rules":            {0.5, 1},
	"/exclusions":                       {25, 25},
	"/licenses":                         {10, 5},
	"/rbac":                             {50, 100},
	"/service-users":                    {5, 10},
	"/singularity-marketplace":          {5, 20},
	"/sites":                            {100, 10},
	"/system/status":                    {1, 1},
	"/tag-manager":                      {1, 50},
	"/threat-intelligence":              {0.5, 1},
	"/threats":                          {10, 50},
	"/threats/":                         {100, 1000},
	"/upgrade-policy":                   {1, 50},
	"/user":                             {2, 5},
	"/user-groups":                      {15, 50},
	"/users":                            {40, 80},
	"/xdr":                              {25, 1},
}

// Limiter holds requests back so that a token stays inside its limits. The console counts by token, so
// all clients that use one token share one Limiter. It is safe for concurrent use and needs no
// closing. The zero Limiter knows no limits, and holds back only what Retry-After does; it is for
// what is no console, such as a recording.
type Limiter struct {
	rules map[string]rule

	mu      sync.Mutex
	buckets map[string]*bucket // by prefix; made when first needed
}

// bucket is what is known of the requests whose paths begin with one prefix.
type bucket struct {
	rate *rate.Limiter
	held time.Time // the console asked to send nothing before
}

// NewLimiter makes a Limiter. perSecond has limits of one's own by path prefix, such as
// {"/agents": 5}, in requests a second; they replace the usual ones, and 0 lifts a limit.
func NewLimiter(perSecond map[string]float64) *Limiter {
	l := &Limiter{rules: maps.Clone(defaultRules)}
	for prefix, limit := range perSecond {
		prefix = "/" + strings.TrimLeft(pathOfVersion.ReplaceAllString(prefix, ""), "/")
		l.rules[prefix] = rule{perSecond: limit, burst: 1}
	}
	return l
}

var pathOfVersion = regexp.MustCompile(`^/*web/api/v[0-9.]+`)

// bucket returns the bucket of a path.
func (l *Limiter) bucket(path string) *bucket {
	prefix, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	prefix = "/" + prefix // what no rule matches is held back by its first part
	limit, burst := rate.Inf, 1
	longest := 0
	for p, r := range l.rules {
		if len(p) > longest && hasPrefix(path, p) {
			longest, prefix = len(p), p
			limit, burst = rate.Limit(r.perSecond), r.burst
			if r.perSecond <= 0 || math.IsNaN(r.perSecond) {
				limit = rate.Inf
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil {
		l.buckets = map[string]*bucket{}
	}
	b := l.buckets[prefix]
	if b == nil {
		b = &bucket{rate: rate.NewLimiter(limit, burst)}
		l.buckets[prefix] = b
	}
	return b
}

// hasPrefix says whether path begins with prefix, in whole parts: /users does not begin with /user.
func hasPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(prefix, "/"))
}

// reserve takes the place of one request and returns how long to wait for it, and what gives the place
// back.
func (l *Limiter) reserve(path string, now time.Time) (wait time.Duration, giveBack func(now time.Time)) {
	r := l.bucket(path).rate.ReserveN(now, 1)
	return r.DelayFrom(now), r.CancelAt
}

// holdBack keeps all requests of the path's prefix from being sent before the given time.
func (l *Limiter) holdBack(path string, until time.Time) {
	b := l.bucket(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(b.held) {
		b.held = until
	}
}

// heldUntil is the time before which nothing may be sent.
func (l *Limiter) heldUntil(path string) time.Time {
	b := l.bucket(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	return b.held
}
