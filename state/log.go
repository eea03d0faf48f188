package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// ErrFenced says that another worker has written to the log of the instance, which is now its own: whoever gets it must
// read and deliver nothing more for the instance.
var ErrFenced = errors.New("another worker has taken the instance over")

// ErrFolderGone says that an instance's folder lacks what this process had written in it: whoever gets it must take the instance
// anew, which fills the folder from the bucket.
var ErrFolderGone = errors.New("the folder of the instance was removed or replaced while the worker used it")

// record is an entry of an instance's log. It has all of the state, so that the last one is enough.
type record struct {
	Number  int64     `json:"number"`
	Log     string    `json:"log"`               // chosen at random with record 1
	Epoch   int64     `json:"epoch"`             // number of the record by which the worker took the instance
	Worker  string    `json:"worker"`            // who wrote it
	At      time.Time `json:"at"`                // by the worker's clock, for people
	Nonce   string    `json:"nonce"`             // by which the worker knows its own record, should the answer be lost
	Runs    []run     `json:"runs"`              // that are kept, the oldest first and the last one at the end
	Outbox  string    `json:"outbox"`            // object with alerts.db and applied.json; "" where there is neither
	History []string  `json:"history,omitempty"` // objects with the pieces of history.jsonl
	Settled bool      `json:"settled"`

	Answered []string `json:"answered,omitempty"` // names of asks that need not be looked at again
}

// run is a committed run.
type run struct {
	ID      string            `json:"id"`
	Objects map[string]string `json:"objects"` // by part, see jsonstore.Run.Parts
}

// last is the ID of the last run, "" where there is none.
func (r *record) last() string {
	if len(r.Runs) == 0 {
		return ""
	}
	return r.Runs[len(r.Runs)-1].ID
}

// recordsKept is how many records are kept: whoever reads what an older one names may still do so.
const recordsKept = 20

// log is the numbered log of an instance. A record is the commit of what it says.
type log struct {
	bucket   Bucket
	instance string
	known    map[int64]record // records never change
}

func (l *log) path(number int64) string { return fmt.Sprintf("%s/log/%012d", l.instance, number) }

// numbers are those of the records that are there, in ascending order.
func (l *log) numbers(ctx context.Context) (numbers []int64, err error) {
	names, err := l.bucket.List(ctx, l.instance+"/log/")
	if err != nil {
		return nil, fmt.Errorf("the log of %s: %w", l.instance, err)
	}
	for _, name := range names {
		if n, err := strconv.ParseInt(path.Base(name), 10, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// last is the record with the greatest number; one without a number where the log is empty.
func (l *log) last(ctx context.Context) (record, error) {
	for tries := 0; ; tries++ {
		numbers, err := l.numbers(ctx)
		if err != nil || len(numbers) == 0 {
			return record{}, err
		}
		r, err := l.read(ctx, numbers[len(numbers)-1])
		if !errors.Is(err, fs.ErrNotExist) || tries == 2 { // it was swept meanwhile
			return r, err
		}
	}
}

func (l *log) read(ctx context.Context, number int64) (record, error) {
	if r, known := l.known[number]; known {
		return r, nil
	}
	content, err := read(ctx, l.bucket, l.path(number))
	if err != nil {
		return record{}, fmt.Errorf("record %d of %s: %w", number, l.instance, err)
	}
	r := record{}
	if err := json.Unmarshal(content, &r); err != nil || r.Number != number {
		return record{}, fmt.Errorf("record %d of %s cannot be read: it was not written by this version of s1graph (%v)", number, l.instance, err)
	}
	l.known[number] = r
	return r, nil
}

// append writes a record, which is then the last one and the writer's. The error is ErrFenced where another one has its number
// or a greater one: names become free when old records are swept, so that to have created one proves nothing. After any other
// error nobody knows whether it was written.
func (l *log) append(ctx context.Context, r record) error {
	content, err := json.Marshal(r, json.Deterministic(true))
	if err != nil {
		return err
	}
	if err := l.bucket.Create(ctx, l.path(r.Number), content); err != nil {
		there, unread := l.read(ctx, r.Number)
		switch {
		case unread == nil && there.Nonce != r.Nonce:
			return fmt.Errorf("%w: %s wrote record %d", ErrFenced, there.Worker, r.Number)
		case unread != nil && errors.Is(err, fs.ErrExist) && errors.Is(unread, fs.ErrNotExist): // it was swept meanwhile
			return fmt.Errorf("%w: record %d was there, and is no more", ErrFenced, r.Number)
		case unread != nil:
			return fmt.Errorf("record %d of %s: %w", r.Number, l.instance, err)
		}
	}
	numbers, err := l.numbers(ctx)
	if err != nil {
		return err
	}
	if last := slices.Max(append(numbers, r.Number)); last > r.Number {
		return fmt.Errorf("%w: the log has record %d, and this one would be %d", ErrFenced, last, r.Number)
	}
	l.known[r.Number] = r
	return nil
}

// sweep removes what the last records do not need; hand is the last of them. What is listed before the log was put by the one
// who wrote that record, or by those before it who can commit no more; and no name is given twice, so that a deletion that
// comes late removes nothing else.
func (l *log) sweep(ctx context.Context, hand record) error {
	objects, err := l.bucket.List(ctx, l.instance+"/objects/")
	if err != nil {
		return err
	}
	numbers, err := l.numbers(ctx)
	if err != nil {
		return err
	}
	if last := slices.Max(append(numbers, hand.Number)); last > hand.Number {
		return fmt.Errorf("%w: the log has record %d", ErrFenced, last)
	}
	named := map[string]bool{}
	for _, n := range numbers {
		if n <= hand.Number-recordsKept { // first, so that no record names what is gone
			if err := l.bucket.Delete(ctx, l.path(n)); err != nil {
				return err
			}
			delete(l.known, n)
			continue
		}
		r, err := l.read(ctx, n)
		if err != nil {
			return err
		}
		named[r.Outbox] = true
		for _, object := range r.History {
			named[object] = true
		}
		for _, run := range r.Runs {
			for _, object := range run.Objects {
				named[object] = true
			}
		}
	}
	for _, name := range objects {
		if !named[path.Base(name)] {
			if err := l.bucket.Delete(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}
