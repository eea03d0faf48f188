package docs_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/alerts/delivery"
	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/docs"
	"s1graph/gotest"
	"s1graph/s1"
)

func alertsDocument(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, docs.WriteAlerts(&b))
	return b.String()
}

// blocks are the blocks of code of a language.
func blocks(text, language string) []string {
	var all []string
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

func TestTheAlertsAreDocumentedAsTheyAre(t *testing.T) {
	got, err := os.ReadFile("alerts.md")
	require.NoError(t, err)
	assert.True(t, alertsDocument(t) == string(got), "docs/alerts.md is stale: run `s1graph document`")
}

func TestEveryReadyMadeRuleIsDocumented(t *testing.T) {
	text := alertsDocument(t)
	for _, r := range alerts.Ready() {
		_, section, found := strings.Cut(text, "\n### "+r.Name+"\n")
		require.True(t, found, r.Name)
		assert.Contains(t, text, "(#"+strings.ReplaceAll(r.Name, " ", "-")+")")
		for _, word := range []string{r.Doc, r.When, strings.ReplaceAll(r.Title, "'", "''")} {
			assert.Contains(t, section, word)
		}
	}
}

// settingsOf are the settings that a struct of the configuration has, as the file names them.
func settingsOf[T any](except ...string) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if strings.ToUpper(f.Name) == f.Name { // URL
			names = append(names, strings.ToLower(f.Name))
			continue
		}
		names = append(names, strings.ToLower(f.Name[:1])+f.Name[1:])
	}
	for _, name := range except {
		for i, n := range names {
			if n == name {
				names = append(names[:i], names[i+1:]...)
				break
			}
		}
	}
	return names
}

// firstColumn is what the table below a header tells of, without the marks of code.
func firstColumn(t *testing.T, text, header string) []string {
	t.Helper()
	_, table, found := strings.Cut(text, "\n| "+header+" | ")
	require.True(t, found, header)
	var names []string
	for i, line := range strings.Split(table, "\n") {
		if i > 1 && !strings.HasPrefix(line, "| `") {
			break
		}
		if i > 1 {
			names = append(names, strings.Trim(strings.TrimSpace(strings.Split(line, "|")[1]), "`"))
		}
	}
	return names
}

func TestEverySettingOfRulesDestinationsAndPoliciesIsDocumented(t *testing.T) {
	text := alertsDocument(t)
	assert.ElementsMatch(t, settingsOf[config.Rule]("places"), firstColumn(t, text, "in a rule"))
	assert.ElementsMatch(t, append(settingsOf[config.Destination]("places", "name", "secret"), "urlFile", "secretFile"), firstColumn(t, text, "in a destination"))
	assert.ElementsMatch(t, settingsOf[config.PosturePolicy]("name", "groups"), firstColumn(t, text, "attribute"))
}

// configuration is what a file says, whose secrets stand in the files that the document names.
func configuration(t *testing.T, file string) (*config.Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"s1graph.yaml": file, "hook.secret": "hunter2\n", "sentinelone.token": strings.Repeat("a", 80),
		"slack.url": "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
	return config.Load(config.Sources{
		Environment:  []string{"SENTINELONE_URL=https://example.sentinelone.net", "SENTINELONE_TOKEN_FILE=sentinelone.token"},
		NormalizeURL: s1.NormalizeURL,
		CheckAlerts:  alerts.Check,
	})
}

func TestTheExamplesAndTheReadyMadeRulesAreRightAsTheyAreWritten(t *testing.T) {
	all := blocks(alertsDocument(t), "yaml")
	require.Len(t, all, len(alerts.Ready())+2)
	for _, block := range all {
		file := block
		if strings.HasPrefix(block, "when:") {
			file = "alerts:\n  destinations:\n    hook: {url: \"https://example.test\", format: json}\n  rules:\n    - name: written\n"
			for line := range strings.Lines(block) {
				file += "      " + line
			}
		}
		c, err := configuration(t, file)
		require.NoError(t, err, block)
		assert.Empty(t, c.Warnings, block)
		assert.True(t, c.Alerts != nil || len(c.Posture) > 0, block)
	}
}

