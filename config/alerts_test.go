package config_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

func TestAlertsStandInTheFile(t *testing.T) {
	folder(t, map[string]string{"etc/s1graph.yaml": `
tokenFile: ../token
alerts:
  destinations:
    soc: {urlFile: soc.url}
    hook:
      url: https://hooks.example.net/s1graph
      format: json
      secretFile: hook.secret
  rules:
    - use: agent gone
    - name: protection switched off
      when: |
        change.op == "updated" &&
        change.after.mitigationMode != "protect"
      severity: high
      title: "{{.After.displayName}} is no longer protected"
      text: See the console.
      to: [soc, hook, soc]
      atLeast: 20
      mute: 1d
      ended: false
      days: 14
`, "etc/soc.url": "slack://hook:A-B-C@webhook\n", "etc/hook.secret": "hunter4\n"})
	var checked *config.Alerts
	c, err := config.Load(sources(func(s *config.Sources) {
		s.File, s.Environment = "etc/s1graph.yaml", s.Environment[:1]
		s.CheckAlerts = func(a *config.Alerts) config.Faults { checked = a; return nil }
	}))
	require.NoError(t, err)
	require.Len(t, c.Alerts.Destinations, 2)
	require.Len(t, c.Alerts.Rules, 2)
	assert.Equal(t, c.Alerts, checked)

	soc, hook := c.Alerts.Destinations[0], c.Alerts.Destinations[1]
	assert.Equal(t, []string{"soc", "slack://hook:A-B-C@webhook", "", ""}, []string{soc.Name, soc.URL.Reveal(), soc.Format, soc.Secret.Reveal()})
	assert.Equal(t, []string{"hook", "https://hooks.example.net/s1graph", "json", "hunter4"}, []string{hook.Name, hook.URL.Reveal(), hook.Format, hook.Secret.Reveal()})
	assert.Equal(t, "etc/s1graph.yaml:5:20: alerts.destinations.soc.urlFile", soc.Places["url"])
	assert.Equal(t, "etc/s1graph.yaml:7:12: alerts.destinations.hook.url", hook.Places["url"])

	gone, off := c.Alerts.Rules[0], c.Alerts.Rules[1]
	assert.Equal(t, map[string]string{
		"": "etc/s1graph.yaml:11:7: alerts.rules[0]", "use": "etc/s1graph.yaml:11:12: alerts.rules[0].use",
	}, gone.Places)
	assert.Equal(t, "etc/s1graph.yaml:13:13: alerts.rules[1].when", off.Places["when"])
	gone.Places, off.Places = nil, nil
	assert.Equal(t, config.Rule{Use: "agent gone"}, gone)
	assert.Equal(t, config.Rule{
		Name: "protection switched off", When: "change.op == \"updated\" &&\nchange.after.mitigationMode != \"protect\"",
		Severity: "high", Title: "{{.After.displayName}} is no longer protected", Text: "See the console.",
		To: []string{"soc", "hook"}, AtLeast: 20, Mute: 24 * time.Hour, Ended: new(false), Days: 14,
	}, off)
}

