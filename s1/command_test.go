package s1_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/s1"
)

// script is a command of a few lines of shell, in a file of its own.
func script(t *testing.T, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "print-token")
	require.NoError(t, os.WriteFile(file, []byte("#!"+gotest.Program(t, "dash", "sh")+"\n"+lines+"\n"), 0o700))
	return file
}

// runs is how often a script that writes a line into the file at its side each time was run.
func runs(t *testing.T, script string) int {
	content, err := os.ReadFile(script + ".runs")
	require.NoError(t, err)
	return bytes.Count(content, []byte("\n"))
}

func TestATokenCommandIsRunOnceUntilTheConsoleRefusesItsToken(t *testing.T) {
	server, requests := tokens(t, "new")
	command := script(t, `echo run >> "$0.runs"; [ "$1" = "two words" ] && [ -f "$0.new" ] && echo " new " || echo old`)
	source := func() s1.TokenSource { return s1.CommandToken(time.Minute, command, "two words") }
	_, err := source().Token(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(command+".new", nil, 0o600)) // somebody renews it
	var log bytes.Buffer
	for range 3 { // runs of a service, or instances that have one command
		client, _ := connect(t, server.URL, func(cfg *s1.Config) {
			cfg.Token, cfg.Logger = source(), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		got, err := ids(t.Context(), client, nil)
		require.NoError(t, err)
		assert.Equal(t, []string{"1"}, got)
	}
	assert.Equal(t, 2, runs(t, command))
	assert.EqualValues(t, 4, requests.Load())
	assert.NotContains(t, log.String(), "new")
}

func TestATokenCommandServesManyAtOnce(t *testing.T) {
	command := script(t, `echo run >> "$0.runs"; echo new`)
	var requests sync.WaitGroup
	for range 50 {
		requests.Go(func() {
			token, err := s1.CommandToken(time.Minute, command).Token(t.Context(), "")
			assert.NoError(t, err)
			assert.Equal(t, "new", token)
		})
	}
	requests.Wait()
	assert.Equal(t, 1, runs(t, command))
}

func TestATokenCommandThatFailsSaysWhatToDoAndNothingOfWhatItPrinted(t *testing.T) {
	const secret = "hunter2hunter2"
	for lines, want := range map[string]string{
		"echo " + secret + "; echo " + secret + " >&2; exit 3": "ended with exit status 3: run it by hand",
		"echo " + secret + "; kill -9 $$":                      "ended with signal: killed: run it by hand",
		"echo ApiToken " + secret:                              "prints must hold the API token alone, and has the word ApiToken",
		`printf '{"token": "%s"}' ` + secret:                   "is a JSON document",
		"echo " + secret + "; echo " + secret:                  "one line, without spaces",
		":":                                                    "is empty",
		"i=0; while [ $i -lt 3000 ]; do echo " + strings.Repeat(secret, 3) + "; i=$((i+1)); done": "more than 64 KiB",
	} {
		command := script(t, lines)
		_, err := s1.CommandToken(time.Minute, command, secret).Token(t.Context(), "")
		require.ErrorContains(t, err, want, lines)
		assert.ErrorContains(t, err, command)
		assert.NotContains(t, err.Error(), secret)
	}
	_, err := s1.CommandToken(time.Minute, "/no/such/program").Token(t.Context(), "")
	assert.ErrorContains(t, err, "token command /no/such/program: it cannot be run")
}

func TestATokenCommandThatTakesTooLongIsEndedWithWhatItStarted(t *testing.T) {
	command := script(t, `sleep 600 & echo $! > "$0.pid"; wait`)
	var pid []byte
	for within := 500 * time.Millisecond; !bytes.HasSuffix(pid, []byte("\n")); within *= 2 { // until it has the time to begin
		_, err := s1.CommandToken(within, command).Token(t.Context(), "")
		require.ErrorContains(t, err, fmt.Sprintf("it printed no token within %s and was ended: run it by hand", within))
		pid, _ = os.ReadFile(command + ".pid")
	}
	assert.Eventually(t, func() bool { // an ended process may wait for its parent to look at it
		status, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(status), ") Z ")
	}, 5*time.Minute, time.Millisecond)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s1.CommandToken(time.Minute, script(t, "sleep 600")).Token(ctx, "")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestATokenCommandThatFailsAfterARefusalEndsTheRequest(t *testing.T) {
	server, requests := tokens(t, "another")
	command := script(t, `[ -f "$0.runs" ] && exit 1; : > "$0.runs"; echo old`)
	client, _ := connect(t, server.URL, func(cfg *s1.Config) { cfg.Token = s1.CommandToken(time.Minute, command) })
	_, err := ids(t.Context(), client, nil)
	require.ErrorContains(t, err, "ended with exit status 1")
	assert.EqualValues(t, 1, requests.Load())
}
