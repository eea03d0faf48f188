package outbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Message is one alert for one destination.
type Message struct {
	ID       string `json:"id"`    // of the alert; a repetition has the same
	Event    string `json:"event"` // ID of what is told of
	Instance string `json:"instance"`
	Run      string `json:"run"`
	Rule     string `json:"rule"`
	Severity string `json:"severity"` // info, low, medium, high or critical

	Destination string `json:"destination"`     // name
	Key         string `json:"key"`             // of the entity or relationship; messages of one key stay in order
	Type        string `json:"type,omitempty"`  // of the entity or relationship
	Class       string `json:"class,omitempty"` // likewise
	Op          string `json:"op,omitempty"`    // created, updated, deleted, rekeyed, began, ended, …

	At      time.Time `json:"at"` // when it was found
	Title   string    `json:"title"`
	Text    string    `json:"text,omitempty"`    // may be empty
	Payload []byte    `json:"payload,omitempty"` // JSON document that is posted where the destination's format is json
}

// Entry is a message in the outbox, and how its delivery stands.
type Entry struct {
	Message

	Seq       uint64    // place in the queue: ascending, unique in the outbox
	Attempts  int       // that have failed, and one that was begun and of which no end is known
	First     time.Time // when the first of them was; zero where there was none
	Next      time.Time // when the next is due; zero: now
	LastError string    // of the last attempt; it never has a URL or a secret
	DeadSince time.Time // when it was given up; zero while it waits
}

// Count is how many messages the outbox has for a destination.
type Count struct {
	Destination  string
	Queued, Dead int
	Oldest       time.Time // when the oldest of the queued was found; zero where none is queued
}

// Tx is a transaction. What it reads sees what it has written before.
type Tx struct{ bolt *bbolt.Tx } // bolt is nil where there is no file

// Buckets of the file. A place is a destination's name, a zero byte and the entry's number of eight bytes, so
// that a destination's entries stand together, in order.
var (
	waiting  = []byte("waiting")  // state by place
	dead     = []byte("dead")     // state by place
	messages = []byte("messages") // Message by place, of both
	known    = []byte("known")    // place by destination, zero byte and ID, of both
	memory   = []byte("memory")   // buckets of Put
)

// state is what changes of an entry with each attempt. It stands apart from the message, so that looking for
// what is due does not read what is long.
type state struct {
	Key       string    `json:"key"`
	At        time.Time `json:"at"`
	Attempts  int       `json:"attempts,omitzero"`
	First     time.Time `json:"first,omitzero"`
	Next      time.Time `json:"next,omitzero"`
	LastError string    `json:"lastError,omitzero"`
	DeadSince time.Time `json:"deadSince,omitzero"`
}

// Enqueue puts m at the end of the queue. A message of that ID that waits for its destination already, or was
// given up there, is not put again.
func (tx *Tx) Enqueue(m Message) error {
	if m.ID == "" || m.Destination == "" || strings.ContainsRune(m.Destination, 0) {
		return fmt.Errorf("message of rule %q has no ID, or no destination that can be", m.Rule)
	}
	ids, err := tx.writable(known)
	if err != nil {
		return err
	}
	id := idKey(m.Destination, m.ID)
	if ids.Get(id) != nil {
		return nil
	}
	seq, err := ids.NextSequence()
	if err != nil {
		return err
	}
	place := placeOf(m.Destination, seq)
	return errors.Join(
		tx.put(waiting, place, state{Key: m.Key, At: m.At}),
		tx.put(messages, place, m),
		ids.Put(id, place),
	)
}

// Queued is what waits for destination ("": for all, by their names), in the order in which it came.
func (tx *Tx) Queued(destination string) ([]Entry, error) { return tx.entries(waiting, destination) }

// Dead is what was given up, as Queued.
func (tx *Tx) Dead(destination string) ([]Entry, error) { return tx.entries(dead, destination) }

// Due is what may be sent to destination now, in order, most entries at once: what is due, and has nothing
// before it of the same key that waits. next is when something else will be due: zero where nothing will
// before one of these was delivered or has failed. What would be due in more than a day is due: nobody waits so long,
// so the clock was put back since. Entries that cannot be read are passed over, and err tells of them.
func (tx *Tx) Due(destination string, now time.Time, most int) (due []Entry, next time.Time, err error) {
	seen := map[string]bool{}
	var faults []error
	for place, value := range tx.each(waiting, destinationPrefix(destination)) {
		var s state
		if err := json.Unmarshal(value, &s); err != nil {
			_, seq := readPlace(place)
			faults = append(faults, fmt.Errorf("entry %d of the outbox for %s: %w", seq, destination, err))
			continue
		}
		if seen[s.Key] {
			continue
		}
		seen[s.Key] = true
		if s.Next.After(now) && s.Next.Sub(now) <= 24*time.Hour {
			if next.IsZero() || s.Next.Before(next) {
				next = s.Next
			}
			continue
		}
		e, err := tx.entry(place, s)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		due = append(due, e)
		if len(due) == most {
			break
		}
	}
	return due, next, errors.Join(faults...)
}