func TestPostureStandsInTheFile(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": `
posture:
  - name: workstations
    groups: [225494730938493915, "7"]
    activeThreats: 0
    encryptedApplications: true
    firewallEnabled: true
    infected: false
    isActive: true
    isUpToDate: true
    networkStatus: [connected, connecting]
    operationalState: na
    lastSyncedInterval: 72
  - isActive: true
`})
	c, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, []config.PosturePolicy{
		{
			Name: "workstations", Groups: []string{"225494730938493915", "7"}, ActiveThreats: new(0),
			EncryptedApplications: new(true), FirewallEnabled: new(true), Infected: new(false), IsActive: new(true), IsUpToDate: new(true),
			NetworkStatus: []string{"connected", "connecting"}, OperationalState: []string{"na"}, LastSyncedInterval: 72 * time.Hour,
		},
		{IsActive: new(true)},
	}, c.Posture)
}

func TestAllFaultsOfAlertsAndPostureAreToldInTheFilesOrder(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": `alerts:
  rules:
    - use: agent gone
      severity: urgent
      to: [sco]
    - name: mine
    - when: change.op == "created"
      mute: 1 day
      atLeast: 0
      ended: sometimes
      days: 1.5
    - name: mine
      when: [a]
      whne: b
      to: {soc: 1}
    - use: agent gone
      use: agent silent
      days: 5000
      mute: -1h
    - agent gone
    - use: agent silent
      when: change.nothing == 1
  destinations:
    soc: {url: "slack://hook:A-B-C@webhook", urlFile: soc.url, format: xml}
    none: {format: json}
    hook: {url: "https://hooks.example.net", secretFile: nowhere, secret: abc}
    pager: pagerduty
    "two words": {url: "slack://a@b"}
    soc: {url: "slack://a@b"}
    odd: {url: no address}
  rulse: []
alert: {}
posture:
  - name: all
    groups: [workstations]
    lastSyncedInterval: 12
    firewallEnabled: on
  - name: all
    is_actve: true
  - isActive: true
    activeThreats: -1
    networkStatus: 5
  - networkStatus: [Connected, conected]
log:
  level: loud
`, "soc.url": "slack://a@b"})
	got := faults(t, sources(func(s *config.Sources) {
		s.CheckAlerts = func(a *config.Alerts) config.Faults {
			assert.Empty(t, a.Destinations, "none of them is right")
			var found config.Faults
			for _, rule := range a.Rules {
				if rule.When != "" {
					found = append(found, config.Fault{Where: rule.Places["when"], Detail: "must be about something"})
				}
			}
			return found
		}
	}))
	assert.Equal(t, []string{
		`s1graph.yaml:4:17: alerts.rules[0].severity: must be info, low, medium, high or critical, not "urgent"`,
		`s1graph.yaml:5:11: alerts.rules[0].to: must be names of destinations, which are soc, none, hook, pager, odd; did you mean soc?`,
		`s1graph.yaml:6:7: alerts.rules[1]: must have a name and a condition (name and when), or the name of a ready-made rule (use)`,
		`s1graph.yaml:7:7: alerts.rules[2]: must have a name and a condition (name and when), or the name of a ready-made rule (use)`,
		`s1graph.yaml:8:13: alerts.rules[2].mute: must be a duration over 0 with its unit, such as 24h or 7d, not "1 day"`,
		`s1graph.yaml:9:16: alerts.rules[2].atLeast: must be a whole number, 1 or greater, not "0"`,
		`s1graph.yaml:10:14: alerts.rules[2].ended: must be true or false`,
		`s1graph.yaml:11:13: alerts.rules[2].days: must be a whole number, 1 or greater, not "1.5"`,
		`s1graph.yaml:12:13: alerts.rules[3].name: must be a name that no other rule has, and that at s1graph.yaml:6:13: alerts.rules[1].name has it too: give one of them another name`,
		`s1graph.yaml:13:13: alerts.rules[3].when: must be a text (put it into quotes if it looks like a number)`,
		`s1graph.yaml:14:7: alerts.rules[3]: unknown setting "whne"; did you mean when?`,
		`s1graph.yaml:15:11: alerts.rules[3].to: must be a list, such as [a, b]`,
		`s1graph.yaml:16:12: alerts.rules[4].use: must be a name that no other rule has, and that at s1graph.yaml:3:12: alerts.rules[0].use has it too: give one of them another name`,
		`s1graph.yaml:17:7: alerts.rules[4].use: must be given once, and stands in line 16 already`,
		`s1graph.yaml:18:13: alerts.rules[4].days: must be a whole number from 1 to 3650, not "5000"`,
		`s1graph.yaml:19:13: alerts.rules[4].mute: must be a duration over 0 with its unit, such as 24h or 7d, not "-1h"`,
		`s1graph.yaml:20:7: alerts.rules[5]: must be a map of use, name, when, severity, title, text, to, atLeast, mute, ended or days`,
		`s1graph.yaml:22:13: alerts.rules[6].when: must be about something`,
		`s1graph.yaml:24:55: alerts.destinations.soc.urlFile: must not be given along with url: leave one of them out`,
		`s1graph.yaml:24:72: alerts.destinations.soc.format: must be json, not "xml"`,
		`s1graph.yaml:25:12: alerts.destinations.none: must have a url, or a urlFile that holds it`,
		`s1graph.yaml:26:58: alerts.destinations.hook.secretFile: must be a file of mode 0600: it does not exist`,
		`s1graph.yaml:26:58: alerts.destinations.hook.secretFile: must be left out, or format be json: nothing else is signed`,
		`s1graph.yaml:26:67: alerts.destinations.hook.secret: must not stand here: put the secret into a file of its own and name that with secretFile`,
		`s1graph.yaml:27:12: alerts.destinations.pager: must be a map of url, urlFile, format or secretFile`,
		`s1graph.yaml:28:5: alerts.destinations: must be names of destinations: letters, digits, dots, hyphens and underscores`,
		`s1graph.yaml:29:5: alerts.destinations.soc: must be given once, and stands in line 24 already`,
		`s1graph.yaml:30:16: alerts.destinations.odd.url: must be an address, such as slack://… or https://hooks.example.net/s1graph`,
		`s1graph.yaml:31:3: alerts: unknown setting "rulse"; did you mean rules?`,
		`s1graph.yaml:32:1: "alert": there is no such setting; did you mean alerts?`,
		`s1graph.yaml:35:13: posture[0].groups: must be IDs as the console shows them, such as 225494730938493804, not "workstations"`,
		`s1graph.yaml:36:25: posture[0].lastSyncedInterval: must be a whole number, 24 or greater, not "12"`,
		`s1graph.yaml:37:22: posture[0].firewallEnabled: must be true or false`,
		`s1graph.yaml:38:11: posture[1].name: must be a name that no other policy has, and that at s1graph.yaml:34:11: posture[0].name has it too: give one of them another name`,
		`s1graph.yaml:39:5: posture[1]: unknown setting "is_actve"; did you mean isActive?`,
		`s1graph.yaml:41:20: posture[2].activeThreats: must be a whole number, 0 or greater, not "-1"`,
		`s1graph.yaml:42:20: posture[2].networkStatus: must be a list, such as [a, b]`,
		`s1graph.yaml:43:20: posture[3].networkStatus: must be connected, disconnected, connecting or disconnecting, not "conected"`,
		`s1graph.yaml:45:10: log.level: must be debug, info, warn or error, not "loud"`,
	}, got)
}

