package connector_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// given is what a user gets of the configuration whose variables are given.
func (c *console) given(environment ...string) (*config.Config, error) {
	return config.Load(config.Sources{
		Environment:  append(environment, "SENTINELONE_URL="+c.url, "S1GRAPH_DIR="+c.dir),
		NormalizeURL: func(url string) (string, error) { return url, nil },
	})
}

// What people leave around a token is no part of it. The console would answer 401, as if the token were no longer good.
func TestConsoleIsNeverSentATokenWithSomethingAroundIt(t *testing.T) {
	t.Parallel()
	const token = s1test.DefaultToken
	inUTF16 := "\xff\xfe"
	for _, letter := range token {
		inUTF16 += string(letter) + "\x00"
	}
	for content, advice := range map[string]string{
		`"` + token + `"`:                    "remove the quotation marks",
		"'" + token + "'\n":                  "remove the quotation marks",
		"\ufeff" + token:                     "save it as UTF-8 without BOM",
		inUTF16:                              "save it as UTF-8 or ASCII",
		"SENTINELONE_TOKEN=" + token:         "remove the name and the sign",
		"ApiToken " + token:                  "remove the word",
		"Bearer " + token:                    "remove the word",
		`{"data":{"token":"` + token + `"}}`: "is a JSON document",
	} {
		t.Run(advice, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, s1test.Tenant{Agents: 1})
			file := filepath.Join(t.TempDir(), "token")
			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))

			_, inVariable := c.given("SENTINELONE_TOKEN=" + content)
			_, inFile := c.given("SENTINELONE_TOKEN_FILE=" + file)
			later := c.sync(func(o *connector.Options) { o.Config.TokenFile = file }).err // it was good when the service began

			for _, err := range []error{inVariable, inFile, later} {
				require.ErrorContains(t, err, advice)
				assert.ErrorContains(t, err, "the token itself is still good")
				assert.NotContains(t, err.Error(), token)
			}
			assert.Empty(t, c.Requests(), "nothing was sent")
		})
	}
}

func TestConsoleIsReadOnEachNightInCairoAndInNoTimeZoneThatNobodyKnows(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Agents: 1})
	_, err := c.given("SENTINELONE_TOKEN="+s1test.DefaultToken, "S1GRAPH_INTERVAL=@daily", "TZ=Africa/Kairo")
	require.ErrorContains(t, err, `TZ: must be a time zone such as Europe/Berlin, or not set: the time zone "Africa/Kairo" is not known`)

	settings, err := c.given("SENTINELONE_TOKEN="+s1test.DefaultToken, "S1GRAPH_INTERVAL=TZ=Africa/Cairo @daily")
	require.NoError(t, err)
	cairo, err := time.LoadLocation("Africa/Cairo")
	require.NoError(t, err)
	at := time.Date(2026, 4, 22, 12, 0, 0, 0, cairo)
	var nights []string
	for range 4 {
		at = settings.Interval.Next(at)
		nights = append(nights, at.In(cairo).Format("02 15:04"))
	}
	assert.Equal(t, []string{"23 00:00", "24 01:00", "25 00:00", "26 00:00"}, nights)
}
