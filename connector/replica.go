package connector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"s1graph/graph/jsonstore"
	"s1graph/pause"
	bucket "s1graph/state"
)

// hasReplica says whether the run has to do with a bucket.
func (r *run) hasReplica() bool { return r.o.Replica != nil && !r.o.DryRun }

// prepare brings the directory to what is in the bucket; nil where there is none.
func (r *run) prepare(ctx context.Context) func() error {
	if !r.hasReplica() {
		return nil
	}
	return func() (err error) {
		defer pause.Tell(ctx, pause.Wait{What: "asking the bucket for the last state"})()
		r.taken, err = r.o.Replica.Prepare(ctx)
		if r.taken.Restored != "" {
			r.notice("%s", r.taken.Restored)
		}
		return err
	}
}

// publish puts a run into the bucket before anything leads to it; nil where there is none.
func (r *run) publish(ctx context.Context) func(*jsonstore.Run) error {
	if !r.hasReplica() {
		return nil
	}
	return func(run *jsonstore.Run) error {
		defer pause.Tell(ctx, pause.Wait{What: "writing the run into the bucket"})()
		return r.o.Replica.Run(ctx, run)
	}
}

// settle tells the bucket that the consumers were told of the run, and lets go there of what was let go here. That it cannot be
// done is no fault of the run: the next one makes up for it.
func (r *run) settle(ctx context.Context) {
	if !r.hasReplica() {
		return
	}
	defer pause.Tell(ctx, pause.Wait{What: "writing to the bucket"})()
	err := r.o.Replica.Settled(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	if r.summary.Status == Complete {
		r.summary.Status = Partial
	}
	then := "the next run makes up for it"
	if errors.Is(err, bucket.ErrFenced) {
		then = "that worker goes on with this run"
	}
	r.notice("The run was committed, and the bucket lacks what came after it: %s: %s.", strings.TrimSuffix(err.Error(), "."), then)
}

// mend gets damaged types of the last run from the bucket, and says what is damaged still.
func (r *run) mend(ctx context.Context, run *jsonstore.Run, damaged map[string]error) map[string]error {
	if len(damaged) == 0 || !r.hasReplica() {
		return damaged
	}
	types := slices.Sorted(maps.Keys(damaged))
	if err := r.o.Replica.Mend(ctx, run, types); err != nil {
		r.notice("What is damaged of the last run could not be had from the bucket: %v.", err)
		return damaged
	}
	still := run.Verify(ctx)
	if len(still) == 0 {
		r.notice("The last run's %s were damaged, and the bucket had them.", strings.Join(types, ", "))
	}
	return still
}

// IsFenced says whether another worker has the instance now, or the folder is no more what this one knew, so that nothing was
// committed, and the instance must be taken anew.
func IsFenced(err error) bool {
	return errors.Is(err, bucket.ErrFenced) || errors.Is(err, bucket.ErrFolderGone)
}

// ofReplica turns the error of a directory that does not belong to the bucket into a fault of the caller.
func ofReplica(err error) error {
	if refused, is := errors.AsType[*bucket.RefusedError](err); is {
		return &UsageError{refused}
	}
	if IsFenced(err) {
		return fmt.Errorf("nothing was committed: %w", err)
	}
	return err
}