func TestNoSecretOfADestinationIsEverRepeated(t *testing.T) {
	const secret = "xoxb-hunter2"
	for name, alerts := range map[string]string{
		"in place of the destination":  `{destinations: {soc: "slack://xoxb-hunter2@chan"}}`,
		"in place of the destinations": `{destinations: "slack://xoxb-hunter2@chan"}`,
		"in place of alerts":           `"slack://xoxb-hunter2@chan"`,
		"in place of a name":           `{destinations: {"slack://xoxb-hunter2@chan": {url: "slack://a@b"}}}`,
		"as a name of a name":          `{destinations: {soc: {"slack://xoxb-hunter2@chan"}}}`,
		"as the name of its file":      `{destinations: {soc: {urlFile: "slack://xoxb-hunter2@chan"}}}`,
		"as the name of another file":  `{destinations: {soc: {url: "https://a.b", format: json, secretFile: xoxb-hunter2}}}`,
		"as a name of a folder":        `{destinations: {soc: {url: "https://a.b", format: json, secretFile: "xoxb-hunter2/x"}}}`,
		"as too long a name":           `{destinations: {soc: {urlFile: "` + strings.Repeat("xoxb-hunter2", 400) + `"}}}`,
		"as a literal secret":          `{destinations: {soc: {url: "https://a.b", format: json, secret: xoxb-hunter2}}}`,
		"in an address that is none":   `{destinations: {soc: {url: "slack://xoxb-hunter2@chan:port"}}}`,
		"without a scheme":             `{destinations: {soc: {url: "xoxb-hunter2@chan"}}}`,
		"as a list":                    `{destinations: {soc: {url: ["slack://xoxb-hunter2@chan"]}}}`,
		"as a format":                  `{destinations: {soc: {url: "slack://a@b", format: {slack://xoxb-hunter2: 1}}}}`,
		"in what a rule names":         `{destinations: {soc: {url: "slack://a@b"}}, rules: [{use: agent gone, to: ["slack://xoxb-hunter2@chan"]}]}`,
		"as a name of a rule":          `{rules: [{"slack://xoxb-hunter2@chan": 1}]}`,
		"as a name in alerts":          `{"slack://xoxb-hunter2@chan": 1}`,
	} {
		t.Run(name, func(t *testing.T) {
			folder(t, map[string]string{"s1graph.yaml": "alerts: " + alerts})
			err := strings.Join(faults(t, sources(nil)), "\n")
			assert.NotContains(t, err, secret)
			assert.NotContains(t, err, "hunter2")
		})
	}
}

func TestSecretsThatOthersCanReadAreWarnings(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	const destination = "alerts: {destinations: {soc: {url: \"slack://hook:A-B-C@webhook\"}}}\n"
	for _, test := range []struct {
		name, content string
		modes         map[string]os.FileMode
		want          []string
	}{
		{"an address in the file", destination, map[string]os.FileMode{"s1graph.yaml": 0o640},
			[]string{"s1graph.yaml holds secrets and can be read by other users of this machine: chmod 600 s1graph.yaml"}},
		{"an address in a file that nobody else reads", destination, nil, nil},
		{"a proxy's password", "proxy: http://me:hunter2@proxy.example:3128", map[string]os.FileMode{"s1graph.yaml": 0o604},
			[]string{"s1graph.yaml holds secrets and can be read by other users of this machine: chmod 600 s1graph.yaml"}},
		{"no secrets", "instance: acme", map[string]os.FileMode{"s1graph.yaml": 0o644}, nil},
		{"secrets elsewhere", "alerts: {destinations: {soc: {urlFile: soc.url, format: json, secretFile: soc.secret}}}",
			map[string]os.FileMode{"s1graph.yaml": 0o644, "soc.url": 0o644, "soc.secret": 0o660},
			[]string{
				"soc.secret can be read by other users of this machine: chmod 600 soc.secret",
				"soc.url can be read by other users of this machine: chmod 600 soc.url",
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder(t, map[string]string{"s1graph.yaml": test.content, "soc.url": "https://a.b", "soc.secret": "hunter3"})
			for name, mode := range test.modes {
				require.NoError(t, os.Chmod(name, mode))
			}
			c, err := config.Load(sources(nil))
			require.NoError(t, err)
			assert.Equal(t, test.want, c.Warnings)
		})
	}
}

