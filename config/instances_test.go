package config_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

// tenants is a file with two instances.
const tenants = `
tokenFile: token
interval: 1h
listen: 127.0.0.1:9000
alerts:
  destinations: {soc: {url: "slack://hook:A-B-C@webhook"}}
  rules: [{use: agent gone}]
posture: [{isActive: true}]
instances:
  - instance: globex
    url: https://globex.example.net
    tokenFile: globex.token
    alerts: {rules: [{use: agent silent, to: [soc]}]}
  - instance: acme
    url: https://acme.example.net
    interval: 30m
    dir: acme
    posture: [{infected: false}]
`

// several has the file, and the environment that is given alone.
func several(t *testing.T, file string, environment ...string) config.Sources {
	t.Helper()
	folder(t, map[string]string{"s1graph.yaml": file, "globex.token": token})
	return sources(func(s *config.Sources) { s.Environment = environment })
}

func serviceFaults(t *testing.T, s config.Sources) []string {
	t.Helper()
	service, err := config.LoadService(s)
	assert.Nil(t, service)
	var found config.Faults
	require.ErrorAs(t, err, &found)
	return strings.Split(err.Error(), "\n")
}

func TestTheServiceHasAllInstancesOfTheFile(t *testing.T) {
	service, err := config.LoadService(several(t, tenants, "S1GRAPH_AT_ONCE=2"))
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:9000", service.Listen)
	assert.Equal(t, 2, service.AtOnce)
	require.Len(t, service.Instances, 2)
	acme, globex := service.Instances[0], service.Instances[1]

	assert.Equal(t, []string{"acme", "https://acme.example.net", "token", "acme", "30m"},
		[]string{acme.Instance, acme.URL, acme.TokenFile, acme.Dir, acme.Interval.String()})
	assert.Equal(t, "agent gone", acme.Alerts.Rules[0].Use, "what it leaves out comes from the top level")
	assert.Equal(t, []config.PosturePolicy{{Infected: new(false)}}, acme.Posture, "and what it has stands in its place")

	assert.Equal(t, []string{"globex", "https://globex.example.net", "globex.token", ".s1graph/globex", "1h"},
		[]string{globex.Instance, globex.URL, globex.TokenFile, globex.Dir, globex.Interval.String()})
	require.Len(t, globex.Alerts.Rules, 1)
	assert.Equal(t, "agent silent", globex.Alerts.Rules[0].Use)
	assert.Equal(t, "s1graph.yaml:13:28: instances[0].alerts.rules[0].use", globex.Alerts.Rules[0].Places["use"])
	assert.Len(t, globex.Alerts.Destinations, 1, "rules of its own go to the destinations of all")
	assert.Equal(t, []config.PosturePolicy{{IsActive: new(true)}}, globex.Posture)
}

func TestAServiceWithoutAListHasTheOneInstance(t *testing.T) {
	folder(t, nil)
	service, err := config.LoadService(sources(func(s *config.Sources) { s.Flags = map[string]string{"url": "acme.example.net", "interval": "@hourly"} }))
	require.NoError(t, err)
	require.Len(t, service.Instances, 1)
	assert.Equal(t, "acme.example.net", service.Instances[0].Instance)
	assert.Equal(t, "127.0.0.1:8338", service.Listen)
	assert.Equal(t, 4, service.AtOnce)
}

func TestOneInstanceIsChosenByItsName(t *testing.T) {
	for _, test := range []struct {
		name        string
		environment []string
		flags       map[string]string
		want        string
	}{
		{"flag", nil, map[string]string{"instance": "acme"}, "https://acme.example.net"},
		{"variable", []string{"S1GRAPH_INSTANCE=globex"}, nil, "https://globex.example.net"},
		{"flag over variable", []string{"S1GRAPH_INSTANCE=globex"}, map[string]string{"instance": "acme"}, "https://acme.example.net"},
		{"flags win over what it has of its own", nil, map[string]string{"instance": "acme", "url": "https://other.example.net"}, "https://other.example.net"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := several(t, tenants, test.environment...)
			s.Flags = test.flags
			c, err := config.Load(s)
			require.NoError(t, err)
			assert.Equal(t, test.want, c.URL)
			service, err := config.LoadService(s)
			require.NoError(t, err)
			assert.Equal(t, []*config.Config{c}, service.Instances)
		})
	}
}

