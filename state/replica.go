// Package state keeps what an instance's directory holds in a bucket too, so that another worker can go on where one ended.
// The truth is a log of numbered records in the bucket. A record says which runs are kept and what lies beside them; that a
// number can be created once decides who commits. So nothing depends on clocks, nor on a worker that notices that it is no
// longer the one:
//
//	INSTANCE/log/000000000042       record 42, never overwritten; the last 20 are kept
//	INSTANCE/objects/PART-HASH-…    files of runs, by type, and what lies beside the runs: tar through zstd. No name is given twice
//	INSTANCE/changes/RUN.zst        changes of a committed run, for as long as the directory keeps them
//	INSTANCE/asks/RUN-…             what people accepted and the worker has not looked at yet
//	INSTANCE/identity.json          of all directories of the instance
//
// A worker takes the instance by a record with what the last one says: from then on no record of the worker before it can
// follow. The package knows nothing of consoles and rules, and does not decide who should have an instance.
package state

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/graph/jsonstore"
	"s1graph/pause"
)

// Replica is an instance's directory and its state in a bucket. It is safe for concurrent use. What it writes it writes
// under the lock of the directory, so that several processes of one worker can share that: they are one writer.
type Replica struct {
	// Clock, Random and After are for tests: the time of day, what no other calls something, and waiting. They are set by Of.
	Clock  func() time.Time
	Random func() string
	After  func(time.Duration) <-chan time.Time // waits

	// Observe is told of each operation that ended, by its name in small letters (take, prepare, run, mend, settled, outbox), with
	// the bytes that went to the bucket and came from it. Nothing is asked of the Replica in it. Nil: nobody is told.
	Observe func(op string, took time.Duration, bytes int64, err error)

	mu            sync.Mutex
	log           log
	bucket        *meter
	instance, dir string
	worker        string
	taken         bool            // this Replica took the instance
	wrote         string          // nonce of the last record that it wrote
	hand          *record         // the last record, which this directory wrote; nil: that is not known
	logged        map[string]bool // runs whose changes are in the bucket; nil: it was not looked yet
	asks          map[string]bool // that were there when the directory was last prepared, by base name; false: they are answered
}

// Of is the state of an instance in a bucket, for a directory of the worker's. Nothing is asked yet.
func Of(b Bucket, instance, worker, dir string) *Replica {
	metered := &meter{Bucket: b}
	return &Replica{
		Clock: time.Now, Random: rand.Text, After: time.After, bucket: metered, instance: instance, worker: worker, dir: dir,
		log: log{bucket: metered, instance: instance, known: map[int64]record{}},
	}
}

// Taken is what a worker finds that takes an instance.
type Taken struct {
	Log      string // which log it is: epochs of another cannot be compared
	Epoch    int64  // greater than that of all who took the instance before
	Settled  bool   // consumers have all runs
	Restored string // a sentence on what the directory did not have, "" where it had all
}

// RefusedError says that directory and bucket do not belong together, or not any more, and what to do. Nothing was changed.
type RefusedError struct{ What string }

func (e *RefusedError) Error() string { return e.What }

// position is what the directory knows of the log, in DIR/replica.json.
type position struct {
	Log    string   `json:"log"`
	Number int64    `json:"number"`
	Nonce  string   `json:"nonce"`
	Next   string   `json:"next,omitempty"` // nonce of the record after it, which may have been written
	Runs   []string `json:"runs"`           // that a record names, or may name
}

func (r *Replica) positionPath() string { return filepath.Join(r.dir, "replica.json") }

func (r *Replica) position() (p position, err error) {
	content, err := jsonstore.ReadPlain(r.positionPath())
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil && json.Unmarshal(content, &p) != nil { // who has none is brought to the last record
		p = position{}
	}
	return p, err
}

func (r *Replica) note(p position) error {
	content, err := json.Marshal(p, json.Deterministic(true))
	if err != nil {
		return err
	}
	return jsonstore.Replace(r.positionPath(), content)
}

// position is that of a directory which has what the record says.
func (r *record) position() position {
	p := position{Log: r.Log, Number: r.Number, Nonce: r.Nonce}
	for _, run := range r.Runs {
		p.Runs = append(p.Runs, run.ID)
	}
	return p
}

// wrote says whether a record is one that this directory wrote, so that it has all of it.
func (p *position) wrote(r *record) bool {
	return r.Log == p.Log && (r.Number == p.Number && r.Nonce == p.Nonce || r.Number == p.Number+1 && r.Nonce == p.Next && p.Next != "")
}

