package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/alerts/delivery"
	"s1graph/check"
	"s1graph/config"
	"s1graph/harmless"
)

func (c *commands) check() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "find out why it does not work: console, token, lists, folder, Neo4j, alerts",
		Description: `Example:

    s1graph check --url https://example.sentinelone.net --token-file FILE

and with the database and the alerts of s1graph.yaml, for a program to read:

    s1graph check --store neo4j --json

It only reads, and changes nothing. Exit code 0: no fault, though perhaps warnings; 1: a
fault, with a line that says what to do; 2: wrong usage or configuration.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print one JSON document in place of a table", DisableDefaultText: true},
		}, settingFlags(config.Console, config.Scope, config.Graph, config.Database, config.Sync, config.Logging)...),
		Action: c.doCheck,
	}
}

func (c *commands) doCheck(ctx *cli.Context) error {
	settings, err := c.load(ctx, config.Sources{})
	if err != nil {
		return err
	}
	var findings []check.Finding
	faults := 0
	check.Run(ctx.Context, check.Options{Config: settings, Reach: reach, Logger: c.quietly(settings.Log)}, func(f check.Finding) {
		findings = append(findings, f)
		if f.State == check.Fault {
			faults++
		}
	})
	if err := ctx.Context.Err(); err != nil {
		return err
	}
	if ctx.Bool("json") {
		err = c.printJSON(map[string]any{"findings": findings})
	} else {
		err = c.printFindings(findings)
	}
	if err != nil && !errors.Is(err, errReaderGone) {
		return err
	}
	if faults > 0 {
		return &ending{code: failed}
	}
	return nil
}

// reach says whether the host of a destination can be reached.
func reach(ctx context.Context, d config.Destination) error { return delivery.Reach(ctx, d, nil) }

// quietly is the logger of a command whose table says what happened; of all that is logged it shows what is
// asked for.
func (c *commands) quietly(l config.Log) *slog.Logger {
	if l.Level != "debug" {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return c.logger(l, nil)
}

// printFindings prints the table, and under it a line for each fault and warning that says what to do.
func (c *commands) printFindings(findings []check.Finding) error {
	colours := map[check.State]colour{check.OK: green, check.Warning: yellow, check.Fault: red, check.Skipped: faint}
	var rows [][]any
	for _, f := range findings {
		rows = append(rows, []any{harmless.Text(f.Subject), c.out.paint(colours[f.State], string(f.State)), harmless.Text(f.Detail)})
	}
	c.out.table([]string{"check", "state", "found"}, rows)
	counts := map[check.State]int{}
	advised := false
	for _, f := range findings {
		counts[f.State]++
		if f.Advice == "" {
			continue
		}
		if !advised {
			c.out.line("")
		}
		advised = true
		line := strings.ReplaceAll(c.out.wrap(harmless.Text(f.Subject+": "+f.Advice)+".", len("! ")), "\n", "\n  ")
		c.out.line("%s %s", c.out.paint(colours[f.State], "!"), line)
	}
	c.out.line("\n%s", summaryOf(counts[check.Fault], counts[check.Warning]))
	return c.out.flush()
}

func summaryOf(faults, warnings int) string {
	switch {
	case faults == 0 && warnings == 0:
		return "All is well."
	case faults == 0:
		return fmt.Sprintf("It works, with %s.", plural(warnings, "warning"))
	case warnings == 0:
		return fmt.Sprintf("It does not work: %s.", plural(faults, "fault"))
	}
	return fmt.Sprintf("It does not work: %s and %s.", plural(faults, "fault"), plural(warnings, "warning"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