func TestTheOnlyInstanceOfAListNeedNotBeNamed(t *testing.T) {
	c, err := config.Load(several(t, "instances: [{instance: acme, url: acme.example.net, tokenFile: token}]"))
	require.NoError(t, err)
	assert.Equal(t, "acme", c.Instance)
}

func TestWhichInstanceIsMeantMustBeClear(t *testing.T) {
	s := several(t, tenants)
	assert.Equal(t, []string{"--instance: must be given: s1graph.yaml has the instances globex, acme"}, faults(t, s))
	s.OffersAll = true
	assert.Equal(t, []string{"--instance: must be given: s1graph.yaml has the instances globex, acme; --all means all of them"}, faults(t, s))
	s.Flags = map[string]string{"instance": "amce"}
	assert.Equal(t, []string{"--instance: must be an instance of s1graph.yaml, which has globex, acme; did you mean acme?"}, faults(t, s))
	assert.Equal(t, []string{"S1GRAPH_INSTANCE: must be an instance of s1graph.yaml, which has globex, acme"},
		serviceFaults(t, several(t, tenants, "S1GRAPH_INSTANCE=initech")))
}

func TestWhatIsApartFromTheInstancesTakesTheTopLevel(t *testing.T) {
	for name, test := range map[string]struct {
		change             func(*config.Sources)
		wantInstance, want string
	}{
		"a recording":                     {func(s *config.Sources) { s.Recording = "demo" }, "demo", ".s1graph/demo"},
		"the database":                    {func(s *config.Sources) { s.NoConsole = true }, "", ""},
		"an instance that is in it still": {func(s *config.Sources) { s.NoConsole, s.Flags["instance"] = true, "initech" }, "initech", ".s1graph/initech"},
		"a folder":                        {func(s *config.Sources) { s.Local, s.Flags["dir"] = true, "old" }, "", "old"},
		"the folder of an instance":       {func(s *config.Sources) { s.Local, s.Flags["instance"] = true, "acme" }, "acme", "acme"},
	} {
		t.Run(name, func(t *testing.T) {
			s := several(t, tenants, "NEO4J_URI=bolt://127.0.0.1:7687", "NEO4J_PASSWORD=hunter3")
			test.change(&s)
			c, err := config.Load(s)
			require.NoError(t, err)
			assert.Equal(t, test.wantInstance, c.Instance)
			assert.Equal(t, test.want, c.Dir)
		})
	}
}

func TestAVariableDoesNotTakeThePlaceOfWhatAnInstanceHas(t *testing.T) {
	s := several(t, tenants, "SENTINELONE_URL=other.example.net", "SENTINELONE_TOKEN="+token, "S1GRAPH_INTERVAL=2h", "S1GRAPH_INSTANCE=globex")
	want := []string{
		"SENTINELONE_URL: must not be set along with instances[0].url in s1graph.yaml, whose place it would take: unset it, or say --url",
		"SENTINELONE_TOKEN: must not be set along with instances[0].tokenFile in s1graph.yaml, whose place it would take: unset it, or say --token-file",
	}
	assert.Equal(t, want, faults(t, s))
	assert.Equal(t, want, serviceFaults(t, s))

	s.Local = true // for which it makes no difference
	_, err := config.Load(s)
	assert.NoError(t, err)
}

