package reconcile_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/reconcile"
)

var (
	a           = reconcile.Key{Type: agents, Key: "sentinelone_agent:1"}
	b           = reconcile.Key{Type: agents, Key: "sentinelone_agent:2"}
	bOutOfScope = reconcile.Key{Type: agents, Key: "sentinelone_agent:2", OutOfScope: true}
	c           = reconcile.Key{Type: sites, Key: "sentinelone_site:1"}
)

func TestWrittenKeysAreReadAsTheyWere(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, reconcile.WriteKeys(&file, keys([]reconcile.Key{a, bOutOfScope, c})))
	assert.Equal(t, 3, strings.Count(file.String(), "\n"), "a line for each")
	assert.Equal(t, []reconcile.Key{a, bOutOfScope, c}, list(t, reconcile.ReadKeys(&file)))
	assert.Empty(t, list(t, reconcile.ReadKeys(strings.NewReader(""))))
}

func TestAFileOfKeysThatBreaksOffIsAnError(t *testing.T) {
	var read []reconcile.Key
	var fault error
	for k, err := range reconcile.ReadKeys(strings.NewReader(`{"type":"sentinelone_site","key":"sentinelone_site:1"}` + "\n" + `{"type":"sent`)) {
		if fault = err; err == nil {
			read = append(read, k)
		}
	}
	require.Error(t, fault)
	assert.Equal(t, []reconcile.Key{c}, read)
}

func TestAUnionOfKeysIsInOrderAndHasEachOnce(t *testing.T) {
	for name, test := range map[string]struct{ one, other, union []reconcile.Key }{
		"both empty":                   {},
		"one empty":                    {nil, []reconcile.Key{a, c}, []reconcile.Key{a, c}},
		"the other empty":              {[]reconcile.Key{a, c}, nil, []reconcile.Key{a, c}},
		"the same":                     {[]reconcile.Key{a, c}, []reconcile.Key{a, c}, []reconcile.Key{a, c}},
		"one between":                  {[]reconcile.Key{a, c}, []reconcile.Key{b}, []reconcile.Key{a, b, c}},
		"one key for both reasons":     {[]reconcile.Key{bOutOfScope}, []reconcile.Key{b}, []reconcile.Key{b, bOutOfScope}},
		"one key out of scope in both": {[]reconcile.Key{bOutOfScope}, []reconcile.Key{bOutOfScope}, []reconcile.Key{bOutOfScope}},
		"types come before keys": {
			[]reconcile.Key{{Type: "b", Key: "1"}}, []reconcile.Key{{Type: "a", Key: "2"}}, []reconcile.Key{{Type: "a", Key: "2"}, {Type: "b", Key: "1"}},
		},
		"the other ends, one goes on": {[]reconcile.Key{b, c}, []reconcile.Key{a}, []reconcile.Key{a, b, c}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.union, list(t, reconcile.UnionOfKeys(keys(test.one), keys(test.other))))
		})
	}
}

func TestAUnionOfKeysThatDoNotAscendIsAnError(t *testing.T) {
	for _, disordered := range [][]reconcile.Key{{b, a}, {c, a}, {bOutOfScope, b}, {a, a}} {
		_, err := reconcile.NewKeySet(reconcile.UnionOfKeys(graph.None, keys(disordered)))
		assert.ErrorContains(t, err, "should ascend", "%v", disordered)
	}
}

func TestAnErrorIsTheLastOfAUnion(t *testing.T) {
	broken := func(yield func(reconcile.Key, error) bool) {
		_ = yield(b, nil) && yield(reconcile.Key{}, errBroken)
	}
	for name, union := range map[string]reconcile.Keys{
		"in one":       reconcile.UnionOfKeys(broken, keys([]reconcile.Key{a, c})),
		"in the other": reconcile.UnionOfKeys(keys([]reconcile.Key{a, c}), broken),
		"filtered":     graph.Filter(broken, func(reconcile.Key) bool { return false }),
		"written": func(yield func(reconcile.Key, error) bool) {
			yield(reconcile.Key{}, reconcile.WriteKeys(new(bytes.Buffer), broken))
		},
		"in a set": func(yield func(reconcile.Key, error) bool) {
			_, err := reconcile.NewKeySet(broken)
			yield(reconcile.Key{}, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			for _, err := range union {
				require.NoError(t, last, "nothing comes after an error")
				last = err
			}
			assert.ErrorIs(t, last, errBroken)
		})
	}
}

var errBroken = errors.New("the keys broke")

func TestASetHasWhatItWasMadeOfByType(t *testing.T) {
	set, err := reconcile.NewKeySet(keys([]reconcile.Key{a, bOutOfScope}))
	require.NoError(t, err)
	assert.True(t, set.Has(agents, a.Key))
	assert.True(t, set.Has(agents, b.Key))
	assert.False(t, set.Has(sites, a.Key))
	assert.False(t, set.IsEmpty())
	assert.True(t, reconcile.KeySet{}.IsEmpty())
	assert.False(t, reconcile.KeySet{}.Has(agents, a.Key))
}
