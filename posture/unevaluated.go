package posture

import (
	"context"

	"s1graph/graph"
)

// Unevaluated counts the devices of a graph, those that are known left out, by why there is no verdict on them: no agent protects
// them, or no policy covers their agent's group. In memory it holds the keys of the devices.
func Unevaluated(ctx context.Context, g graph.Snapshot, known map[string]bool) (noAgent, noPolicy int, err error) {
	protected := map[string]bool{}
	for key, err := range graph.Keys(ctx, g, protectsType) {
		if err != nil {
			return 0, 0, err
		}
		if _, device, isThere := graph.RelationshipEnds(key); isThere {
			protected[device] = true
		}
	}
	for device, err := range graph.Keys(ctx, g, deviceType) {
		switch {
		case err != nil:
			return 0, 0, err
		case known[device]:
		case protected[device]:
			noPolicy++
		default:
			noAgent++
		}
	}
	return noAgent, noPolicy, nil
}
