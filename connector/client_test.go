package connector_test

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/s1"
	"s1graph/s1/s1test"
	"s1graph/steps"
)

func TestAClientAsksTheConsoleOfTheConfig(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	client, err := connector.NewClient(c.options().Config, nil)
	require.NoError(t, err)
	defer client.Close()
	n, err := s1.Count(t.Context(), client, s1.Sites, nil)
	require.NoError(t, err)
	assert.Equal(t, c.Totals().Sites, n)
	assert.Equal(t, strings.TrimPrefix(c.url, "http://"), client.Host())
}

func TestWhatTheConfigSaysOfTheClientCanBeAdjusted(t *testing.T) {
	t.Parallel()
	settings := config.Default()
	settings.URL, settings.TokenFile, settings.CAFile = "https://console.example", "no-such-file", "no-such-file"
	client, err := connector.NewClient(&settings, func(cfg *s1.Config) {
		cfg.Token = s1.StaticToken("another")
		cfg.Transport = answering(func(r *http.Request) string {
			assert.Equal(t, "ApiToken another", r.Header.Get("Authorization"))
			return `{"data":[],"pagination":{"totalItems":7}}`
		})
	})
	require.NoError(t, err)
	n, err := s1.Count(t.Context(), client, s1.Agents, nil)
	require.NoError(t, err)
	assert.Equal(t, 7, n)
}

func TestAConsoleThatCannotBeAskedIsWrongUsage(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*config.Config){
		"CA file: ": func(c *config.Config) { c.CAFile = filepath.Join(t.TempDir(), "none.pem") },
		"proxy: ":   func(c *config.Config) { c.Proxy = config.NewSecret("user:" + s1test.SecretPrefix + "@:x") },
		"URL: ":     func(c *config.Config) { c.URL = "http://console.example" },
	} {
		settings := config.Default()
		settings.URL, settings.Token = "https://console.example", config.NewSecret(s1test.DefaultToken)
		change(&settings)
		_, err := connector.NewClient(&settings, nil)
		var usage *connector.UsageError
		require.ErrorAs(t, err, &usage)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), s1test.SecretPrefix)
	}
}

// answering is a console that is no further away than a function.
type answering func(*http.Request) string

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(f(r))), Request: r}, nil
}

// They become parts of paths and of Neo4j's statements.
func TestTheModelsNamesAreNamesAlone(t *testing.T) {
	t.Parallel()
	assert.NoError(t, graph.CheckTypes(steps.GraphTypes()))
}
