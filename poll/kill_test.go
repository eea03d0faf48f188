package poll_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/poll"
	"s1graph/s1/s1test"
)

// childVariable tells a test's process to be a service: the console's URL, the directory, the hook's URL, and the time
// at which it begins, in milliseconds.
const childVariable = "S1GRAPH_TEST_POLL"

// A second of a child's time is this many of its clock's: what is due every minute comes twenty times a second.
const faster = 1200

// serveAsChild is a service in a process of its own, until that is killed.
func serveAsChild(told string) int {
	words := strings.Fields(told)
	began, start := time.Now(), time.UnixMilli(mustInt(words[3]))
	interval, err := config.ParseSchedule("1m")
	if err != nil {
		panic(err)
	}
	c := config.Default()
	c.Vulnerabilities = []string{"off"}
	c.Instance, c.URL, c.Dir, c.Interval = "test", words[0], words[1], interval
	c.Token = config.NewSecret(s1test.DefaultToken)
	c.Alerts = &config.Alerts{
		Destinations: []config.Destination{{Name: "hook", URL: config.NewSecret(words[2]), Format: "json"}},
		Rules:        entityRules(),
	}
	service, err := poll.New(poll.Config{
		Settings: &config.Service{Instances: []*config.Config{&c}, AtOnce: 1},
		Now:      func() time.Time { return start.Add(time.Since(began) * faster) },
		After:    func(d time.Duration) <-chan time.Time { return time.After(d / faster) },
	})
	if err == nil {
		err = service.Run(context.Background())
	}
	fmt.Println(err)
	return 1
}

func mustInt(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// entityTypes are those of which each change is told.
var entityTypes = []string{"sentinelone_agent", "sentinelone_device", "sentinelone_site", "sentinelone_threat", "sentinelone_user"}

// entityRules tell of each change of an entity: there are as many rules as keep the changes of a run from being
// folded.
func entityRules() []config.Rule {
	var rules []config.Rule
	for _, op := range []string{"created", "updated", "deleted", "rekeyed"} {
		for _, name := range entityTypes {
			for fourth := range 4 {
				rules = append(rules, config.Rule{
					Name:  fmt.Sprintf("%s %s %d", name, op, fourth),
					When:  fmt.Sprintf(`change.op == %q && change.type == %q && change.key.substring(change.key.size()-1) in [%s]`, op, name, digits(fourth)),
					Title: "{{.Key}}",
				})
			}
		}
	}
	return rules
}

// digits are a fourth of those that a key may end with.
func digits(fourth int) string {
	var all []string
	for _, d := range "0123456789abcdef"[fourth*4 : fourth*4+4] {
		all = append(all, strconv.Quote(string(d)))
	}
	return strings.Join(all, ", ")
}

// killed is a service that does not live long.
type killed struct {
	t       *testing.T
	console *s1test.Server
	url     string
	dir     string
	inbox   *inbox
	random  *rand.Rand
	kills   int
}

// live starts a process, which the returned function kills.
func (k *killed) live() (kill func()) {
	k.t.Helper()
	k.kills++
	at := k.console.Now().Add(time.Duration(k.kills) * 10 * time.Minute)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %d", childVariable, k.url, k.dir, k.inbox.url, at.UnixMilli()))
	require.NoError(k.t, cmd.Start())
	return func() {
		require.NoError(k.t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
	}
}

// dieSoon lets a process live for a moment that chance decides.
func (k *killed) dieSoon() {
	kill := k.live()
	<-time.After(time.Duration(k.random.IntN(500)) * time.Millisecond)
	kill()
}

// settle lets a process live until all that it does for the day is done.
func (k *killed) settle(day int) {
	k.t.Helper()
	kill := k.live()
	defer kill()
	queue := outbox.In(k.dir)
	since := k.console.Now()
	require.Eventually(k.t, func() bool {
		content, err := os.ReadFile(filepath.Join(k.dir, "summary.json"))
		var summary connector.Summary
		if err != nil || json.Unmarshal(content, &summary) != nil || summary.StartedAt.Before(since) || summary.Status != connector.Complete {
			return false
		}
		evaluated, err := alerts.New(alerts.Config{Outbox: queue, Instance: "test"}).Cursor(k.t.Context())
		if err != nil || evaluated < summary.Run {
			return false
		}
		waiting := 0
		err = queue.View(k.t.Context(), func(tx *outbox.Tx) error {
			counts, err := tx.Counts()
			for _, c := range counts {
				waiting += c.Queued
				assert.Zero(k.t, c.Dead)
			}
			return err
		})
		return err == nil && waiting == 0
	}, 5*time.Minute, 20*time.Millisecond, "day %d", day)
}

// A service that is killed at any moment, and whose receiver fails, hangs and comes back, tells of each change of the
// change log, under one ID.
func TestKilledAtAnyMomentAServiceLosesNothing(t *testing.T) {
	t.Parallel()
	const days, killsPerDay = 7, 3 // busy days, which are the odd ones
	console := s1test.New(s1test.Tenant{Seed: 4, Sites: 3, Groups: 6, Agents: 90, Threats: 20, Changes: 2})
	web := httptest.NewServer(console)
	t.Cleanup(web.Close)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	k := &killed{
		t: t, console: console, url: web.URL, dir: filepath.Join(t.TempDir(), "instance"), inbox: newInbox(t),
		random: rand.New(rand.NewPCG(seed, 0)),
	}
	k.settle(0)
	for n := range days {
		day := 1 + 2*n
		console.SetDay(day)
		for m := range killsPerDay {
			k.inbox.feel([]mood{taking, failing503, hanging}[(n+m)%3])
			k.dieSoon()
		}
		k.inbox.feel(taking)
		k.settle(day)
	}
	logged := k.logged()
	t.Logf("%d events, %d deliveries, %d of them repeated", len(logged), len(k.inbox.all()), len(k.inbox.repeated()))
	require.NotEmpty(t, logged)
	came := map[string]string{} // alert IDs by event
	for _, e := range k.inbox.all() {
		if known, again := came[e.Event]; again {
			assert.Equal(t, known, e.ID, "what is repeated has the same ID")
		}
		came[e.Event] = e.ID
	}
	for id, key := range logged {
		assert.Contains(t, came, id, "%s was never told of", key)
	}
	for id := range came {
		assert.Contains(t, logged, id, "nothing is told of that did not happen")
	}
	for n := range days {
		for _, id := range console.Plan(1 + 2*n).IDs(s1test.AgentNew) {
			assert.Contains(t, values(logged), "sentinelone_agent:"+id)
		}
	}
}

// logged are the keys of the changes of entities in the change log, by event ID.
func (k *killed) logged() map[string]string {
	k.t.Helper()
	runs, err := jsonstore.ChangeLog(k.dir)
	require.NoError(k.t, err)
	events := map[string]string{}
	for _, run := range runs {
		for change, err := range run.Changes(k.t.Context()) {
			require.NoError(k.t, err)
			for _, name := range entityTypes {
				if change.Type == name {
					events[change.ID] = change.Key
				}
			}
		}
	}
	return events
}

func values(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}
