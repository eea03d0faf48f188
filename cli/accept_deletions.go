package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/harmless"
	"s1graph/state"
)

func (c *commands) acceptDeletions() *cli.Command {
	return &cli.Command{
		Name:  "accept-deletions",
		Usage: "let a run delete what the last one withheld",
		Description: `Examples:

    s1graph accept-deletions --instance acme
    s1graph accept-deletions --instance acme --out-of-scope

A run that would delete much of a type withholds that, since a fault of the console is more likely than a tenant
that is gone. This lists what the last run withheld, asks, and lets the next run delete just that, if it is still
missing, with what was derived from it alone. It waits until the lists are read whole. Whatever else is gone, the
next run evaluates as ever.

What is out of the scope that is read now is kept too. --out-of-scope lists that, and lets the next run delete it.

Neither the console nor its token is needed, and it may be said while s1graph poll runs; a SIGHUP makes that run
at once.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "out-of-scope", Usage: "what is kept because it is out of scope, in place of what the guard withheld", DisableDefaultText: true},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask", DisableDefaultText: true},
		}, settingFlags(config.Graph, config.Fleet, config.Logging)...),
		Action: c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
			return c.accept(ctx, settings, ctx.Bool("out-of-scope"))
		}),
	}
}

func (c *commands) accept(ctx *cli.Context, settings *config.Config, outOfScope bool) error {
	if err := connector.CheckFolder(settings); err != nil {
		return err
	}
	withheld, err := connector.ReadWithheld(settings)
	if errors.Is(err, fs.ErrNotExist) && settings.State != "" {
		return misuse("there is no run in %s: say s1graph fetch %s --dir DIR, which gets the last one from the bucket, and then this again with --dir DIR", settings.Dir, settings.Instance)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return misuse("there is no run in %s yet, so nothing is withheld: is that the right --instance or --dir?", settings.Dir)
	}
	if err != nil {
		return err
	}
	id := withheld.Run.Manifest().ID
	kept, other := withheld.Deletions, withheld.OutOfScope
	title, none := "Withheld by the deletion guard in run %s:", "Nothing is withheld by the deletion guard in run %s."
	aside := "Out of scope are %d more, which this leaves alone: see --out-of-scope."
	if outOfScope {
		kept, other = other, kept
		title, none = "Out of scope in run %s, and kept:", "Nothing is out of scope in run %s."
		aside = "The deletion guard withholds %d more, which this leaves alone: leave --out-of-scope out."
	}
	if len(withheld.Waiting) > 0 {
		c.out.line("Accepted before, and waiting for a run that reads these lists whole:")
		c.keptTable(ctx.Context, withheld.Run, withheld.Waiting)
		c.out.line("")
	}
	if len(kept) == 0 {
		c.out.line(none, id)
	} else {
		c.out.line(title, id)
		c.keptTable(ctx.Context, withheld.Run, kept)
	}
	if n := numberOf(other); n > 0 {
		c.out.line(aside, n)
	}
	if err := c.out.flush(); err != nil || len(kept) == 0 {
		return err
	}
	if err := c.confirm(ctx, "Are they really gone? Type yes to let the next run delete them:", "yes", "accepted"); err != nil {
		return err
	}
	if err := c.acceptWith(ctx, settings, withheld, outOfScope); err != nil {
		return err
	}
	c.out.sentence("Accepted for %s. The next run that reads these lists whole deletes what is still missing of these %d, and what was derived from that alone. It evaluates whatever else is gone as ever.", harmless.Text(settings.Instance), numberOf(kept))
	return c.out.flush()
}

// acceptWith leaves what is accepted in the folder, or in the bucket, where whoever has the instance finds it.
func (c *commands) acceptWith(ctx *cli.Context, settings *config.Config, withheld connector.Withheld, outOfScope bool) error {
	b, err := c.bucket(ctx.Context, settings)
	switch {
	case err != nil:
		return err
	case b == nil:
		return connector.AcceptDeletions(settings, withheld, outOfScope)
	}
	var keys bytes.Buffer
	if err := connector.WriteAccepted(&keys, withheld, outOfScope); err != nil {
		return err
	}
	return state.Accept(ctx.Context, b, settings.Instance, withheld.Run.Manifest().ID, outOfScope, &keys)
}

func numberOf(kept []connector.KeptType) (n int64) {
	for _, t := range kept {
		n += t.Number
	}
	return n
}

// keptTable prints how much there is of each type, and what the first few are called.
func (c *commands) keptTable(ctx context.Context, run *jsonstore.Run, kept []connector.KeptType) {
	called := newNames(ctx, run)
	var rows [][]any
	for _, t := range kept {
		var some []string
		for _, key := range t.Keys {
			if _, _, ofRelationship := graph.RelationshipEnds(key); !ofRelationship {
				some = append(some, called.of(key))
			}
		}
		if int64(len(some)) < t.Number && len(some) > 0 {
			some = append(some, "…")
		}
		rows = append(rows, []any{shortType(t.Type), t.Number, harmless.Text(strings.Join(some, ", "))})
	}
	c.out.table([]string{"type", "number", "names"}, rows)
}
