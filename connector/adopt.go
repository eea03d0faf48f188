package connector

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"s1graph/graph/neo4jstore"
	"s1graph/reconcile"
	"s1graph/steps"
)

// adopt makes what Neo4j holds the last graph of a folder that has none, so that the rules by which anything counts as
// gone apply to it. First the marker gets the folder's identity, so that nobody else writes any more; then the
// graph is read back and committed as a run. Killed in between, the next run finds a folder that still has no graph, and
// begins again. Until the run is committed nothing is written to the database but the marker.
func (r *run) adopt(ctx context.Context, store *neo4jstore.Store, f *folder, m neo4jstore.Marker) error {
	was, err := readState([]byte(m.State))
	if err != nil {
		return f.refuse("has a marker that cannot be read (%v)", err)
	}
	scope, err := r.readScope(ctx)
	if err != nil {
		return err
	}
	if !sameScope(was.Scope, scope) {
		return f.refuse("was read with another scope than this run's, %s and not %s, so it cannot become the last graph of this folder, which has none",
			textOf(was.Scope), textOf(scope))
	}
	if err := store.Claim(ctx, m, f.ownerOf(was.Scope)); err != nil {
		return fmt.Errorf("neo4j: %w", err)
	}
	last := state{ // what belongs to the graph, and not to the folder that is lost
		Host: f.owner.Host, Source: f.owner.Source, Scope: was.Scope, Applications: was.Applications, Established: was.Established,
		Complete: was.Complete, AgentsReadAt: was.AgentsReadAt, ReadAt: was.ReadAt, Steps: was.Steps, Tag: was.Tag, Version: was.Version, Adopted: m.Run,
	}
	last.Adopted = cmp.Or(last.Adopted, m.UnderWay)
	if err := r.commitAdopted(ctx, store, last); err != nil {
		return fmt.Errorf("reading the graph of %s back from Neo4j: %w", r.config.Instance, err)
	}
	return r.openLast(ctx)
}

// commitAdopted commits a run with the graph that Neo4j holds.
func (r *run) commitAdopted(ctx context.Context, store *neo4jstore.Store, is state) error {
	written, err := store.ReadBack(ctx, steps.GraphTypes(), declared())
	if err != nil {
		return err
	}
	draft, err := r.store.Begin(r.summary.StartedAt)
	if err != nil {
		return err
	}
	summary := newRun(r.o).summary
	summary.Run, summary.StartedAt = draft.ID(), r.summary.StartedAt
	records, err := reconcile.Copy(ctx, written, draft)
	if err != nil {
		return errors.Join(err, draft.Abort())
	}
	for _, t := range written.Types() {
		if t.Relationship {
			summary.Relationships[t.Name] = records[t.Name]
		} else {
			summary.Entities[t.Name] = records[t.Name]
		}
	}
	summary.Notices = r.adoptionNotices(written, is.Adopted)
	r.summary.Notices = append(r.summary.Notices, summary.Notices...)
	summary.FinishedAt = r.clock().UTC()
	if err := r.commitWith(ctx, draft, summary, is); err != nil {
		return errors.Join(err, draft.Abort())
	}
	r.o.Logger.Info("graph read back from neo4j", "run", draft.ID(), "adopted", is.Adopted)
	return nil
}

// adoptionNotices say that the graph was read back, and what was odd about it.
func (r *run) adoptionNotices(written *neo4jstore.Written, run string) []string {
	notices := []string{fmt.Sprintf("%s had no graph, and Neo4j had that of the run %s: it was read back as the last graph. What differs from it is a baseline, and no change is reported.",
		r.config.Dir, run)}
	for _, t := range written.Types() {
		if n := written.Edited[t.Name]; n > 0 {
			notices = append(notices, fmt.Sprintf("Neo4j had %d of %s that somebody edited: their keys alone were taken.", n, t.Name))
		}
		if n := written.Strange[t.Name]; n > 0 {
			notices = append(notices, fmt.Sprintf("Neo4j had %d of %s with keys that s1graph does not give: they were left out.", n, t.Name))
		}
	}
	return notices
}
