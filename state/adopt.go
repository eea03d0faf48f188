package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/go-json-experiment/json"

	"s1graph/graph/jsonstore"
)

// shareIdentity makes the instance's identity in the bucket that of the directory, or the other way round where the bucket has
// none. A directory that has committed under another one is refused.
func (r *Replica) shareIdentity(ctx context.Context) error {
	own, err := jsonstore.ReadIdentity(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := r.instance + "/identity.json"
	content, err := read(ctx, r.bucket, name)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := own
		if fresh.ID == "" {
			fresh = jsonstore.NewIdentity()
		}
		if content, err = json.Marshal(fresh); err != nil {
			return err
		}
		if err = r.bucket.Create(ctx, name, content); errors.Is(err, fs.ErrExist) {
			content, err = read(ctx, r.bucket, name)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var shared jsonstore.Identity
	if err := json.Unmarshal(content, &shared); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if shared.ID == own.ID {
		return nil
	}
	hasRuns, err := r.hasRuns()
	if err != nil {
		return err
	}
	if hasRuns {
		return &RefusedError{fmt.Sprintf("the bucket has the instance %s with the identity %s, and %s has runs of another, %s: give another --instance, or another --dir, which is filled from the bucket",
			r.instance, shared.ID, r.dir, own.ID)}
	}
	return jsonstore.Identify(r.dir, shared)
}

// Brings says whether only the directory has runs of the instance: the bucket has no record of it.
func (r *Replica) Brings(ctx context.Context) (bool, error) {
	hasRuns, err := r.hasRuns()
	if err != nil || !hasRuns {
		return false, err
	}
	p, err := r.position()
	if err != nil || p.Number > 0 { // which is cheaper to find out
		return false, err
	}
	numbers, err := r.log.numbers(ctx)
	return len(numbers) == 0, err
}

// hasRuns says whether the directory has a whole run, be it committed or not.
func (r *Replica) hasRuns() (bool, error) {
	ids, err := jsonstore.IDs(r.dir)
	return slices.ContainsFunc(ids, func(id string) bool { _, err := jsonstore.OpenKept(r.dir, id); return err == nil }), err
}

// adopted is a record that has the runs of the directory.
func (r *Replica) adopted(ctx context.Context, next record) (record, error) {
	kept, err := jsonstore.Kept(r.dir)
	if err != nil {
		return next, err
	}
	if hasRuns, err := r.hasRuns(); err != nil || hasRuns && len(kept) == 0 {
		return next, errors.Join(err, &RefusedError{fmt.Sprintf("%s has runs, and no link to the last one: make a run without --state first, which finds it", r.dir)})
	}
	r.hand = &next // whose objects need not be put again
	for _, one := range kept {
		objects, err := r.upload(ctx, one)
		if err != nil {
			return next, err
		}
		next.Runs = append(next.Runs, run{one.Manifest().ID, objects})
	}
	if len(kept) > 0 {
		next.Settled = false
		if err = r.uploadBeside(ctx, &next); err == nil {
			err = r.uploadChanges(ctx)
		}
	}
	return next, err
}
