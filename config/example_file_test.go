package config_test

import (
	"cmp"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
)

// commented matches the lines of the example file that are settings: # is followed by a name, or by the
// indentation of what belongs to one. In prose, a blank follows.
var commented = regexp.MustCompile(`(?m)^#([a-z][A-Za-z0-9]*:|  )`)

// exampleFile is the file as it is, as it is without the # where its settings are, and that once more
// without the list of instances, and without what cannot stand beside one. tokenCommand, which cannot stand beside tokenFile, is
// in the first alone.
func exampleFile(t *testing.T) (commentedOut, single, several string) {
	b, err := os.ReadFile("../s1graph.example.yaml")
	require.NoError(t, err)
	uncommented := withoutHashes(string(b))
	uncommented = regexp.MustCompile(`(?m)^tokenCommand: .*\n`).ReplaceAllString(uncommented, "")
	single, instances, found := strings.Cut(uncommented, "\ninstances:")
	require.True(t, found)
	shared := regexp.MustCompile(`(?m)^(instance|dir): .*\n`).ReplaceAllString(single, "")
	return string(b), single, shared + "\ninstances:" + instances
}

func withoutHashes(content string) string { return commented.ReplaceAllString(content, "$1") }

// exampleFiles are the files that the example file names.
func exampleFiles(t *testing.T, content string) map[string]string {
	return map[string]string{
		"s1graph.yaml": content, "sentinelone.token": token, "acme.token": token, "globex.token": token,
		"neo4j.password": "hunter3", "events.credentials": "Bearer hunter5", "nats.creds": "hunter6", "console-ca.pem": certificate(t),
		"slack.url": "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook\n", "hook.secret": "hunter4\n",
	}
}

func TestTheExampleFileShowsEverySetting(t *testing.T) {
	commentedOut, _, _ := exampleFile(t)
	settings, _, _ := strings.Cut(withoutHashes(commentedOut), "\ninstances:")
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(settings), &tree))
	for _, s := range config.Settings() {
		at, parent := any(tree), tree
		for part := range strings.SplitSeq(s.Key, ".") {
			parent, _ = at.(map[string]any)
			at = parent[part]
		}
		assert.Contains(t, parent, s.Key[strings.LastIndex(s.Key, ".")+1:], "%s is not in s1graph.example.yaml", s.Key)
	}
}

func TestTheExampleFileSetsNothingAsItIs(t *testing.T) {
	example, _, _ := exampleFile(t)
	folder(t, map[string]string{"s1graph.yaml": example})
	got, err := config.Load(sources(nil))
	require.NoError(t, err)
	require.NoError(t, os.Remove("s1graph.yaml"))
	want, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestTheExampleFileIsRightWhenUncommented(t *testing.T) {
	_, single, _ := exampleFile(t)
	folder(t, exampleFiles(t, single))
	c, err := config.Load(sources(func(s *config.Sources) { s.Environment, s.CheckAlerts = nil, alerts.Check }))
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
	assert.Equal(t, "https://example.sentinelone.net", c.URL)
	assert.Equal(t, map[string]float64{"/agents": 20, "/threats": 10}, c.RateLimits)
	assert.Len(t, c.Sites, 2)

	// What is not there for an example is the default.
	defaults := config.Default()
	assert.Equal(t, defaults.APIVersion, c.APIVersion)
	assert.Equal(t, defaults.PageDeadline, c.PageDeadline)
	assert.Equal(t, defaults.PageSize, c.PageSize)
	assert.Equal(t, defaults.RunDeadline, c.RunDeadline)
	assert.Equal(t, defaults.Store, c.Store)
	assert.Equal(t, defaults.Applications, c.Applications)
	assert.Equal(t, defaults.DeletionGuard, c.DeletionGuard)
	assert.Equal(t, defaults.ChangesKept, c.ChangesKept)
	assert.Equal(t, defaults.RunsKept, c.RunsKept)
	assert.Equal(t, defaults.RunsKeptGiB, c.RunsKeptGiB)
	assert.Equal(t, defaults.DeadAlertsKept, c.DeadAlertsKept)
	assert.Equal(t, defaults.Interval, c.Interval)
	assert.Equal(t, defaults.Log.Format, c.Log.Format)
}

func TestTheInstancesOfTheExampleFileAreRightWhenUncommented(t *testing.T) {
	_, _, several := exampleFile(t)
	folder(t, exampleFiles(t, several))
	service, err := config.LoadService(sources(func(s *config.Sources) { s.Environment = nil }))
	require.NoError(t, err)
	require.Len(t, service.Instances, 2)
	acme, globex := service.Instances[0], service.Instances[1]
	assert.Equal(t, "https://acme.sentinelone.net", acme.URL)
	assert.Equal(t, every(t, "30m"), acme.Interval)
	assert.Equal(t, "workstations", acme.Posture[0].Name)
	assert.Equal(t, "/var/lib/s1graph/globex", globex.Dir)
	assert.Equal(t, []config.PosturePolicy{{Name: "all", IsActive: new(true)}}, globex.Posture)

	// What is not there for an example is the default.
	folder(t, nil)
	defaults, err := config.LoadService(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, defaults.Listen, service.Listen)
	assert.Equal(t, defaults.AtOnce, service.AtOnce)
}

func TestTheExampleFileShowsAllThatAlertsAndPostureHave(t *testing.T) {
	_, single, _ := exampleFile(t)
	folder(t, exampleFiles(t, single))
	c, err := config.Load(sources(func(s *config.Sources) { s.Environment = nil }))
	require.NoError(t, err)
	var rule config.Rule
	for _, r := range c.Alerts.Rules {
		rule.Use, rule.Name, rule.When = cmp.Or(rule.Use, r.Use), cmp.Or(rule.Name, r.Name), cmp.Or(rule.When, r.When)
		rule.Severity, rule.Title, rule.Text = cmp.Or(rule.Severity, r.Severity), cmp.Or(rule.Title, r.Title), cmp.Or(rule.Text, r.Text)
		rule.To, rule.Places = append(rule.To, r.To...), r.Places
		rule.AtLeast, rule.Mute = max(rule.AtLeast, r.AtLeast), max(rule.Mute, r.Mute)
		rule.Days, rule.Ended = max(rule.Days, r.Days), cmp.Or(rule.Ended, r.Ended)
	}
	for name, value := range map[string]any{"rule": rule, "policy": c.Posture[0]} {
		fields := reflect.ValueOf(value)
		for i := range fields.NumField() {
			assert.False(t, fields.Field(i).IsZero(), "no %s in s1graph.example.yaml shows %s", name, fields.Type().Field(i).Name)
		}
	}
}
