package config_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

// token is in the shape of a real one: if it shows up anywhere, a test says so.
var token = "eyJhbGciOiJFUzI1NiJ9." + strings.Repeat("Ab3", 40)

// folder makes the test's working directory, with the given files and a token file in it.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if files == nil {
		files = map[string]string{}
	}
	if _, given := files["token"]; !given {
		files["token"] = token + "\n"
	}
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
}

// sources has what every Load is told, and the rest as the test wants it.
func sources(change func(*config.Sources)) config.Sources {
	s := config.Sources{
		Environment: []string{"SENTINELONE_URL=example.sentinelone.net", "SENTINELONE_TOKEN_FILE=token"},
		Flags:       map[string]string{},
		Steps:       []string{"accounts", "sites", "groups", "agents", "threats", "applications"},
		NormalizeURL: func(url string) (string, error) {
			if strings.Contains(url, " ") {
				return "", errors.New("there is a space in it")
			}
			return "https://" + strings.TrimPrefix(strings.TrimSuffix(url, "/"), "https://"), nil
		},
	}
	if change != nil {
		change(&s)
	}
	return s
}

// every is the schedule that text stands for.
func every(t *testing.T, text string) config.Schedule {
	t.Helper()
	s, err := config.ParseSchedule(text)
	require.NoError(t, err)
	return s
}

func faults(t *testing.T, s config.Sources) []string {
	t.Helper()
	c, err := config.Load(s)
	assert.Nil(t, c)
	var found config.Faults
	require.ErrorAs(t, err, &found)
	assert.NotContains(t, err.Error(), token)
	return strings.Split(err.Error(), "\n")
}

func TestWhoSetsNothingButURLAndTokenGetsTheDefaults(t *testing.T) {
	folder(t, nil)
	c, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, &config.Config{
		URL:          "https://example.sentinelone.net",
		TokenFile:    "token",
		APIVersion:   "v2.1",
		Instance:     "example.sentinelone.net",
		Store:        "json",
		Dir:          filepath.Join(".s1graph", "example.sentinelone.net"),
		Applications: "auto",

		Vulnerabilities: []string{"critical", "high"},

		DeletionGuard:  config.DeletionGuard{Percent: 20, Count: 10},
		RunDeadline:    6 * time.Hour,
		ChangesKept:    30 * 24 * time.Hour,
		RunsKept:       7 * 24 * time.Hour,
		RunsKeptGiB:    10,
		DeadAlertsKept: 30 * 24 * time.Hour,
		Neo4j:          config.Neo4j{Username: "neo4j"},
		Events:         config.Events{Form: "cloudevents", Kept: 720 * time.Hour},
		Claim:          15 * time.Second,
		PageDeadline:   time.Minute,
		PageSize:       1000,
		Log:            config.Log{Format: "text"},
	}, c)
}

func TestFlagsWinOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": "instance: file\nsites: [1]\ndeletionGuard: {count: 1, percent: 1}\nlog: {level: error}\n"})
	for _, test := range []struct {
		name, environment, flag, want string
	}{
		{"file alone", "", "", "file"},
		{"environment over file", "S1GRAPH_INSTANCE=environment", "", "environment"},
		{"flag over environment", "S1GRAPH_INSTANCE=environment", "flag", "flag"},
		{"flag over file", "", "flag", "flag"},
		{"an empty variable is unset", "S1GRAPH_INSTANCE=", "", "file"},
		{"a blank variable is unset", "S1GRAPH_INSTANCE=  ", "", "file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := config.Load(sources(func(s *config.Sources) {
				s.Environment = append(s.Environment, test.environment, "S1GRAPH_SITES=3, 2", "S1GRAPH_DELETION_GUARD_COUNT=5")
				if test.flag != "" {
					s.Flags["instance"] = test.flag
				}
				s.Flags["sites"] = "4,5"
			}))
			require.NoError(t, err)
			assert.Equal(t, test.want, c.Instance)
			assert.Equal(t, []string{"4", "5"}, c.Sites)
			assert.Equal(t, config.DeletionGuard{Percent: 1, Count: 5}, c.DeletionGuard)
			assert.Equal(t, "error", c.Log.Level)
		})
	}
}