func TestFlagsThatWouldBeTheSameForSeveralInstancesAreRefused(t *testing.T) {
	s := several(t, tenants, "S1GRAPH_DIR=graph")
	s.Flags = map[string]string{"sites": "1", "atOnce": "1", "log.level": "debug", "interval": "2h", "url": "a.b"}
	assert.Equal(t, []string{
		"S1GRAPH_DIR: must not be set along with instances[1].dir in s1graph.yaml, whose place it would take: unset it, or say --dir",
		"--url: must not be given with several instances: put it into s1graph.yaml, or choose one by --instance",
		"--sites: must not be given with several instances: put it into s1graph.yaml, or choose one by --instance",
		"S1GRAPH_DIR: must not be set with several instances, which would have one folder: choose one by --instance",
	}, serviceFaults(t, s))
}

func TestFlagsThatSayNothingOfTheTenantAreForAllInstances(t *testing.T) {
	s := several(t, tenants)
	s.Flags = map[string]string{"interval": "2h", "skip": "threats"}
	s.Steps = []string{"threats"}
	service, err := config.LoadService(s)
	require.NoError(t, err)
	for _, c := range service.Instances {
		assert.Equal(t, "2h", c.Interval.String(), c.Instance)
		assert.Equal(t, []string{"threats"}, c.Skip, c.Instance)
	}
}

func TestAllInstancesAreMeantByAllWhateverAVariableNames(t *testing.T) {
	s := several(t, tenants, "S1GRAPH_INSTANCE=acme")
	s.All = true
	service, err := config.LoadService(s)
	require.NoError(t, err)
	require.Len(t, service.Instances, 2)
	assert.Equal(t, []string{"acme", "globex"}, []string{service.Instances[0].Instance, service.Instances[1].Instance})
}

func TestAllFaultsOfInstancesAreToldAtOnceAndOnce(t *testing.T) {
	s := several(t, `instance: top
tokenFile: nowhere
interval: 5
accounts: [one]
alerts: {rules: [{use: agent gone}], destinations: {soc: {url: "slack://a@b"}}}
instances:
  - instance: acme
    url: acme.example.net
    log: {level: debug}
    atOnce: 3
    sties: [1]
    instances: []
  - instance: acme
    url: [x]
  - instance: globex
    dir: .s1graph/acme
    alerts: {rules: [{use: agent silent, to: [scc]}]}
  - instance: initech
    store: neo4j
    posture: {isActive: true}
`)
	s.CheckAlerts = func(a *config.Alerts) config.Faults {
		return config.Faults{{Where: a.Rules[0].Places["use"], Detail: "must be the name of a ready-made rule"}}
	}
	assert.Equal(t, []string{
		`s1graph.yaml:1:11: instance: must stand in each of the instances, since no two have the same`,
		`s1graph.yaml:3:11: interval: must be a time with its unit, such as 30m, a cron expression such as 0 */2 * * *, or DISABLED`,
		`s1graph.yaml:4:11: accounts: must be IDs as the console shows them, such as 225494730938493804, not "one"`,
		`s1graph.yaml:5:24: alerts.rules[0].use: must be the name of a ready-made rule`,
		`s1graph.yaml:9:5: instances[0].log: must stand at the top level: it is one for all instances`,
		`s1graph.yaml:10:5: instances[0].atOnce: must stand at the top level: it is one for all instances`,
		`s1graph.yaml:11:5: instances[0]."sties": there is no such setting; did you mean sites?`,
		`s1graph.yaml:12:5: instances[0]."instances": there is no such setting; did you mean instance?`,
		`s1graph.yaml:13:15: instances[1].instance: must be a name that no other instance has, and instances[0] has it too`,
		`s1graph.yaml:14:10: instances[1].url: must be a text (put it into quotes if it looks like a number)`,
		`s1graph.yaml:16:10: instances[2].dir: must be a folder that no other instance has, and instances[0] has it too`,
		`s1graph.yaml:17:28: instances[2].alerts.rules[0].use: must be the name of a ready-made rule`,
		`s1graph.yaml:17:46: instances[2].alerts.rules[0].to: must be names of destinations, which are soc; did you mean soc?`,
		`s1graph.yaml:20:14: instances[3].posture: must be a list of policies, each of which begins with a hyphen`,
		`s1graph.yaml:2:12: tokenFile: must be a file with the API token: nowhere does not exist`,
		`s1graph.yaml:15:5: instances[2].url: must be set: the console's address, by --url, SENTINELONE_URL or url in s1graph.yaml`,
		`s1graph.yaml:18:5: instances[3].url: must be set: the console's address, by --url, SENTINELONE_URL or url in s1graph.yaml`,
		`s1graph.yaml:18:5: instances[3].neo4j.uri: must be set: the address of the database, by --neo4j-uri, NEO4J_URI or neo4j.uri in s1graph.yaml`,
		`s1graph.yaml:18:5: instances[3].neo4j.password: must be set: by NEO4J_PASSWORD, or a file by --neo4j-password-file, NEO4J_PASSWORD_FILE or neo4j.passwordFile in s1graph.yaml`,
	}, serviceFaults(t, s))
}

