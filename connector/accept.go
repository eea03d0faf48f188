package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"s1graph/config"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/plural"
	"s1graph/reconcile"
	"s1graph/steps"
)

// Withheld is what the last committed run of an instance kept although it was not found, by type.
type Withheld struct {
	Run        *jsonstore.Run
	Deletions  []KeptType // that the deletion guard withheld
	OutOfScope []KeptType // of what is out of scope
	Waiting    []KeptType // of what was accepted before, and waits until its list is read whole
}

// KeptType is what was kept of one type.
type KeptType struct {
	Type   string
	Number int64
	Keys   []string // the first few
}

// ReadWithheld reads what the last committed run of an instance withheld. The error is fs.ErrNotExist where
// there is no run yet, and a *UsageError where an earlier version of s1graph wrote the last one.
func ReadWithheld(c *config.Config) (Withheld, error) {
	summary, err := ReadSummary(c.Dir)
	if err != nil {
		return Withheld{}, err
	}
	run, err := jsonstore.OpenRun(filepath.Join(c.Dir, "runs", summary.Run))
	if err != nil {
		return Withheld{}, err
	}
	if _, listed := run.Manifest().Files[withheldFile]; !listed && len(summary.WithheldDeletions)+len(summary.KeptOutOfScope) > 0 {
		return Withheld{}, &UsageError{fmt.Errorf("an earlier version of s1graph wrote the last run, %s, and did not list what it withheld: run s1graph run, then this command again", summary.Run)}
	}
	w := Withheld{Run: run}
	kept := keysOf(run, withheldFile)
	w.Deletions, err = keptTypes(graph.Filter(kept, func(k reconcile.Key) bool { return !k.OutOfScope }))
	if err == nil {
		w.OutOfScope, err = keptTypes(graph.Filter(kept, func(k reconcile.Key) bool { return k.OutOfScope }))
	}
	if err == nil {
		w.Waiting, err = keptTypes(keysOf(run, waitingFile))
	}
	return w, err
}

func keptTypes(keys reconcile.Keys) ([]KeptType, error) {
	const few = 3
	var types []KeptType
	for k, err := range keys {
		if err != nil {
			return nil, err
		}
		if len(types) == 0 || types[len(types)-1].Type != k.Type {
			types = append(types, KeptType{Type: k.Type})
		}
		t := &types[len(types)-1]
		if t.Number++; len(t.Keys) < few {
			t.Keys = append(t.Keys, k.Key)
		}
	}
	return types, nil
}

// Accepted deletions stand in files of this folder of the instance's directory until a committed run has taken them
// over. A file is named after the run that withheld them.
const acceptedDir = "accepted"

// acceptedJSON is what earlier versions wrote in its place: numbers instead of keys.
const acceptedJSON = "accepted.json"

