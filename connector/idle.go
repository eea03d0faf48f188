package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"s1graph/alerts"
	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/posture"
	"s1graph/steps"
)

// Idle says, in a sentence each, which parts of the configuration do nothing, as far as the last graph of the instance tells:
// posture policies for groups that are not there, rules that can be true of nothing, and destinations that no rule tells of
// anything. The error is about the folder.
func Idle(ctx context.Context, c *config.Config) ([]string, error) {
	run, err := jsonstore.OpenLast(c.Dir)
	if err != nil {
		return nil, err
	}
	rules, _ := alerts.Compile(c.Alerts) // its faults are those of the configuration
	return idle(ctx, c, rules, run)
}

// idle is Idle for the graph of a run; rules may be nil.
func idle(ctx context.Context, c *config.Config, rules *alerts.Rules, g graph.Snapshot) ([]string, error) {
	all, err := posture.Idle(ctx, c.Posture, g)
	if err != nil || rules == nil || c.Alerts == nil || len(c.Alerts.Rules) == 0 {
		return all, err
	}
	ofRules, err := rules.Idle(ctx, g, func(typeName string) bool {
		return slices.ContainsFunc(steps.GraphTypes(), func(t *graph.Type) bool {
			return t.Name == typeName && !c.LeavesOut(t.Step)
		})
	})
	all = append(all, ofRules...)
	for _, d := range c.Alerts.Destinations {
		isTold := func(r config.Rule) bool { return len(r.To) == 0 || slices.Contains(r.To, d.Name) }
		if !slices.ContainsFunc(c.Alerts.Rules, isTold) {
			all = append(all, fmt.Sprintf("The destination %q gets no alerts: no rule names it.", d.Name))
		}
	}
	return all, err
}

// outOfTenant says which accounts, sites and groups runs are limited to that the tenant does not have. A list that was not
// read tells nothing.
func outOfTenant(ctx context.Context, c *config.Config, s *Summary, g graph.Snapshot) ([]string, error) {
	var sentences []string
	for _, limit := range []struct {
		setting string
		ids     []string
		t       *graph.Type
		key     func(id string) string
	}{
		{"accounts", c.Accounts, entities.Account.GraphType(), entities.AccountKey},
		{"sites", c.Sites, entities.Site.GraphType(), entities.SiteKey},
		{"groups", c.Groups, entities.Group.GraphType(), entities.GroupKey},
	} {
		if len(limit.ids) == 0 || !s.isRead(limit.t) {
			continue
		}
		there, err := graph.SetOf(graph.Keys(ctx, g, limit.t.Name))
		if err != nil {
			return nil, err
		}
		missing := slices.DeleteFunc(slices.Clone(limit.ids), func(id string) bool { return there[limit.key(id)] })
		if len(missing) > 0 {
			sentences = append(sentences, fmt.Sprintf("Runs are limited to %s that are not there, or that the token does not see: %s. Correct %[1]s in the configuration file, or --%[1]s.", limit.setting, strings.Join(missing, ", ")))
		}
	}
	return sentences, nil
}

// noteIdle puts what does nothing into the summary.
func (r *run) noteIdle(ctx context.Context, g graph.Snapshot) error {
	var rules *alerts.Rules
	if r.o.Alerts != nil {
		rules = r.o.Alerts.Rules
	}
	missing, err := outOfTenant(ctx, r.config, &r.summary, g)
	if err != nil {
		return err
	}
	sentences, err := idle(ctx, r.config, rules, g)
	r.summary.Notices = slices.Concat(missing, r.summary.Notices, sentences) // what is missing is the cause of others
	return err
}