func TestAllFaultsAreToldAtOnceEachWithItsPlace(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": `url: [https://example.net]
token_file: nowhere
api_version: 2.1
apiVersion: 2.1
accounts: 5
sites: [1, one]
instance: ../../etc
tagAccountName: yes please
interval: 10s
store: csv
applications: some
skip: [agnets]
deletionGuard:
  percent: 120
  cuont: 1
  count: many
pageDeadline: 60
rateLimits: {agents: 25}
proxy: proxy:3128
caFile: nowhere.pem
log: debug
log: {format: xml}
`})
	got := faults(t, sources(func(s *config.Sources) {
		s.Environment = []string{"SENTINELONE_URL=not a host", "SENTINELONE_TOKEN_FILE=nowhere", "S1GRAPH_LOG_LEVEL=loud"}
		s.Flags = map[string]string{"pageDeadline": "soon", "proxy": "http://me:secret@proxy:3128"}
	}))
	assert.Equal(t, []string{
		`s1graph.yaml:1:6: url: must be a text (put it into quotes if it looks like a number)`,
		`s1graph.yaml:2:1: "token_file": there is no such setting; did you mean tokenFile?`,
		`s1graph.yaml:3:1: "api_version": there is no such setting; did you mean apiVersion?`,
		`s1graph.yaml:4:13: apiVersion: must be a text (put it into quotes if it looks like a number)`,
		`s1graph.yaml:5:11: accounts: must be a list, such as [1, 2]`,
		`s1graph.yaml:6:8: sites: must be IDs as the console shows them, such as 225494730938493804, not "one"`,
		`s1graph.yaml:7:11: instance: must be a name that is good for a folder: letters, digits, dots, hyphens and underscores, not "../../etc"`,
		`s1graph.yaml:8:17: tagAccountName: must be true or false`,
		`s1graph.yaml:9:11: interval: must be at least 1m, not "10s"`,
		`s1graph.yaml:10:8: store: must be json or neo4j, not "csv"`,
		`s1graph.yaml:11:15: applications: must be auto, installed, inventory or off, not "some"`,
		`s1graph.yaml:14:12: deletionGuard.percent: must be a number from 0 to 100, not "120"`,
		`s1graph.yaml:15:3: "deletionGuard.cuont": there is no such setting; did you mean deletionGuard.count?`,
		`s1graph.yaml:16:10: deletionGuard.count: must be a number`,
		`s1graph.yaml:17:15: pageDeadline: must be a duration with its unit, such as 60s, 5m or 30d`,
		`s1graph.yaml:18:13: rateLimits: must be paths that begin with a slash and their requests per second, such as /agents=25, not "agents=25"`,
		`s1graph.yaml:19:8: proxy: must be the URL of an http, https or socks5 proxy, such as http://proxy.example:3128`,
		`s1graph.yaml:21:6: log: must be a map of settings, each on a line as name: value`,
		`s1graph.yaml:22:1: log: must be given once, and stands in line 21 already`,
		`S1GRAPH_LOG_LEVEL: must be debug, info, warn or error, not "loud"`,
		`--page-deadline: must be a duration with its unit, such as 60s, 5m or 30d, not "soon"`,
		`--proxy: must have no password, which others could see; use S1GRAPH_PROXY or the configuration file`,
		`SENTINELONE_URL: there is a space in it`,
		`SENTINELONE_TOKEN_FILE: must be a file with the API token: nowhere does not exist`,
		`s1graph.yaml:12:7: skip: must be accounts, sites, groups, agents, threats or applications, not "agnets"`,
		`s1graph.yaml:20:9: caFile: must be a PEM file with certificates: nowhere.pem does not exist`,
	}, got)
}

func TestPagesHaveFromOneToAThousandRows(t *testing.T) {
	folder(t, nil)
	for text, want := range map[string]int{"1": 1, "50": 50, "1000": 1000} {
		c, err := config.Load(sources(func(s *config.Sources) { s.Environment = append(s.Environment, "S1GRAPH_PAGE_SIZE="+text) }))
		require.NoError(t, err)
		assert.Equal(t, want, c.PageSize)
	}
	for _, text := range []string{"0", "-1", "1001", "2.5", "1e2", "all", "99999999999999999999"} {
		got := faults(t, sources(func(s *config.Sources) { s.Flags = map[string]string{"pageSize": text} }))
		assert.Equal(t, []string{`--page-size: must be a whole number from 1 to 1000, not "` + text + `"`}, got)
	}
}

