package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/overview"
	"s1graph/s1/s1test"
)

// prometheus is a real one, that scrapes a service as deploy/prometheus/prometheus.yml says, but more often.
type prometheus struct {
	*testing.T
	address string
}

func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	program := gotest.Program(t, "prometheus", "prometheus")
	port, err := gotest.FreePort()
	require.NoError(t, err)
	p := prometheus{t, fmt.Sprint("127.0.0.1:", port)}
	rules, err := filepath.Abs("deploy/prometheus/rules.yaml")
	require.NoError(t, err)
	settings := readFile(t, "deploy/prometheus/prometheus.yml")
	for _, replaced := range [][2]string{{"interval: 30s", "interval: 200ms"}, {"[rules.yaml]", "[" + rules + "]"}, {"127.0.0.1:8338", target}} {
		require.Contains(t, settings, replaced[0])
		settings = strings.ReplaceAll(settings, replaced[0], replaced[1])
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(settings), 0o600))
	c := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address, "--log.level=error")
	c.Stderr = t.Output()
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return p
}

// ask gives the data of an answer of Prometheus's API; false as long as there is none.
func (p prometheus) ask(path string, parameters url.Values, data any) bool {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + p.address + "/api/v1/" + path + "?" + parameters.Encode())
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(p, err)
	if res.StatusCode == http.StatusServiceUnavailable { // it is starting
		return false
	}
	require.Equal(p, http.StatusOK, res.StatusCode, string(body))
	require.NoError(p, json.Unmarshal(body, &struct{ Data any }{data}))
	return true
}

// eventually waits for an answer that is as it should be.
func (p prometheus) eventually(is func() bool, what string) {
	p.Helper()
	require.Eventually(p, is, 5*time.Minute, 50*time.Millisecond, what)
}

// dashboard is as Grafana keeps it.
type dashboard struct {
	Panels []struct {
		Title, Type, Description string
		Targets                  []struct{ Expr, LegendFormat string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(readFile(t, "deploy/grafana/s1graph.json")), &d))
	require.NotEmpty(t, d.Panels)
	return d
}

func TestEachQueryOfTheDashboardAnswersForAServiceThatARealPrometheusScrapes(t *testing.T) {
	gotest.Program(t, "prometheus", "prometheus")
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer hook.Close()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "neo4j.password"), []byte("secret\n"), 0o600))
	settings := filepath.Join(dir, "s1graph.yaml")
	require.NoError(t, os.WriteFile(settings, []byte(`store: neo4j
neo4j: {uri: "bolt://127.0.0.1:1", passwordFile: neo4j.password}
posture: [{name: all, is_active: true}]
alerts:
  destinations: {hook: {url: "`+hook.URL+`", format: json}}
  rules: [{use: device infected}]
`), 0o600))
	console := s1test.New(s1test.Tenant{Sites: 3, Groups: 6, Agents: 60, Threats: 40, ApplicationsPerAgent: 2})
	console.Break(s1test.Fault{Path: "/agents", Times: 1, Effect: s1test.Status(http.StatusInternalServerError)})
	s := poll(t, console, "--config", settings)
	s.until(`msg="run ended"`)
	console.SetDay(1)
	console.Break(s1test.Fault{Path: "/threats", Effect: s1test.EmptyList()}) // the deletions are withheld
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	s.until(`msg="run ended"`)

	p := startPrometheus(t, s.address)
	var instances []string
	p.eventually(func() bool {
		return p.ask("label/instance/values", url.Values{"match[]": {"s1graph_ready"}}, &instances) && len(instances) > 0
	}, "the tenants to choose from")
	assert.Equal(t, []string{"acme"}, instances, "the label instance is the tenant, and not the address of the service")

	variables := strings.NewReplacer("$instance", "acme", "$__rate_interval", "1m")
	label := regexp.MustCompile(`\{\{(\w+)\}\}`)
	queries := 0
	for _, panel := range readDashboard(t).Panels {
		assert.NotEmpty(t, panel.Title)
		assert.Equal(t, panel.Type == "row", panel.Description == "", "%s says what it shows", panel.Title)
		for _, target := range panel.Targets {
			queries++
			var data struct {
				Result []struct{ Metric map[string]string }
			}
			p.eventually(func() bool {
				return p.ask("query", url.Values{"query": {variables.Replace(target.Expr)}}, &data) && len(data.Result) > 0
			}, panel.Title+": "+target.Expr)
			for _, named := range label.FindAllStringSubmatch(target.LegendFormat, -1) {
				assert.NotEmpty(t, data.Result[0].Metric[named[1]], "%s: its legend names %s", panel.Title, named[1])
			}
		}
	}
	assert.Greater(t, queries, 30)

	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError, State string }
		}
	}
	p.eventually(func() bool {
		states := map[string]string{}
		if !p.ask("rules", nil, &rules) {
			return false
		}
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					return false
				}
				states[r.Name] = r.State
			}
		}
		return states["S1graphDeletionsWithheld"] == "firing" && states["S1graphStoreBehind"] == "pending" && states["S1graphNotReady"] == "inactive"
	}, "the rules are evaluated")
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	s.until("service ends")
	assert.Zero(t, s.end())
}

