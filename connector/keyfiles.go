package connector

import (
	"io"

	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/reconcile"
)

// Files of a run that list keys: one JSON object a line, in ascending order of type and key. A run that would
// have an empty one has none.
const (
	withheldFile   = "withheld.jsonl" // what the run kept although its rows lack it
	waitingFile    = "waiting.jsonl"  // what was accepted and could not be evaluated yet
	outOfScopeFile = "outside.jsonl"  // entities that the run did not read, since they are out of scope, and since when
	releasedFile   = "released.jsonl" // what went because it was accepted; stores may hold it still
)

// keysOf yields the keys in a file of a run; none where the run has no such file.
func keysOf(run *jsonstore.Run, name string) reconcile.Keys {
	if run == nil {
		return graph.None
	}
	if _, listed := run.Manifest().Files[name]; !listed {
		return graph.None
	}
	return keysIn(func() (io.ReadCloser, error) { return run.Open(name) })
}

// keysIn yields the keys in what open opens.
func keysIn(open func() (io.ReadCloser, error)) reconcile.Keys {
	return func(yield func(reconcile.Key, error) bool) {
		f, err := open()
		if err != nil {
			yield(reconcile.Key{}, err)
			return
		}
		defer f.Close()
		reconcile.ReadKeys(f)(yield)
	}
}

// writeKeysFile writes a file of the run, unless there are no keys.
func writeKeysFile(draft *jsonstore.Draft, name string, keys reconcile.Keys) error {
	for _, err := range keys {
		if err != nil {
			return err
		}
		return draft.WriteFile(name, func(w io.Writer) error { return reconcile.WriteKeys(w, keys) })
	}
	return nil
}
