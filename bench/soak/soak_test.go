// Package soak_test leaves a service alone for days in which what it depends on fails now and then: a week of them in
// make test, a year in make soak. The console and the receiver of alerts are reached through sockets, the folder is on a
// disk of its own, and Neo4j is a real one, behind a line that can be cut.
package soak_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox/disktest"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/poll"
	"s1graph/s1/s1test"
)

// Variables that make soak sets.
const (
	daysVariable = "S1GRAPH_SOAK_DAYS"
	seedVariable = "S1GRAPH_SOAK_SEED" // another one makes other faults and another tenant
)

const (
	every     = 6 * time.Hour // between two polls
	perDay    = 4             // polls
	calm      = 2             // days without a fault at the end
	tick      = 5 * time.Minute
	diskBytes = 1 << 30
)

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := cmp.Or(os.Getenv(variable), strconv.Itoa(otherwise))
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}

// A service that is left alone for a week, or for as many days as make soak says, while what it depends on fails now and
// then, ends with the graph that it would have without any fault, has told of all that happened, and has not grown.
func TestAServiceThatIsLeftAloneTellsOfAllAndGrowsByNothing(t *testing.T) {
	disktest.Run(t, func(t *testing.T) {
		started := time.Now()
		days, seed := number(t, daysVariable, 7), uint64(number(t, seedVariable, 1))
		s := newSoak(t, days, seed)
		synctest.Test(t, s.run)
		t.Logf("seed %d: %d days in %s\n%s", seed, days, time.Since(started).Round(time.Second), s.figures())
	})
}

// soak is a service, and what it depends on. What it depends on lives outside of the bubble in which the service's time
// passes whenever nothing is to be done.
type soak struct {
	days int

	console  *s1test.Server
	settings *config.Config
	receiver *receiver
	line     *line // to Neo4j; nil where there is none
	disk     *disktest.Disk
	plan     []fault

	request  countdown // until something breaks in the middle of a run
	skew     atomic.Int64
	began    time.Time // in the bubble
	isBroken bool      // the disk is, so that it is not measured
	mayFail  atomic.Bool

	service *poll.Service
	end     func()

	dead    map[string]message // what is or was listed as dead, by ID
	samples []sample           // one a day
	planted int                // events
	excused int                // of them, those that belong to runs which were said not to be seen
	clean   int64              // bytes of the folder of a clean run

	mu       sync.Mutex
	random   *rand.Rand // for the service
	outcomes map[string]int
	failed   []string // errors of runs that nothing kept from being committed
	unseen   []span   // what runs said that alerts did not see
	log      []string // the last lines
}

func newSoak(t *testing.T, days int, seed uint64) *soak {
	t.Helper()
	tenant := s1test.Tenant{ // with so many agents that some are left to which things can happen at the end of the year
		Seed: seed, Accounts: 2, Sites: 6, Groups: 12, Agents: 60 + days*2/3, Threats: 20, ApplicationsPerAgent: 1, Changes: 1,
	}
	s := &soak{
		days: days, console: s1test.New(tenant), receiver: newReceiver(t), line: newLine(t, days), disk: disktest.New(t, diskBytes),
		random: rand.New(rand.NewPCG(seed, 1)), outcomes: map[string]int{}, dead: map[string]message{},
	}
	s.console.SetDay(days) // what it remembers of its days is there before the heap is first looked at
	s.console.SetDay(0)
	s.console.Accept(s1test.Token{Value: s1test.DefaultToken, ExpiresAt: s.console.Now().AddDate(10, 0, 0)})
	s.console.OnRequest(s.request.pass)
	web := httptest.NewUnstartedServer(s.console)
	web.Config.SetKeepAlivesEnabled(false) // no time passes in the bubble while a connection is open
	web.Start()
	t.Cleanup(web.Close)

	interval, err := config.ParseSchedule(every.String())
	require.NoError(t, err)
	c := config.Default()
	c.Vulnerabilities = []string{"off"}
	c.Instance, c.URL, c.Dir, c.Interval = "soak", web.URL, filepath.Join(s.disk.Dir, "soak"), interval
	c.Token = config.NewSecret(s1test.DefaultToken)
	protected := true
	c.Posture = []config.PosturePolicy{{Name: "all", FirewallEnabled: &protected}}
	c.Alerts = &config.Alerts{Destinations: []config.Destination{s.receiver.destination()}, Rules: rules()}
	if s.line != nil {
		c.Instance = s.line.scope
		c.Store, c.Neo4j = "neo4j", s.line.config()
	}
	s.settings = &c
	s.plan = s.makePlan(rand.New(rand.NewPCG(seed, 2)), days*perDay)
	return s
}