func TestWithoutURLAndTokenBothAreAskedFor(t *testing.T) {
	folder(t, nil)
	got := faults(t, sources(func(s *config.Sources) { s.Environment = nil }))
	assert.Equal(t, []string{
		"url: must be set: the console's address, by --url, SENTINELONE_URL or url in s1graph.yaml, which s1graph init writes",
		"token: must be set: a file of mode 0600 by --token-file, SENTINELONE_TOKEN_FILE or tokenFile in s1graph.yaml, the token itself by SENTINELONE_TOKEN, or a command that prints it by tokenCommand",
	}, got)
}

func TestAVariableThatIsNoSettingIsAFault(t *testing.T) {
	folder(t, nil)
	got := faults(t, sources(func(s *config.Sources) {
		s.Environment = append(s.Environment, "S1GRAPH_SITE=1", "S1GRAPH_ZZZZZZZZZZZZ="+token, "S1GRAPH_TOKEN="+token, "S1GRAPH_NEO4J_URI=x",
			"S1GRAPH_ACOUNT_NAME=Acme", "S1GRAPH_PORT=8338", "S1GRAPH_EMPTY=", "S1GRAPHER=1", "SENTINELONE_REGION=eu")
	}))
	assert.Equal(t, []string{
		"S1GRAPH_ACOUNT_NAME: there is no such setting; did you mean S1GRAPH_ACCOUNT_NAME?",
		"S1GRAPH_NEO4J_URI: there is no such setting; did you mean NEO4J_URI?",
		"S1GRAPH_PORT: there is no such setting",
		"S1GRAPH_SITE: there is no such setting; did you mean S1GRAPH_SITES?",
		"S1GRAPH_TOKEN: there is no such setting; did you mean SENTINELONE_TOKEN?",
		"S1GRAPH_ZZZZZZZZZZZZ: there is no such setting",
	}, got)
}

// A Service or a link called s1graph makes Kubernetes and Docker put variables into the containers beside it.
func TestVariablesThatKubernetesAndDockerMakeAreNoFaults(t *testing.T) {
	folder(t, nil)
	c, err := config.Load(sources(func(s *config.Sources) {
		s.Environment = append(s.Environment,
			"S1GRAPH_SERVICE_HOST=10.96.7.1", "S1GRAPH_SERVICE_PORT=8338", "S1GRAPH_SERVICE_PORT_HTTP_METRICS=8338",
			"S1GRAPH_PORT=tcp://10.96.7.1:8338", "S1GRAPH_PORT_8338_TCP=tcp://10.96.7.1:8338", "S1GRAPH_PORT_8338_TCP_PROTO=tcp",
			"S1GRAPH_PORT_8338_TCP_PORT=8338", "S1GRAPH_PORT_8338_TCP_ADDR=fd00::1",
			"S1GRAPH_NEO4J_SERVICE_HOST=10.96.7.2", "S1GRAPH_NEO4J_PORT=tcp://10.96.7.2:7687", "S1GRAPH_NEO4J_PORT_7687_TCP_ADDR=10.96.7.2",
			"S1GRAPH_NAME=/web/s1graph", "S1GRAPH_ENV_PATH=/usr/bin")
	}))
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
}

