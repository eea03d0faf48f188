package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/urfave/cli/v2"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
)

func (c *commands) alerts() *cli.Command {
	command := &cli.Command{
		Name:  "alerts",
		Usage: "see which alerts wait or were given up, send them again, try a rule",
		Description: `Examples:

    s1graph alerts list
    s1graph alerts retry
    s1graph alerts test "agent gone"`,
		Subcommands: []*cli.Command{c.alertsList(), c.alertsRetry(), c.alertsTest()},
	}
	command.Action = func(ctx *cli.Context) error {
		if !ctx.Args().Present() {
			return cli.ShowSubcommandHelp(ctx)
		}
		var known []string
		for _, sub := range command.Subcommands {
			known = append(known, sub.Name)
		}
		name := ctx.Args().First()
		return misuse("there is no command alerts %q; %ss1graph alerts --help lists them", name, suggestion(name, known))
	}
	return command
}

func (c *commands) alertsList() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the alerts that wait, and those that were given up",
		Description: `Examples: all of them, those that were given up, and for another program:

    s1graph alerts list
    s1graph alerts list --dead
    s1graph alerts list --json

An alert is given up when its destination refuses it, or has not taken it for a day. It can be asked while s1graph
poll is running.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "dead", Usage: "those that were given up alone", DisableDefaultText: true},
			&cli.StringFlag{Name: "to", Usage: "those for this `DESTINATION` alone"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each alert, a line each", DisableDefaultText: true},
		}, folderFlags()...),
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			settings, err := c.loadFolder(ctx)
			if err != nil {
				return err
			}
			waiting, dead, err := readAlerts(ctx.Context, settings, ctx.String("to"))
			if err != nil {
				return err
			}
			if ctx.Bool("dead") {
				waiting = nil
			}
			listed := slices.Concat(dead, waiting)
			if ctx.Bool("json") {
				return c.printAlertsJSON(listed)
			}
			return c.printAlerts(listed, len(dead))
		},
	}
}

func (c *commands) alertsRetry() *cli.Command {
	return &cli.Command{
		Name:      "retry",
		Usage:     "let alerts that were given up wait again",
		ArgsUsage: "[ID…]",
		Description: `Examples: all of them, those of one destination, and one by its ID:

    s1graph alerts retry
    s1graph alerts retry --to soc
    s1graph alerts retry 5d41402abc4b2a76b9719d911017c592

They keep their IDs. s1graph poll sends them within half a minute, and else the next s1graph run.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "those for this `DESTINATION` alone"},
		}, folderFlags()...),
		Action: func(ctx *cli.Context) error {
			settings, err := c.loadFolder(ctx)
			if err != nil {
				return err
			}
			_, dead, err := readAlerts(ctx.Context, settings, ctx.String("to"))
			if err != nil {
				return err
			}
			ids := ctx.Args().Slice()
			for _, id := range ids {
				if !slices.ContainsFunc(dead, func(e outbox.Entry) bool { return e.ID == id }) {
					return misuse("no alert %q was given up; s1graph alerts list --dead lists those that were", id)
				}
			}
			if len(dead) == 0 {
				c.out.line("No alert was given up.")
				return c.out.flush()
			}
			if err := connector.CheckFolder(settings); err != nil {
				return err
			}
			n := 0
			err = outbox.In(settings.Dir).Update(ctx.Context, func(tx *outbox.Tx) error {
				n, err = tx.Retry(ctx.String("to"), ids...)
				return err
			})
			if err != nil {
				return err
			}
			wait := "wait"
			if n == 1 {
				wait = "waits"
			}
			c.out.line("%s %s again: s1graph poll, or the next s1graph run, sends what waits.", plural(n, "alert"), wait)
			return c.out.flush()
		},
	}
}

// readAlerts reads what is in the outbox for a destination, "" for all.
func readAlerts(ctx context.Context, settings *config.Config, to string) (waiting, dead []outbox.Entry, err error) {
	if _, err := os.Stat(settings.Dir); errors.Is(err, fs.ErrNotExist) { // an instance without alerts is no wrong name
		return nil, nil, noRun(settings.Dir)
	}
	err = outbox.In(settings.Dir).View(ctx, func(tx *outbox.Tx) (err error) {
		if waiting, err = tx.Queued(to); err != nil {
			return err
		}
		dead, err = tx.Dead(to)
		return err
	})
	return waiting, dead, err
}

// printAlerts puts first what was given up: that is what someone must look after.
func (c *commands) printAlerts(listed []outbox.Entry, dead int) error {
	var rows [][]any
	for _, e := range listed {
		state := c.out.paint(yellow, "waits")
		if !e.DeadSince.IsZero() {
			state = c.out.paint(red, "given up")
		}
		next := "now"
		switch {
		case !e.DeadSince.IsZero():
			next = ""
		case !e.Next.IsZero():
			next = e.Next.Format(time.RFC3339)
		}
		rows = append(rows, []any{
			state, clip(escape(e.Destination)), escape(e.Severity), clip(escape(e.Rule)), clip(escape(e.Title)), e.At.UTC().Format(time.RFC3339),
			e.Attempts, next, escape(e.LastError), escape(e.ID),
		})
	}
	if len(rows) > 0 {
		c.out.table([]string{"state", "to", "severity", "rule", "title", "found", "attempts", "next", "why", "id"}, rows)
	}
	if c.out.isTerminal() {
		c.out.line("%s", conclusionOfAlerts(len(listed), dead))
	}
	return c.out.flush()
}

func conclusionOfAlerts(listed, dead int) string {
	switch {
	case listed == 0:
		return "No such alerts: what was raised has been delivered."
	case dead > 0:
		return plural(dead, "alert") + " of " + plural(listed, "alert") + " given up; s1graph alerts retry lets them wait again."
	}
	return plural(listed, "alert") + " not delivered yet."
}

// listedAlert is an alert as --json prints it.
type listedAlert struct {
	State       string    `json:"state"` // waiting or dead
	ID          string    `json:"id"`
	Event       string    `json:"event"`
	Instance    string    `json:"instance"`
	Run         string    `json:"run"`
	Rule        string    `json:"rule"`
	Severity    string    `json:"severity"`
	Destination string    `json:"destination"`
	Key         string    `json:"key"`
	Type        string    `json:"type,omitempty"`
	Op          string    `json:"op,omitempty"`
	At          time.Time `json:"at"`
	Title       string    `json:"title"`
	Text        string    `json:"text,omitempty"`
	Attempts    int       `json:"attempts"`
	NextAttempt time.Time `json:"nextAttempt,omitzero"`
	DeadSince   time.Time `json:"deadSince,omitzero"`
	LastError   string    `json:"lastError,omitempty"`
}

func (c *commands) printAlertsJSON(listed []outbox.Entry) error {
	for _, e := range listed {
		a := listedAlert{
			State: "waiting", ID: e.ID, Event: e.Event, Instance: e.Instance, Run: e.Run, Rule: e.Rule, Severity: e.Severity,
			Destination: e.Destination, Key: e.Key, Type: e.Type, Op: e.Op, At: e.At.UTC(), Title: strings.ToValidUTF8(e.Title, "\uFFFD"),
			Text: strings.ToValidUTF8(e.Text, "\uFFFD"), Attempts: e.Attempts, NextAttempt: e.Next, DeadSince: e.DeadSince, LastError: e.LastError,
		}
		if !e.DeadSince.IsZero() {
			a.State = "dead"
		}
		line, err := json.Marshal(&a)
		if err != nil {
			return err
		}
		if _, err := c.out.Write(append(c.out.json(line), '\n')); err != nil {
			return err
		}
	}
	return c.out.flush()
}
