package cli_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// The tenant has secrets in its rows, the configuration a token and the password of a proxy. They are in
// nothing that is printed, logged or written, whatever goes wrong.
func TestNoSecretIsInAnyOutputFileOrError(t *testing.T) {
	server, who := console(t, s1test.Hostile())
	const password = "SECRET-of-the-proxy"
	require.NoError(t, os.WriteFile("token", []byte(s1test.DefaultToken), 0o600))
	var printed string
	call := func(environment []string, args ...string) int {
		got := invocation{environment: append(append([]string{}, who.environment...), environment...)}.s1graph(t, args...)
		printed += got.stdout + got.stderr
		return got.code
	}

	assert.Equal(t, 0, call(nil, "run", "--log-level", "debug", "--log-format", "json", "--record", "recording"))
	server.SetDay(1)
	assert.Equal(t, 0, call(nil, "run", "--json", "--log-level", "debug"))
	for _, path := range []string{"sites", "groups", "agents"} {
		// A field that nobody knows is printed: it is what was asked for.
		rows := who.s1graph(t, "api", path, "--log-level", "debug")
		assert.Equal(t, 0, rows.code)
		assert.Contains(t, rows.stdout, `:"***"`)
		for _, secret := range []string{s1test.SecretRegistrationToken, s1test.SecretLicenseKey, s1test.DefaultToken} {
			assert.NotContains(t, rows.stdout+rows.stderr, secret)
		}
	}

	echo := `{"errors":[{"code":4000040,"title":"bad","detail":"ApiToken ` + s1test.DefaultToken + `"}]}`
	for _, effect := range []s1test.Effect{
		s1test.Status(http.StatusUnauthorized), s1test.HTML(), s1test.StatusWith(http.StatusBadRequest, nil, echo),
		s1test.RedirectTo("http://127.0.0.1:1"),
	} {
		mend := server.Break(s1test.Fault{Path: "/threats", Effect: effect})
		assert.NotEqual(t, 0, call(nil, "run", "--log-level", "debug"))
		mend()
	}
	assert.Equal(t, 2, call([]string{"S1GRAPH_PROXY=ftp://me:" + password + "@127.0.0.1"}, "run"))

	assert.NotContains(t, printed, s1test.SecretPrefix)
	for _, folder := range []string{".s1graph", "recording"} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			assert.NotContains(t, string(content), s1test.SecretPrefix, path)
			return err
		}))
	}
}