// AcceptDeletions lets a run that is committed from now on delete what the deletion guard withheld in w.Run, or
// with outOfScope what that run kept out of scope: those keys, where it reads the lists of their types whole and does
// not find them. It needs no lock: an instance may run meanwhile.
func AcceptDeletions(c *config.Config, w Withheld, outOfScope bool) error {
	if err := CheckFolder(c); err != nil {
		return err
	}
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir(acceptedDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	name := path.Join(acceptedDir, w.Run.Manifest().ID)
	if outOfScope {
		name += "-out-of-scope"
	}
	name += ".jsonl"
	f, err := root.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(WriteAccepted(f, w, outOfScope), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("nothing was accepted; run the command again: %w", errors.Join(err, root.Remove(name+".new")))
	}
	return root.Rename(name+".new", name)
}

// WriteAccepted writes the keys that AcceptDeletions accepts.
func WriteAccepted(to io.Writer, w Withheld, outOfScope bool) error {
	return reconcile.WriteKeys(to, graph.Filter(keysOf(w.Run, withheldFile), func(k reconcile.Key) bool { return k.OutOfScope == outOfScope }))
}

// acceptance is what was accepted so far and neither let go nor found to be back.
type acceptance struct {
	keys  reconcile.KeySet
	all   reconcile.Keys // the same as a sequence
	taken []string       // the files that this run takes over; they may go once it is committed
}

// readAccepted reads what was accepted: what the last run says waits, and what was accepted since. What cannot be
// read is said and not accepted.
func (r *run) readAccepted() error {
	root, err := os.OpenRoot(r.config.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(acceptedJSON); err == nil {
		r.accepted.taken = append(r.accepted.taken, acceptedJSON)
		r.notice("%s was written by an earlier version of s1graph, which accepted numbers and not keys: it is void. If what is withheld is really gone, run s1graph accept-deletions again.", filepath.Join(r.config.Dir, acceptedJSON))
	}
	r.accepted.all = graph.None
	add := func(what string, keys reconcile.Keys) {
		union := reconcile.UnionOfKeys(r.accepted.all, keys)
		if _, err := reconcile.NewKeySet(union); err != nil {
			r.notice("What was accepted to be deleted cannot be read in %s (%v), and nothing of it is deleted: run s1graph accept-deletions again.", what, err)
			return
		}
		r.accepted.all = union
	}
	if r.last.run != nil {
		add(r.last.run.Dir(), keysOf(r.last.run, waitingFile))
	}
	files, err := fs.Glob(root.FS(), acceptedDir+"/*.jsonl")
	if err != nil {
		return err
	}
	for _, name := range files {
		if info, err := root.Lstat(name); err != nil || !info.Mode().IsRegular() {
			continue // not ours
		}
		r.accepted.taken = append(r.accepted.taken, name)
		if !slices.Contains(r.last.state.Taken, name) { // else that run's process was killed before it removed it
			add(name, r.keysInFile(name))
		}
	}
	r.accepted.keys, err = reconcile.NewKeySet(r.accepted.all)
	return err
}

// keysInFile yields the keys in a file of the directory.
func (r *run) keysInFile(name string) reconcile.Keys {
	return keysIn(func() (io.ReadCloser, error) { return os.OpenInRoot(r.config.Dir, name) })
}

// forgetAccepted removes the files that the committed run took over.
func (r *run) forgetAccepted() {
	root, err := os.OpenRoot(r.config.Dir)
	if err != nil {
		return
	}
	defer root.Close()
	for _, name := range r.accepted.taken {
		_ = root.Remove(name) // the run knows that it was taken over, whether it can be removed or not
	}
}

// withheldBefore is what the last run withheld.
func (r *run) withheldBefore() reconcile.Keys {
	keys := keysOf(r.last.run, withheldFile)
	if _, err := reconcile.NewKeySet(keys); err != nil {
		r.notice("What the last run withheld cannot be read (%v): of lists that this run does not read it can be accepted after they are read again.", err)
		return graph.None
	}
	return keys
}

// listKeys writes the run's lists of keys: what it withheld, what was accepted and waits on, and what went because it
// was accepted.
func (r *run) listKeys(ctx context.Context, draft *jsonstore.Draft, result *reconcile.Result) error {
	waiting := graph.Filter(r.accepted.all, result.Waits)
	types, err := keptTypes(waiting)
	if err != nil {
		return err
	}
	for _, t := range types {
		r.notice("Waiting for a run that reads all of their list: %s of %s.", plural.Of(t.Number, "accepted deletion"), t.Type)
	}
	r.state.Taken = r.accepted.taken
	err = errors.Join(
		r.listOutOfScope(ctx, draft, result),
		writeKeysFile(draft, withheldFile, result.WithheldKeys(ctx)),
		writeKeysFile(draft, waitingFile, waiting),
		writeKeysFile(draft, releasedFile, reconcile.UnionOfKeys(r.stillReleased(), result.ReleasedKeys(ctx))),
	)
	for _, t := range result.Types {
		if t.Released > 0 {
			r.state.ReleasedAt = r.summary.StartedAt
		}
	}
	return err
}

// mayBeOutOfScope says whether things that nothing places may be out of this run's scope. Where the scope is no narrower than
// the last run's they are not, unless that run kept them as out of scope.
func (r *run) mayBeOutOfScope(in *steps.Input) func(typeName, key string) bool {
	anything := func(string, string) bool { return true }
	if !r.last.committed() || r.last.state.Adopted != "" || in.Left() > 0 {
		return anything
	}
	kept, err := reconcile.NewKeySet(graph.Filter(keysOf(r.last.run, withheldFile), func(k reconcile.Key) bool { return k.OutOfScope }))
	if summary, unread := ReadSummary(r.last.run.Dir()); err != nil || unread != nil || kept.IsEmpty() && len(summary.KeptOutOfScope) > 0 {
		return anything // the list is damaged, or an earlier version of s1graph wrote none
	}
	return func(typeName, key string) bool {
		t := r.last.byName[typeName]
		return t != nil && r.last.narrowed[t.Step] || kept.Has(typeName, key)
	}
}

// releasedFor is how long a run that follows another one goes on listing what that one released, for a store that
// has not got so far. After that the store's own guard decides on it.
const releasedFor = 7 * 24 * time.Hour

// stillReleased is what runs up to the last one released and Neo4j may hold still.
func (r *run) stillReleased() reconcile.Keys {
	before := r.last.state.ReleasedAt
	if r.last.run == nil || r.isStored(r.last.id()) || r.summary.StartedAt.Sub(before) > releasedFor {
		return graph.None
	}
	keys := reconcile.UnionOfKeys(graph.None, keysOf(r.last.run, releasedFile))
	if _, err := reconcile.NewKeySet(keys); err != nil {
		return graph.None // it is damaged: Neo4j's guard decides without it
	}
	r.state.ReleasedAt = before
	return keys
}
