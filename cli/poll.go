package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/poll"
)

func (c *commands) poll() *cli.Command {
	return &cli.Command{
		Name:  "poll",
		Usage: "run again and again, on an interval, and tell of what changed",
		Description: `Example:

    s1graph poll --url https://example.sentinelone.net --token-file FILE --interval 30m

and all instances of a configuration file, each on its own interval and into its own folder:

    s1graph poll --config s1graph.yaml

Each instance is read at once and then on its interval: the steps that are due (every), applications every 6 hours. A run that fails is tried again after a minute, two,
four…, and the last graph stands; a run that takes longer than the interval makes the next one be skipped. The
store is verified once a day.

SIGHUP: run now, and read all. SIGTERM or Ctrl-C: end; what is under way commits nothing, or is done within 30 seconds. The same
again: end at once.

The address of --listen serves /healthz, /readyz, /metrics (for Prometheus) and /status (JSON). It is ready when each
instance has a good run, complete or partial, that is not older than three intervals, be it of before a restart.
Deletions that the deletion guard withholds wait for s1graph accept-deletions.

Exit code 0: it ended when it was told to; 1: it failed; 2: wrong usage or configuration, or polling is DISABLED.`,
		Flags: settingFlags(config.Console, config.Scope, config.Graph, config.Database, config.Sync, config.Publish, config.Polling, config.Serving, config.Fleet, config.Logging),
		Action: func(ctx *cli.Context) error {
			settings, err := config.LoadService(c.complete(ctx, config.Sources{}))
			if err != nil {
				return err
			}
			return c.serve(ctx.Context, settings)
		},
	}
}

// serve polls until ctx ends.
func (c *commands) serve(ctx context.Context, settings *config.Service) error {
	logged := settings.Instances[0].Log
	logged.Level = cmp.Or(logged.Level, "info")
	log := c.logger(logged)
	for _, instance := range settings.Instances {
		for _, warning := range instance.Warnings {
			log.Warn(warning, "instance", instance.Instance)
		}
	}
	hangups, restore := c.hangups() // before the fleet is joined, which may take a while: else the signal would end the process
	defer restore()
	b, err := c.bucket(ctx, settings.Instances[0])
	if err != nil {
		return err
	}
	members, err := c.joinFleet(ctx, settings, b, log)
	if err != nil {
		return &ending{failed, fmt.Errorf("poll: %w", err)}
	}
	if members != nil {
		defer members.Close()
	}
	service, err := poll.New(poll.Config{Settings: settings, Bucket: b, Fleet: members, Version: c.version(), Logger: log, Progress: c.progress.of})
	if errors.Is(err, poll.ErrDisabled) {
		return misuse("the interval is DISABLED, so nothing is polled: set one, such as --interval 30m, or run it by hand with s1graph run")
	}
	if err != nil {
		return misuse("%w", err)
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-hangups:
				service.RunNow()
			case <-done:
				return
			}
		}
	}()
	defer func() { close(done); <-ended }()
	if err := service.Run(ctx); err != nil {
		return &ending{failed, fmt.Errorf("poll: %w", err)}
	}
	return nil
}

// hangups tells of each SIGHUP, until it is restored.
func (c *commands) hangups() (hangups <-chan os.Signal, restore func()) {
	if c.Hangups == nil {
		return nil, func() {}
	}
	return c.Hangups()
}
