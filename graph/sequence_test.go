package graph_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
)

// backwards is a snapshot that breaks its promise of ascending keys.
type backwards struct{ graph.Snapshot }

func (b backwards) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return func(yield func(graph.KeyDigest, error) bool) {
		var all []graph.KeyDigest
		for d := range b.Snapshot.Digests(ctx, typeName) {
			all = append(all, d)
		}
		for _, d := range slices.Backward(all) {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func sequence(ids ...string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		for _, id := range ids {
			r := entity(groups, id, is("name", graph.String(id)))
			if !yield(graph.Encode(&r), nil) {
				return
			}
		}
	}
}

func failing(before iter.Seq2[graph.Encoded, error], err error) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		for e := range before {
			if !yield(e, nil) {
				return
			}
		}
		yield(graph.Encoded{}, err)
	}
}

func ids(t *testing.T, seq iter.Seq2[graph.Encoded, error]) (ids []string, err error) {
	for e, err := range seq {
		if err != nil {
			return ids, err
		}
		ids = append(ids, e.Key[len("sentinelone_group:"):])
	}
	return ids, nil
}

func TestMergeLaysOneSequenceOverAnother(t *testing.T) {
	for _, c := range []struct{ primary, carried, want, both []string }{
		{},
		{primary: []string{"a", "c"}, want: []string{"a", "c"}},
		{carried: []string{"a", "c"}, want: []string{"a", "c"}},
		{[]string{"a", "c"}, []string{"b", "d"}, []string{"a", "b", "c", "d"}, nil},
		{[]string{"b", "d"}, []string{"a", "c"}, []string{"a", "b", "c", "d"}, nil},
		{[]string{"a", "b", "c"}, []string{"b"}, []string{"a", "b", "c"}, []string{"b"}},
		{[]string{"b"}, []string{"a", "b", "c"}, []string{"a", "b", "c"}, []string{"b"}},
		{[]string{"a", "b"}, []string{"a", "b"}, []string{"a", "b"}, []string{"a", "b"}},
	} {
		var both []string
		got, err := ids(t, graph.Merge(t.Context(), sequence(c.primary...), sequence(c.carried...), func(primary, carried graph.Encoded) (graph.Encoded, error) {
			assert.Equal(t, primary.Key, carried.Key)
			both = append(both, primary.Key[len("sentinelone_group:"):])
			return primary, nil
		}))
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
		assert.Equal(t, c.both, both)
	}
}

func TestMergeEndsWithTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	none := func(primary, _ graph.Encoded) (graph.Encoded, error) { return primary, broken }
	for name, seq := range map[string]iter.Seq2[graph.Encoded, error]{
		"primary":         graph.Merge(t.Context(), failing(sequence("a"), broken), sequence("b"), none),
		"carried":         graph.Merge(t.Context(), sequence("a"), failing(sequence("b"), broken), none),
		"carried earlier": graph.Merge(t.Context(), sequence("a", "c"), failing(sequence(), broken), none),
		"both":            graph.Merge(t.Context(), sequence("a"), sequence("a"), none),
		"both, named":     graph.Merge(t.Context(), failing(sequence(), broken), failing(sequence(), broken), none),
	} {
		n := 0
		var last error
		for _, err := range seq {
			n++
			last = err
		}
		assert.ErrorIs(t, last, broken, name)
		assert.LessOrEqual(t, n, 3, name)
	}
}

func TestMergeRefusesWhatDoesNotAscend(t *testing.T) {
	_, err := ids(t, graph.Merge(t.Context(), sequence("a", "a"), sequence(), nil))
	assert.ErrorContains(t, err, "but they should ascend")
	_, err = ids(t, graph.Merge(t.Context(), sequence(), sequence("b", "a"), nil))
	assert.ErrorContains(t, err, "but they should ascend")
}

func TestMergeMayBeLeftAtAnyPoint(t *testing.T) {
	for stop := range 4 {
		for range graph.Merge(t.Context(), sequence("a", "c"), sequence("b", "c"), func(p, _ graph.Encoded) (graph.Encoded, error) { return p, nil }) {
			if stop--; stop < 0 {
				break
			}
		}
	}
}

