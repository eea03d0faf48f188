package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/go-json-experiment/json"

	"s1graph/config"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
	"s1graph/steps"
)

// claim is what a folder has to do before it may write to a scope of Neo4j.
type claim int

const (
	nothingToDo claim = iota
	takeOver          // an earlier version wrote the marker, of a run that the folder has
	adopt             // the folder never committed: what the scope holds is to be its last graph
)

// folder is what decides whose graph is whose.
type folder struct {
	instance  string
	owner     neo4jstore.Owner      // without the scope
	committed bool                  // it has a graph of its own
	unclaimed bool                  // and began it while Neo4j could not be asked
	scope     steps.Scope           // what the graph of its own was read with
	has       func(run string) bool // among the runs that it keeps
}

// claimOn says what the folder has to do to write to the scope with a marker. The error says why it must not, and what to
// do about it.
func (f *folder) claimOn(m neo4jstore.Marker) (claim, error) {
	switch {
	case !m.Exists:
		return nothingToDo, nil
	case m.Folder == "" && (f.has(m.Run) || f.has(m.UnderWay)):
		return takeOver, nil
	case m.Folder == "":
		return 0, f.refuse("was written by an earlier version, and this folder has no run %s, so it cannot be told whether it is the same graph", m.Run)
	case m.Source != f.owner.Source:
		return 0, f.refuse("came from a %s, and this run reads a %s", m.Source, f.owner.Source)
	case m.Host != f.owner.Host:
		return 0, f.refuse("is that of %s, and this run reads %s", m.Host, f.owner.Host)
	case !f.committed:
		return adopt, nil
	case m.IsBehind(f.owner):
		return 0, f.refuse("was written in epoch %d, and this run is in epoch %d: another worker has taken the instance over, or the bucket was restored from an older state", m.Epoch, f.owner.Epoch)
	case m.Folder != f.owner.Folder && f.unclaimed:
		if was, err := readState([]byte(m.State)); err != nil || !sameScope(was.Scope, f.scope) {
			return 0, f.refuse("was read with another scope than that of this folder, which began while Neo4j was away")
		}
		return takeOver, nil
	case m.Folder != f.owner.Folder:
		return 0, f.refuse("belongs to another folder, with the identity %s, and this one has %s", m.Folder, f.owner.Folder)
	}
	return nothingToDo, nil
}

// refuse says why the folder must not write to the scope.
func (f *folder) refuse(reason string, args ...any) error {
	return &UsageError{&refusal{
		reason: fmt.Sprintf("the graph of %s in Neo4j ", f.instance) + fmt.Sprintf(reason, args...),
		advice: adviceOn(f.instance),
	}}
}

// adviceOn says what can be done about a graph of the instance that is another's.
func adviceOn(instance string) string {
	return "give this instance another name (--instance), or remove that graph with s1graph wipe --instance " + instance
}

// refusal says why, and what to do about it.
type refusal struct{ reason, advice string }

func (r *refusal) Error() string { return r.reason + ": " + r.advice }

// isUnclaimed says whether Neo4j could not be asked yet, since the folder's first run, whose graph it holds.
func (r *run) isUnclaimed() bool {
	for _, c := range r.consumers {
		if n, is := c.consumer.(*neo4j); is {
			return n.store == nil && (r.last.run == nil || r.last.state.Unclaimed)
		}
	}
	return r.last.state.Unclaimed
}

// folder is that of the run.
func (r *run) folder() *folder {
	runs := r.store
	return &folder{instance: r.config.Instance, owner: r.origin(), has: func(run string) bool {
		_, err := runs.Run(run)
		return err == nil
	}}
}

// ofRun is what the folder's last run says of its graph; nil where there is none.
func (f *folder) ofRun(last *jsonstore.Run) {
	if f.committed = last != nil; f.committed {
		was, _ := stateOf(last) // what opens the run says what is wrong with it
		f.unclaimed, f.scope = was.Unclaimed, was.Scope
	}
}

// origin is whose graph the run makes, without the scope: that of what it reads, or of the last run where it reads
// nothing.
func (r *run) origin() neo4jstore.Owner {
	o := neo4jstore.Owner{Folder: r.store.Identity().ID, Log: r.taken.Log, Epoch: r.taken.Epoch}
	if r.client == nil {
		o.Host, o.Source = r.last.state.Host, cmp.Or(r.last.state.cameFrom(), fromConsole)
	} else {
		o.Host, o.Source = r.client.Host(), r.source()
	}
	return o
}

// adoption makes the graph with a marker the last graph of a folder that has none.
type adoption func(context.Context, *neo4jstore.Store, *folder, neo4jstore.Marker) error

