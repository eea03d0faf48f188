package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/check"
	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/harmless"
	"s1graph/pause"
	"s1graph/poll"
	"s1graph/steps"
)

// runAll makes a run of each instance, of as many at once as atOnce says, and prints a row each.
func (c *commands) runAll(ctx *cli.Context, options connector.Options) error {
	for _, flag := range []string{"replay", "record", "allow-mass-delete"} {
		if ctx.IsSet(flag) {
			return misuse("--%s works for one instance only, not with --all", flag)
		}
	}
	service, err := c.instances(ctx, config.Sources{})
	if err != nil {
		return err
	}
	if err := alone(service.Instances[0], "s1graph fleet run INSTANCE asks whoever has it for a run"); err != nil {
		return err
	}
	b, err := c.bucket(ctx.Context, service.Instances[0])
	if err != nil {
		return err
	}
	log, limiters := c.logger(service.Instances[0].Log), poll.Limiters(service.Instances)
	summaries := make([]connector.Summary, len(service.Instances))
	for i, settings := range service.Instances {
		summaries[i] = connector.Summary{Instance: settings.Instance, Status: connector.Failed, Error: "interrupted before it began"}
	}
	fault := c.ofEach(ctx, service.Instances, service.AtOnce, func(i int, settings *config.Config) error {
		o := options
		o.Config, o.Limiter, o.Logger = settings, limiters[settings], log.With("instance", settings.Instance)
		o.Progress = c.progress.of(settings.Instance)
		c.warn(settings)
		summary, err := runAndTell(pause.Of(ctx.Context, settings.Instance), o, b)
		if err != nil {
			summary.Instance, summary.Status = settings.Instance, connector.Failed
			summary.Error = cmp.Or(summary.Error, oneLine(err))
		}
		summaries[i] = summary
		return endRun(settings, summary, interrupted(ctx, summary, err), nil)
	})
	if ctx.Bool("json") {
		for i := range summaries {
			if err := c.out.jsonLine(&summaries[i]); err != nil {
				return err
			}
		}
	} else {
		c.out.runsTable(summaries)
	}
	return cmp.Or(c.out.flush(), fault)
}

// runsTable prints what became of the runs of instances, a row each, and what is to be noticed under it.
func (s *screen) runsTable(summaries []connector.Summary) {
	colours := map[connector.Status]colour{connector.Complete: green, connector.Partial: yellow, connector.Failed: red}
	var rows [][]any
	for i := range summaries {
		of := &summaries[i]
		rows = append(rows, []any{harmless.Text(of.Instance), s.paint(colours[of.Status], string(of.Status)), seconds(of.FinishedAt.Sub(of.StartedAt).Seconds()), signs(of),
			known(of.Overview, "agents"), known(of.Overview, "agentsInfected"), known(of.Overview, "threatsOpen")})
	}
	s.table([]string{"instance", "status", "seconds", "changes", "agents", "infected", "threats"}, rows)
	if slices.ContainsFunc(summaries, func(of connector.Summary) bool { return strings.ContainsAny(signs(&of), "+~->") }) {
		s.sentence("Changes: + created, ~ updated, - deleted, > renamed.")
	}
	for i := range summaries {
		r := report{screen: s, summary: summaries[i], which: " --instance " + summaries[i].Instance}
		for _, notice := range r.notices() {
			s.marked(yellow, summaries[i].Instance+": "+notice)
		}
	}
}

// signs are how many changes a run found, behind the marks that changes are printed with.
func signs(of *connector.Summary) string {
	switch {
	case of.Status == connector.Failed:
		return ""
	case of.Previous == "":
		return "first graph"
	}
	total := graph.Total(of.Changes)
	for _, d := range steps.Relationships() {
		total.Rekeyed -= of.Changes[d.Name].Rekeyed // they go with their entities, and are no changes
	}
	var words []string
	for _, n := range []struct {
		op    graph.Op
		count int64
	}{{graph.Created, total.Created}, {graph.Updated, total.Updated}, {graph.Deleted, total.Deleted}, {graph.Rekeyed, total.Rekeyed}} {
		if n.count > 0 {
			words = append(words, fmt.Sprintf("%s%d", marks[n.op].sign, n.count))
		}
	}
	return cmp.Or(strings.Join(words, " "), "none")
}

// checkAll checks each instance, of as many at once as atOnce says, and prints a row each, with what to do under it.
func (c *commands) checkAll(ctx *cli.Context) error {
	service, err := c.instances(ctx, config.Sources{})
	if err != nil {
		return err
	}
	found := make([][]check.Finding, len(service.Instances))
	fault := c.ofEach(ctx, service.Instances, service.AtOnce, func(i int, settings *config.Config) (err error) {
		found[i], err = c.findings(ctx, settings)
		return err
	})
	if ctx.Err() != nil {
		return fault
	}
	if ctx.Bool("json") {
		for i, settings := range service.Instances {
			if err := c.out.jsonLine(map[string]any{"instance": settings.Instance, "findings": found[i]}); err != nil {
				return err
			}
		}
		return cmp.Or(c.out.flush(), fault)
	}
	var rows [][]any
	for i, settings := range service.Instances {
		counts := countStates(found[i])
		rows = append(rows, []any{settings.Instance, c.out.paint(stateColours[worstState(counts)], string(worstState(counts))), counts[check.Fault], counts[check.Warning]})
	}
	c.out.table([]string{"instance", "state", "faults", "warnings"}, rows)
	for i, settings := range service.Instances {
		c.printAdvice(settings.Instance+": ", found[i])
	}
	return cmp.Or(c.out.flush(), fault)
}

// worstState is the worst of the states that there are some of.
func worstState(counts map[check.State]int) check.State {
	for _, state := range []check.State{check.Fault, check.Warning} {
		if counts[state] > 0 {
			return state
		}
	}
	return check.OK
}
