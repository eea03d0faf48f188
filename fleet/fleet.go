// Package fleet lets several workers share the instances of one service by way of NATS JetStream. It says who works for which
// instance, who lives, and how each instance is. It decides no more than that: two who believe to have one instance spare each
// other nothing but double work, and what was done is decided elsewhere. Nothing is lost with what NATS holds.
//
// Members and claims are keys that end with their TTL, unless they are renewed. An instance goes to the living member that
// rendezvous hashing prefers for the way its token is given, so that instances with one token have one owner.
package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"s1graph/pause"
)

// Config says who joins which fleet. URL is required, and TTL.
type Config struct {
	URL         string   // of NATS: nats or tls; several servers, joined with commas
	Credentials string   // file, as nsc makes it; "": none
	CAFile      string   // PEM certificates that servers of tls are trusted by; "": the system's
	Worker      string   // name of this member, which no other one has; "": one who looks on, and claims nothing
	Rules       string   // what stands for the rules of alerts here; members that have others are warned of
	Brings      []string // instances that only this member has what was read before of, until it says Brought: it is preferred for them
	TTL         time.Duration
	Logger      *slog.Logger // nil: discards

	// Wall is the time of day, which goes on while a machine sleeps; nil: the system's.
	Wall func() time.Time
}

// Member is one who lives.
type Member struct {
	Worker  string    `json:"worker"`
	Process string    `json:"process"` // random: no two processes have the same
	Since   time.Time `json:"since"`
	Rules   string    `json:"rules,omitempty"`
	Brings  []string  `json:"brings,omitempty"`
	Claims  int       `json:"claims"`
	SentAt  time.Time `json:"sentAt"` // by the member's clock
}

// The buckets, and what members ask one another.
const (
	workersBucket = "s1graph-workers"
	claimsBucket  = "s1graph-claims"
	statusBucket  = "s1graph-status"
	runSubject    = "s1graph.run."
)

const (
	statusKept = 24 * time.Hour

	// MaxSkew is by how much the clocks of a machine and of NATS may differ before somebody is told.
	MaxSkew = 5 * time.Second
)

// Fleet is one member's view of it. Who makes one with Join closes it. It is safe for concurrent use.
type Fleet struct {
	Config
	self                    Member
	conn                    *nats.Conn
	js                      jetstream.JetStream
	ctx                     context.Context // until it is closed
	end                     context.CancelCauseFunc
	running                 sync.WaitGroup
	workers, claims, status jetstream.KeyValue
	nodes                   int           // of NATS that hold a bucket
	lasts                   time.Duration // how long claims do
	isNew                   bool
	revision                uint64               // of the member's own key; the goroutine that renews it has it
	made                    map[string]time.Time // when NATS made a bucket; the same goroutine has it

	mu      sync.Mutex
	watches []jetstream.KeyWatcher
	heardAt time.Time                // when the member's own key was last heard of
	living  map[string]heard[Member] // by key
	claimed map[string]heard[owner]  // by key
	waiting map[string]chan struct{} // by key of an instance: something that matters to it has changed
	runNow  func(instance string)
	warned  map[string]bool // of members with other rules, and of what is forbidden

	hurry      chan struct{} // has a value where the member's key is to be sent now
	forbidden  string        // what NATS did not let this user do last; "" nothing
	skew       time.Duration
	held       int
	claimsLost int64
}

// heard is what was heard of a key, and when.
type heard[T any] struct {
	what T
	at   time.Time // by the own clock, which nothing else is compared with
}

// owner is the value of a claim.
type owner struct {
	Worker  string `json:"worker"`
	Process string `json:"process"`
}

// token is a name as a key, and as a part of a subject: a dot would divide it.
func token(name string) string { return strings.ReplaceAll(name, ".", "=2E") }

func name(key string) string { return strings.ReplaceAll(key, "=2E", ".") }

