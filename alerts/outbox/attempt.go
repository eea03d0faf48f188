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
	return errors.Join(tx.remove(waiting, e), tx.noteLasting(e.Message))
}

// remove takes e out of a bucket and of the file.
func (tx *Tx) remove(from []byte, e Entry) error {
	place := placeOf(e.Destination, e.Seq)
	faults := []error{tx.count(e.Destination, from, -1)}
	for name, key := range map[string][]byte{
		string(from): place, string(messages): place, string(known): idKey(e.Destination, e.ID),
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
	s := e.state
	s.Attempts++
	s.Next, s.LastError = next.UTC(), "an attempt was begun at "+at.UTC().Format(time.RFC3339)+", and its end is not known"
	place := placeOf(e.Destination, e.Seq)
	return true, errors.Join(
		tx.count(e.Destination, waiting, 0),
		tx.put(waiting, place, s),
		tx.put(messages, place, e.Message),
		tx.bucket(known).Put(idKey(e.Destination, e.ID), place),
	)
}

// Unclaim takes a claim back: the attempt was cut off. e is as it was read before it was claimed.
func (tx *Tx) Unclaim(e Entry) error {
	if !tx.waits(e) {
		return nil
	}
	return tx.put(waiting, placeOf(e.Destination, e.Seq), e.state)
}

// Failed notes an attempt at e, and when to try again. e is as it was read; it is nothing where e waits no more.
func (tx *Tx) Failed(e Entry, next time.Time, reason string) error {
	if !tx.waits(e) {
		return nil
	}
	return tx.put(waiting, placeOf(e.Destination, e.Seq), e.state.failed(next, reason))
}

func (s state) failed(next time.Time, reason string) state {
	s.Attempts++
	s.Next, s.LastError = next.UTC(), reason
	return s
}

// Bury notes an attempt at e, at the time at, that was the last one, as Failed does. An orphan fails without one.
func (tx *Tx) Bury(e Entry, at time.Time, reason string) error {
	if !tx.waits(e) {
		return nil
	}
	s := e.state.failed(time.Time{}, reason)
	if e.Orphan {
		s = e.state
		s.LastError = orphaned
	}
	return tx.bury(e.Destination, placeOf(e.Destination, e.Seq), s, at)
}

// Away notes an attempt that found a destination away, at the time at, as one at each message that is due: it stands
// for all of them. next is when to try again what has failed so often, and false where that was the last time. It
// returns those that failed for good.
func (tx *Tx) Away(destination string, at time.Time, reason string, next func(attempts int) (time.Time, bool)) (given []Entry, err error) {
	failed := map[string]state{} // by place
	_, err = tx.eachDue(destination, at, func(place []byte, s state) bool {
		failed[string(place)] = s
		return true
	})
	if err != nil {
		return nil, err
	}
	for place, s := range failed {
		due, again := next(s.Attempts + 1)
		s = s.failed(due, reason)
		if again {
			err = tx.put(waiting, []byte(place), s)
		} else {
			var e Entry
			if e, err = tx.entry([]byte(place), s); err == nil {
				given = append(given, e)
				err = tx.bury(destination, []byte(place), s, at)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return given, nil
}

// bury moves what stands at a place to what failed for good.
func (tx *Tx) bury(destination string, place []byte, s state, at time.Time) error {
	b, err := tx.writable(waiting)
	if err != nil {
		return err
	}
	s.Next, s.DeadSince = time.Time{}, at.UTC()
	return errors.Join(
		b.Delete(place), tx.put(dead, place, s), tx.count(destination, waiting, -1), tx.count(destination, dead, 1),
	)
}

// orphaned is why what tells of an end fails without an attempt.
const orphaned = "the alert that it ends has failed"

// isOrphan says whether nobody was ever told of what an alert ends, and it will not be tried any more.
func (tx *Tx) isOrphan(destination string, s state) bool {
	return s.OrNever && !slices.ContainsFunc(s.After, func(id string) bool { return !tx.standsIn(dead, destination, id) })
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
