package cli

import (
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/harmless"
	"s1graph/state"
)

func (c *commands) forget() *cli.Command {
	return &cli.Command{
		Name:      "forget",
		Usage:     "delete types that are no longer read from the graph",
		ArgsUsage: "TYPE…",
		Description: `Example, where the configuration has skip: [threats]:

    s1graph forget threat --instance acme

What runs leave out, and what the token may no longer read, stays in the graph as it was last read. This deletes
such types, and the relationships that lead to them, from the graph files and from Neo4j. It lists what goes, and asks,
unless --yes is given. No change is reported, and no alert is sent; a type that is read again later is a baseline.

Neither the console nor its token is needed. Exit code 3: they are deleted, and Neo4j is behind.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: "do not ask", DisableDefaultText: true},
		}, settingFlags(config.Graph, config.Database, config.Sync, config.Fleet, config.Logging)...),
		Action: func(ctx *cli.Context) error {
			if !ctx.Args().Present() {
				return misuse("forget needs the types that are to go, such as threat")
			}
			settings, err := c.load(ctx, config.Sources{Local: true, Stores: true})
			if err != nil {
				return err
			}
			names := namesOf(ctx.Args().Slice(), func(name string) string { return fullName(name, typeNames()) })
			return c.forgetTypes(ctx, settings, names)
		},
	}
}

func (c *commands) forgetTypes(ctx *cli.Context, settings *config.Config, names []string) error {
	if err := alone(settings, "end all workers, and say it once more with a configuration without nats (state stays)"); err != nil {
		return err
	}
	if err := connector.CheckFolder(settings); err != nil {
		return err
	}
	goes, err := connector.ToForget(settings, names)
	if err != nil {
		return err
	}
	if len(goes) == 0 {
		c.out.line("The graph of %s has nothing of %s.", harmless.Text(settings.Instance), strings.Join(shortTypes(names), ", "))
		return c.out.flush()
	}
	var rows [][]any
	for _, t := range goes {
		rows = append(rows, []any{shortType(t.Type), t.Records})
	}
	c.out.table([]string{"type", "number"}, rows)
	if err := c.out.flush(); err != nil {
		return err
	}
	if err := c.confirm(ctx, "This deletes them from the graph. Type yes to go on:", "yes", "deleted"); err != nil {
		return err
	}
	o := connector.Options{Config: settings, Logger: c.logger(settings.Log), Progress: c.progress.step, Version: c.version()}
	b, err := c.bucket(ctx.Context, settings)
	if err != nil {
		return err
	}
	if b != nil {
		o.Replica = state.Of(b, settings.Instance, settings.Worker, settings.Dir)
	}
	summary, err := connector.Forget(ctx.Context, o, names)
	if err != nil {
		return err
	}
	c.out.line("Forgotten. The graph is that of run %s.", summary.Run)
	var end error
	for _, store := range summary.Stores {
		if store.Behind {
			c.out.line("%s is behind, and the next run brings it up to date: %s", store.Name, harmless.Text(store.Error))
			end = &ending{code: partial}
		}
	}
	if err := c.out.flush(); err != nil {
		return err
	}
	return end
}
