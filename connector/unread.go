package connector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"s1graph/steps"
)

// unreadAfter is how long a list may go without being read before runs and check name what stays of it.
const unreadAfter = 30 * 24 * time.Hour

// Unread says in a sentence each which types the graph has of steps that were not read whole for 30 days, or nobody knows
// for how long, and how to let them go.
func (s *Summary) Unread(now time.Time) []string {
	var sentences []string
	for _, step := range steps.All() {
		i := slices.IndexFunc(s.Steps, func(r StepResult) bool { return r.ID == step.ID })
		if i < 0 || s.Steps[i].State == string(steps.OK) {
			continue
		}
		at, since := s.Steps[i].LastReadAt, ""
		isUnknown := at.IsZero() || at.After(now.Add(24*time.Hour))
		switch {
		case !isUnknown && now.Sub(at) >= unreadAfter:
			since = "was not read whole since " + at.Format(time.DateOnly)
		case isUnknown && s.Steps[i].State != string(steps.Failed) && s.Steps[i].State != string(steps.Refused):
			since = "is not read, and nobody knows since when"
		default:
			continue
		}
		var kept, names []string
		for _, t := range step.Types {
			if n := s.Entities[t.Name]; n > 0 {
				kept, names = append(kept, fmt.Sprintf("%d of %s", n, t.Name)), append(names, t.Name)
			}
		}
		if len(kept) > 0 {
			sentences = append(sentences, fmt.Sprintf("%s %s: %s stay in the graph as they were. If you no longer need them: s1graph forget %s.",
				step.ID, since, strings.Join(kept, ", "), strings.Join(names, " ")))
		}
	}
	return sentences
}
