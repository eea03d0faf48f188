package neo4jstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// markerFormat is the version of the marker. One without a number has version 1, which names no owner.
const markerFormat = 2

// Owner is whose graph a scope holds, and of what. The store does not look into any of it: it compares. The zero value
// is nobody.
type Owner struct {
	Folder string // identity of the folder with the committed runs
	Host   string // of the console
	Source string // what the rows came from: console or replay
	Scope  string // what the last run could see, as JSON

	// Epoch grows each time that a worker takes the folder's runs over from another one, and Log says what they are counted in:
	// epochs of different logs cannot be compared. Where there is one worker alone both are zero.
	Log   string
	Epoch int64
}

// Marker is what a scope says of itself. The zero value is that of a scope without one.
type Marker struct {
	Exists   bool
	Owner           // nobody where an earlier version wrote the marker
	State    string // Target.State of the last apply that wrote
	Run      string // that was applied last; "" where none was
	UnderWay string // of an apply that began and did not end; "" where there is none

	withheld bool    // the scope has more than Run, since something was withheld
	token    string  // of the apply that began last
	batch    int64   // how many batches that one has written
	types    []known // that were ever written here
}

// FormatError says that a later version wrote the marker, or that what it gives as its format is no number.
type FormatError struct {
	Scope  string
	Format int64 // 0: it is no number
}

func (e *FormatError) Error() string {
	if e.Format == 0 {
		return fmt.Sprintf("the format of the marker of %q in Neo4j, a node (:S1GraphScope), is not a number, and s1graph did not write that: "+
			"look who else writes to this database, then put it right with MATCH (m:S1GraphScope {_scope: $scope}) SET m.format = %d, and run again", e.Scope, markerFormat)
	}
	return fmt.Sprintf("the marker of %q in Neo4j is of format %d, and this s1graph knows the formats up to %d: use a newer s1graph",
		e.Scope, e.Format, markerFormat)
}

// ForeignError says that a scope holds the graph of another owner than the one who wants to write to it.
type ForeignError struct {
	Scope string
	Owner Owner // whose graph it is
}

func (e *ForeignError) Error() string {
	if e.Owner == (Owner{}) {
		return fmt.Sprintf("Neo4j holds a graph of %q that names no owner, so nothing was written", e.Scope)
	}
	return fmt.Sprintf("the graph of %q in Neo4j belongs to the folder with the identity %s, which reads %s, so nothing was written",
		e.Scope, e.Owner.Folder, e.Owner.Host)
}

// Marker reads what the scope says of itself. The error is a *FormatError where a later version wrote it.
func (s *Store) Marker(ctx context.Context) (Marker, error) {
	m, err := s.anew().marker(ctx)
	if err != nil {
		return Marker{}, err
	}
	return *m, nil
}

// EpochError says that a worker wrote to the scope who took the folder's runs over after this one did.
type EpochError struct {
	Scope      string
	Has, Given int64 // epochs
}

func (e *EpochError) Error() string {
	return fmt.Sprintf("the graph of %q in Neo4j was written in epoch %d, and this worker is in epoch %d: another worker has taken over, or the bucket was restored from an older state",
		e.Scope, e.Has, e.Given)
}

// IsBehind says whether an owner's epoch is before that of the marker.
func (m *Marker) IsBehind(o Owner) bool {
	return m.Exists && m.Folder == o.Folder && m.Log == o.Log && m.Epoch > o.Epoch
}

// admit refuses whoever is not the owner, or no longer is. The zero Owner is let in everywhere.
func (m *Marker) admit(scope string, o Owner) error {
	switch {
	case o == (Owner{}) || !m.Exists:
		return nil
	case m.Owner.Folder != o.Folder:
		return &ForeignError{Scope: scope, Owner: m.Owner}
	case m.IsBehind(o):
		return &EpochError{Scope: scope, Has: m.Epoch, Given: o.Epoch}
	}
	return nil
}

const (
	lockMarker  = `MATCH (m:S1GraphScope {_scope: $scope}) ` + lock + ` RETURN properties(m)`
	claimMarker = `MATCH (m:S1GraphScope {_scope: $scope}) SET m += $set`
)

// ownerProperties are those of a marker that say whose it is. What is empty changes nothing, except that an owner may be in no
// log.
func ownerProperties(o Owner, state string) map[string]any {
	set := map[string]any{"format": markerFormat}
	for name, value := range map[string]string{"folder": o.Folder, "host": o.Host, "source": o.Source, "scope": o.Scope, "state": state} {
		if value != "" {
			set[name] = value
		}
	}
	if o.Folder != "" {
		set["log"], set["epoch"] = nil, nil
		if o.Log != "" {
			set["log"], set["epoch"] = o.Log, o.Epoch
		}
	}
	return set
}

// sign makes the marker name the target's owner where it names another, such as one with another scope.
func (a *apply) sign(ctx context.Context) error {
	if a.target.Owner == (Owner{}) || a.target.Owner == a.marker.Owner {
		return nil
	}
	a.newLease()
	if err := a.take(ctx); err != nil {
		return err
	}
	return a.end(ctx)
}

func (a *apply) newLease() {
	a.lease = a.store.newLease(a.marker)
	a.lease.owner, a.lease.state = a.target.Owner, a.target.State
}

// Claim makes somebody the owner of a scope whose marker is as it was read; m.State says what is to be kept with it. What
// the scope holds stays as it is, and an apply that is under way can write no more. The error is a *FencedError where
// somebody has written since the marker was read.
func (s *Store) Claim(ctx context.Context, m Marker, o Owner) error {
	s = s.anew()
	l := s.newLease(&m)
	return s.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		set := ownerProperties(o, m.State)
		set["token"], set["batch"] = l.token, 0
		p := parameters{"scope": s.config.Scope, "set": set}
		records, err := collect(ctx, tx, lockMarker, p)
		if err != nil {
			return err
		}
		now, err := decodeMarker(s.config.Scope, records)
		if err != nil {
			return err
		}
		if !now.Exists || !now.isSame(&m) && now.token != l.token {
			return &FencedError{Scope: s.config.Scope}
		}
		_, err = collect(ctx, tx, claimMarker, p)
		return err
	})
}

// IsEmpty says whether the scope has no node of the given types. These are asked for in one statement, and not at all where the database has
// nothing but markers: a server that was just started takes long to plan it.
func (s *Store) IsEmpty(ctx context.Context, types []string) (empty bool, err error) {
	if len(types) == 0 {
		return true, nil
	}
	s = s.anew()
	err = s.write(ctx, func(ctx context.Context, tx neo4j.ManagedTransaction) error {
		n, err := count(ctx, tx, "MATCH (n) WHERE NOT n:S1GraphScope WITH n LIMIT 1 RETURN count(n)", nil)
		if empty = n == 0; empty || err != nil {
			return err
		}
		var is []string
		for _, name := range types {
			is = append(is, fmt.Sprintf("EXISTS { MATCH (n:%s) WHERE n._scope = $scope AND n._key IS NOT NULL }", quote(name)))
		}
		n, err = count(ctx, tx, "RETURN CASE WHEN "+strings.Join(is, " OR ")+" THEN 1 ELSE 0 END", parameters{"scope": s.config.Scope})
		empty = n == 0
		return err
	})
	return empty, err
}
