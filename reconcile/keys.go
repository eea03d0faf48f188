package reconcile

import (
	"bufio"
	"cmp"
	"errors"
	"hash/maphash"
	"io"
	"iter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// Key names a record of the graph in a list of what was withheld, or of what was accepted.
type Key struct {
	Type string `json:"type"`
	Key  string `json:"key"`

	// OutOfScope says that the record was kept because it is out of scope, and not by the deletion guard. Each
	// of the two is accepted by a command of its own.
	OutOfScope bool `json:"outOfScope,omitzero"`

	// Since is when the first run began that did not read it, in a list of what is out of scope.
	Since time.Time `json:"since,omitzero"`
}

// place is where a key stands in a list: by type, by key, and what is out of scope last. No key of ours has a space.
func (k Key) place() string {
	place := k.Type + " " + k.Key
	if k.OutOfScope {
		place += " out of scope"
	}
	return place
}

// Keys yields listed keys in ascending order, and nothing after an error.
type Keys = iter.Seq2[Key, error]

// ReadKeys yields what WriteKeys wrote.
func ReadKeys(r io.Reader) Keys {
	return func(yield func(Key, error) bool) {
		d := jsontext.NewDecoder(r)
		for {
			var k Key
			err := json.UnmarshalDecode(d, &k)
			if errors.Is(err, io.EOF) || !yield(k, err) || err != nil {
				return
			}
		}
	}
}

// WriteKeys writes a line for each key.
func WriteKeys(w io.Writer, keys Keys) error {
	buffered := bufio.NewWriter(w)
	for k, err := range keys {
		if err != nil {
			return err
		}
		line, err := json.Marshal(k)
		if err != nil {
			return err
		}
		if _, err := buffered.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// UnionOfKeys merges two sequences; what both have it yields once. It ends with an error where one does not ascend.
func UnionOfKeys(a, b Keys) Keys {
	return graph.Map(graph.Join(a, b, Key.place), func(p graph.Pair[Key]) Key { return *cmp.Or(p.Left, p.Right) })
}

// nodeSet holds keys of one kind, such as those of the entities of the graph that results, as hashes: 8 bytes and
// some a key. The hash's seed is random, so that nobody can choose names that collide.
type nodeSet struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newNodeSet() nodeSet {
	return nodeSet{seed: maphash.MakeSeed(), hashes: make(map[uint64]struct{})}
}

func (s nodeSet) add(key string) { s.hashes[maphash.String(s.seed, key)] = struct{}{} }
func (s nodeSet) has(key string) bool {
	if len(s.hashes) == 0 { // the zero nodeSet has no seed
		return false
	}
	_, found := s.hashes[maphash.String(s.seed, key)]
	return found
}

// KeySet holds keys as hashes, by type. The zero value is empty.
type KeySet struct {
	all        map[string]nodeSet
	outOfScope map[string]nodeSet // those that lay out of scope
}

// NewKeySet reads a sequence into a set.
func NewKeySet(keys Keys) (KeySet, error) {
	s := KeySet{all: make(map[string]nodeSet), outOfScope: make(map[string]nodeSet)}
	add := func(sets map[string]nodeSet, k Key) {
		if _, found := sets[k.Type]; !found {
			sets[k.Type] = newNodeSet()
		}
		sets[k.Type].add(k.Key)
	}
	for k, err := range keys {
		if err != nil {
			return KeySet{}, err
		}
		add(s.all, k)
		if k.OutOfScope {
			add(s.outOfScope, k)
		}
	}
	return s, nil
}

// IsEmpty says whether nothing is in the set.
func (s KeySet) IsEmpty() bool { return len(s.all) == 0 }

func (s KeySet) hasAny(typeName string) bool { return len(s.all[typeName].hashes) > 0 }

// Has says whether the key of a type is in the set.
func (s KeySet) Has(typeName, key string) bool { return s.all[typeName].has(key) }

func (s KeySet) hasOutOfScope(typeName, key string) bool { return s.outOfScope[typeName].has(key) }
