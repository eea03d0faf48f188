package posture

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
)

// Idle says, in a sentence each, which policies name groups that a graph does not have. Where it has no groups at all nobody
// can tell.
func Idle(ctx context.Context, policies []config.PosturePolicy, g graph.Snapshot) ([]string, error) {
	there, err := graph.SetOf(graph.Keys(ctx, g, entities.Group.GraphType().Name))
	if err != nil {
		return nil, err
	}
	var sentences []string
	for _, p := range policies {
		missing := slices.DeleteFunc(slices.Clone(p.Groups), func(id string) bool { return there[entities.GroupKey(id)] })
		switch {
		case len(there) == 0 || len(missing) == 0:
		case len(missing) == len(p.Groups):
			sentences = append(sentences, fmt.Sprintf("The posture policy %q does nothing: there is no group with the ID %s.", p.Name, strings.Join(missing, " or ")))
		default:
			sentences = append(sentences, fmt.Sprintf("The posture policy %q names groups that are not there: %s.", p.Name, strings.Join(missing, ", ")))
		}
	}
	return sentences, nil
}
