package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/goccy/go-yaml"
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

func TestTheTokenComesFromOnePlace(t *testing.T) {
	type result struct{ token, file, fault string }
	for _, test := range []struct {
		name        string
		environment []string
		flag, file  string
		want        result
	}{
		{name: "environment", environment: []string{"SENTINELONE_TOKEN= " + token + " "}, want: result{token: token}},
		{name: "file", file: "token", want: result{file: "token"}},
		{name: "environment over file", environment: []string{"SENTINELONE_TOKEN=" + token}, file: "token", want: result{token: token}},
		{name: "flag over environment", environment: []string{"SENTINELONE_TOKEN=" + token}, flag: "token", want: result{file: "token"}},
		{name: "two in the environment", environment: []string{"SENTINELONE_TOKEN=" + token, "SENTINELONE_TOKEN_FILE=token"},
			want: result{fault: "SENTINELONE_TOKEN_FILE: must not be set along with SENTINELONE_TOKEN: unset one of them"}},
		{name: "two words", environment: []string{"SENTINELONE_TOKEN=ApiToken " + token},
			want: result{fault: "SENTINELONE_TOKEN: must hold the API token alone, and has the word ApiToken, Bearer or Token before it: remove the word, which s1graph sends by itself; the token itself is still good"}},
		{name: "missing file", flag: "nowhere", want: result{fault: "--token-file: must be a file with the API token: nowhere does not exist"}},
		{name: "folder", flag: "folder", want: result{fault: "--token-file: must be a file with the API token: folder is a folder"}},
		{name: "empty file", flag: "empty", want: result{fault: "--token-file: empty: must hold the API token, and is empty"}},
		{name: "two lines", flag: "twice", want: result{fault: "--token-file: twice: must hold the API token alone: one line, without spaces, of letters, digits and . _ - + / ~ ="}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{"empty": "\n", "twice": token + "\n" + token, "folder/x": ""}
			if test.file != "" {
				files["s1graph.yaml"] = "tokenFile: " + test.file
			}
			folder(t, files)
			s := sources(func(s *config.Sources) {
				s.Environment = append(s.Environment[:1], test.environment...)
				if test.flag != "" {
					s.Flags["tokenFile"] = test.flag
				}
			})
			if test.want.fault != "" {
				assert.Equal(t, []string{test.want.fault}, faults(t, s))
				return
			}
			c, err := config.Load(s)
			require.NoError(t, err)
			assert.Equal(t, test.want, result{token: c.Token.Reveal(), file: c.TokenFile})
		})
	}
}

func TestATokenFileThatOthersCanReadIsAWarning(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	folder(t, nil)
	require.NoError(t, os.Chmod("token", 0o644))
	c, err := config.Load(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"token can be read by other users of this machine: chmod 600 token"}, c.Warnings)
}

func TestATokenOutOfAPipeIsKeptSinceItCannotBeReadAgain(t *testing.T) {
	folder(t, nil)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	_, err = write.WriteString(token + "\n")
	require.NoError(t, err)
	require.NoError(t, write.Close())
	c, err := config.Load(sources(func(s *config.Sources) { s.Flags["tokenFile"] = fmt.Sprintf("/dev/fd/%d", read.Fd()) }))
	require.NoError(t, err)
	assert.Equal(t, token, c.Token.Reveal())
	assert.Empty(t, c.TokenFile)
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

func TestNoSecretIsEverPrinted(t *testing.T) {
	const password = "hunter2"
	folder(t, nil)
	c, err := config.Load(sources(func(s *config.Sources) {
		s.Environment = []string{"SENTINELONE_URL=example.net", "SENTINELONE_TOKEN=" + token, "S1GRAPH_PROXY=http://me:" + password + "@proxy:1"}
	}))
	require.NoError(t, err)
	require.Equal(t, token, c.Token.Reveal())

	type buried struct {
		inner struct{ secret config.Secret }
	}
	var deep buried
	deep.inner.secret = c.Token

	var out bytes.Buffer
	for _, value := range []any{c, *c, c.Token, &c.Token, []any{c.Token, c.Proxy}, map[string]config.Secret{"token": c.Token}, deep, &deep} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%08.3f", "%-60s", "%t", "%c", "%U"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		fmt.Fprintln(&out, value)
		for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal, func(v any) ([]byte, error) { return jsonv2.Marshal(v) }} {
			b, err := marshal(value) // some encoders refuse durations and unexported fields
			fmt.Fprintln(&out, string(b), err)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("loaded", "value", value)
		}
	}
	for _, secret := range []string{token, password, fmt.Sprintf("%x", token), fmt.Sprintf("%X", token)} {
		assert.NotContains(t, out.String(), secret)
	}
	assert.Equal(t, "*** ***", fmt.Sprintf("%v %#v", c.Token, c.Proxy))
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, func(v any) ([]byte, error) { return jsonv2.Marshal(v) }} {
		b, err := marshal(c.Token)
		require.NoError(t, err)
		assert.Equal(t, `"***"`, string(b))
	}
}

