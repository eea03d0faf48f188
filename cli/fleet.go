package cli

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/alerts"
	"s1graph/config"
	members "s1graph/fleet"
	"s1graph/harmless"
	"s1graph/poll"
	"s1graph/state"
)

// joinFleet joins the fleet that the configuration names, as a worker of the bucket or, without one, as one who looks on; nil where
// it names none.
func (c *commands) joinFleet(ctx context.Context, settings *config.Service, b state.Bucket, log *slog.Logger) (*members.Fleet, error) {
	first := settings.Instances[0]
	if first.NATS == "" {
		return nil, nil
	}
	worker, brings := "", []string(nil)
	if b != nil {
		worker = first.Worker
		var err error
		if brings, err = poll.Brings(ctx, settings, b); err != nil {
			return nil, err
		}
	}
	var rules []string
	for _, instance := range settings.Instances {
		rules = append(rules, instance.Instance+" "+alerts.Fingerprint(instance.Alerts))
	}
	return members.Join(ctx, members.Config{
		URL: first.NATS, Credentials: first.NATSCredentials, CAFile: first.CAFile, Worker: worker, Rules: strings.Join(rules, ","), Brings: brings, TTL: first.Claim, Logger: log,
	})
}

// alone refuses what must not be done beside a fleet that the configuration names, and says what to do in its place.
func alone(settings *config.Config, instead string) error {
	if settings.NATS == "" {
		return nil
	}
	return misuse("the workers of a fleet have the instances (nats is set): %s", instead)
}

func (c *commands) fleet() *cli.Command {
	command := &cli.Command{
		Name:  "fleet",
		Usage: "list the workers of a fleet and who has which instance, or ask for a run",
		Description: `Examples: who lives and has what, for another program, and a run of one instance now:

    s1graph fleet
    s1graph fleet --json
    s1graph fleet run acme

It needs the configuration file of the workers: nats in it says where the fleet is.`,
		Flags:       append([]cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print it as one JSON object", DisableDefaultText: true}}, settingFlags(config.Fleet, config.Logging)...),
		Subcommands: []*cli.Command{c.fleetRun()},
	}
	command.Action = func(ctx *cli.Context) error {
		if ctx.Args().Present() {
			return noCommand("fleet ", ctx.Args().First(), command.Subcommands)
		}
		return c.ofFleet(ctx, "", func(f *members.Fleet) error {
			workers, instances, err := f.Status(ctx.Context)
			if err != nil {
				return err
			}
			if f.IsNew() && !ctx.Bool("json") {
				c.out.line("No fleet is here yet: the first worker that starts makes the buckets in NATS.")
			}
			return c.printFleet(ctx.Bool("json"), workers, instances)
		})
	}
	return command
}

func (c *commands) fleetRun() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "make whoever has an instance run it now, and read all",
		ArgsUsage: "INSTANCE",
		Description: `Example:

    s1graph fleet run acme`,
		Flags: settingFlags(config.Fleet, config.Logging),
		Action: func(ctx *cli.Context) error {
			instance := ctx.Args().First()
			if ctx.NArg() != 1 || instance == "" {
				return misuse("fleet run needs the name of one instance, such as acme")
			}
			return c.ofFleet(ctx, instance, func(f *members.Fleet) error {
				worker, err := f.RunNow(ctx.Context, instance)
				if err != nil {
					return &ending{failed, err} // it says what to do
				}
				c.out.line("%s runs %s now, unless a run of it is under way.", harmless.Text(worker), harmless.Text(instance))
				return c.out.flush()
			})
		},
	}
}

// ofFleet looks on at the fleet that the configuration names. The instance, unless it is "", must be one of that configuration.
func (c *commands) ofFleet(ctx *cli.Context, instance string, do func(*members.Fleet) error) error {
	settings, err := config.LoadService(c.complete(ctx, config.Sources{Local: true, All: true}))
	if err != nil {
		return err
	}
	names := namesOf(settings.Instances, func(one *config.Config) string { return one.Instance })
	if instance != "" && !slices.Contains(names, instance) {
		return misuse("the configuration has no instance %q; %sit has %s", instance, suggestion(instance, names), some(names))
	}
	f, err := c.joinFleet(ctx.Context, settings, nil, c.logger(settings.Instances[0].Log))
	if err != nil {
		return &ending{failed, err} // it says what is wrong with NATS, and no log says more
	}
	if f == nil {
		return misuse("there is no fleet: nats is not set, by --nats, S1GRAPH_NATS or nats in %s", config.DefaultFile)
	}
	defer f.Close()
	return do(f)
}

// toldFleet is what is told of a fleet: the shape of --json.
type toldFleet struct {
	Workers   []members.Member      `json:"workers"`
	Instances []poll.InstanceStatus `json:"instances"` // by name
}

func (c *commands) printFleet(asJSON bool, workers []members.Member, instances map[string]members.Instance) error {
	told := toldFleet{Workers: workers, Instances: []poll.InstanceStatus{}}
	for name, is := range instances {
		one, _ := poll.ReadStatus(is.Status) // what another version says otherwise stays as it is
		one.Instance, one.Worker, one.HeardAt = name, is.Owner, is.HeardAt
		told.Instances = append(told.Instances, one)
	}
	slices.SortFunc(told.Instances, func(a, b poll.InstanceStatus) int { return strings.Compare(a.Instance, b.Instance) })
	if asJSON {
		return c.out.jsonLine(&told)
	}
	var rows [][]any
	for _, w := range workers {
		rows = append(rows, []any{harmless.Text(w.Worker), int64(w.Claims), w.Since.Format(time.RFC3339)})
	}
	c.out.table([]string{"worker", "instances", "since"}, rows)
	c.out.line("")
	rows = nil
	for _, one := range told.Instances {
		last := any(nil)
		if one.LastGoodRun != nil {
			last = one.LastGoodRun.FinishedAt.Format(time.RFC3339)
		}
		owner := harmless.Text(one.Worker)
		if owner == "" {
			owner = c.out.paint(red, "nobody")
		}
		rows = append(rows, []any{harmless.Text(one.Instance), owner, harmless.Text(one.State), last, harmless.Text(one.Reason)})
	}
	c.out.table([]string{"instance", "worker", "state", "last good run", "why not ready"}, rows)
	return c.out.flush()
}