func TestAnInstanceOfAListHasAName(t *testing.T) {
	for file, want := range map[string]string{
		"instances: [{url: a.b}]":               "s1graph.yaml:1:14: instances[0]: must have a name, such as instance: acme",
		"instances: [{instance: ../a}]":         `s1graph.yaml:1:24: instances[0].instance: must be a name that is good for a folder: letters, digits, dots, hyphens and underscores, not "../a"`,
		"instances: [acme]":                     "s1graph.yaml:1:13: instances[0]: must be a map of settings, each on a line as name: value",
		"instances: {acme: {}}":                 "s1graph.yaml:1:12: instances: must be a list of instances, each of which begins with a hyphen",
		"instances:\n  -\n  - {instance: acme}": "s1graph.yaml:2:4: instances[0]: must have a name, such as instance: acme",
	} {
		assert.Equal(t, want, faults(t, several(t, file))[0])
	}
}

func TestTheWarningsOfAServiceAreToldOnce(t *testing.T) {
	service, err := config.LoadService(several(t, strings.Replace(tenants, "isActive", "is_active", 1)))
	require.NoError(t, err)
	assert.Len(t, service.Instances[0].Warnings, 1)
	assert.Contains(t, service.Instances[0].Warnings[0], "write isActive")
	assert.Empty(t, service.Instances[1].Warnings)
}

func TestTheServiceKnowsByWhichNamesItIsCalled(t *testing.T) {
	folder(t, map[string]string{"s1graph.yaml": "hosts: [s1graph, s1graph.monitoring.svc]"})
	service, err := config.LoadService(sources(nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"s1graph", "s1graph.monitoring.svc"}, service.Hosts)
	for _, host := range []string{"s1graph:8338", "*.example", "http://s1graph", "s1graph."} {
		folder(t, map[string]string{"s1graph.yaml": "hosts: [" + strconv.Quote(host) + "]"})
		assert.Contains(t, strings.Join(serviceFaults(t, sources(nil)), ""), "hosts: must be names of hosts without a port, such as s1graph.example, not", host)
	}
}

func TestTheServiceListensWhereItIsTold(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":8338", "[::1]:8338", "metrics.example:80", "off"} {
		folder(t, map[string]string{"s1graph.yaml": "listen: " + `"` + address + `"`})
		service, err := config.LoadService(sources(nil))
		require.NoError(t, err)
		assert.Equal(t, address, service.Listen)
	}
	for _, address := range []string{"127.0.0.1", "::1", "localhost:http", "127.0.0.1:65536", "http://127.0.0.1:80"} {
		folder(t, map[string]string{"s1graph.yaml": "listen: " + `"` + address + `"`})
		assert.Equal(t, []string{`s1graph.yaml:1:9: listen: must be an address and a port, such as 127.0.0.1:8338, or off, not "` + address + `"`},
			serviceFaults(t, sources(nil)))
	}
}
