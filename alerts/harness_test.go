package alerts_test

import (
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/s1/s1test"
)

// service is a tenant that is synced day by day, and rules that evaluate each run.
type service struct {
	*s1test.Server
	t      *testing.T
	url    string
	dir    string
	config *config.Alerts
	outbox *outbox.Outbox

	vulnerabilities []string // severities that are read; nil: the default
}

// hook is a destination that gets JSON documents.
var hook = config.Destination{Name: "hook", URL: config.NewSecret("https://example.test"), Format: "json"}

func newService(t *testing.T, tenant s1test.Tenant, rules ...config.Rule) *service {
	t.Helper()
	server := s1test.New(tenant)
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	dir := t.TempDir()
	return &service{
		Server: server, t: t, url: web.URL, dir: filepath.Join(dir, "instance"),
		config: &config.Alerts{Destinations: []config.Destination{hook}, Rules: rules},
		outbox: outbox.At(filepath.Join(dir, "alerts.db")),
	}
}

// allReady are all ready-made rules, by their names alone.
func allReady() []config.Rule {
	var rules []config.Rule
	for _, r := range alerts.Ready() {
		rules = append(rules, config.Rule{Use: r.Name})
	}
	return rules
}

// sync takes the tenant to a day and reads it, and is the run as it is to be evaluated.
func (s *service) sync(day int) alerts.Run {
	s.t.Helper()
	s.SetDay(day)
	settings := config.Default()
	settings.URL, settings.Token = s.url, config.NewSecret(s1test.DefaultToken)
	settings.Instance, settings.Dir = "test", s.dir
	if s.vulnerabilities != nil {
		settings.Vulnerabilities = s.vulnerabilities
	}
	summary, err := connector.Sync(s.t.Context(), connector.Options{Config: &settings, Clock: s.Now})
	require.NoError(s.t, err)
	require.Equal(s.t, connector.Complete, summary.Status, "%v", summary.Notices)
	return s.last()
}

// last is the last run on disk.
func (s *service) last() alerts.Run {
	run, err := jsonstore.OpenLast(s.dir)
	require.NoError(s.t, err)
	m := run.Manifest()
	types := map[string]*graph.Type{}
	for _, t := range run.Types() {
		types[t.Name] = t
	}
	return alerts.Run{
		ID: m.ID, StartedAt: m.StartedAt, Graph: run, Types: types,
		Changes: run.Changes,
		Report:  alerts.Report{Run: m.ID, Status: "complete", StartedAt: m.StartedAt},
	}
}

func (s *service) engine() *alerts.Engine {
	s.t.Helper()
	rules, faults := alerts.Compile(s.config)
	require.Empty(s.t, faults)
	return alerts.New(alerts.Config{Rules: rules, Outbox: s.outbox, Instance: "test", Destinations: s.config.Destinations})
}

// apply evaluates a run, and is what was raised.
func (s *service) apply(run alerts.Run) []document {
	s.t.Helper()
	_, err := s.engine().Apply(s.t.Context(), run)
	require.NoError(s.t, err)
	return s.raised()
}

// document is what arrives at a webhook.
type document struct {
	ID, Event, Rule, Severity, Op, Type, Key, DisplayName, Title, Text string

	Count   int
	Changed []string
	Before  map[string]any
	After   map[string]any
	Related map[string]struct{ Key, DisplayName string }

	Devices     []struct{ Key, DisplayName string }
	DeviceCount int

	Part, Parts int
	Events      []document // that are told together
}

// raised takes out of the outbox what was queued for the webhook.
func (s *service) raised() []document {
	s.t.Helper()
	return raisedIn(s.t, s.outbox)
}

func raisedIn(t testing.TB, o *outbox.Outbox) []document {
	t.Helper()
	var all []document
	require.NoError(t, o.Update(t.Context(), func(tx *outbox.Tx) error {
		entries, err := tx.Queued(hook.Name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			var d document
			if err := json.Unmarshal(e.Payload, &d, json.MatchCaseInsensitiveNames(true)); err != nil {
				return err
			}
			all = append(all, d)
			if err := tx.Delivered(e); err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

// by are those of a rule.
func by(rule string, documents []document) []document {
	return slices.DeleteFunc(slices.Clone(documents), func(d document) bool { return d.Rule != rule })
}

// id is the vendor's, of a key that has it.
func id(key string) string {
	_, id, _ := strings.Cut(key, ":")
	return id
}

func sorted(list []string) []string {
	list = append([]string{}, list...)
	slices.Sort(list)
	return list
}

// at is a moment in the tenant's time.
func at(day int) time.Time { return time.Date(2026, 11, 20+day, 5, 0, 0, 0, time.UTC) }