// Join reaches NATS, makes the buckets that are not there, and makes this process a member under its name. Who only looks on makes
// and changes nothing. The error says
// what is wrong with the servers, or that another process has the name. Should one that had it have died just now, Join
// waits until it no longer counts, which takes a TTL.
func Join(ctx context.Context, c Config) (*Fleet, error) {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	if c.Wall == nil {
		c.Wall = func() time.Time { return time.Now().Round(0) }
	}
	f := &Fleet{Config: c, self: Member{Worker: c.Worker, Process: rand.Text(), Since: c.Wall().UTC(), Rules: c.Rules, Brings: slices.Clone(c.Brings)},
		made: map[string]time.Time{}, living: map[string]heard[Member]{}, claimed: map[string]heard[owner]{},
		waiting: map[string]chan struct{}{}, warned: map[string]bool{}, runNow: func(string) {}, hurry: make(chan struct{}, 1)}
	options := []nats.Option{
		nats.Name("s1graph " + c.Worker), nats.Timeout(5 * time.Second), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond),
		// A server whose machine is gone says nothing of it. Another one is to be found before claims end.
		nats.PingInterval(max(c.TTL/10, time.Second)), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { f.noteFault(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.Logger.Warn("the connection to NATS broke", "error", err) }),
		nats.ReconnectHandler(func(*nats.Conn) { c.Logger.Info("connected to NATS again") }),
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.CAFile != "" && strings.HasPrefix(c.URL, "tls:") {
		options = append(options, nats.RootCAs(c.CAFile))
	}
	var err error
	f.conn, err = nats.Connect(c.URL, options...)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return nil, fmt.Errorf("NATS does not let this user in (%w): look at --nats-credentials", err)
	case err != nil:
		return nil, fmt.Errorf("no server of NATS can be reached (%w): look at --nats, and whether it runs", err)
	}
	f.ctx, f.end = context.WithCancelCause(context.Background())
	if err := f.join(ctx); err != nil {
		f.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.forbidden != "" { // and so nobody answered
			err = fmt.Errorf("NATS does not let this user do all that a fleet needs: it %s (%w)", f.forbidden, err)
		}
		return nil, err
	}
	return f, nil
}

// forbidding is what NATS says of a user that may not publish to a subject, or subscribe to one.
var forbidding = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// noteFault notes what NATS says unasked, to a user that may not do something above all.
func (f *Fleet) noteFault(err error) {
	found := forbidding.FindStringSubmatch(err.Error())
	if found == nil {
		f.Logger.Debug("NATS", "error", err)
		return
	}
	f.mu.Lock()
	f.forbidden = fmt.Sprintf("may not %s to %s", strings.ReplaceAll(strings.ToLower(found[1]), "subscription", "subscribe"), found[2])
	forbidden, known := f.forbidden, f.warned[f.forbidden]
	f.warned[f.forbidden] = true
	f.mu.Unlock()
	if !known {
		f.Logger.Warn("NATS does not let this user do all that a fleet needs: it " + forbidden)
	}
}

func (f *Fleet) join(ctx context.Context) (err error) {
	if version := f.conn.ConnectedServerVersion(); !isNewEnough(version) {
		return fmt.Errorf("NATS has the version %s, and a fleet needs 2.11 or newer: claims could not end by themselves", version)
	}
	if f.js, err = jetstream.New(f.conn, jetstream.WithDefaultTimeout(min(max(f.TTL/4, time.Second), 5*time.Second))); err != nil {
		return err
	}
	if err := f.open(ctx); err != nil {
		return err
	}
	if f.Worker == "" {
		return nil
	}
	if err := f.takeName(ctx); err != nil {
		return err
	}
	f.running.Go(f.live)
	return nil
}

func isNewEnough(version string) bool {
	var major, minor int
	_, _ = fmt.Sscanf(version, "%d.%d", &major, &minor) // what cannot be read is 0
	return major > 2 || major == 2 && minor >= 11
}