func TestRulesWithoutDestinationsAreAWarning(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": "alerts:\n  rules: [{use: agent gone}]\n"})
	c, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"s1graph.yaml:2:10: alerts.rules: there are no destinations, so no alert is sent"}, c.Warnings)
}

func TestWhoAsksTheDatabaseAloneNeedsNoSecretsOfDestinations(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": "alerts: {destinations: {soc: {urlFile: nowhere}}}"})
	_, err := config.Load(sources(func(s *config.Sources) {
		s.NoConsole = true
		s.Environment = []string{"NEO4J_URI=bolt://127.0.0.1:7687", "NEO4J_PASSWORD=hunter3"}
		s.CheckAlerts = func(*config.Alerts) config.Faults {
			return config.Faults{{Where: "alerts", Detail: "must not be looked at"}}
		}
	}))
	assert.NoError(t, err)
}

func TestAnAddressInAFileIsOneLine(t *testing.T) {
	for name, content := range map[string]string{"empty": "\n", "two lines": "slack://a@b\nslack://c@d\n"} {
		folder(t, map[string]string{"s1graph.yaml": "alerts: {destinations: {soc: {urlFile: " + filepath.Join(".", "soc.url") + "}}}", "soc.url": content})
		assert.Equal(t, []string{"s1graph.yaml:1:40: alerts.destinations.soc.urlFile: must be a file with one line of text, and nothing else"},
			faults(t, sources(nil)), name)
	}
}

func TestSettingsThatWereSpelledOtherwiseOnceAreReadWithAWarning(t *testing.T) {
	old := `alerts:
  destinations:
    hook: {url_file: hook.url, format: json, secret_file: hook.secret}
  rules:
    - {use: agent gone, at_least: 3}
posture:
  - name: laptops
    active_threats: 1
    encrypted_applications: true
    firewall_enabled: true
    is_active: true
    is_up_to_date: false
    network_status: [connected]
    operational_state: [na]
    last_synced_interval: 48
`
	now := old
	var want []string
	for _, s := range []struct{ place, old, now string }{
		{"3:12: alerts.destinations.hook", "url_file", "urlFile"},
		{"3:46: alerts.destinations.hook", "secret_file", "secretFile"},
		{"5:25: alerts.rules[0]", "at_least", "atLeast"},
		{"8:5: posture[0]", "active_threats", "activeThreats"},
		{"9:5: posture[0]", "encrypted_applications", "encryptedApplications"},
		{"10:5: posture[0]", "firewall_enabled", "firewallEnabled"},
		{"11:5: posture[0]", "is_active", "isActive"},
		{"12:5: posture[0]", "is_up_to_date", "isUpToDate"},
		{"13:5: posture[0]", "network_status", "networkStatus"},
		{"14:5: posture[0]", "operational_state", "operationalState"},
		{"15:5: posture[0]", "last_synced_interval", "lastSyncedInterval"},
	} {
		now = strings.ReplaceAll(now, s.old, s.now)
		want = append(want, "s1graph.yaml:"+s.place+"."+s.old+": write "+s.now+": the old spelling is read for now")
	}
	assert.NotContains(t, now, "_", "that is all of them")
	load := func(content string) *config.Config {
		folder(t, map[string]string{"s1graph.yaml": content, "hook.url": "https://hooks.example/x", "hook.secret": "hunter2"})
		c, err := config.Load(sources(nil))
		require.NoError(t, err)
		return c
	}
	is, was := load(now), load(old)
	assert.Empty(t, is.Warnings)
	assert.ElementsMatch(t, want, was.Warnings)
	assert.Equal(t, is.Posture, was.Posture)
	assert.Equal(t, is.Alerts.Destinations[0].URL.Reveal(), was.Alerts.Destinations[0].URL.Reveal())
	assert.Equal(t, is.Alerts.Rules[0].AtLeast, was.Alerts.Rules[0].AtLeast)

	folder(t, map[string]string{"s1graph.yaml": "posture: [{is_active: true, isActive: false}]"})
	assert.Equal(t, []string{"s1graph.yaml:1:29: posture[0].isActive: must be given once, and stands in line 1 already"}, faults(t, sources(nil)))
}
