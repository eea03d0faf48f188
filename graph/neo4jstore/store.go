// Package neo4jstore brings a scope of a Neo4j database to a committed graph by the smallest set of writes.
//
// A record of the type sentinelone_agent and the class HostAgent is a node (:HostAgent:sentinelone_agent), a
// relationship of the class HAS is a [:HAS] with its type in _type. Both have the record's properties as they
// are, and beside them:
//
//	_scope      the instance; several share a database, and none touches what is another's
//	_key        unique in its scope and type, which a constraint holds entities to
//	_digest     the graph.Digest of all its properties in hex, by which it is told whether it must be written
//	_createdOn  when it was first written here, in epoch milliseconds
//	_updatedOn  when more than volatile properties was last changed here; absent if that has not happened
//	_changedOn  of an entity: when it was last created here, or more than its volatile properties updated, by a run that
//	            reported that; absent of one that baselines alone have written
//
// A node (:S1GraphScope) in each scope is the marker: it names the run that the scope holds and the Owner, and says
// whether an apply is under way. Who is not the owner is not let in. Each batch is one transaction that locks the marker and
// looks whether the apply is still the one that may write, and which batch was written last; so of two processes the later one wins,
// the batches commit one after the other, and one whose commit got no answer is sent again without being written
// twice. Batches that only create write their rows before that, while the batch before commits; the others after it.
//
// Ours are the nodes and relationships with our _scope, and on them the properties that the data model declares
// or once declared, those that begin with "tag.", those above, and those of Target.Overlays. What others add,
// relationships to our nodes included, is never touched: a node that must go and has such a relationship stays as
// a tombstone, (:S1GraphGone) with goneAt, and becomes a node again if the entity returns.
package neo4jstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"s1graph/pause"
)

// Config says which database a graph is kept in, and as which scope. All but URI, Username, Password and Scope
// may be left out.
type Config struct {
	URI      string // with one of the schemes bolt, neo4j, and those with +s and +ssc
	Username string
	Password string
	Database string // "" is the user's home database
	Scope    string // the instance

	// RetryFor is how long a lost connection, a restarting server or a deadlock is borne before an apply ends
	// with an error; 0 is a minute.
	RetryFor time.Duration

	// AnswerWithin is how long the server may take over one transaction, which is always short, before it counts as away; 0 is
	// five minutes. When the database is opened it has a minute at most.
	AnswerWithin time.Duration

	// BatchRows and BatchBytes bound what one transaction writes; 0 is 2500 rows and 4 MiB.
	BatchRows, BatchBytes int

	Logger *slog.Logger     // nil discards
	Clock  func() time.Time // for _createdOn and the like; nil is time.Now
}

// Store is a scope of a database. Whoever opens it closes it. It is safe for concurrent use, but of two applies
// at once the later one makes the other fail.
type Store struct {
	config    Config
	driver    neo4j.DriverWithContext
	bookmarks neo4j.BookmarkManager // what one session wrote the next one sees, in clusters too
}

// Open connects to the database, and makes sure that the server is not too old and that the database is there and
// can be written to. If not, the error is an *OpenError that says what to do. Nothing stays written.
func Open(ctx context.Context, c Config) (*Store, error) {
	c.RetryFor = cmp.Or(c.RetryFor, time.Minute)
	c.AnswerWithin = cmp.Or(c.AnswerWithin, 5*time.Minute)
	c.BatchRows = cmp.Or(c.BatchRows, 2500)
	c.BatchBytes = cmp.Or(c.BatchBytes, 4<<20)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Clock == nil {
		c.Clock = time.Now
	}
	driver, err := connect(ctx, c, true)
	if err != nil {
		return nil, err
	}
	return (&Store{config: c, driver: driver}).anew(), nil
}

// anew is the store as if it had seen nothing of the database yet. Else a session would wait until a database that was restored
// to an older state is again where it was.
func (s *Store) anew() *Store {
	return &Store{config: s.config, driver: s.driver, bookmarks: neo4j.NewBookmarkManager(neo4j.BookmarkManagerConfig{})}
}

