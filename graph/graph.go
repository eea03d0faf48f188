// Package graph is what s1graph keeps of a tenant: typed records (entities and relationships), their
// canonical form and digests, snapshots of them at rest, and the difference between two snapshots.
// Where records come from is the business of steps, where they are kept that of the stores; this
// package knows neither SentinelOne nor a file format nor a database.
package graph

import (
	"context"
	"iter"
)

// Snapshot is a graph at rest. It is safe for concurrent use.
type Snapshot interface {
	// Types are the types that the snapshot may hold records of, sorted by name.
	Types() []*Type

	// Digests yields what there is of a type in ascending order of the keys. After an error nothing
	// more is yielded. A type that is not among Types has no records. Neighbouring keys may share the
	// memory of one long string: whoever keeps a few of many clones them.
	Digests(ctx context.Context, typeName string) iter.Seq2[KeyDigest, error]

	// Fetch yields the encoded records of the given keys, which must be in ascending order, in that
	// order; keys that the snapshot does not have are passed over.
	Fetch(ctx context.Context, typeName string, keys []string) iter.Seq2[Encoded, error]
}

// Op says what became of a record between two snapshots.
type Op string

// The operations. A touch is a difference in volatile properties alone; a rekeyed record is the same
// thing under another key, such as a computer that was renamed.
const (
	Created Op = "created"
	Updated Op = "updated"
	Deleted Op = "deleted"
	Touched Op = "touched"
	Rekeyed Op = "rekeyed"
)

// Change is the difference in one record between two snapshots.
type Change struct {
	Op          Op
	Type        *Type
	Key         string // of a deleted record the key it had, else the key it has
	PreviousKey string // of a rekeyed record

	// Before and After are the record as it was and is; nil where it was not or is not.
	Before, After *Record

	// Full is After's digest of all properties, as the snapshot gives it.
	Full Digest

	// Changed names the properties that differ, volatile ones left out (but of a touch, which has no
	// others), sorted. It is empty for created and deleted records.
	Changed []string
}

// Counts says how many changes there were of each kind in one type. Baseline is how many of the
// created, updated and deleted raise no event: the type was written with another schema, or for the
// first time.
type Counts struct {
	Created  int64 `json:"created"`
	Updated  int64 `json:"updated"`
	Deleted  int64 `json:"deleted"`
	Touched  int64 `json:"touched"`
	Rekeyed  int64 `json:"rekeyed"`
	Baseline int64 `json:"baseline"`
}

// Total is how many changes there were of each kind in all types; counts are by the type's name.
func Total(counts map[string]Counts) (total Counts) {
	for _, n := range counts {
		total.Created += n.Created
		total.Updated += n.Updated
		total.Deleted += n.Deleted
		total.Touched += n.Touched
		total.Rekeyed += n.Rekeyed
		total.Baseline += n.Baseline
	}
	return total
}