// open opens the buckets, making those that are not there, and watches them from their beginning. What was heard before still
// counts for as long as it would have: where NATS lost a claim, whoever has it goes on working until it can claim again.
func (f *Fleet) open(ctx context.Context) (err error) {
	for _, b := range []struct {
		name string
		ttl  time.Duration
		kv   *jetstream.KeyValue
	}{{workersBucket, f.TTL, &f.workers}, {claimsBucket, f.TTL, &f.claims}, {statusBucket, statusKept, &f.status}} {
		kv, err := f.openBucket(ctx, b.name, b.ttl)
		if err != nil {
			return err
		}
		if kv != nil && *b.kv == nil { // else others use it, which is as good: it knows the bucket by its name
			*b.kv = kv
		}
	}
	if f.nodes < 3 && f.Worker != "" {
		f.Logger.Warn("NATS keeps claims on a single node, and the whole fleet stands still while it is away: three nodes are advised")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watches {
		_ = w.Stop() // of a bucket that may be gone
	}
	f.watches, f.heardAt = nil, time.Now()
	for _, one := range []struct {
		kv   jetstream.KeyValue
		note func(jetstream.KeyValueEntry)
	}{{f.workers, f.noteMember}, {f.claims, f.noteClaim}} {
		if one.kv == nil {
			continue
		}
		w, err := one.kv.WatchAll(f.ctx)
		if err != nil {
			return fmt.Errorf("the bucket %s of NATS cannot be watched: %w", one.kv.Bucket(), err)
		}
		f.watches = append(f.watches, w)
		f.running.Go(func() {
			for e := range w.Updates() {
				if e != nil { // which is between what was there and what came
					one.note(e)
				}
			}
		})
	}
	return nil
}

// answersWithin is for how long who looks on bears that NATS does not answer, as where it has much else to do, and joinsWithin for how long a
// worker does, whom nobody waits for. One or the other is how long a bucket may take until all nodes have it that one of them was just told to make.
const (
	answersWithin = 15 * time.Second
	joinsWithin   = time.Minute
)

// gaveUp says whether one who joins has waited long enough for NATS, or is not let in and would wait in vain.
func (f *Fleet) gaveUp(began time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	within := answersWithin
	if f.Worker != "" {
		within = max(joinsWithin, f.TTL)
	}
	return f.forbidden != "" || time.Since(began) > within
}

// openBucket opens a bucket, and makes it where it is not there. Several who do so at once, each through a node of its own, find
// for a moment that it is there and is not, or get no answer.
func (f *Fleet) openBucket(ctx context.Context, bucket string, ttl time.Duration) (kv jetstream.KeyValue, err error) {
	for began := time.Now(); ; {
		kv, err = f.tryBucket(ctx, bucket, ttl)
		mayPass := errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketExists) || errors.Is(err, context.DeadlineExceeded)
		if !mayPass || f.gaveUp(began) {
			return kv, err
		}
		if pause.For(ctx, 100*time.Millisecond) != nil {
			return nil, err
		}
	}
}

// tryBucket makes a bucket on three nodes, or on one where NATS is a single one. For who only looks on, one that is not there is nil.
func (f *Fleet) tryBucket(ctx context.Context, bucket string, ttl time.Duration) (kv jetstream.KeyValue, err error) {
	kv, err = f.js.KeyValue(ctx, bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		if f.Worker == "" {
			f.isNew, f.nodes, f.lasts = true, 3, f.TTL // as a worker would make it
			if f.conn.ConnectedClusterName() == "" {
				f.nodes = 1
			}
			return nil, nil
		}
		for _, replicas := range []int{3, 1} {
			kv, err = f.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
				Bucket: bucket, TTL: ttl, LimitMarkerTTL: max(ttl, time.Second), Storage: jetstream.FileStorage, Replicas: replicas, Description: "of s1graph's fleet",
			})
			api, refused := errors.AsType[*jetstream.APIError](err)
			if tooFew := refused && (api.ErrorCode == 10074 || api.ErrorCode == 10005); !tooFew {
				break
			}
			if api.ErrorCode == 10005 {
				return nil, fmt.Errorf("NATS is a cluster in which three nodes cannot hold the bucket %s: add nodes, or make those that are there well (%w)", bucket, err)
			}
		}
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return nil, errors.New("NATS has no JetStream: switch it on, for this user's account too")
	case err != nil:
		return nil, fmt.Errorf("the bucket %s of NATS: %w", bucket, err)
	}
	is, err := kv.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("the bucket %s of NATS: %w", bucket, err)
	}
	if full, isStream := is.(*jetstream.KeyValueBucketStatus); isStream {
		f.nodes, f.made[bucket] = full.StreamInfo().Config.Replicas, full.StreamInfo().Created
	}
	if bucket == claimsBucket {
		f.lasts = is.TTL()
	}
	if is.TTL() != ttl && f.Worker != "" {
		return nil, fmt.Errorf("the bucket %s has claims of %s, and this worker those of %s: give all workers the same --claim (who changes it for all ends all, and removes the bucket: nats kv del %s)", bucket, is.TTL(), ttl, bucket)
	}
	return kv, nil
}

