package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

func TestEverySettingCanStandInTheFile(t *testing.T) {
	folder(t, map[string]string{"etc/s1graph.yaml": `
url: https://eu.example.net/
tokenFile: ../token
apiVersion: v2.2
pageDeadline: 90s
pageSize: 250
rateLimits: {/agents: 12.5, /threats: 3}
proxy: http://me:hunter2@proxy.example:3128
caFile: ca.pem
accounts: [225494730938493804]
sites: ["2", 1, 2]
groups:
  - 7
instance: emea
accountName: Example Corp
tagAccountName: true
description: |
  Europe and Africa
store: neo4j
neo4j: {uri: bolt+s://db.example.net:7687, username: s1graph, passwordFile: db.password, database: assets, insecure: true}
dir: graph
applications: inventory
skip: [threats, applications]
vulnerabilities: {severities: [low, high]}
deletionGuard:
  percent: 12.5
  count: 0
runDeadline: 90m
changesKept: 2d
runsKept: 72h
runsKeptGiB: 2.5
deadAlertsKept: 24h
events: {url: https://siem.example.net/_bulk, form: elasticsearch, credentialsFile: siem.key, kept: 48h}
interval: 4h
log: {level: debug, format: json}
`, "etc/ca.pem": certificate(t), "etc/db.password": "hunter3\n", "etc/siem.key": "ApiKey hunter5\n"})
	c, err := config.Load(sources(func(s *config.Sources) { s.File, s.Environment = "etc/s1graph.yaml", nil }))
	require.NoError(t, err)
	assert.Equal(t, "http://me:hunter2@proxy.example:3128", c.Proxy.Reveal())
	assert.Equal(t, "hunter3", c.Neo4j.Password.Reveal())
	c.Proxy, c.Neo4j.Password = config.Secret{}, config.Secret{}
	assert.Equal(t, &config.Config{
		URL: "https://eu.example.net", TokenFile: "token", APIVersion: "v2.2",
		Accounts: []string{"225494730938493804"}, Sites: []string{"1", "2"}, Groups: []string{"7"},
		Instance: "emea", AccountName: "Example Corp", TagAccountName: true, Description: "Europe and Africa",
		Interval: every(t, "4h"), Store: "neo4j", Dir: filepath.Join("etc", "graph"), Applications: "inventory",
		Skip: []string{"applications", "threats"}, Vulnerabilities: []string{"high", "low"},
		DeletionGuard:  config.DeletionGuard{Percent: 12.5},
		RunDeadline:    90 * time.Minute,
		ChangesKept:    48 * time.Hour,
		RunsKept:       72 * time.Hour,
		RunsKeptGiB:    2.5,
		DeadAlertsKept: 24 * time.Hour,
		Neo4j: config.Neo4j{
			URI: "bolt+s://db.example.net:7687", Username: "s1graph", PasswordFile: filepath.Join("etc", "db.password"), Database: "assets", Insecure: true,
		},
		Claim:        15 * time.Second,
		Events:       config.Events{URL: "https://siem.example.net/_bulk", Form: "elasticsearch", CredentialsFile: filepath.Join("etc", "siem.key"), Kept: 48 * time.Hour},
		PageDeadline: 90 * time.Second,
		PageSize:     250,
		RateLimits:   map[string]float64{"/agents": 12.5, "/threats": 3},
		CAFile:       filepath.Join("etc", "ca.pem"),
		Log:          config.Log{Level: "debug", Format: "json"},
	}, c)
}

