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
	guessed   bool // nobody publishes it: it grows with each answer, and a 429 halves it
}

// defaultRules are the limits of the paths that s1graph reads or that `s1graph api` is likely to. They come from a community Go
// SDK of 2026 (s1buildpartners/sentinelone-go-sdk), not from the API description. That of /system/status is the description's,
// which allows fewer requests. The longest prefix counts, and what matches none is not limited.
var defaultRules = map[string]rule{
	"/accounts":                         {perSecond: 100, burst: 10},
	"/activities":                       {perSecond: 10, burst: 30},
	"/agents":                           {perSecond: 25, burst: 1},
	"/application-management/inventory": {perSecond: 3, burst: 1},
	"/application-management/risks":     {perSecond: 10, burst: 1, guessed: true},
	"/cloud-detection/rules":            {perSecond: 0.5, burst: 1},
	"/exclusions":                       {perSecond: 25, burst: 25},
	"/licenses":                         {perSecond: 10, burst: 5},
	"/rbac":                             {perSecond: 50, burst: 100},
	"/service-users":                    {perSecond: 5, burst: 10},
	"/singularity-marketplace":          {perSecond: 5, burst: 20},
	"/sites":                            {perSecond: 100, burst: 10},
	"/system/status":                    {perSecond: 1, burst: 1},
	"/tag-manager":                      {perSecond: 1, burst: 50},
	"/threat-intelligence":              {perSecond: 0.5, burst: 1},
	"/threats":                          {perSecond: 10, burst: 50},
	"/threats/":                         {perSecond: 100, burst: 1000},
	"/upgrade-policy":                   {perSecond: 1, burst: 50},
	"/user":                             {perSecond: 2, burst: 5},
	"/user-groups":                      {perSecond: 15, burst: 50},
	"/users":                            {perSecond: 40, burst: 80},
	"/xdr":                              {perSecond: 25, burst: 1},
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
	rate   *rate.Limiter
	held   time.Time // the console asked to send nothing before
	grows  float64   // by how much with each answer, in requests a second; 0 unless the limit was guessed
	halved time.Time // when a guessed limit was last
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
	limit, burst, guessed := rate.Inf, 1, false
	longest := 0
	for p, r := range l.rules {
		if len(p) > longest && hasPrefix(path, p) {
			longest, prefix = len(p), p
			limit, burst, guessed = rate.Limit(r.perSecond), r.burst, r.guessed
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
		if guessed {
			b.grows = untilRefused
		}
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

// A guessed limit stays between these, in requests a second. The greatest is the greatest that is published of any list.
const leastGuessed, mostGuessed = 0.5, 100

// A guessed limit grows by this with each answer, in requests a second. Until the first 429 it doubles in less than a
// second. After that it grows slowly, so that a service that runs for months gets back what a bad day took.
const untilRefused, onceRefused = 1, 0.001

// answered lets a limit that was guessed grow.
func (l *Limiter) answered(path string, now time.Time) {
	b := l.bucket(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.grows > 0 {
		b.rate.SetLimitAt(now, min(b.rate.Limit()+rate.Limit(b.grows), mostGuessed))
	}
}

// holdBack keeps all requests of the path's prefix from being sent for a while, since the console answered 429 to one
// that was sent at a time. A limit that was guessed is halved, once for all requests that were under way together.
func (l *Limiter) holdBack(path string, sent, now time.Time, wait time.Duration) {
	b := l.bucket(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.grows > 0 && sent.After(b.halved) {
		b.rate.SetLimitAt(now, max(b.rate.Limit()/2, leastGuessed))
		b.grows, b.halved = onceRefused, now
	}
	if until := now.Add(wait); until.After(b.held) {
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