func TestTheURLsOfServicesAreUnderstood(t *testing.T) {
	text := alertsDocument(t)
	words := strings.NewReplacer("TOKENA", "abc", "TOKENB", "def", "PORT", "587", "ADDRESS", "a@example.test", "HOST", "example.test",
		"USER:PASSWORD", "user:password", "MAIL:KEY", "a%40example.test:key", "TOPIC", "topic", "NAME", "name", "KEY", "key")
	for _, s := range delivery.Services() {
		assert.Contains(t, text, s.Name)
		switch s.Name {
		case "gotify", "mattermost", "ntfy", "smtp", "zulip", "rocketchat": // those without a token of a set form
		default:
			continue
		}
		for form := range strings.SplitSeq(s.URL, ", or ") {
			url := strings.ReplaceAll(words.Replace(form), "TOKEN", "Aaaaaaaaaaaaaaa")
			assert.NoError(t, delivery.Check(config.Destination{Name: "it", URL: config.NewSecret(url)}), url)
		}
	}
}

func TestTheSampleOfAWebhookHasNothingThatIsNotDocumented(t *testing.T) {
	samples := blocks(alertsDocument(t), "json")
	require.Len(t, samples, 1)
	var sample map[string]any
	require.NoError(t, json.Unmarshal([]byte(samples[0]), &sample))
	types := map[string]string{}
	for _, f := range alerts.Describe().Document {
		types[f.Name] = f.Type
	}
	for name, value := range sample {
		switch value := value.(type) {
		case string:
			assert.Equal(t, "string", types[name], name)
		case float64:
			assert.Equal(t, "number", types[name], name)
		case []any:
			want := "list of strings"
			if _, isObject := value[0].(map[string]any); isObject {
				want = "list of objects"
			}
			assert.Equal(t, want, types[name], name)
		default:
			assert.Equal(t, "object", types[name], name)
		}
	}
}

// TestTheReceiverOfTheDocument runs it as it is written: it prints what is signed with its secret, once, and refuses the
// rest.
func TestTheReceiverOfTheDocumentTakesWhatIsSignedAndNothingElse(t *testing.T) {
	python := gotest.Program(t, "python3", "python3")
	receivers := blocks(alertsDocument(t), "python")
	require.Len(t, receivers, 1)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "receiver.py"), []byte(receivers[0]), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hook.secret"), []byte("hunter2\n"), 0o600))
	free, err := gotest.FreePort()
	require.NoError(t, err)
	port := fmt.Sprint(free)

	c := exec.CommandContext(t.Context(), python, "receiver.py", port)
	c.Dir = dir
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	send := func(secret string, m outbox.Message) error {
		to := config.Destination{Name: "hook", URL: config.NewSecret("http://127.0.0.1:" + port), Format: "json", Secret: config.NewSecret(secret)}
		d, err := delivery.New(delivery.Config{Outbox: outbox.In(dir), Destinations: []config.Destination{to}})
		require.NoError(t, err)
		return d.Send(t.Context(), m)
	}
	one := outbox.Message{ID: "1", Destination: "hook", Severity: "high", Title: "first"}
	for send("hunter2", one) != nil { // until it listens
		require.NoError(t, t.Context().Err())
	}
	require.NoError(t, send("hunter2", one))
	assert.ErrorContains(t, send("another", outbox.Message{ID: "2", Destination: "hook", Title: "forged"}), "401")
	require.NoError(t, send("hunter2", outbox.Message{ID: "3", Destination: "hook", Severity: "low", Title: "second"}))
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{"high first", "low second"} {
		require.True(t, lines.Scan())
		assert.Equal(t, want, lines.Text())
	}
}

func ExampleWriteAlerts() {
	var b bytes.Buffer
	if err := docs.WriteAlerts(&b); err != nil {
		fmt.Println(err)
	}
	lines := strings.Split(b.String(), "\n")
	fmt.Println(lines[2])
	// Output:
	// # Alerts
}
