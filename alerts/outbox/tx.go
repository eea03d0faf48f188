package outbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
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

	Link string `json:"link,omitempty"` // to the console; "" where none is known

	// Incident is the same for the beginning of a state and its end, and for all alerts that one incident is kept of.
	Incident string `json:"incident,omitempty"`

	// Lasts says that the destination is to be told of it again after it was delivered, while it lasts.
	Lasts bool `json:"lasts,omitempty"`

	// Ends are the IDs of the alerts that told that began what ends now. It waits for those that are not delivered yet,
	// and fails where all of them have failed. Only Enqueue looks at it.
	Ends []string `json:"-"`
}

// Entry is a message in the outbox, and how its delivery stands.
type Entry struct {
	Message

	Seq       uint64    // place in the queue: ascending, unique in the outbox
	Attempts  int       // that have failed, and one that was begun and whose end is not known
	Next      time.Time // when the next is due; zero: now
	LastError string    // of the last attempt; it never has a URL or a secret
	DeadSince time.Time // when it failed for good; zero while it waits
	Orphan    bool      // of what is due: the alert that it ends has failed, and so it fails too

	state state // as it was read
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
	counted  = []byte("counted")  // tally by destination
	lasting  = []byte("lasting")  // Message by destination, zero byte and incident
	memory   = []byte("memory")   // buckets of Put
)

// state is what changes of an entry with each attempt. It stands apart from the message, so that looking for
// what is due does not read what is long.
type state struct {
	Key       string    `json:"key"`
	At        time.Time `json:"at"`
	Attempts  int       `json:"attempts,omitzero"`
	Next      time.Time `json:"next,omitzero"`
	LastError string    `json:"lastError,omitzero"`
	DeadSince time.Time `json:"deadSince,omitzero"`

	// After are the IDs of alerts that come before: they waited, or had failed, when this one was queued.
	// OrNever says that without one of them nobody ever heard of what this one ends.
	After   []string `json:"after,omitempty"`
	OrNever bool     `json:"orNever,omitzero"`
}

func readState(value []byte) (s state, err error) {
	err = json.Unmarshal(value, &s)
	return s, err
}

func readMessage(value []byte) (m Message, err error) {
	err = json.Unmarshal(value, &m)
	return m, err
}

// Enqueue puts m at the end of the queue. A message of that ID that waits for its destination already, or was
// failed there, is not put again.
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
	fresh := state{Key: cmp.Or(m.Key, m.Rule), At: m.At} // several together have no key
	for _, id := range m.Ends {
		if tx.standsIn(waiting, m.Destination, id) || tx.standsIn(dead, m.Destination, id) {
			fresh.After = append(fresh.After, id)
		}
	}
	fresh.OrNever = len(m.Ends) > 0 && len(fresh.After) == len(m.Ends)
	return errors.Join(
		tx.count(m.Destination, waiting, 1),
		tx.put(waiting, place, fresh),
		tx.put(messages, place, m),
		ids.Put(id, place),
	)
}

// Queued is what waits for destination ("": for all, by their names), in the order in which it came.
func (tx *Tx) Queued(destination string) ([]Entry, error) { return tx.entries(waiting, destination) }

// Due is what may be sent to destination now, in order, most entries at once: what is due, and has nothing
// before it that waits, of the same key or of what it ends. next is when something else will be due: zero where nothing
// will before one of these was delivered or has failed. What would be due in more than a day is due: nobody waits so
// long, so the clock was put back since. Entries that cannot be read are passed over, and err tells of them.
func (tx *Tx) Due(destination string, now time.Time, most int) (due []Entry, next time.Time, err error) {
	var faults []error
	next, err = tx.eachDue(destination, now, func(place []byte, s state) bool {
		e, err := tx.entry(place, s)
		if err != nil {
			faults = append(faults, err)
			return true
		}
		e.Orphan = tx.isOrphan(destination, s)
		due = append(due, e)
		return len(due) < most
	})
	return due, next, errors.Join(append(faults, err)...)
}

// eachDue goes through what is due until do returns false.
func (tx *Tx) eachDue(destination string, now time.Time, do func(place []byte, s state) bool) (next time.Time, err error) {
	seen := map[string]bool{}
	var faults []error
	for place, value := range tx.each(waiting, destinationPrefix(destination)) {
		s, err := readState(value)
		if err != nil {
			_, seq := readPlace(place)
			faults = append(faults, fmt.Errorf("entry %d of the outbox for %s: %w", seq, destination, err))
			continue
		}
		if seen[s.Key] {
			continue
		}
		seen[s.Key] = true
		switch {
		case slices.ContainsFunc(s.After, func(id string) bool { return tx.standsIn(waiting, destination, id) }):
		case s.Next.After(now) && s.Next.Sub(now) <= 24*time.Hour:
			if next.IsZero() || s.Next.Before(next) {
				next = s.Next
			}
		case !do(place, s):
			return next, errors.Join(faults...)
		}
	}
	return next, errors.Join(faults...)
}

// standsIn says whether an alert, or a part of it, stands in a bucket.
func (tx *Tx) standsIn(bucket []byte, destination, id string) bool {
	entries := tx.bucket(bucket)
	if entries == nil {
		return false
	}
	for key, place := range tx.each(known, idKey(destination, id)) {
		rest := key[len(idKey(destination, id)):]
		if (len(rest) == 0 || rest[0] == partMark) && entries.Get(place) != nil {
			return true
		}
	}
	return false
}

// PartID is the ID of a part of an alert that is told in several; the first one has the alert's.
func PartID(id string, part int) string {
	if part == 1 {
		return id
	}
	return id + string(partMark) + strconv.Itoa(part)
}

// partMark is in no ID of an alert.
const partMark = '.'

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
		s, err := readState(value)
		if err != nil {
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
		Seq: seq, Attempts: s.Attempts, Next: s.Next, LastError: s.LastError, DeadSince: s.DeadSince, state: s,
	}
	b := tx.bucket(messages)
	if b == nil {
		return Entry{}, fmt.Errorf("entry %d of the outbox for %s has no message", seq, destination)
	}
	var err error
	if e.Message, err = readMessage(b.Get(place)); err != nil {
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
