package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/harmless"
	"s1graph/plural"
)

func (c *commands) alerts() *cli.Command {
	command := &cli.Command{
		Name:  "alerts",
		Usage: "list alerts that wait or failed, send or drop them, try a rule",
		Description: `Examples:

    s1graph alerts list
    s1graph alerts retry
    s1graph alerts drop
    s1graph alerts test "agent gone"`,
		Subcommands: []*cli.Command{c.alertsList(), c.alertsRetry(), c.alertsDrop(), c.alertsTest()},
	}
	command.Action = helpWithout(command)
	return command
}

func (c *commands) alertsList() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the alerts that wait, and those that failed",
		Description: `Examples: all of them, the failed ones, and for another program:

    s1graph alerts list
    s1graph alerts list --failed
    s1graph alerts list --json

An alert has failed when its destination refused it, or did not take it after many attempts. Failed alerts are kept
for deadAlertsKept. The list can be read while s1graph poll is running.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "failed", Aliases: []string{"dead"}, Usage: "only those that failed", DisableDefaultText: true},
			&cli.StringFlag{Name: "to", Usage: "only those for this `DESTINATION`"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each alert, a line each", DisableDefaultText: true},
		}, folderFlags()...),
		Action: c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
			waiting, dead, err := readAlerts(ctx.Context, settings, ctx.String("to"))
			if err != nil {
				return err
			}
			if ctx.Bool("failed") {
				waiting = nil
			}
			listed := slices.Concat(dead, waiting)
			if ctx.Bool("json") {
				return c.printAlertsJSON(listed)
			}
			return c.printAlerts(listed, len(dead))
		}),
	}
}

func (c *commands) alertsRetry() *cli.Command {
	return &cli.Command{
		Name:      "retry",
		Usage:     "send failed alerts again",
		ArgsUsage: "[ID…]",
		Description: `Examples: all of them, those of one destination, and one by its ID:

    s1graph alerts retry
    s1graph alerts retry --to soc
    s1graph alerts retry 5d41402abc4b2a76b9719d911017c592

They keep their IDs. s1graph poll sends them within half a minute; without it, the next s1graph run does.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "only those for this `DESTINATION`"},
		}, folderFlags()...),
		Action: c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
			return c.changeDead(ctx, settings, "", (*outbox.Tx).Retry, func(n int) string {
				wait := "wait"
				if n == 1 {
					wait = "waits"
				}
				return plural.Of(n, "alert") + " " + wait + " again: s1graph poll, or the next s1graph run, sends what waits."
			})
		}),
	}
}

func (c *commands) alertsDrop() *cli.Command {
	return &cli.Command{
		Name:      "drop",
		Usage:     "drop failed alerts",
		ArgsUsage: "[ID…]",
		Description: `Examples: all of them, those of one destination, and one by its ID:

    s1graph alerts drop
    s1graph alerts drop --to soc
    s1graph alerts drop 5d41402abc4b2a76b9719d911017c592

It asks first, unless --yes is given. Failed alerts that are older than deadAlertsKept are dropped without it.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "only those for this `DESTINATION`"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask", DisableDefaultText: true},
		}, folderFlags()...),
		Action: c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
			return c.changeDead(ctx, settings, "They will never be sent. Type yes to drop them:", (*outbox.Tx).Drop, func(n int) string {
				return plural.Of(n, "alert") + " dropped."
			})
		}),
	}
}

// changeDead changes the failed alerts that the command line chooses, and says so. It asks first where there is a
// question.
func (c *commands) changeDead(ctx *cli.Context, settings *config.Config, question string, change func(tx *outbox.Tx, to string, ids ...string) (int, error), done func(n int) string) error {
	if err := alone(settings, "a copy of alerts.db here is not what they send from; end all workers, and say it once more with a configuration without nats, after s1graph fetch"); err != nil {
		return err
	}
	_, dead, err := readAlerts(ctx.Context, settings, ctx.String("to"))
	if err != nil {
		return err
	}
	ids := ctx.Args().Slice()
	for _, id := range ids {
		if !slices.ContainsFunc(dead, func(e outbox.Entry) bool { return e.ID == id }) {
			return misuse("no alert %q has failed; s1graph alerts list --failed lists those that have", id)
		}
	}
	if len(dead) == 0 {
		c.out.line("No alert has failed.")
		return c.out.flush()
	}
	if err := connector.CheckFolder(settings); err != nil {
		return err
	}
	if question != "" {
		if err := c.confirm(ctx, question, "yes", "dropped"); err != nil {
			return err
		}
	}
	n, box := 0, outbox.In(settings.Dir)
	err = box.Update(ctx.Context, func(tx *outbox.Tx) error {
		n, err = change(tx, ctx.String("to"), ids...)
		return err
	})
	if err = errors.Join(err, box.Shrink(ctx.Context)); err != nil {
		return err
	}
	c.out.line("%s", done(n))
	return c.out.flush()
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

// printAlerts puts the failed alerts first: those need somebody.
func (c *commands) printAlerts(listed []outbox.Entry, dead int) error {
	var rows [][]any
	for _, e := range listed {
		state := c.out.paint(yellow, "waits")
		if !e.DeadSince.IsZero() {
			state = c.out.paint(red, "failed")
		}
		next := "now"
		switch {
		case !e.DeadSince.IsZero():
			next = ""
		case !e.Next.IsZero():
			next = e.Next.Format(time.RFC3339)
		}
		rows = append(rows, []any{
			state, c.out.clip(e.Destination), harmless.Text(e.Severity), c.out.clip(e.Rule), c.out.clip(e.Title), e.At.UTC().Format(time.RFC3339),
			e.Attempts, next, harmless.Text(e.LastError), harmless.Text(e.ID),
		})
	}
	if len(rows) > 0 {
		c.out.table([]string{"state", "to", "severity", "rule", "title", "found", "attempts", "next", "why", "id"}, rows)
	}
	if c.out.isTerminal() {
		c.out.sentence("%s", conclusionOfAlerts(len(listed), dead))
	}
	return c.out.flush()
}

func conclusionOfAlerts(listed, dead int) string {
	switch {
	case listed == 0:
		return "No such alerts: all have been delivered."
	case dead > 0:
		return plural.Of(dead, "alert") + " of " + plural.Of(listed, "alert") + " failed; s1graph alerts retry sends them again."
	}
	return plural.Of(listed, "alert") + " not delivered yet."
}

// listedAlert is an alert as --json prints it.
type listedAlert struct {
	State          string    `json:"state"` // waiting or dead
	outbox.Message           // without what only a destination needs
	Attempts       int       `json:"attempts"`
	NextAttempt    time.Time `json:"nextAttempt,omitzero"`
	DeadSince      time.Time `json:"deadSince,omitzero"`
	LastError      string    `json:"lastError,omitempty"`
}

func (c *commands) printAlertsJSON(listed []outbox.Entry) error {
	for _, e := range listed {
		a := listedAlert{
			State: "waiting", Message: e.Message,
			Attempts: e.Attempts, NextAttempt: e.Next, DeadSince: e.DeadSince, LastError: e.LastError,
		}
		a.Class, a.Payload = "", nil
		a.At, a.Title, a.Text = e.At.UTC(), strings.ToValidUTF8(e.Title, "\uFFFD"), strings.ToValidUTF8(e.Text, "\uFFFD")
		if !e.DeadSince.IsZero() {
			a.State = "dead"
		}
		if err := c.out.jsonLine(&a); err != nil {
			return err
		}
	}
	return c.out.flush()
}