// Take makes the worker the one who has the instance, and brings the directory to the last state. The directory must not be in
// use. What the directory had and the log does not is set aside, unless the log has no run: then the directory's are the first.
// The error is ErrFenced where others took it in the same moment, a *RefusedError, or says that the bucket does not answer.
func (r *Replica) Take(ctx context.Context) (taken Taken, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.measure("take", &err)()
	err = jsonstore.Hold(r.dir, r.Clock(), func() (err error) {
		taken, err = r.take(ctx, true)
		return err
	})
	return taken, err
}

// Prepare makes sure that the worker still has the instance, and that the directory's last run is the last record's, and brings
// what people accepted into it. The caller has the directory's lock. Who did not take the instance yet takes it. The errors are
// those of Take, and ErrFolderGone.
func (r *Replica) Prepare(ctx context.Context) (taken Taken, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.measure("prepare", &err)()
	last, err := r.log.last(ctx)
	if err != nil {
		return taken, err
	}
	p, err := r.position()
	if err != nil {
		return taken, err
	}
	isKnown := last.Number == p.Number+1 || p.Next == "" // else nobody knows yet what became of the record that was to follow
	switch {
	case !r.taken:
		taken, err = r.take(ctx, true)
	case !p.wrote(&last):
		err = r.fenced(&last)
	case !isKnown:
		taken, err = r.take(ctx, false)
	default:
		r.hand = &last
		taken.Log, taken.Epoch, taken.Settled = last.Log, last.Epoch, last.Settled
		taken.Restored, err = r.bring(ctx, p, true)
	}
	if err == nil {
		err = r.takeAsks(ctx)
	}
	if err != nil {
		r.hand = nil
	}
	return taken, err
}

// looksAgain is how often, and lagsFor after what time, one looks again for a record that the directory has seen: the lists of some
// stores come late.
const (
	looksAgain = 3
	lagsFor    = 3 * time.Second
)

// tries is how often one tries to take an instance that others write to.
const tries = 3

func (r *Replica) take(ctx context.Context, fromOthers bool) (taken Taken, err error) {
	r.hand = nil
	var p position
	looked := 0
	wrote := false
	err = ErrFenced
	for try := 0; try < tries && errors.Is(err, ErrFenced); try++ {
		var last record
		if last, err = r.log.last(ctx); err != nil {
			return taken, err
		}
		if p, err = r.position(); err != nil {
			return taken, err
		}
		for ; looked < looksAgain && p.Log == last.Log && last.Number < p.Number; looked++ {
			if err = pause.Until(ctx, r.After(lagsFor)); err != nil {
				return taken, err
			}
			if last, err = r.log.last(ctx); err != nil {
				return taken, err
			}
		}
		switch {
		case p.Log == last.Log && (last.Number < p.Number || last.Number == p.Number && last.Nonce != p.Nonce):
			return taken, &RefusedError{fmt.Sprintf("the log of %s in the bucket ends with record %d by %s, and %s has seen record %d: an older state of the bucket was restored, or the store does not list what was just written. "+
				"If nobody restored anything, remove nothing: look at what the store lists. Else, to go on from the bucket, move %s away (runs that the bucket does not have are set aside); to go on from the folder, move %s/ in the bucket to another name",
				r.instance, last.Number, last.Worker, r.dir, p.Number, r.positionPath(), r.instance)}
		case !fromOthers && !p.wrote(&last):
			return taken, r.fenced(&last)
		}
		if err = r.shareIdentity(ctx); err != nil {
			return taken, err
		}
		taken.Settled = last.Settled
		next := last
		if len(last.Runs) == 0 {
			if next, err = r.adopted(ctx, next); err != nil {
				return taken, err
			}
		}
		next.Log, next.Epoch = cmp.Or(last.Log, r.Random()), last.Number+1
		r.hand = &last
		if wrote = p.wrote(&last) || len(next.Runs) > len(last.Runs); wrote { // the directory has what the record says
			err = r.write(ctx, next)
		} else {
			err = r.append(ctx, &next, r.Random())
		}
	}
	if err != nil {
		return taken, err
	}
	r.taken, taken.Log, taken.Epoch = true, r.hand.Log, r.hand.Epoch
	taken.Restored, err = r.bring(ctx, p, wrote)
	return taken, err
}

// write writes the record that follows the last one. The directory has what it says.
func (r *Replica) write(ctx context.Context, next record) error {
	nonce := r.Random()
	p := position{Log: next.Log, Number: r.hand.Number, Nonce: r.hand.Nonce, Next: nonce}
	for _, run := range slices.Concat(r.hand.Runs, next.Runs) {
		if !slices.Contains(p.Runs, run.ID) {
			p.Runs = append(p.Runs, run.ID)
		}
	}
	if err := r.note(p); err != nil { // first, so that the directory knows its own record should the answer be lost
		return err
	}
	if err := r.append(ctx, &next, nonce); err != nil {
		return err
	}
	return r.note(r.hand.position())
}