func TestMissingYieldsTheKeysThatAreGone(t *testing.T) {
	before := snapshot(entity(groups, "a"), entity(groups, "b"), entity(groups, "c"))
	after := snapshot(entity(groups, "b", is("name", graph.String("other"))), entity(groups, "d"))
	var got []string
	for key, err := range graph.Missing(t.Context(), before, after, groups.Name) {
		require.NoError(t, err)
		got = append(got, key)
	}
	assert.Equal(t, []string{"sentinelone_group:a", "sentinelone_group:c"}, got)
	for _, err := range graph.Missing(t.Context(), before, backwards{before}, groups.Name) {
		if err != nil {
			assert.ErrorContains(t, err, "but they should ascend")
		}
	}
}

func TestAllAndKeysYieldEverything(t *testing.T) {
	var records []graph.Record
	var want []string
	for i := range 1000 {
		records = append(records, entity(groups, string(rune('A'+i/100))+string(rune('A'+i/10%10))+string(rune('A'+i%10))))
		want = append(want, records[i].Key)
	}
	s := snapshot(records...)
	var all, keys []string
	for e, err := range graph.All(t.Context(), s, groups.Name) {
		require.NoError(t, err)
		all = append(all, e.Key)
	}
	for key, err := range graph.Keys(t.Context(), s, groups.Name) {
		require.NoError(t, err)
		keys = append(keys, key)
	}
	assert.Equal(t, want, all)
	assert.Equal(t, want, keys)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range graph.All(ctx, s, groups.Name) {
		assert.ErrorIs(t, err, context.Canceled)
	}
}

func TestCompareTellsWhatIsMissingAndWhetherAllIsTheSame(t *testing.T) {
	before := snapshot(entity(groups, "a"), entity(groups, "b"), entity(groups, "c"))
	for name, test := range map[string]struct {
		after   graph.Snapshot
		missing []string
		same    bool
	}{
		"the same":      {after: before, same: true},
		"some are gone": {after: snapshot(entity(groups, "b")), missing: []string{"sentinelone_group:a", "sentinelone_group:c"}},
		"one is new":    {after: snapshot(entity(groups, "a"), entity(groups, "b"), entity(groups, "c"), entity(groups, "d"))},
		"one is other":  {after: snapshot(entity(groups, "a"), entity(groups, "b", is("name", graph.String("other"))), entity(groups, "c"))},
	} {
		t.Run(name, func(t *testing.T) {
			var missing []string
			same, err := graph.Compare(t.Context(), before, test.after, groups.Name, func(key string) { missing = append(missing, key) })
			require.NoError(t, err)
			assert.Equal(t, test.same, same)
			assert.Equal(t, test.missing, missing)
		})
	}
}

// handedOn is a snapshot that hands on what another one has, and linked one that knows that it has the same as that.
type (
	handedOn struct{ graph.Snapshot }
	linked   struct{ graph.Snapshot }
)

func (h handedOn) Of(string) graph.Snapshot { return h.Snapshot }

func (l linked) IsAs(other graph.Snapshot, _ string) bool { return other == l.Snapshot }

func TestWhatIsLinkedIsTheSameWithoutAComparison(t *testing.T) {
	last := &backwards{snapshot(entity(groups, "a"), entity(groups, "b"))} // whoever compares it fails
	same, err := graph.Compare(t.Context(), handedOn{last}, linked{last}, groups.Name, func(string) {})
	require.NoError(t, err)
	assert.True(t, same)
}

func TestDiffDoesNotCompareWhatIsKnownToBeTheSame(t *testing.T) {
	before := snapshot(entity(groups, "a"))
	same := graph.DiffOptions{Same: func(name string) bool { return name == groups.Name }}
	counts, err := graph.Diff(t.Context(), before, backwards{before}, same, func(graph.Change) error { return errors.New("a change") })
	require.NoError(t, err)
	assert.Equal(t, graph.Counts{}, counts[groups.Name])
}
