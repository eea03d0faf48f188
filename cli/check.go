package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"s1graph/alerts/delivery"
	"s1graph/check"
	"s1graph/config"
	"s1graph/harmless"
	"s1graph/plural"
)

func (c *commands) check() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "find out why it does not work: console, token, lists, folder, Neo4j, alerts",
		Description: `Example:

    s1graph check --url https://example.sentinelone.net --token-file FILE

with the database and the alerts of s1graph.yaml, for a program to read, and of all instances there, a row each:

    s1graph check --store neo4j --json
    s1graph check --all

It changes nothing that is there. It makes the stream of events where NATS has none, and tries with names of its own
what may be done in the bucket of state and in those of a fleet. Exit code 0: no fault, though perhaps warnings; 1: a
fault, with a line that says what to do; 2: wrong usage or configuration.`,
		Flags: append([]cli.Flag{
			allFlag(),
			&cli.BoolFlag{Name: "json", Usage: "print one JSON document in place of a table", DisableDefaultText: true},
		}, settingFlags(config.Console, config.Scope, config.Graph, config.Database, config.Sync, config.Publish, config.Fleet, config.Logging)...),
		Action: c.doCheck,
	}
}

func (c *commands) doCheck(ctx *cli.Context) error {
	if ctx.Bool("all") {
		return c.checkAll(ctx)
	}
	settings, err := c.load(ctx, config.Sources{})
	if err != nil {
		return err
	}
	findings, fault := c.findings(ctx, settings)
	if err := ctx.Err(); err != nil {
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
	return fault
}

// findings are what is found of an instance. The error is that there is a fault among them, or that it was interrupted.
func (c *commands) findings(ctx *cli.Context, settings *config.Config) (findings []check.Finding, err error) {
	check.Run(ctx.Context, check.Options{Config: settings, Reach: reach, Logger: c.logger(settings.Log)}, func(f check.Finding) {
		findings = append(findings, f)
	})
	if err := ctx.Err(); err != nil {
		return findings, err
	}
	if countStates(findings)[check.Fault] > 0 {
		err = &ending{code: failed}
	}
	return findings, err
}

func countStates(findings []check.Finding) map[check.State]int {
	counts := map[check.State]int{}
	for _, f := range findings {
		counts[f.State]++
	}
	return counts
}

// reach says whether the host of a destination can be reached.
func reach(ctx context.Context, d config.Destination) error { return delivery.Reach(ctx, d, nil) }

var stateColours = map[check.State]colour{check.OK: green, check.Warning: yellow, check.Fault: red, check.Skipped: faint}

// printFindings prints the table, and under it a line for each fault and warning that says what to do.
func (c *commands) printFindings(findings []check.Finding) error {
	var rows [][]any
	for _, f := range findings {
		rows = append(rows, []any{harmless.Text(f.Subject), c.out.paint(stateColours[f.State], string(f.State)), harmless.Text(f.Detail)})
	}
	c.out.table([]string{"check", "state", "found"}, rows)
	c.printAdvice("", findings)
	counts := countStates(findings)
	c.out.line("\n%s", summaryOf(counts[check.Fault], counts[check.Warning]))
	return c.out.flush()
}

// printAdvice prints what to do about findings, below an empty line. Those of several instances belong to what, and no table
// above says what was found.
func (c *commands) printAdvice(what string, findings []check.Finding) {
	advised := false
	for _, f := range findings {
		if f.Advice == "" {
			continue
		}
		if !advised {
			c.out.line("")
		}
		advised = true
		found := ""
		if what != "" {
			found = f.Detail + "; "
		}
		c.out.marked(stateColours[f.State], what+f.Subject+": "+found+f.Advice+".")
	}
}

func summaryOf(faults, warnings int) string {
	switch {
	case faults == 0 && warnings == 0:
		return "All is well."
	case faults == 0:
		return fmt.Sprintf("It works, with %s.", plural.Of(warnings, "warning"))
	case warnings == 0:
		return fmt.Sprintf("It does not work: %s.", plural.Of(faults, "fault"))
	}
	return fmt.Sprintf("It does not work: %s and %s.", plural.Of(faults, "fault"), plural.Of(warnings, "warning"))
}
