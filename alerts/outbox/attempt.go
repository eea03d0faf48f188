package outbox

import (
	"bytes"
	"errors"
	"slices"
	"time"
)

// Delivered takes e out: it has arrived.
func (tx *Tx) Delivered(e Entry) error {
	if !tx.waits(e) {
		return nil
	}
	place := placeOf(e.Destination, e.Seq)
	var faults []error
	for name, key := range map[string][]byte{
		string(waiting): place, string(messages): place, string(known): idKey(e.Destination, e.ID),
	} {
		b, err := tx.writable([]byte(name))
		if err == nil {
			err = b.Delete(key)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// Claim notes that an attempt at e is about to be made, at the time at, as one that failed: if its end never comes to
// be known, since the process is killed, it is repeated at next and not at once. e is as it was read. It returns
// false, and notes nothing, where e waits no more.
//
// A claim writes to all places that Delivered, Failed or Bury will write to, whatever it changes there. So once it is
// on disk the file has room for these: bbolt writes changed pages anew, and then uses the old ones again.
func (tx *Tx) Claim(e Entry, at, next time.Time) (bool, error) {
	if !tx.waits(e) {
		return false, nil
	}
	s := e.state()
	s.Attempts++
	s.Next, s.LastError = next.UTC(), "an attempt was begun at "+at.UTC().Format(time.RFC3339)+", and its end is not known"
	return true, errors.Join(
		tx.attempted(e, waiting, s),
		tx.put(messages, placeOf(e.Destination, e.Seq), e.Message),
		tx.bucket(known).Put(idKey(e.Destination, e.ID), placeOf(e.Destination, e.Seq)),
	)
}

// Unclaim takes a claim back: the attempt was cut off. e is as it was read before it was claimed.
func (tx *Tx) Unclaim(e Entry) error { return tx.attempted(e, waiting, e.state()) }

// Failed notes an attempt at e, at the time at, and when to try again. e is as it was read; it is nothing
// where e waits no more.
func (tx *Tx) Failed(e Entry, at, next time.Time, reason string) error {
	s := e.failed(at, reason)
	s.Next = next.UTC()
	return tx.attempted(e, waiting, s)
}

// Bury notes an attempt at e, at the time at, that was the last one, as Failed does.
func (tx *Tx) Bury(e Entry, at time.Time, reason string) error {
	s := e.failed(at, reason)
	s.DeadSince = at.UTC()
	return tx.attempted(e, dead, s)
}

// Retry lets messages that were given up wait again, at their old places: those of the destination and the
// IDs given, or all where these are empty. It returns how many there were.
func (tx *Tx) Retry(destination string, ids ...string) (int, error) {
	given, err := tx.Dead(destination)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range given {
		if len(ids) > 0 && !slices.Contains(ids, e.ID) {
			continue
		}
		from, err := tx.writable(dead)
		if err != nil {
			return 0, err
		}
		place := placeOf(e.Destination, e.Seq)
		if err := errors.Join(from.Delete(place), tx.put(waiting, place, state{Key: e.Key, At: e.At})); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// waits says whether e waits. It does not where another process has taken it out meanwhile, or where the
// file is another one since: at its place there may be another message then.
func (tx *Tx) waits(e Entry) bool {
	ids, entries := tx.bucket(known), tx.bucket(waiting)
	if ids == nil || entries == nil {
		return false
	}
	place := placeOf(e.Destination, e.Seq)
	return bytes.Equal(ids.Get(idKey(e.Destination, e.ID)), place) && entries.Get(place) != nil
}

// attempted moves e from what waits into a bucket, if it waits still.
func (tx *Tx) attempted(e Entry, to []byte, s state) error {
	if !tx.waits(e) {
		return nil
	}
	from, err := tx.writable(waiting)
	if err != nil {
		return err
	}
	place := placeOf(e.Destination, e.Seq)
	return errors.Join(from.Delete(place), tx.put(to, place, s))
}

func (e Entry) state() state {
	return state{Key: e.Key, At: e.At, Attempts: e.Attempts, First: e.First, Next: e.Next, LastError: e.LastError}
}

func (e Entry) failed(at time.Time, reason string) state {
	s := state{Key: e.Key, At: e.At, Attempts: e.Attempts + 1, First: e.First, LastError: reason}
	if s.First.IsZero() {
		s.First = at.UTC()
	}
	return s
}