func TestTheConfigurationFileItself(t *testing.T) {
	for _, test := range []struct{ name, file, content, want string }{
		{"is not there though it was named", "other.yaml", "", "other.yaml: must be a file with settings: it does not exist"},
		{"is a folder", ".", "", ".: must be a file with settings: it is a folder"},
		{"is not YAML", "s1graph.yaml", "url: [\n", "s1graph.yaml:1:6: must be YAML: sequence end token ']' not found"},
		{"has tabs", "s1graph.yaml", "log:\n\tlevel: info\n", "s1graph.yaml:2:1: must be YAML: found character '\t' that cannot start any token"},
		{"is a list", "s1graph.yaml", "- url\n", "s1graph.yaml:1:1: must be a map of settings, each on a line as name: value"},
		{"is two documents", "s1graph.yaml", "instance: a\n---\ninstance: b\n", "s1graph.yaml: must be one YAML document, without --- between its lines"},
		{"has an alias", "s1graph.yaml", "instance: &a x\ndescription: *a\n", "s1graph.yaml:1:11: instance: must be a text (put it into quotes if it looks like a number)"},
		{"has the token", "s1graph.yaml", "token: " + token, "s1graph.yaml:1:1: token: must not stand here: put the token into a file of its own and name that with tokenFile"},
		{"has the token as a name", "s1graph.yaml", token + ": 1", "s1graph.yaml:1:1: an unknown name: there is no such setting"},
		{"has the token in place of its file", "s1graph.yaml", "dir: x\ntokenFile: " + token, "s1graph.yaml:2:12: tokenFile: must be the name of a file, and seems to be the token itself: put that into a file of mode 0600"},
		{"has the token in place of a word", "s1graph.yaml", "applications: " + token, "s1graph.yaml:1:15: applications: must be auto, installed, inventory or off"},
		{"has a name that needs another", "s1graph.yaml", "tagAccountName: true", "s1graph.yaml:1:17: tagAccountName: must be left out, or accountName be set: there is no name to put on the entities"},
		{"has a password in the URL", "s1graph.yaml", "url: https://me:hunter2@example.net", "s1graph.yaml:1:6: url: must have no user name or password in it"},
		{"has a CA file without certificates", "s1graph.yaml", "caFile: token", "s1graph.yaml:1:9: caFile: must be a PEM file with certificates: there is none in it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{}
			if test.content != "" {
				files[test.file] = test.content
			}
			folder(t, files)
			got := faults(t, sources(func(s *config.Sources) {
				s.File = test.file
				if strings.HasPrefix(test.content, "url") {
					s.Environment = s.Environment[1:]
				}
				if strings.Contains(test.content, "tokenFile") {
					s.Environment = s.Environment[:1]
				}
			}))
			assert.Equal(t, test.want, got[0])
			assert.NotContains(t, strings.Join(got, "\n"), "hunter2")
		})
	}
}

func TestAFileWithNothingSetIsAFile(t *testing.T) {
	for _, content := range []string{"", "# nothing\n", "\ufeffinstance:\nlog:\n", "{}"} {
		folder(t, map[string]string{"s1graph.yaml": content})
		_, err := config.Load(sources(nil))
		assert.NoError(t, err, "%q", content)
	}
}

func TestTheVariableNamesTheFileWhereNoFlagDoes(t *testing.T) {
	folder(t, map[string]string{"other.yaml": "instance: other"})
	c, err := config.Load(sources(func(s *config.Sources) { s.Environment = append(s.Environment, "S1GRAPH_CONFIG=other.yaml") }))
	require.NoError(t, err)
	assert.Equal(t, "other", c.Instance)
}

func FuzzNoFileBringsLoadDown(f *testing.F) {
	for _, seed := range []string{"", "url: x", "log: {level: [", "? a\n: b", "<<: {a: 1}", "a: &b c\nd: *b", "rateLimits: {? : 1}", "sites: [!!str 1, *x]", "- - -", "%YAML 1.2\n---\n",
		"alerts: {destinations: {a: {url: b}, ? c : d}, rules: [{use: a, to: [b]}, {name: a}, 1]}", "posture: [{groups: [a]}, {isActive: 1}, ]",
		"instances: [{instance: a, alerts: {rules: [{use: a}]}}, {instance: b, dir: .s1graph/a}, , 1]", "interval: \"@every 1h\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		folder(t, map[string]string{"s1graph.yaml": content})
		_, err := config.Load(sources(nil))
		if err != nil {
			var found config.Faults
			require.ErrorAs(t, err, &found)
		}
		_, err = config.LoadService(sources(nil))
		if err != nil {
			var found config.Faults
			require.ErrorAs(t, err, &found)
		}
	})
}

func TestAByteOrderMarkIsNoPartOfASettingOrACertificate(t *testing.T) {
	certificate := "\ufeff" + certificate(t)
	folder(t, map[string]string{"s1graph.yaml": "\ufeffcaFile: ca.pem\nneo4j: {passwordFile: password}\n", "ca.pem": certificate, "password": "\ufeffhunter2\r\n"})
	c, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, "ca.pem", c.CAFile)
	assert.Equal(t, "hunter2", c.Neo4j.Password.Reveal())
}

func TestAFileInUTF16IsRefusedAsSuch(t *testing.T) {
	inUTF16 := func(text string) string { return "\xff\xfe" + strings.Join(strings.Split(text, ""), "\x00") + "\x00" }
	folder(t, map[string]string{"s1graph.yaml": inUTF16("log: {level: info}\n")})
	_, err := config.Load(sources(nil))
	require.EqualError(t, err, "s1graph.yaml: must be YAML in UTF-8: it is in UTF-16, as Notepad (Unicode) and PowerShell (>) write it: save it as UTF-8")
	folder(t, map[string]string{"s1graph.yaml": "caFile: ca.pem\nneo4j: {passwordFile: ca.pem}\n", "ca.pem": inUTF16("x")})
	_, err = config.Load(sources(nil))
	require.ErrorContains(t, err, "caFile: must be a PEM file with certificates: it is in UTF-16")
	require.ErrorContains(t, err, "neo4j.passwordFile: must be a file with the password of the database's user: it is in UTF-16")
}