// Counts is how many messages there are, by destination, of all that have any.
func (tx *Tx) Counts() ([]Count, error) {
	counts := map[string]Count{}
	for _, bucket := range [][]byte{waiting, dead} {
		for place, value := range tx.each(bucket, nil) {
			var s state
			if err := json.Unmarshal(value, &s); err != nil {
				return nil, fmt.Errorf("entry of the outbox: %w", err)
			}
			destination, _ := readPlace(place)
			c := counts[destination]
			c.Destination = destination
			switch {
			case bytes.Equal(bucket, dead):
				c.Dead++
			default:
				c.Queued++
				if c.Oldest.IsZero() || s.At.Before(c.Oldest) {
					c.Oldest = s.At
				}
			}
			counts[destination] = c
		}
	}
	all := make([]Count, 0, len(counts))
	for _, c := range counts {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Compare(a.Destination, b.Destination) })
	return all, nil
}

// Get is what Put has put; ok is false where there is nothing.
func (tx *Tx) Get(bucket, key string) (value []byte, ok bool) {
	b := tx.remembered(bucket)
	if b == nil {
		return nil, false
	}
	value = b.Get([]byte(key))
	return bytes.Clone(value), value != nil
}

// Put remembers value under a key, which is neither empty nor longer than 32 KiB, in a bucket of any name.
func (tx *Tx) Put(bucket, key string, value []byte) error {
	all, err := tx.writable(memory)
	if err != nil {
		return err
	}
	b, err := all.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	return b.Put([]byte(key), value)
}

// Delete forgets what is under a key, if anything is.
func (tx *Tx) Delete(bucket, key string) error {
	b := tx.remembered(bucket)
	if b == nil {
		return nil
	}
	return b.Delete([]byte(key))
}

// Each is what a bucket has under keys that begin with prefix, ascending. Puts and deletes between its steps
// are allowed; keys that come before the one at hand are not gone back to.
func (tx *Tx) Each(bucket, prefix string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, value := range walk(tx.remembered(bucket), []byte(prefix)) {
			if !yield(string(key), value) {
				return
			}
		}
	}
}

func (tx *Tx) remembered(bucket string) *bbolt.Bucket {
	all := tx.bucket(memory)
	if all == nil {
		return nil
	}
	return all.Bucket([]byte(bucket))
}

func (tx *Tx) entries(bucket []byte, destination string) ([]Entry, error) {
	var prefix []byte
	if destination != "" {
		prefix = destinationPrefix(destination)
	}
	var all []Entry
	for place, value := range tx.each(bucket, prefix) {
		var s state
		if err := json.Unmarshal(value, &s); err != nil {
			return nil, fmt.Errorf("entry of the outbox: %w", err)
		}
		e, err := tx.entry(place, s)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// entry adds to a state the message that it is of.
func (tx *Tx) entry(place []byte, s state) (Entry, error) {
	destination, seq := readPlace(place)
	e := Entry{
		Seq: seq, Attempts: s.Attempts, First: s.First, Next: s.Next,
		LastError: s.LastError, DeadSince: s.DeadSince,
	}
	b := tx.bucket(messages)
	if b == nil {
		return Entry{}, fmt.Errorf("entry %d of the outbox for %s has no message", seq, destination)
	}
	if err := json.Unmarshal(b.Get(place), &e.Message); err != nil {
		return Entry{}, fmt.Errorf("entry %d of the outbox for %s: %w", seq, destination, err)
	}
	return e, nil
}

func (tx *Tx) put(bucket, key []byte, value any) error {
	b, err := tx.writable(bucket)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(key, encoded)
}

func (tx *Tx) bucket(name []byte) *bbolt.Bucket {
	if tx.bolt == nil {
		return nil
	}
	return tx.bolt.Bucket(name)
}

func (tx *Tx) writable(name []byte) (*bbolt.Bucket, error) {
	if tx.bolt == nil {
		return nil, bolterrors.ErrTxNotWritable
	}
	return tx.bolt.CreateBucketIfNotExists(name)
}

func (tx *Tx) each(bucket, prefix []byte) iter.Seq2[[]byte, []byte] {
	return walk(tx.bucket(bucket), prefix)
}

// walk goes through a bucket's keys of a prefix. It looks each next key up anew: a cursor of bbolt loses its
// place when its bucket is written to.
func walk(b *bbolt.Bucket, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if b == nil {
			return
		}
		for key, value := b.Cursor().Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); {
			key = bytes.Clone(key)
			if !yield(key, bytes.Clone(value)) {
				return
			}
			key, value = b.Cursor().Seek(append(key, 0))
		}
	}
}

func destinationPrefix(name string) []byte { return append([]byte(name), 0) }

func placeOf(destination string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(destinationPrefix(destination), seq)
}

func readPlace(place []byte) (destination string, seq uint64) {
	end := len(place) - 8
	return string(place[:end-1]), binary.BigEndian.Uint64(place[end:])
}

func idKey(destination, id string) []byte { return append(destinationPrefix(destination), id...) }