// own makes sure that the scope of the database is this folder's before anything is read or written.
func (n *neo4j) own(ctx context.Context, store *neo4jstore.Store, adoptBy adoption) error {
	m, err := store.Marker(ctx)
	if err != nil {
		return ofMarker(err)
	}
	f := n.folder
	f.ofRun(n.runs.Last()) // which may have been committed since
	f.unclaimed = f.unclaimed && n.runs.Applied(neo4jName) == ""
	todo, err := f.claimOn(m)
	if err == nil && m.Folder == f.owner.Folder && m.Log != "" && m.Log != f.owner.Log {
		n.notices = append(n.notices, fmt.Sprintf("Neo4j held the graph of another log of %s, of a bucket that was lost or is not used any more: this run replaces it.", f.instance))
	}
	switch {
	case err != nil:
		return err
	case todo == takeOver:
		m.State = string(n.runs.Last().Manifest().State)
		return store.Claim(ctx, m, f.ownerOf(f.scope))
	case todo == adopt:
		return adoptBy(ctx, store, f, m)
	case !m.Exists && (!f.committed || f.unclaimed):
		return f.refuseStray(ctx, store)
	}
	return nil
}

// refuseStray refuses a folder without a graph where the scope has one that says nothing of itself: it might be
// anybody's.
func (f *folder) refuseStray(ctx context.Context, store *neo4jstore.Store) error {
	var names []string
	for _, d := range steps.Entities() {
		names = append(names, d.Name)
	}
	empty, err := store.IsEmpty(ctx, names)
	if err != nil || empty {
		return err
	}
	return f.refuse("has no marker, so it cannot be told whose it is")
}

// ownerOf is the owner of a graph that was read with a scope.
func (f *folder) ownerOf(scope steps.Scope) neo4jstore.Owner {
	owner := f.owner
	owner.Scope = textOf(scope)
	return owner
}

// textOf is a scope as the marker has it.
func textOf(scope steps.Scope) string {
	text, err := json.Marshal(scope, json.Deterministic(true))
	if err != nil {
		panic(err) // it is lists of IDs
	}
	return string(text)
}

// ofMarker turns the error of a marker that a later version wrote into a fault of the caller.
func ofMarker(err error) error {
	if _, newer := errors.AsType[*neo4jstore.FormatError](err); newer {
		return &UsageError{err}
	}
	return err
}

// CheckMarker says what a run would make of the marker of its scope in Neo4j; where it would be refused, advice says
// what to do about it. It looks at the folder without its lock, and does not compare what the token may see. host is the
// console's.
func CheckMarker(c *config.Config, host string, m neo4jstore.Marker) (detail, advice string) {
	f := &folder{instance: c.Instance, owner: neo4jstore.Owner{Host: host, Source: fromConsole}}
	identity, err := jsonstore.ReadIdentity(c.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err.Error(), "give another --dir"
	}
	f.owner.Folder = identity.ID
	last, err := jsonstore.OpenLast(c.Dir)
	f.ofRun(last)
	f.committed = !errors.Is(err, jsonstore.ErrNoRun)
	f.has = func(run string) bool {
		_, err := jsonstore.OpenKept(c.Dir, run)
		return f.committed && run != "" && err == nil
	}
	todo, err := f.claimOn(m)
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return refused.reason, refused.advice
	case todo == adopt:
		return fmt.Sprintf("%s has no graph yet: the next run takes it for the last graph, if the token sees what the last run saw", c.Dir), ""
	}
	return "the graph is that of " + c.Dir, ""
}

// ForeignGraph says in a sentence whose graph Neo4j has under the instance's name where it is not that of the folder in
// Config.Dir; "" where it is, and where there is none.
func ForeignGraph(ctx context.Context, o Options) (string, error) {
	store, err := o.OpenNeo4j(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = store.Close(context.WithoutCancel(ctx)) }()
	m, err := store.Marker(ctx)
	if err != nil || !m.Exists {
		return "", ofMarker(err)
	}
	identity, err := jsonstore.ReadIdentity(o.Config.Dir)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case m.Folder == identity.ID:
		return "", nil
	case m.Folder == "":
		return fmt.Sprintf("The graph of %s in Neo4j was written by an earlier version, and does not say which folder it belongs to; its run is %s.",
			o.Config.Instance, cmp.Or(m.Run, "none yet")), nil
	}
	return fmt.Sprintf("The graph of %s in Neo4j is not that of the folder %s: it belongs to one with the identity %s, came from the %s %s, and its run is %s.",
		o.Config.Instance, o.Config.Dir, m.Folder, m.Source, m.Host, cmp.Or(m.Run, "none yet")), nil
}

// sameScope says whether two runs saw the same part of the tenant. Where the console did not tell, nobody knows, and it says
// no.
func sameScope(a, b steps.Scope) bool {
	return !a.Unknown && !b.Unknown && a.Fingerprint == b.Fingerprint && a.Covers(b, noAccount) && b.Covers(a, noAccount)
}

func noAccount(string) string { return "" }
