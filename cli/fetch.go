package cli

import (
	"context"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/harmless"
	"s1graph/pause"
	"s1graph/state"
)

// bucket is the one that the configuration names; nil where it names none.
func (c *commands) bucket(ctx context.Context, settings *config.Config) (state.Bucket, error) {
	if settings.State == "" {
		return nil, nil
	}
	defer pause.Tell(ctx, pause.Wait{What: "no answer from the bucket"})()
	return state.Open(ctx, settings.State)
}

func (c *commands) fetch() *cli.Command {
	return &cli.Command{
		Name:      "fetch",
		Usage:     "get the last state of an instance from the bucket",
		ArgsUsage: "INSTANCE",
		Description: `Example:

    s1graph fetch acme --dir /tmp/acme --state s3://example-s1graph/states
    s1graph changes --dir /tmp/acme

The folder is then what that of the machine was which has the instance, as of its last run: for changes, posture, visualize and
alerts list. Nothing is taken from that machine. Said again, it brings the folder up to date.`,
		Flags: settingFlags(config.Graph, config.Fleet, config.Logging),
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() != 1 {
				return misuse("fetch needs the name of one instance, such as acme")
			}
			instance := ctx.Args().First()
			if ctx.IsSet("instance") {
				return misuse("fetch takes the instance as an argument, without --instance")
			}
			if err := ctx.Set("instance", instance); err != nil {
				return err
			}
			settings, err := c.load(ctx, config.Sources{Local: true})
			if err != nil {
				return err
			}
			b, err := c.bucket(ctx.Context, settings)
			if err != nil {
				return err
			}
			if b == nil {
				return misuse("fetch needs the bucket: give it by --state, S1GRAPH_STATE or state in %s", config.DefaultFile)
			}
			if err := connector.CheckFolder(settings); err != nil {
				return err
			}
			over := pause.Tell(ctx.Context, pause.Wait{What: "fetching from the bucket"})
			err = state.Fetch(ctx.Context, b, instance, settings.Dir)
			over()
			if err != nil {
				return err
			}
			dir, err := filepath.Abs(settings.Dir)
			if err != nil {
				return err
			}
			c.out.sentence("The last state of %s is in %s.", harmless.Text(instance), harmless.Text(dir))
			return c.out.flush()
		},
	}
}
