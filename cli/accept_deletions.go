package cli

import (
	"bufio"
	"errors"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
)

func (c *commands) acceptDeletions() *cli.Command {
	return &cli.Command{
		Name:  "accept-deletions",
		Usage: "let the next run delete what the last one withheld",
		Description: `Example:

    s1graph accept-deletions --instance acme

A run that would delete much of a type withholds that, since a fault of the console is more likely than a tenant
that is gone. This shows what the last run withheld, asks, and lets the next run delete that much, once. It needs
neither the console nor its token, and may be said while s1graph poll runs; a SIGHUP makes that run at once.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: "do not ask", DisableDefaultText: true},
		}, settingFlags(config.Graph, config.Logging)...),
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			settings, err := c.loadFrom(ctx, config.Sources{Local: true})
			if err != nil {
				return err
			}
			return c.accept(settings, ctx.Bool("yes"))
		},
	}
}

func (c *commands) accept(settings *config.Config, unasked bool) error {
	withheld, err := connector.ReadWithheld(settings)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return misuse("there is no run in %s yet, so nothing is withheld: is that the right --instance or --dir?", settings.Dir)
	case err != nil:
		return err
	case withheld.IsEmpty():
		c.out.line("Nothing is withheld: run %s deleted all that was gone.", withheld.Run)
		return c.out.flush()
	}
	c.withheldTable(withheld)
	if err := c.out.flush(); err != nil {
		return err
	}
	if !unasked {
		if err := c.agree(); err != nil {
			return err
		}
	}
	if err := connector.AcceptDeletions(settings, withheld); err != nil {
		return err
	}
	c.out.line("Accepted: the next run of %s deletes that much and no more, once, if it is gone then too.", escape(settings.Instance))
	return c.out.flush()
}

func (c *commands) withheldTable(w connector.Withheld) {
	var rows [][]any
	for _, name := range sortedKeys(w.Deletions) {
		rows = append(rows, []any{name, w.Deletions[name], "withheld by the deletion guard"})
	}
	for _, name := range sortedKeys(w.Outside) {
		rows = append(rows, []any{name, w.Outside[name], "outside the scope that is read now"})
	}
	c.out.line("Kept by run %s, though not found:", w.Run)
	c.out.table([]string{"type", "number", "why"}, rows)
}

// agree asks on a terminal.
func (c *commands) agree() error {
	if c.Stdin == nil || !c.err.isTerminal() {
		return misuse("accept-deletions asks, and there is no terminal to ask on: say --yes")
	}
	c.err.line("Are they really gone? Type yes to let the next run delete them:")
	answer, err := bufio.NewReader(c.Stdin).ReadString('\n')
	if strings.TrimSpace(answer) == "yes" {
		return nil
	}
	if err != nil {
		return err
	}
	return misuse("that was not yes: nothing was accepted")
}