// run lets the days pass.
func (s *soak) run(t *testing.T) {
	s.began = time.Now()
	s.start(t)
	defer func() { s.stop() }()
	time.Sleep(every/2 + time.Minute) // from here on it is always between two polls, of the bubble's clock
	for poll := 1; poll <= s.days*perDay; poll++ {
		synctest.Wait()
		if poll%perDay == 0 {
			s.sample(t)
			s.console.SetDay(poll / perDay)
		}
		s.breakAndMend(t, poll)
		time.Sleep(every)
	}
	synctest.Wait()
	s.sample(t)
	s.stop()
	assert.Empty(t, some(s.failed), "runs fail while the console and the disk are well")
	s.assertGraph(t)
	s.assertTold(t)
	s.assertBounded(t)
	if t.Failed() {
		t.Logf("the plan:\n%s", s.planText())
		t.Logf("the last lines of the log:\n%s", strings.Join(s.log, "\n"))
	}
}

// start starts a service, as its program is started.
func (s *soak) start(t *testing.T) {
	t.Helper()
	var err error
	s.service, err = poll.New(poll.Config{
		Settings: &config.Service{Instances: []*config.Config{s.settings}, AtOnce: 1, Listen: "off"},
		Logger:   s.logger(), Now: s.now, After: s.after, Rand: s.rand, Sync: s.sync,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.service.Run(ctx) }()
	s.end = func() {
		cancel()
		assert.NoError(t, <-ended)
	}
}

func (s *soak) stop() {
	if s.end != nil {
		s.end()
		s.end = nil
	}
}

// now is the clock of the machine: the tenant's days, unless it is put to another time.
func (s *soak) now() time.Time {
	return firstDay.Add(s.elapsed() + time.Duration(s.skew.Load()))
}

func (s *soak) elapsed() time.Duration { return time.Since(s.began) }

// firstDay is the midnight before the tenant's day 0.
var firstDay = s1test.New(s1test.Tenant{}).Now().Truncate(24 * time.Hour)

// after wakes those who wait every five minutes: a year of looks into the outbox every 30 seconds would take too long.
func (s *soak) after(d time.Duration) <-chan time.Time {
	elapsed := s.elapsed()
	return time.After((elapsed + d + tick - 1).Truncate(tick) - elapsed)
}

func (s *soak) rand() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64()
}

