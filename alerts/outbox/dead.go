package outbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Dead is what failed for good, as Queued.
func (tx *Tx) Dead(destination string) ([]Entry, error) { return tx.entries(dead, destination) }

// Retry lets messages that failed for good wait again, at their old places: those of the destination and the
// IDs given, or all where these are empty. What ends what one of them begins comes along. It returns how many there were.
func (tx *Tx) Retry(destination string, ids ...string) (int, error) {
	return tx.eachDead(destination, ids, func(e Entry) error {
		from, err := tx.writable(dead)
		if err != nil {
			return err
		}
		place := placeOf(e.Destination, e.Seq)
		again := state{Key: e.state.Key, At: e.state.At, After: e.state.After, OrNever: e.state.OrNever}
		return errors.Join(
			from.Delete(place), tx.put(waiting, place, again), tx.count(e.Destination, dead, -1), tx.count(e.Destination, waiting, 1),
		)
	})
}

// Drop forgets messages that failed for good, as Retry chooses them.
func (tx *Tx) Drop(destination string, ids ...string) (int, error) {
	return tx.eachDead(destination, ids, func(e Entry) error { return tx.remove(dead, e) })
}

// Expire drops what failed longer ago than kept. What failed in the future, by more than a day, was so by
// a clock that was wrong, and is kept from now on. It returns how many it dropped.
func (tx *Tx) Expire(now time.Time, kept time.Duration) (dropped int, err error) {
	for place, value := range tx.each(dead, nil) {
		s, err := readState(value)
		if err != nil {
			return 0, fmt.Errorf("entry of the outbox: %w", err)
		}
		switch age := now.Sub(s.DeadSince); {
		case age > kept:
			var e Entry
			if e, err = tx.entry(place, s); err == nil {
				dropped++
				err = tx.remove(dead, e)
			}
		case age < -24*time.Hour:
			s.DeadSince = now.UTC()
			err = tx.put(dead, place, s)
		}
		if err != nil {
			return 0, err
		}
	}
	return dropped, tx.countAnew()
}

// eachDead does something with what failed for good: of the destination and the IDs given, or with all where these are
// empty.
func (tx *Tx) eachDead(destination string, ids []string, do func(Entry) error) (n int, err error) {
	given, err := tx.Dead(destination)
	if err != nil {
		return 0, err
	}
	for _, e := range given {
		isMeant := func(id string) bool { return id == e.ID || slices.Contains(e.state.After, id) }
		if len(ids) > 0 && !slices.ContainsFunc(ids, isMeant) {
			continue
		}
		if err := do(e); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