// IsNew says, to who only looks on, that no worker has made the buckets yet, or that NATS has lost some of them.
func (f *Fleet) IsNew() bool { return f.isNew }

// Nodes is on how many nodes of NATS claims are kept, or would be.
func (f *Fleet) Nodes() int { return f.nodes }

// Lasts is how long claims last in NATS, which may be another time than the TTL of who only looks on.
func (f *Fleet) Lasts() time.Duration { return f.lasts }

func (f *Fleet) noteClaim(e jetstream.KeyValueEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var is owner
	if e.Operation() != jetstream.KeyValuePut || json.Unmarshal(e.Value(), &is) != nil {
		delete(f.claimed, e.Key())
		f.wake(e.Key())
		return
	}
	before, was := f.claimed[e.Key()]
	f.claimed[e.Key()] = heard[owner]{is, time.Now()}
	if !was || before.what != is {
		f.wake(e.Key())
	}
}

// wake tells who waits for an instance, or has it, to look again. The caller has the mutex.
func (f *Fleet) wake(key string) {
	select {
	case f.waiting[key] <- struct{}{}:
	default: // nobody waits, or knows already
	}
}

func (f *Fleet) wakeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.waiting {
		f.wake(key)
	}
}

// Counts are the claims that this member holds and those that it has lost so far, the members that were heard of lately (0 where
// NATS is away), and by how much this machine's clock is ahead of that of NATS.
func (f *Fleet) Counts() (held int, lost int64, members int, skew time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, member := range f.living {
		if f.lives(member) {
			members++
		}
	}
	return f.held, f.claimsLost, members, f.skew
}

// Unclaimed is how many of these instances nobody has; isOne says whether this member is the one that tells it for all. A claim
// that was not renewed for a TTL is no claim, even while members still wait before they take its instance.
func (f *Fleet) Unclaimed(instances []string) (n int, isOne bool) {
	for _, instance := range instances {
		if !f.isHeld(token(instance), f.TTL) {
			n++
		}
	}
	return n, f.preferred("", "s1graph") == f.Worker
}

// Ended is closed when the fleet was left: Err says why, if this member did not leave it by Close.
func (f *Fleet) Ended() <-chan struct{} { return f.ctx.Done() }

// Err is why the membership has ended by itself; nil: it has not.
func (f *Fleet) Err() error {
	if err := context.Cause(f.ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Close leaves the fleet. Claims that were not released end with their TTL.
func (f *Fleet) Close() {
	f.end(nil)
	f.mu.Lock()
	for _, w := range f.watches {
		_ = w.Stop() // of a bucket that may be gone
	}
	f.mu.Unlock()
	f.running.Wait()
	if f.revision > 0 && f.conn.IsConnected() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		_ = f.workers.Delete(ctx, token(f.Worker), jetstream.LastRevision(f.revision)) // it ends by itself too
		cancel()
	}
	f.conn.Close()
}
