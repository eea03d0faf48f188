package outbox

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// Count is how many messages the outbox has for a destination.
type Count struct {
	Destination string    `json:"destination"`
	Queued      int       `json:"queued"`
	Dead        int       `json:"dead"`            // could not be delivered: s1graph alerts list
	Oldest      time.Time `json:"oldest,omitzero"` // when the first in the queue was found; zero where none is queued
}

// tally is how many entries there are of a destination. It is kept beside them, so that nobody has to count them.
type tally struct {
	Queued int `json:"queued,omitzero"`
	Dead   int `json:"dead,omitzero"`
}

func (t *tally) add(bucket []byte, n int) {
	if bytes.Equal(bucket, dead) {
		t.Dead += n
	} else {
		t.Queued += n
	}
}

// Counts is how many messages there are, by destination, of all that have any. It costs the same however many there
// are.
func (tx *Tx) Counts() ([]Count, error) {
	tallies, err := tx.tallies()
	if err != nil {
		return nil, err
	}
	all := []Count{}
	for name, t := range tallies {
		if t == (tally{}) {
			continue
		}
		c := Count{Destination: name, Queued: t.Queued, Dead: t.Dead}
		for _, value := range tx.each(waiting, destinationPrefix(name)) {
			s, err := readState(value)
			if err != nil {
				return nil, fmt.Errorf("entry of the outbox: %w", err)
			}
			c.Oldest = s.At
			break
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Compare(a.Destination, b.Destination) })
	return all, nil
}

// tallies are those that are kept; of a file that an earlier version wrote they are counted.
func (tx *Tx) tallies() (map[string]tally, error) {
	all := map[string]tally{}
	if tx.bucket(counted) == nil {
		for _, bucket := range [][]byte{waiting, dead} {
			for place := range tx.each(bucket, nil) {
				name, _ := readPlace(place)
				t := all[name]
				t.add(bucket, 1)
				all[name] = t
			}
		}
		return all, nil
	}
	for name, value := range tx.each(counted, nil) {
		var t tally
		if err := json.Unmarshal(value, &t); err != nil {
			return nil, fmt.Errorf("count of the outbox: %w", err)
		}
		all[string(name)] = t
	}
	return all, nil
}

// countAnew makes the tallies, or sets them right: an earlier version does not keep them.
func (tx *Tx) countAnew() error {
	if tx.bucket(counted) != nil {
		if err := tx.bolt.DeleteBucket(counted); err != nil {
			return err
		}
	}
	all, err := tx.tallies()
	if err != nil {
		return err
	}
	if _, err := tx.writable(counted); err != nil {
		return err
	}
	for name, t := range all {
		if err := tx.put(counted, []byte(name), t); err != nil {
			return err
		}
	}
	return nil
}

// count adds to the tally of a destination.
func (tx *Tx) count(destination string, bucket []byte, n int) error {
	all, err := tx.tallies()
	if err != nil {
		return err
	}
	t := all[destination]
	t.add(bucket, n)
	return tx.put(counted, []byte(destination), t)
}