// sync makes one run and counts how it ended.
func (s *soak) sync(ctx context.Context, o connector.Options) (connector.Summary, error) {
	o.RetryFor = time.Second
	summary, err := connector.Sync(ctx, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes["runs "+string(summary.Status)]++
	if err != nil && ctx.Err() == nil && !s.mayFail.Load() {
		s.failed = append(s.failed, err.Error())
	}
	for _, m := range summary.MovedOn {
		s.outcomes["times that somebody was moved on: "+m.Consumer]++
		s.unseen = append(s.unseen, unseenBy(m.What)...)
	}
	for _, store := range summary.Stores {
		if store.Behind {
			s.outcomes["runs of which Neo4j stayed behind"]++
		}
	}
	return summary, err
}

// assertGraph holds the graph against that of a clean run, and Neo4j against the graph.
func (s *soak) assertGraph(t *testing.T) {
	t.Helper()
	clean := *s.settings
	clean.Dir, clean.Store, clean.Alerts = t.TempDir(), "json", nil
	summary, err := connector.Sync(t.Context(), connector.Options{Config: &clean, Clock: s.now})
	require.NoError(t, err)
	require.Equal(t, connector.Complete, summary.Status, summary)
	want, got := records(t, clean.Dir), records(t, s.settings.Dir)
	require.NotEmpty(t, want)
	var differ []string
	for key := range maps.Keys(want) {
		if got[key] != want[key] {
			differ = append(differ, key)
		}
	}
	assert.Empty(t, some(differ), "records that are other ones than those of a clean run")
	assert.Len(t, got, len(want), "records")
	s.clean = sizeOf(t, clean.Dir)

	summary, err = connector.Sync(t.Context(), connector.Options{Config: s.settings, Clock: s.now, Verify: true})
	require.NoError(t, err)
	assert.Equal(t, connector.Complete, summary.Status, summary)
	for _, store := range summary.Stores {
		assert.Zero(t, store.Rows, "Neo4j was read back, and held the graph")
	}
	assert.Equal(t, s.line != nil, len(summary.Stores) == 1)
}

// records are the records of the last run, by type and key.
func records(t *testing.T, dir string) map[string]string {
	t.Helper()
	run, err := jsonstore.OpenLast(dir)
	require.NoError(t, err)
	all := map[string]string{}
	for _, typ := range run.Types() {
		for record, err := range graph.All(t.Context(), run, typ.Name) {
			require.NoError(t, err)
			all[typ.Name+" "+record.Key] = string(record.JSON)
		}
	}
	return all
}

// some are the first of many, for a person.
func some(all []string) []string {
	slices.Sort(all)
	return all[:min(len(all), 10)]
}

// assertTold holds what the receiver was told against what happened.
func (s *soak) assertTold(t *testing.T) {
	t.Helper()
	happened, excused := map[happening]int{}, map[happening]int{}
	for day := range s.days + 1 {
		isExcused := slices.ContainsFunc(s.unseen, func(u span) bool { return u.has(firstDay.AddDate(0, 0, day)) })
		for _, c := range s.console.Plan(day) {
			if entity, isTold := entityOf[c.Event]; isTold && isExcused {
				excused[happening{nameOf(c.Event), entity + ":" + c.ID}]++
				s.excused++
			}
			if entity, isTold := entityOf[c.Event]; isTold {
				happened[happening{nameOf(c.Event), entity + ":" + c.ID}]++
			}
		}
	}
	require.NotEmpty(t, happened)
	told := map[happening]map[string]bool{} // event IDs
	for _, m := range slices.Concat(s.receiver.all(), slices.Collect(maps.Values(s.dead))) {
		h := happening{m.Rule, m.Key}
		if told[h] == nil {
			told[h] = map[string]bool{}
		}
		told[h][m.Event] = true
	}
	var untold, invented []string
	for h, times := range happened {
		if len(told[h])+excused[h] < times {
			untold = append(untold, fmt.Sprintf("%s %s: %d of %d", h.rule, h.key, len(told[h]), times))
		}
		s.planted += times
	}
	for h, events := range told {
		if strings.HasPrefix(h.rule, planted) && len(events) > happened[h] {
			invented = append(invented, fmt.Sprintf("%s %s: %d of %d", h.rule, h.key, len(events), happened[h]))
		}
	}
	assert.Empty(t, some(untold), "what happened and was not told: %d in all", len(untold))
	assert.Empty(t, some(invented), "what was told and did not happen, or under several IDs: %d in all", len(invented))
	ids := map[string]string{} // by event, rule and part
	for _, m := range s.receiver.all() {
		what := fmt.Sprint(m.Event, m.Rule, m.Part)
		assert.Equal(t, cmp.Or(ids[what], m.ID), m.ID, "what is repeated has the same ID")
		ids[what] = m.ID
	}
}

// span is when runs began that were not seen.
type span struct{ from, to time.Time }

// has says whether what happens on a day is found by one of them.
func (u span) has(day time.Time) bool {
	return !day.AddDate(0, 0, 2).Before(u.from) && !day.After(u.to)
}

var runID = regexp.MustCompile(`\d{6}-(\d{8}T\d{6}Z)-[0-9a-f]{4}`)

// unseenBy reads of what runs a sentence tells.
func unseenBy(sentence string) []span {
	var times []time.Time
	for _, id := range runID.FindAllStringSubmatch(sentence, -1) {
		if at, err := time.Parse("20060102T150405Z", id[1]); err == nil {
			times = append(times, at)
		}
	}
	if len(times) == 0 {
		return nil
	}
	return []span{{slices.MinFunc(times, time.Time.Compare), slices.MaxFunc(times, time.Time.Compare)}}
}

// happening is one thing that a rule tells of.
type happening struct{ rule, key string }
