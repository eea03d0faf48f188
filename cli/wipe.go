package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/harmless"
)

func (c *commands) wipe() *cli.Command {
	return &cli.Command{
		Name:  "wipe",
		Usage: "delete one instance's graph from Neo4j",
		Description: `Example:

    s1graph wipe --instance acme

It asks first, unless --yes is given, and says so where the graph is not that of the instance's folder. What others
wrote to the database stays, and so do the graph files; the next run --store neo4j writes the graph again.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: "do not ask", DisableDefaultText: true},
		}, settingFlags(config.Graph, config.Database, config.Logging)...),
		Action: func(ctx *cli.Context) error {
			settings, err := c.load(ctx, config.Sources{NoConsole: true})
			if err != nil {
				return err
			}
			if settings.Instance == "" {
				return misuse("wipe needs the instance whose graph is to go: --instance NAME")
			}
			if err := alone(settings, "end all workers, and say it once more with a configuration without nats"); err != nil {
				return err
			}
			if err := c.canConfirm(ctx); err != nil {
				return err
			}
			o := connector.Options{Config: settings, Logger: c.logger(settings.Log), Progress: c.progress.step}
			foreign, err := connector.ForeignGraph(ctx.Context, o)
			if err != nil {
				return err
			}
			if foreign != "" {
				c.err.line("%s", harmless.Text(foreign))
			}
			question := "This deletes the graph of " + harmless.Text(settings.Instance) + " from Neo4j. Type its name to go on:"
			if err := c.confirm(ctx, question, settings.Instance, "deleted"); err != nil {
				return err
			}
			result, err := connector.Wipe(ctx.Context, o)
			if err != nil {
				return err
			}
			if result.Rows == 0 {
				c.out.line("Neo4j has no graph of %s: nothing was deleted.", harmless.Text(settings.Instance))
				return c.out.flush()
			}
			c.out.line("Deleted %d nodes and relationships of %s from Neo4j.", result.Rows, harmless.Text(settings.Instance))
			return c.out.flush()
		},
	}
}

// canConfirm makes sure that there is somebody at a terminal to ask, unless --yes is given.
func (c *commands) canConfirm(ctx *cli.Context) error {
	if !ctx.Bool("yes") && (c.Stdin == nil || !c.err.isTerminal()) {
		return misuse("%s asks, and there is no terminal to ask on: say --yes", strings.TrimPrefix(lineOf(ctx), "s1graph "))
	}
	return nil
}

// confirm asks, unless --yes is given, and takes nothing but one word for a yes. done is what is not done else. Ctrl-C
// and Ctrl-D are a no.
func (c *commands) confirm(ctx *cli.Context, question, yes, done string) error {
	if err := c.canConfirm(ctx); err != nil || ctx.Bool("yes") {
		return err
	}
	c.err.line("%s", question)
	answer, err := bufio.NewReader(&keyboard{ctx.Context, c.Stdin}).ReadString('\n')
	switch {
	case strings.TrimSpace(answer) == yes:
		return nil
	case err != nil:
		c.err.line("") // behind what was typed
		return &ending{failed, fmt.Errorf("interrupted: nothing was %s; run it again", done)}
	}
	return misuse("that was not %s: nothing was %s", yes, done)
}
