package cli_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox"
)

// queueOfLongTexts leaves one alert that was failed, with texts that no terminal of 80 columns has room for in a row.
func queueOfLongTexts(t *testing.T) (rule, title, why string) {
	rule = "日本語の規則日本語の規則日本語の規則日本語の規則"
	title = strings.Repeat("e\u0301", 90)
	why = "HTTP 404 Not Found: " + strings.Repeat("look whether somebody removed the integration ", 8) + "sentinelone_agent:1100042000015709350"
	box := queueOf(t)
	require.NoError(t, box.Update(t.Context(), func(tx *outbox.Tx) error {
		if err := tx.Enqueue(outbox.Message{ID: "long", Destination: "long", Rule: rule, Title: title, Severity: "high"}); err != nil {
			return err
		}
		queued, err := tx.Queued("long")
		return errors.Join(err, tx.Bury(queued[0], time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC), why))
	}))
	return rule, title, why
}

func widest(screen string) int { return text.LongestLineLen(screen) }

func TestATableIsAsWideAsTheTerminalAndLosesNothing(t *testing.T) {
	_, title, why := queueOfLongTexts(t)
	for _, width := range []int{40, 80, 100, 120, 160, 200, 1000} {
		for _, environment := range [][]string{nil, {"NO_COLOR=1"}, {"TERM=dumb"}} {
			got := invocation{width: width, environment: environment}.s1graph(t, "alerts", "list", "--instance", "test").stdout
			assert.LessOrEqual(t, widest(got), width, got)
			assert.NotContains(t, got, " \n")
			for _, word := range strings.Fields(why) {
				if len(word) <= 20 {
					assert.Contains(t, got, word, "%d columns", width)
				}
			}
			assert.Equal(t, 90, strings.Count(got, "\u0301"), title)
			assert.Equal(t, environment == nil, strings.Contains(got, "\x1b["))
		}
	}
}

func TestATableTooWideForTheTerminalIsPrintedRowByRow(t *testing.T) {
	queueOf(t)
	on := invocation{width: 80, environment: []string{"NO_COLOR=1"}}
	assert.Contains(t, on.s1graph(t, "alerts", "list", "--instance", "test").stdout, `
state     failed
to        soc
severity  high
rule      agent gone
title     DC01 is gone
found     2026-03-14T12:00:00Z
attempts  1
why       HTTP 404 Not Found
id        a1

state     waits
`)
	on.width = 200
	assert.Contains(t, on.s1graph(t, "alerts", "list", "--instance", "test").stdout, "│ failed │ soc  │ high     │ agent gone │ DC01 is gone │")
}

func TestATableIsAsWideAsTheTerminalIsWhenItIsPrinted(t *testing.T) {
	queueOfLongTexts(t)
	asked := 0
	on := invocation{environment: []string{"NO_COLOR=1"}, widths: func(io.Writer) int {
		if asked++; asked <= 2 { // when the command begins
			return 200
		}
		return 60
	}}
	got := on.s1graph(t, "alerts", "list", "--instance", "test").stdout
	assert.Contains(t, got, "DC01 is gone")
	assert.LessOrEqual(t, widest(got), 60)
}

func TestWithoutATerminalNothingIsCutOrWrapped(t *testing.T) {
	rule, title, why := queueOfLongTexts(t)
	lines := strings.Split(s1graph(t, "alerts", "list", "--instance", "test", "--to", "long").stdout, "\n")
	require.Len(t, lines, 3)
	for _, cell := range []string{rule, title, why} {
		assert.Contains(t, lines[1], cell)
	}
}
