package neo4jstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/graph"
)

// FencedError says that another apply has begun on the scope since this one did. Nothing is lost: the other one takes into
// account what this one wrote.
type FencedError struct{ Scope string }

func (e *FencedError) Error() string {
	return fmt.Sprintf("another process has begun to write to the scope %q, so this one stopped: let one at a time write", e.Scope)
}

// errMoved means that the marker is no longer as it was read.
var errMoved = errors.New("another process wrote to the scope in the meantime")

// known is a type, and all property names that the data model has ever declared for it.
type known struct {
	graph.Type `json:",inline"`
	Properties []string `json:"properties"` // sorted
}

// declared are the names of the properties.
func (k known) declared() map[string]bool {
	names := make(map[string]bool, len(k.Properties))
	for _, name := range k.Properties {
		names[name] = true
	}
	return names
}

// union is the types of both lists, as the second has them where both do, with the property names of both.
func union(a, b []known) []known {
	types := map[string]known{}
	for _, t := range slices.Concat(a, b) {
		t.Properties = slices.Concat(types[t.Name].Properties, t.Properties)
		slices.Sort(t.Properties)
		t.Properties = slices.Compact(t.Properties)
		types[t.Name] = t
	}
	return slices.SortedFunc(maps.Values(types), func(a, b known) int { return strings.Compare(a.Name, b.Name) })
}

// holds says whether the scope is known to hold the marker's run and nothing else.
func (m *Marker) holds() bool { return m.Run != "" && m.UnderWay == "" && !m.withheld }

// isSame says whether nothing was written between two readings.
func (m *Marker) isSame(other *Marker) bool {
	return m.Run == other.Run && m.UnderWay == other.UnderWay && m.token == other.token && m.batch == other.batch
}

const readMarker = `MATCH (m:S1GraphScope {_scope: $scope}) RETURN properties(m)`

// lock makes every other transaction that wants the marker wait. What a transaction reads of the marker
// after that is true until it ends.
const lock = `SET m.locked = coalesce(m.locked, 0) + 1 WITH m`

// takeMarker changes the properties in $set, removes those that are null there, and returns those that there were. A statement
// that named each property would take a server that was just started twice the time to plan.
const takeMarker = `
	MERGE (m:S1GraphScope {_scope: $scope})
	` + lock + `, properties(m) AS was
	SET m += $set
	RETURN was`

const beginBatch = `
	MATCH (m:S1GraphScope {_scope: $scope})
	` + lock + ` WHERE m.token = $token AND m.batch = $batch - 1
	SET m.batch = $batch
	RETURN count(m)`

const giveMarker = `
	MATCH (m:S1GraphScope {_scope: $scope})
	` + lock + ` WHERE m.token = $token
	SET m.run = $run, m.withheld = $withheld, m.types = $types, m.appliedAt = $now
	REMOVE m.underWay
	RETURN count(m)`

const removeMarker = `
	MATCH (m:S1GraphScope {_scope: $scope})
	` + lock + ` WHERE m.token = $token
	DELETE m
	RETURN count(*)`

// marker reads the marker where it is written: another member of a cluster may not have the last one yet. What is read
// after it is not older.
func (s *Store) marker(ctx context.Context) (m *Marker, err error) {
	err = s.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		records, err := collect(ctx, tx, readMarker, parameters{"scope": s.config.Scope})
		if err == nil {
			m, err = decodeMarker(s.config.Scope, records)
		}
		return err
	})
	return m, err
}

func decodeMarker(scope string, records []*neo4j.Record) (*Marker, error) {
	if len(records) == 0 {
		return &Marker{}, nil
	}
	properties, _ := records[0].Values[0].(map[string]any)
	return DecodeMarker(scope, properties)
}

// DecodeMarker reads the properties of a scope's marker, which others may have written to. The error is a *FormatError or a
// *MarkerError.
func DecodeMarker(scope string, v map[string]any) (*Marker, error) {
	m := &Marker{Exists: true}
	if format, ok := v["format"].(int64); v["format"] != nil && !ok || format > markerFormat {
		return nil, &FormatError{Scope: scope, Format: format}
	}
	m.Run, _ = v["run"].(string)
	m.UnderWay, _ = v["underWay"].(string)
	m.withheld, _ = v["withheld"].(bool)
	m.token, _ = v["token"].(string)
	m.batch, _ = v["batch"].(int64)
	for name, field := range map[string]*string{
		"folder": &m.Folder, "host": &m.Host, "source": &m.Source, "scope": &m.Scope, "state": &m.State, "log": &m.Log,
	} {
		*field, _ = v[name].(string)
	}
	m.Epoch, _ = v["epoch"].(int64)
	types, ok := v["types"].(string)
	if !ok && v["types"] == nil {
		types = "[]" // one that was just made
	}
	if err := json.Unmarshal([]byte(types), &m.types); err != nil {
		return nil, &MarkerError{Scope: scope, Err: err}
	}
	if err := graph.CheckTypes(typesOf(m.types)); err != nil {
		return nil, &MarkerError{Scope: scope, Err: err}
	}
	return m, nil
}

// lease is the right to write to a scope. It is for one goroutine at a time, except batch and ahead.
type lease struct {
	store  *Store
	marker *Marker // as it was read before the lease was taken
	token  string
	owner  Owner  // that the marker is to name; nobody: the one whom it names
	state  string // Target.State

	taken      bool
	batches    int64 // that were begun
	gone       bool  // the scope had tombstones when the lease was taken
	statements int64 // that wrote
}

