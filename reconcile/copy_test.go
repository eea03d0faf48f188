package reconcile_test

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/graph/storetest"
	"s1graph/reconcile"
)

// kept is a graph that is kept somewhere else.
type kept struct{ graph.Snapshot }

func (k kept) All(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error] {
	return graph.All(ctx, k.Snapshot, typeName)
}

func TestACopyIsTheGraphWithoutRelationshipsThatLackAnEnd(t *testing.T) {
	whole := slices.Concat(agent("1"), agent("2"), application("Chrome", "1"))
	hole := without(whole, deviceOf("1"))
	to := newDraft()
	counts, err := reconcile.Copy(t.Context(), kept{snapshot(hole)}, to)
	require.NoError(t, err)
	want := without(hole, keyOf(agent("1"), agentProtectsDevice), keyOf(agent("1"), userOwnsDevice), keyOf(application("Chrome", "1"), deviceHasApplication))
	assert.Equal(t, everything(t, snapshot(want)), everything(t, to))
	assert.Equal(t, int64(2), counts[agents])
	assert.Equal(t, int64(1), counts[agentProtectsDevice])
	assert.Equal(t, int64(0), counts[deviceHasApplication])
}

func TestACopyOfAGraphThatBreaksIsAnError(t *testing.T) {
	_, err := reconcile.Copy(t.Context(), kept{storetest.BreakAfter(snapshot(agent("1")), 3)}, newDraft())
	assert.ErrorIs(t, err, storetest.ErrBroken)
}
