package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/alerts"
	"s1graph/alerts/delivery"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/harmless"
	"s1graph/pause"
	"s1graph/plural"
)

// alertsTest shows what a rule would have said.
func (c *commands) alertsTest() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "show what a rule would have said of the last changes",
		ArgsUsage: "RULE",
		Description: `Examples: a rule of the configuration file or a ready-made one, and sent to its destinations:

    s1graph alerts test "agent gone"
    s1graph alerts test "agent gone" --send

The last changes are those of the last run that found any. It is as if all had happened in it: every entity that is
in a state would have come into it. What the rules remember stays as it is.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "send", Usage: "send it to the rule's destinations, past the queue", DisableDefaultText: true},
		}, folderFlags()...),
		Action: c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
			if ctx.NArg() != 1 {
				return misuse("alerts test takes the name of one rule, such as: s1graph alerts test \"agent gone\"")
			}
			name := ctx.Args().First()
			tried, err := withRule(settings.Alerts, name)
			if err != nil {
				return err
			}
			settings.Alerts = tried
			return c.tryRule(ctx.Context, settings, name, ctx.Bool("send"))
		}),
	}
}

// withRule are the alerts of a configuration, and among them a rule of the name: its own, or else a ready-made one.
func withRule(configured *config.Alerts, name string) (*config.Alerts, error) {
	if configured == nil {
		configured = &config.Alerts{}
	}
	var known []string
	for _, r := range configured.Rules {
		r.Name = cmp.Or(r.Name, r.Use)
		known = append(known, r.Name)
	}
	if slices.Contains(known, name) {
		return configured, nil
	}
	tried := *configured
	for _, r := range alerts.Ready() {
		known = append(known, r.Name)
		if r.Name == name {
			tried.Rules = append(slices.Clone(configured.Rules), config.Rule{Use: name})
		}
	}
	if len(tried.Rules) == len(configured.Rules) {
		return nil, misuse("there is no rule %q; %sthose of the configuration and the ready-made ones are: %s", name, suggestion(name, known), strings.Join(known, ", "))
	}
	if len(tried.Destinations) == 0 { // it is only looked at
		tried.Destinations = []config.Destination{{Name: "nobody", Format: "json"}}
	}
	return &tried, nil
}

// tryRule prints what a rule would say, and sends it where that is asked for.
func (c *commands) tryRule(ctx context.Context, settings *config.Config, name string, send bool) error {
	last, err := lastRunIn(settings.Dir)
	if err != nil {
		return err
	}
	engine, err := alerts.Open(settings, alerts.Config{})
	if err != nil {
		return err
	}
	run, err := connector.RunForAlerts(last, nil)
	if err != nil {
		return err
	}
	changed, err := lastChanges(settings.Dir)
	if err != nil {
		return err
	}
	if changed != nil {
		run.Changes = changed.Changes
	}
	messages, err := engine.Preview(ctx, name, run)
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		when := "no changes yet"
		if changed != nil {
			when = "none of the changes of run " + changed.ID + " matters to it"
		}
		c.out.sentence("The rule %q would send nothing: %s.", name, when)
		return c.out.flush()
	}
	var rows [][]any
	for _, m := range messages {
		rows = append(rows, []any{harmless.Text(m.Destination), m.Severity, harmless.Text(m.Title), c.out.lines(m.Text)})
	}
	c.out.table([]string{"to", "severity", "title", "text"}, rows)
	if send {
		deliverer, err := engine.Deliverer(delivery.Config{})
		if err != nil {
			return err
		}
		for _, m := range messages {
			over := pause.Tell(ctx, pause.Wait{What: "no answer from the destination " + m.Destination})
			err := deliverer.Send(ctx, m)
			over()
			if err != nil {
				return err
			}
		}
		c.out.line("\n%s sent.", plural.Of(len(messages), "message"))
	}
	return c.out.flush()
}

// lastChanges is the last run that found changes; nil where there was none.
func lastChanges(dir string) (*jsonstore.LoggedRun, error) {
	log, err := jsonstore.ChangeLog(dir)
	if err != nil || len(log) == 0 {
		return nil, err
	}
	return &log[len(log)-1], nil
}