func (r *Replica) append(ctx context.Context, next *record, nonce string) error {
	next.Number, next.Nonce, next.Worker, next.At = r.hand.Number+1, nonce, r.worker, r.Clock().UTC()
	r.hand = nil // until it is known what became of it
	if err := r.log.append(ctx, *next); err != nil {
		return err
	}
	r.hand, r.wrote = next, next.Nonce
	return nil
}

// fenced says why the last record is not one that the directory knows as its own.
func (r *Replica) fenced(last *record) error {
	if last.Nonce == r.wrote && r.wrote != "" {
		return fmt.Errorf("%w: %s does not know record %d, which this worker wrote", ErrFolderGone, r.dir, last.Number)
	}
	return fmt.Errorf("%w: %s wrote record %d", ErrFenced, last.Worker, last.Number)
}

// errNotTaken says that nothing can be written before the directory was prepared again.
var errNotTaken = errors.New("what became of the last record in the bucket is not known: the next run finds out")

// Run commits a run: all of it is in the bucket when it returns. The run must follow the last one. After an error the run is not
// to be committed, though the bucket may have it: the next Prepare finds out. The error is ErrFenced where another worker has
// the instance.
func (r *Replica) Run(ctx context.Context, committed *jsonstore.Run) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.measure("run", &err)()
	if r.hand == nil {
		return errNotTaken
	}
	m := committed.Manifest()
	if m.Previous != r.hand.last() {
		return fmt.Errorf("the run %s follows %q, and the last one in the bucket is %q", m.ID, m.Previous, r.hand.last())
	}
	objects, err := r.upload(ctx, committed)
	if err != nil {
		return err
	}
	next := *r.hand
	next.Settled = false
	next.Runs = append(slices.Clone(next.Runs), run{m.ID, objects})
	return r.write(ctx, next)
}

// Settled says that the consumers have what they are to have of the last run, and lets go of the runs that the directory has
// no more: what lies beside the runs goes first.
func (r *Replica) Settled(ctx context.Context) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.measure("settled", &err)()
	if r.hand == nil {
		return errNotTaken
	}
	kept, err := jsonstore.IDs(r.dir)
	if err != nil {
		return err
	}
	if err := r.uploadChanges(ctx); err != nil {
		return err
	}
	next := *r.hand
	next.Settled = true
	next.Answered = r.answered()
	next.Runs = slices.DeleteFunc(slices.Clone(next.Runs), func(run run) bool { return !slices.Contains(kept, run.ID) })
	if err := r.uploadBeside(ctx, &next); err != nil {
		return err
	}
	if err := r.write(ctx, next); err != nil {
		return err
	}
	if err := r.log.sweep(ctx, *r.hand); err != nil {
		return err
	}
	return errors.Join(r.sweepAsks(ctx), r.sweepChanges(ctx))
}

// Outbox brings what lies beside the runs to the bucket, alerts.db above all, where it is another than is there. It does nothing
// while the directory is in use: whoever uses it does so. The errors are ErrFenced where another worker has the instance, and
// ErrFolderGone.
func (r *Replica) Outbox(ctx context.Context) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.measure("outbox", &err)()
	err = jsonstore.Hold(r.dir, r.Clock(), func() error {
		last, err := r.log.last(ctx)
		if err != nil {
			return err
		}
		p, err := r.position()
		switch {
		case err != nil:
			return err
		case !p.wrote(&last):
			return r.fenced(&last)
		case p.Next != "" && last.Number == p.Number: // the next run finds out what became of the record after it
			return nil
		}
		r.hand = &last
		next := last
		if err := r.uploadBeside(ctx, &next); err != nil || next.Outbox == last.Outbox && slices.Equal(next.History, last.History) {
			return err
		}
		return r.write(ctx, next)
	})
	if _, locked := errors.AsType[*jsonstore.LockedError](err); locked {
		return nil
	}
	return err
}

// Fetch brings a directory to the last state in the bucket, and takes nothing.
func Fetch(ctx context.Context, b Bucket, instance, dir string) error {
	r := Of(b, instance, "", dir)
	return jsonstore.Hold(dir, r.Clock(), func() error {
		last, err := r.log.last(ctx)
		if err == nil && len(last.Runs) == 0 {
			err = &RefusedError{fmt.Sprintf("the bucket has no run of %s", instance)}
		}
		if err == nil {
			err = r.shareIdentity(ctx)
		}
		if err != nil {
			return err
		}
		p, err := r.position()
		if err == nil {
			r.hand = &last
			_, err = r.bring(ctx, p, p.wrote(&last))
		}
		return err
	})
}

// remove removes a file if it is there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