func TestASecretThatIsNotSetIsEmpty(t *testing.T) {
	s := config.NewSecret("")
	assert.False(t, s.IsSet())
	assert.Empty(t, s.Reveal())
	assert.Empty(t, fmt.Sprint(s))
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

func TestATokenCommandIsAListOfWordsThatRanksAsTheOtherPlacesOfTheToken(t *testing.T) {
	const inFile = "tokenCommand: [sh, -c, 'echo a,b  c']\n"
	folder(t, map[string]string{"top.yaml": inFile, "both.yaml": inFile + "tokenFile: token\n", "instances.yaml": "tokenFile: token\ninstances: [{instance: a, " + strings.TrimSpace(inFile) + "}]\n"})
	load := func(file string, flags map[string]string, environment ...string) (*config.Config, config.Sources) {
		s := sources(func(s *config.Sources) {
			s.File, s.Environment = file, append([]string{"SENTINELONE_URL=https://example.net"}, environment...)
			delete(s.Flags, "tokenFile")
			for key, value := range flags {
				s.Flags[key] = value
			}
		})
		c, err := config.Load(s)
		if err != nil {
			return nil, s
		}
		return c, s
	}
	words := []string{"sh", "-c", "echo a,b  c"}
	for name, test := range map[string]struct {
		file        string
		flags       map[string]string
		environment []string
		command     []string
		token       string
		tokenFile   string
		fault       string
	}{
		"in the file":                        {file: "top.yaml", command: words},
		"of one instance, over the top":      {file: "instances.yaml", command: words},
		"by a flag":                          {flags: map[string]string{"tokenCommand": " sh -c  true "}, command: []string{"sh", "-c", "true"}},
		"by a variable":                      {environment: []string{"SENTINELONE_TOKEN_COMMAND=sh x"}, command: []string{"sh", "x"}},
		"a flag over it":                     {file: "top.yaml", flags: map[string]string{"tokenFile": "token"}, tokenFile: "token"},
		"it over the file by a flag":         {file: "both.yaml", flags: map[string]string{"tokenCommand": "sh"}, command: []string{"sh"}},
		"the token's variable over the file": {file: "top.yaml", environment: []string{"SENTINELONE_TOKEN=" + token}, token: token},
		"a variable over the file":           {file: "top.yaml", environment: []string{"SENTINELONE_TOKEN_FILE=token"}, tokenFile: "token"},
		"both in one file":                   {file: "both.yaml", fault: "tokenCommand: must not be given along with tokenFile"},
		"both in the environment": {environment: []string{"SENTINELONE_TOKEN_COMMAND=sh", "SENTINELONE_TOKEN=" + token},
			fault: "SENTINELONE_TOKEN_COMMAND: must not be set along with SENTINELONE_TOKEN"},
		"a variable over an instance's own": {file: "instances.yaml", environment: []string{"SENTINELONE_TOKEN_FILE=token"},
			fault: "SENTINELONE_TOKEN_FILE: must not be set along with instances[0].tokenCommand"},
		"a program that is not there": {flags: map[string]string{"tokenCommand": "no-such-program x"}, fault: "there is no no-such-program in PATH"},
		"a relative path":             {flags: map[string]string{"tokenCommand": "./token x"}, fault: "absolute path"},
		"the token itself":            {flags: map[string]string{"tokenCommand": strings.Repeat("a1", 40)}, fault: "seems to be the token itself"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := load(test.file, test.flags, test.environment...)
			if test.fault != "" {
				found := faults(t, s)
				require.Len(t, found, 1)
				assert.Contains(t, found[0], test.fault)
				return
			}
			require.NotNil(t, c)
			assert.Equal(t, test.command, c.TokenCommand)
			assert.Equal(t, test.token, c.Token.Reveal())
			assert.Equal(t, test.tokenFile, c.TokenFile)
		})
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