// Scope is the scope that the store was opened with.
func (s *Store) Scope() string { return s.config.Scope }

// Close gives the connections back.
func (s *Store) Close(ctx context.Context) error { return s.driver.Close(ctx) }

// parameters are what a statement is given.
type parameters = map[string]any

func (s *Store) session(ctx context.Context) neo4j.SessionWithContext {
	return s.driver.NewSession(ctx, neo4j.SessionConfig{DatabaseName: s.config.Database, BookmarkManager: s.bookmarks})
}

// read runs a statement that writes nothing, again if need be, and gives all its rows.
func (s *Store) read(ctx context.Context, cypher string, p parameters) ([]*neo4j.Record, error) {
	session := s.session(ctx)
	defer session.Close(ctx)
	return answered(ctx, s.config.AnswerWithin, unansweredAttempts, func(ctx context.Context) ([]*neo4j.Record, error) {
		return neo4j.ExecuteRead(ctx, session, func(tx neo4j.ManagedTransaction) ([]*neo4j.Record, error) {
			return collect(ctx, tx, cypher, p)
		})
	})
}

// write runs work in a transaction, again if need be. Work returns errors of the driver as they are, since the
// driver tells by them what may be repeated, and is prepared to find that an earlier attempt went through.
func (s *Store) write(ctx context.Context, work func(ctx context.Context, tx neo4j.ManagedTransaction) error) error {
	session := s.session(ctx)
	defer session.Close(ctx)
	_, err := answered(ctx, s.config.AnswerWithin, unansweredAttempts, func(ctx context.Context) (any, error) {
		return session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) { return nil, work(ctx, tx) })
	})
	return err
}

// once runs work in a transaction that is not repeated, whatever becomes of it.
func (s *Store) once(ctx context.Context, work func(ctx context.Context, tx neo4j.ManagedTransaction) error) error {
	session := s.session(ctx)
	defer session.Close(ctx)
	_, err := answered(ctx, s.config.AnswerWithin, 1, func(ctx context.Context) (any, error) {
		tx, err := session.BeginTransaction(ctx)
		if err != nil {
			return nil, err
		}
		defer tx.Close(ctx) // takes back what is not committed
		if err := work(ctx, tx); err != nil {
			return nil, err
		}
		return nil, tx.Commit(ctx)
	})
	return err
}

// unansweredAttempts bounds how often a transaction is repeated that loses its connection each time it commits.
const unansweredAttempts = 10

// errHangs says that a server takes connections and does not answer. The driver would wait for ever.
var errHangs = errors.New("the server does not answer")

// answered repeats a transaction whose commit got no answer, which the driver does not, as long as there is time and as often as is said.
func answered[T any](ctx context.Context, within time.Duration, attempts int, run func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errHangs)
	defer cancel()
	defer pause.Tell(ctx, pause.Wait{What: "no answer from Neo4j"})()
	for attempt := 1; ; attempt++ {
		result, err := run(ctx)
		if err != nil && errors.Is(context.Cause(ctx), errHangs) {
			return result, fmt.Errorf("%w within %s", errHangs, within)
		}
		if unanswered := neo4j.IsConnectivityError(err) && !neo4j.IsRetryable(err); !unanswered || attempt == attempts {
			return result, err
		}
	}
}

func collect(ctx context.Context, tx neo4j.ManagedTransaction, cypher string, p parameters) ([]*neo4j.Record, error) {
	result, err := tx.Run(ctx, cypher, p)
	if err != nil {
		return nil, err
	}
	return result.Collect(ctx)
}

// count runs a statement that returns one number.
func count(ctx context.Context, tx neo4j.ManagedTransaction, cypher string, p parameters) (int64, error) {
	records, err := collect(ctx, tx, cypher, p)
	if err != nil {
		return 0, err
	}
	if len(records) == 1 && len(records[0].Values) == 1 {
		if n, ok := records[0].Values[0].(int64); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("neo4j: the statement gave no count: %s", cypher)
}