func (s *Store) newLease(m *Marker) *lease {
	return &lease{store: s, marker: m, token: rand.Text()}
}

// take makes this the only lease with which one can write, unless it is that already. If something was written since
// the marker was read, nothing is taken and the error is errMoved.
func (l *lease) take(ctx context.Context, run string, types []known) error {
	if l.taken {
		return nil
	}
	if err := l.constrain(ctx, types); err != nil {
		return err
	}
	// A type that is defined anew is remembered as it was until the end, since until then it is there as it was.
	remembered, err := json.Marshal(union(types, l.marker.types))
	if err != nil {
		return err
	}
	err = l.store.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		set := ownerProperties(l.owner, l.state)
		set["token"], set["underWay"], set["batch"], set["types"] = l.token, run, 0, string(remembered)
		records, err := collect(ctx, tx, takeMarker, parameters{"scope": l.store.config.Scope, "set": set})
		if err != nil {
			return err
		}
		m, err := decodeMarker(l.store.config.Scope, records)
		if err != nil {
			return err
		}
		if !m.isSame(l.marker) && m.token != l.token {
			return errMoved
		}
		n, err := count(ctx, tx, countGone, parameters{"scope": l.store.config.Scope})
		l.gone = n > 0
		return err
	})
	l.taken = err == nil
	l.statements++
	return err
}

// constrain makes the constraints that are missing.
func (l *lease) constrain(ctx context.Context, types []known) error {
	wanted := map[string]string{constraintPrefix + "scope": scopeConstraint, constraintPrefix + "gone": goneConstraint}
	for _, t := range types {
		if !t.Relationship {
			wanted[constraintPrefix+t.Name] = keyConstraint(t.Name)
		}
	}
	records, err := l.store.read(ctx, "SHOW CONSTRAINTS YIELD name", nil)
	if err != nil {
		return err
	}
	for _, r := range records {
		if name, ok := r.Values[0].(string); ok {
			delete(wanted, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		create := func() error {
			return l.store.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
				_, err := collect(ctx, tx, wanted[name], nil)
				return err
			})
		}
		err := create()
		if alreadyExists(err) { // another instance's apply has made it meanwhile: IF NOT EXISTS finds it now
			err = create()
		}
		if err != nil {
			return fmt.Errorf("constraint %s: %w", name, err)
		}
		l.statements++
	}
	return nil
}

// number is that of the next batch.
func (l *lease) number() int64 {
	l.batches++
	return l.batches
}

// batch runs work in a transaction, once: if the commit got no answer and went through nonetheless, that is found out. Work
// returns errors of the driver as they are. It calls ready before the commit, when it has the marker.
func (l *lease) batch(ctx context.Context, number int64, work func(ctx context.Context, tx neo4j.ManagedTransaction) error, ready func()) error {
	p := l.beginning(number)
	return l.store.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		n, err := count(ctx, tx, beginBatch, p)
		if err != nil {
			return err
		}
		if n == 1 {
			if err := work(ctx, tx); err != nil {
				return err
			}
			ready()
			return nil
		}
		records, err := collect(ctx, tx, readMarker, p)
		if err != nil {
			return err
		}
		m, err := decodeMarker(l.store.config.Scope, records)
		if err == nil && (m.token != l.token || m.batch < number) { // a later batch is written only after this one
			err = &FencedError{Scope: l.store.config.Scope}
		}
		return err
	})
}

// errNotYet says that a batch could not be written ahead of its turn.
var errNotYet = errors.New("the batch before was not written, or another process has begun to write")

// ahead is batch while the batch before still commits: it does the work first, and then waits for the marker, which the other
// one has. Work must neither read what that one writes nor change what was there. It is tried once, and after an error batch is
// to be called when the one before has ended.
func (l *lease) ahead(ctx context.Context, number int64, work func(ctx context.Context, tx neo4j.ManagedTransaction) error, ready func()) error {
	return l.store.once(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		if err := work(ctx, tx); err != nil {
			return err
		}
		n, err := count(ctx, tx, beginBatch, l.beginning(number))
		if err == nil && n == 0 {
			err = errNotYet
		}
		if err == nil {
			ready()
		}
		return err
	})
}

func (l *lease) beginning(number int64) parameters {
	return parameters{"scope": l.store.config.Scope, "token": l.token, "batch": number}
}

// give ends the lease: the scope now holds the run, and more than that if something was withheld.
func (l *lease) give(ctx context.Context, run string, types []known, withheld bool) error {
	remembered, err := json.Marshal(union(l.marker.types, types))
	if err != nil {
		return err
	}
	return l.last(ctx, giveMarker, parameters{
		"scope": l.store.config.Scope, "token": l.token, "run": run, "types": string(remembered),
		"withheld": withheld, "now": l.store.config.Clock().UnixMilli()})
}

// destroy ends the lease and removes the marker.
func (l *lease) destroy(ctx context.Context) error {
	err := l.last(ctx, removeMarker, parameters{"scope": l.store.config.Scope, "token": l.token})
	if fenced := new(FencedError); errors.As(err, &fenced) {
		if m, readErr := l.store.marker(ctx); readErr == nil && !m.Exists {
			return nil // the first of two attempts went through
		}
	}
	return err
}

func (l *lease) last(ctx context.Context, cypher string, p parameters) error {
	l.statements++
	return l.store.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		n, err := count(ctx, tx, cypher, p)
		if err == nil && n == 0 {
			err = &FencedError{Scope: l.store.config.Scope}
		}
		return err
	})
}
