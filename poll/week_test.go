package poll_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/poll"
	"s1graph/s1/s1test"
)

// perDay is how often a tenant is synced in a day of these tests.
const perDay = 2

// week is a service whose clock is its tenant's, and a receiver of all that the ready-made rules have to tell.
func week(t *testing.T, tenant s1test.Tenant, days int, each func(day int, told map[string]int, plan s1test.Plan)) *inbox {
	t.Helper()
	console, came := s1test.New(tenant), newInbox(t)
	bubble(t, func(t *testing.T) {
		began := time.Now()
		now := func() time.Time {
			return console.Now().Truncate(24 * time.Hour).Add(time.Since(began) % (24 * time.Hour))
		}
		s := start(t, func(ctx context.Context, o connector.Options) (connector.Summary, error) {
			o.Transport = direct{console}
			return connector.Sync(ctx, o)
		}, poll.Config{Now: now}, instance(t, "acme", every(t, "12h"), func(c *config.Config) {
			c.Token = config.NewSecret(s1test.DefaultToken)
			c.Alerts = &config.Alerts{Destinations: []config.Destination{came.destination()}, Rules: readyRules()}
		}))
		seen := 0
		for day := range days {
			console.SetDay(day)
			s.after(24*time.Hour - time.Second)
			each(day, came.since(seen), console.Plan(day))
			seen = len(came.all())
			s.after(time.Second)
		}
		for _, o := range s.options("acme") {
			assert.NotNil(t, o.Alerts)
		}
		assert.GreaterOrEqual(t, len(s.began("acme")), days*perDay)
	})
	return came
}

func readyRules() []config.Rule {
	var rules []config.Rule
	for _, r := range alerts.Ready() {
		rules = append(rules, config.Rule{Use: r.Name})
	}
	return rules
}

// counted are the events of a day that one rule tells of, each once. What needs more than a count is the alerts
// package's to test.
var counted = map[string][]s1test.Event{
	"new device":                           {s1test.AgentNew},
	"agent gone":                           {s1test.AgentGone},
	"device infected":                      {s1test.AgentInfected},
	"protection to detect mode":            {s1test.AgentDetecting},
	"firewall or encryption switched off":  {s1test.AgentFirewallOff},
	"device isolated":                      {s1test.AgentIsolated},
	"isolation lifted":                     {s1test.AgentReconnected},
	"agent moved to another group or site": {s1test.AgentMovedGroup, s1test.AgentMovedSite},
	"agent decommissioned or uninstalled":  {s1test.AgentDecommissioned, s1test.AgentUninstalled},
	"new unmitigated threat":               {s1test.ThreatOpened},
	"threat reopened":                      {s1test.ThreatReopened},
	"device owner changes":                 {s1test.AgentOwnerChanged},
}

func TestAServiceTellsOfEachEventOfAWeekOnceAndGrowsByNothing(t *testing.T) {
	const settled, days = 2, 9
	told := 0
	var goroutines int
	var heap uint64
	came := week(t, s1test.Hostile(), days, func(day int, events map[string]int, plan s1test.Plan) {
		for rule, kinds := range counted {
			want := 0
			for _, kind := range kinds {
				want += len(plan.Of(kind))
			}
			assert.Equal(t, want, events[rule], "%s on day %d", rule, day)
			told += want
		}
		if day%2 == 0 {
			assert.Empty(t, events, "day %d is quiet", day)
		}
		if day == settled {
			goroutines, heap = runtime.NumGoroutine(), inUse()
		}
		if day == days-1 {
			for range 10_000_000 { // one of the receiver's may be about to end
				if runtime.NumGoroutine() <= goroutines {
					break
				}
				runtime.Gosched()
			}
			assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
			assert.Less(t, inUse(), heap+8<<20, "the heap does not grow with the days")
		}
	})
	assert.NotZero(t, told)
	assert.Empty(t, came.repeated(), "nothing is told twice")
}

// inUse is what the heap holds, in bytes.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAQuietWeekRaisesNothing(t *testing.T) {
	tenant := s1test.Hostile()
	tenant.Quiet = true
	came := week(t, tenant, 7, func(int, map[string]int, s1test.Plan) {})
	assert.Empty(t, came.all())
}