func TestPromtoolFindsNothingWrongWithTheRulesAndTheirTestsPass(t *testing.T) {
	promtool := gotest.Program(t, "prometheus", "promtool")
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		c := exec.CommandContext(t.Context(), promtool, args...)
		c.Dir = "deploy/prometheus"
		out, err := c.CombinedOutput()
		assert.NoError(t, err, "%v: %s", args, out)
		assert.Contains(t, string(out), "SUCCESS")
	}
}

func TestEachRuleHasATestInWhichItFiresAndOneInWhichItDoesNot(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "deploy/prometheus/rules.yaml")), &rules))
	var cases struct {
		Tests []struct {
			AlertRuleTest []struct {
				AlertName string `yaml:"alertname"`
				ExpAlerts []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "deploy/prometheus/rules_test.yaml")), &cases))
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, a := range c.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.AlertName] = true
			} else {
				quiet[a.AlertName] = true
			}
		}
	}
	require.Len(t, rules.Groups, 2)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			assert.True(t, fires[r.Alert], "%s fires in no test", r.Alert)
			assert.True(t, quiet[r.Alert], "%s is quiet in no test", r.Alert)
			assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
			assert.NotEmpty(t, r.Annotations["description"], r.Alert)
		}
	}
}

func TestRulesAndDashboardNameMetricsFiguresAndQueriesThatThereAre(t *testing.T) {
	metrics, figures := map[string]bool{}, map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `(s1graph_[a-z_]+)` \\|").FindAllStringSubmatch(readFile(t, "docs/operations.md"), -1) {
		metrics[found[1]] = true
	}
	for _, f := range overview.Figures() {
		figures[f.Name] = true
	}
	for _, file := range []string{"deploy/prometheus/rules.yaml", "deploy/grafana/s1graph.json"} {
		text := strings.ReplaceAll(readFile(t, file), `\"`, `"`)
		for _, metric := range regexp.MustCompile(`\bs1graph_[a-z_]+`).FindAllString(text, -1) {
			assert.True(t, metrics[metric], "%s: %s", file, metric)
		}
		named := regexp.MustCompile(`figure=~?"([^"]+)"`).FindAllStringSubmatch(text, -1)
		assert.NotEmpty(t, named, file)
		for _, found := range named {
			for _, figure := range strings.Split(found[1], "|") {
				assert.True(t, figures[figure], "%s: %s", file, figure)
			}
		}
		for _, found := range regexp.MustCompile(`s1graph query ([a-z-]+)`).FindAllStringSubmatch(text, -1) {
			assert.FileExists(t, filepath.Join("queries", found[1]+".cypher"), file)
		}
	}
}
