package cli

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/events"
	"s1graph/graph/jsonstore"
	"s1graph/plural"
	"s1graph/state"
)

func (c *commands) events() *cli.Command {
	command := &cli.Command{
		Name:  "events",
		Usage: "publish changes of past runs once more",
		Description: `Example:

    s1graph events replay --since 24h`,
		Subcommands: []*cli.Command{c.eventsReplay()},
	}
	command.Action = helpWithout(command)
	return command
}

func (c *commands) eventsReplay() *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "publish the changes of past runs once more, under the IDs that they had",
		Description: `Example, after the stream or the index was lost:

    s1graph events replay --since 7d

They are published as events.url and the settings beside it say, oldest first. What NATS has from the last ten minutes it
drops as a duplicate; all else it has twice then, under one ID. It can be asked while a run is under way. Changes are kept for changesKept.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "since", Usage: "of the runs that started since `TIME`: a duration such as 90m, 24h or 7d, or a date such as 2026-11-22 or 2026-11-22T08:00:00Z; days begin at midnight UTC"},
		}, append(folderFlags(), settingFlags(config.Publish, config.Logging)[1:]...)...),
		Action: c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
			if settings.Events.URL == "" {
				return misuse("events.url must be set: the address that changes are published to, by --events-url, S1GRAPH_EVENTS_URL or events.url in %s", config.DefaultFile)
			}
			if !ctx.IsSet("since") {
				return misuse("--since must be given: from when on the changes are published once more, such as 24h")
			}
			wanted, err := newChangeFilter(ctx, time.Now())
			if err != nil {
				return err
			}
			runs, err := jsonstore.ChangeLog(settings.Dir)
			if err != nil {
				return noRun(settings.Dir)
			}
			c.warn(settings)
			to, err := connector.OpenEvents(ctx.Context, settings, state.Taken{})
			if err != nil {
				return err
			}
			defer to.Close()
			var all events.Published
			replayed, damage := 0, []error(nil)
			for _, run := range runs {
				if run.At.Before(wanted.since) {
					continue
				}
				published, err := to.Replay(ctx.Context, events.Run{ID: run.ID, StartedAt: run.At, Changes: run.Changes(ctx.Context)})
				if is[*jsonstore.DamagedError](err) {
					damage, err = append(damage, err), nil
				}
				if err != nil {
					return err
				}
				replayed++
				all.Events, all.Refused = all.Events+published.Events, all.Refused+published.Refused
			}
			c.out.sentence("Published %s of %s once more.", plural.Of(all.Events, "change"), plural.Of(replayed, "run"))
			if all.Refused > 0 {
				c.complain(plural.Of(all.Refused, "change") + " were not taken and never will be, since they are too large or do not fit: s1graph changes shows them")
			}
			return errors.Join(damage...)
		}),
	}
}