func TestTheInstanceIsCalledAfterTheRecordingOrTheConsole(t *testing.T) {
	for _, test := range []struct{ name, url, recording, want string }{
		{"console", "example.sentinelone.net", "", "example.sentinelone.net"},
		{"console with a port", "127.0.0.1:8443", "", "127.0.0.1"},
		{"console at an IPv6 address", "[fe80::1]", "", "fe80-1"},
		{"recording", "", "acme", "acme"},
		{"recording though a console is set", "example.sentinelone.net", "acme", "acme"},
		{"recording with an odd name", "", "../Acme & Söhne", "Acme-S-hne"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder(t, nil)
			c, err := config.Load(sources(func(s *config.Sources) {
				s.Environment = []string{"SENTINELONE_URL=" + test.url, "SENTINELONE_TOKEN=" + token}
				s.Recording = test.recording
			}))
			require.NoError(t, err)
			assert.Equal(t, test.want, c.Instance)
			assert.Equal(t, filepath.Join(".s1graph", test.want), c.Dir)
			assert.Equal(t, test.recording == "", c.Token.IsSet(), "a recording needs no token")
		})
	}
}

// certificate is that of httptest's server.
func certificate(t *testing.T) string {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func Example() {
	c, err := config.Load(config.Sources{
		Environment:  []string{"SENTINELONE_URL=https://example.sentinelone.net", "SENTINELONE_TOKEN=secret", "S1GRAPH_SITES=2,1"},
		Flags:        map[string]string{"instance": "emea"},
		NormalizeURL: func(url string) (string, error) { return url, nil },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Dir, c.Sites, c.Token)
	// Output: .s1graph/emea [1 2] ***
}

func TestTheDatabaseIsAskedForWhereItIsNeeded(t *testing.T) {
	folder(t, map[string]string{"db.password": "hunter3\n"})
	for name, test := range map[string]struct {
		environment []string
		flags       map[string]string
		noConsole   bool
		faults      []string
	}{
		"the store is json": {},
		"the store is neo4j, and nothing is known of it": {
			flags: map[string]string{"store": "neo4j"},
			faults: []string{
				"neo4j.uri: must be set: the address of the database, by --neo4j-uri, NEO4J_URI or neo4j.uri in s1graph.yaml",
				"neo4j.password: must be set: by NEO4J_PASSWORD, or a file by --neo4j-password-file, NEO4J_PASSWORD_FILE or neo4j.passwordFile in s1graph.yaml",
			},
		},
		"a command that asks the database alone": {
			environment: []string{"NEO4J_URI=bolt://127.0.0.1:7687", "NEO4J_USER=analyst", "NEO4J_PASSWORD=hunter3"},
			noConsole:   true,
		},
		"another address": {
			environment: []string{"NEO4J_URI=https://u:hunter3@db.example.net", "NEO4J_PASSWORD=hunter3"},
			flags:       map[string]string{"neo4j.uri": "http://db.example.net"},
			faults: []string{
				"NEO4J_URI: must have no user name or password in it: set neo4j.username, and NEO4J_PASSWORD or neo4j.passwordFile",
				"--neo4j-uri: must be a bolt or neo4j address, such as neo4j://127.0.0.1:7687, bolt://127.0.0.1:7687 or neo4j+s://example.databases.neo4j.io",
			},
		},
		"two passwords": {
			environment: []string{"NEO4J_PASSWORD=hunter3"},
			flags:       map[string]string{"neo4j.passwordFile": "db.password"},
			faults:      []string{"--neo4j-password-file: must not be set along with NEO4J_PASSWORD: unset one of them"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := sources(func(s *config.Sources) {
				s.Environment, s.Flags, s.NoConsole = append(s.Environment, test.environment...), test.flags, test.noConsole
			})
			if test.faults != nil {
				assert.Equal(t, test.faults, faults(t, s))
				return
			}
			c, err := config.Load(s)
			require.NoError(t, err)
			if test.noConsole {
				assert.Equal(t, "analyst", c.Neo4j.Username)
				assert.Equal(t, "hunter3", c.Neo4j.Password.Reveal())
			}
		})
	}
}

func TestATimeZoneThatIsNotKnownIsAFault(t *testing.T) {
	for tz, want := range map[string]string{
		"": "", "UTC": "", "Africa/Cairo": "", ":Europe/Berlin": "", "EST5EDT": "",
		"Europe/Berlin ": `TZ: must be a time zone such as Europe/Berlin, or not set: the time zone "Europe/Berlin " is not known: name one of the IANA database, such as Europe/Berlin or UTC`,
		"Europe/Berlim":  `TZ: must be a time zone such as Europe/Berlin, or not set: the time zone "Europe/Berlim" is not known: name one of the IANA database, such as Europe/Berlin or UTC`,
		"CET-1CEST":      `TZ: must be a time zone such as Europe/Berlin, or not set: the time zone "CET-1CEST" is not known: name one of the IANA database, such as Europe/Berlin or UTC`,
		"../token":       `TZ: must be a time zone such as Europe/Berlin, or not set: the time zone "../token" is not known: name one of the IANA database, such as Europe/Berlin or UTC`,
		"/nowhere":       "TZ: must be a time zone such as Europe/Berlin, or not set: the file that it names is none (open /nowhere: no such file or directory)",
	} {
		folder(t, nil)
		s := sources(nil)
		s.Environment = append(s.Environment, "TZ="+tz)
		_, err := config.Load(s)
		if want == "" {
			assert.NoError(t, err, tz)
		} else {
			assert.EqualError(t, err, want)
		}
	}
}

func TestFlagsAndVariablesAreCalledAfterTheWordsOfAKey(t *testing.T) {
	names := map[string][]string{}
	for _, s := range config.Settings() {
		names[s.Key] = []string{s.FlagName(), s.Variable()}
	}
	for key, want := range map[string][]string{
		"caFile":              {"ca-file", "S1GRAPH_CA_FILE"},
		"deletionGuard.count": {"deletion-guard-count", "S1GRAPH_DELETION_GUARD_COUNT"},
		"runsKeptGiB":         {"runs-kept-gib", "S1GRAPH_RUNS_KEPT_GIB"},
		"url":                 {"url", "SENTINELONE_URL"},
	} {
		assert.Equal(t, want, names[key], key)
	}
}

func TestHowOftenStepsAreReadIsSaidByStep(t *testing.T) {
	every := map[string]time.Duration{"agents": 15 * time.Minute, "threats": 0, "applications": 48 * time.Hour}
	const text = "agents=15m,threats=0s,applications=2d"
	folder(t, map[string]string{"token": "abc", "s1graph.yaml": "every: {agents: 15m, threats: 0s, applications: 2d}"})
	for name, say := range map[string]func(*config.Sources){
		"a flag":     func(s *config.Sources) { s.Flags["every"] = text },
		"a variable": func(s *config.Sources) { s.Environment = append(s.Environment, "S1GRAPH_EVERY="+text) },
		"the file":   func(s *config.Sources) { s.File = "s1graph.yaml" },
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(sources(say))
			require.NoError(t, err)
			assert.Equal(t, every, c.Every)
		})
	}
	for text, fault := range map[string]string{
		"agents":        "agents: must be a duration such as 15m or 6h, or 0s for every poll",
		"agents=-5m":    `agents: must be a duration such as 15m or 6h, or 0s for every poll, not "-5m"`,
		"computers=15m": `must be accounts, sites, groups, agents, threats or applications, not "computers"`,
	} {
		_, err := config.Load(sources(func(s *config.Sources) { s.Flags["every"] = text }))
		assert.ErrorContains(t, err, fault)
	}
}

func TestSeveritiesAreWordsAndAllAndOffStandAlone(t *testing.T) {
	for text, want := range map[string][]string{
		"[low, critical]": {"critical", "low"}, "[HIGH, Critical]": {"critical", "high"}, "[HIGH, high]": {"high"}, "[OFF]": {"off"}, "[all]": nil, "all": nil, "off": {"off"}, "[off]": {"off"},
	} {
		folder(t, map[string]string{"s1graph.yaml": "vulnerabilities: {severities: " + text + "}"})
		c, err := config.Load(sources(nil))
		require.NoError(t, err, text)
		assert.Equal(t, want, c.Severities(), text)
		assert.Equal(t, len(want) > 0 && want[0] == "off", c.LeavesOut("vulnerabilities"), text)
	}
	for _, text := range []string{"[severe]", "[all, high]", "[off, low]"} {
		folder(t, map[string]string{"s1graph.yaml": "vulnerabilities: {severities: " + text + "}"})
		assert.Contains(t, strings.Join(faults(t, sources(nil)), "\n"), "vulnerabilities.severities: must be ", text)
	}
}
