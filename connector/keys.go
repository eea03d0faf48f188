package connector

import (
	"bufio"
	"cmp"
	"errors"
	"hash/maphash"
	"io"
	"iter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph/jsonstore"
)

// Files of a run that list keys: one JSON object a line, in ascending order of type and key. A run that would
// have an empty one has none.
const (
	withheldFile = "withheld.jsonl" // what the run kept although its rows lack it
	waitingFile  = "waiting.jsonl"  // what was accepted and could not be judged yet
	releasedFile = "released.jsonl" // what went because it was accepted; stores may hold it still
)

// listedKey names a record of the graph in one of these files.
type listedKey struct {
	Type string `json:"type"`
	Key  string `json:"key"`

	// OutOfScope says that the record was kept because it lies out of scope, and not by the deletion guard. Each
	// of the two is accepted by a command of its own.
	OutOfScope bool `json:"outOfScope,omitzero"`
}

func (k listedKey) compare(other listedKey) int {
	if order := cmp.Or(cmp.Compare(k.Type, other.Type), cmp.Compare(k.Key, other.Key)); order != 0 || k.OutOfScope == other.OutOfScope {
		return order
	}
	if other.OutOfScope {
		return -1
	}
	return 1
}

// keySequence yields listed keys in ascending order, and nothing after an error.
type keySequence = iter.Seq2[listedKey, error]

func noKeys(func(listedKey, error) bool) {}

// readKeys yields what writeKeys wrote.
func readKeys(r io.Reader) keySequence {
	return func(yield func(listedKey, error) bool) {
		d := jsontext.NewDecoder(r)
		for {
			var k listedKey
			err := json.UnmarshalDecode(d, &k)
			if errors.Is(err, io.EOF) || !yield(k, err) || err != nil {
				return
			}
		}
	}
}

// writeKeys writes a line for each key.
func writeKeys(w io.Writer, keys keySequence) error {
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

// keysOf yields the keys in a file of a run; none where the run has no such file.
func keysOf(run *jsonstore.Run, name string) keySequence {
	if run == nil {
		return noKeys
	}
	if _, listed := run.Manifest().Files[name]; !listed {
		return noKeys
	}
	return keysIn(func() (io.ReadCloser, error) { return run.Open(name) })
}

// keysIn yields the keys in what open opens.
func keysIn(open func() (io.ReadCloser, error)) keySequence {
	return func(yield func(listedKey, error) bool) {
		f, err := open()
		if err != nil {
			yield(listedKey{}, err)
			return
		}
		defer f.Close()
		readKeys(f)(yield)
	}
}

// writeKeysFile writes a file of the run, unless there are no keys.
func writeKeysFile(draft *jsonstore.Draft, name string, keys keySequence) error {
	for _, err := range keys {
		if err != nil {
			return err
		}
		return draft.WriteFile(name, func(w io.Writer) error { return writeKeys(w, keys) })
	}
	return nil
}

// filterKeys yields the keys that keep wants.
func filterKeys(keys keySequence, keep func(listedKey) bool) keySequence {
	return func(yield func(listedKey, error) bool) {
		for k, err := range keys {
			if (err != nil || keep(k)) && !yield(k, err) {
				return
			}
		}
	}
}

// unionOfKeys merges two sequences; what both have it yields once.
func unionOfKeys(a, b keySequence) keySequence {
	return func(yield func(listedKey, error) bool) {
		next, stop := iter.Pull2(b)
		defer stop()
		other, otherErr, more := next()
		for k, err := range a {
			for err == nil && more && (otherErr != nil || other.compare(k) < 0) {
				if !yield(other, otherErr) || otherErr != nil {
					return
				}
				other, otherErr, more = next()
			}
			if !yield(k, err) || err != nil {
				return
			}
			if more && other == k {
				other, otherErr, more = next()
			}
		}
		for more {
			if !yield(other, otherErr) || otherErr != nil {
				return
			}
			other, otherErr, more = next()
		}
	}
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
	_, found := s.hashes[maphash.String(s.seed, key)]
	return found
}

// keySet holds listed keys in the same way, by type. The zero value is empty.
type keySet struct {
	all        map[string]nodeSet
	outOfScope map[string]nodeSet // those that lay out of scope
}

// keySetOf reads a sequence into a set.
func keySetOf(keys keySequence) (keySet, error) {
	s := keySet{all: make(map[string]nodeSet), outOfScope: make(map[string]nodeSet)}
	add := func(sets map[string]nodeSet, k listedKey) {
		if _, found := sets[k.Type]; !found {
			sets[k.Type] = newNodeSet()
		}
		sets[k.Type].add(k.Key)
	}
	for k, err := range keys {
		if err != nil {
			return keySet{}, err
		}
		add(s.all, k)
		if k.OutOfScope {
			add(s.outOfScope, k)
		}
	}
	return s, nil
}

func (s keySet) isEmpty() bool { return len(s.all) == 0 }

func (s keySet) hasAny(typeName string) bool { return len(s.all[typeName].hashes) > 0 }

func (s keySet) has(typeName, key string) bool {
	keys, found := s.all[typeName]
	return found && keys.has(key)
}

func (s keySet) hasOutOfScope(typeName, key string) bool {
	keys, found := s.outOfScope[typeName]
	return found && keys.has(key)
}
