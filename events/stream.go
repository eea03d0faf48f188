package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The stream, and the subjects in it: s1graph.events.INSTANCE.TYPE.OP of changes, s1graph.runs.INSTANCE of runs. A dot in
// an instance's name, which would divide the subject, is written =2E.
const (
	streamName   = "s1graph-events"
	eventSubject = "s1graph.events."
	runSubject   = "s1graph.runs."
)

// duplicates is for how long the server drops what it has already, by its ID.
const duplicates = 10 * time.Minute

const (
	connectsWithin = 5 * time.Second
	answersWithin  = 10 * time.Second
	pending        = 256 // events that are under way at once
)

// stream publishes to NATS JetStream. The last message of a run's subject is the cursor.
type stream struct {
	Config
	conn *nats.Conn
	js   jetstream.JetStream
	in   jetstream.Stream
	last uint64 // sequence of the last run's message; 0: there is none

	closed chan struct{} // with the connection

	mu     sync.Mutex
	refuse error // the first that was refused
}

var _ Publisher = (*stream)(nil)

func openStream(ctx context.Context, c Config) (Publisher, error) {
	c.Within = cmp.Or(c.Within, answersWithin)
	s := &stream{Config: c, closed: make(chan struct{})}
	options := []nats.Option{nats.Name("s1graph " + c.Instance), nats.Timeout(connectsWithin),
		// A server whose machine is gone says nothing of it.
		nats.PingInterval(answersWithin / 2), nats.MaxPingsOutstanding(1),
		// Events under way are lost with their connection: who publishes opens another one, and publishes the run again.
		nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(s.closed) }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})} // which would print it
	if c.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(c.CredentialsFile))
	}
	if strings.HasPrefix(c.URL, "tls:") {
		options = append(options, nats.Secure(c.TLS))
	}
	var err error
	if s.conn, err = nats.Connect(c.URL, options...); err != nil {
		return nil, fmt.Errorf("no server of NATS can be reached (%w): look at events.url, and whether it runs", err)
	}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// asking bounds how long one waits for an answer. jetstream's own bound counts only where ctx has no end, and a run's has one,
// hours away.
func (s *stream) asking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.Within, fmt.Errorf("the server of NATS did not answer within %s: let its user publish and subscribe to s1graph.>, $JS.API.> and _INBOX.>, and see whether JetStream has a leader", s.Within))
}

// why is the cause that asking gives, where that is why there was no answer.
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(err, context.DeadlineExceeded) && cause != nil {
		return cause
	}
	return err
}

func (s *stream) open(ctx context.Context) (err error) {
	ctx, end := s.asking(ctx)
	defer end()
	s.js, err = jetstream.New(s.conn, jetstream.WithPublishAsyncMaxPending(pending),
		jetstream.WithPublishAsyncTimeout(answersWithin), jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) { s.note(err) }))
	if err != nil {
		return err
	}
	s.in, err = s.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = s.create(ctx)
	}
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return errors.New("the server of NATS has no JetStream, which keeps the events: switch it on, for this user's account too")
	}
	if err != nil {
		return fmt.Errorf("the stream %s: %w", streamName, why(ctx, err))
	}
	is := s.in.CachedInfo().Config
	if !slices.Contains(is.Subjects, eventSubject+">") || !slices.Contains(is.Subjects, runSubject+">") {
		return fmt.Errorf("the stream %s is not s1graph's: its subjects are %s", streamName, strings.Join(is.Subjects, ", "))
	}
	if is.MaxAge != s.Kept { // which was configured otherwise since
		is.MaxAge = s.Kept
		if s.in, err = s.js.UpdateStream(ctx, is); err != nil {
			return fmt.Errorf("the stream %s: it cannot keep events for %s: %w", streamName, s.Kept, why(ctx, err))
		}
	}
	return nil
}

// create makes the stream on three nodes, or on one where there are not so many.
func (s *stream) create(ctx context.Context) (err error) {
	for _, replicas := range []int{3, 1} {
		s.in, err = s.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: streamName, Subjects: []string{eventSubject + ">", runSubject + ">"}, Description: "what s1graph found changed",
			MaxAge: s.Kept, Duplicates: min(duplicates, s.Kept), Replicas: replicas,
		})
		api, refused := errors.AsType[*jetstream.APIError](err)
		tooFew := refused && (api.ErrorCode == 10074 || api.ErrorCode == 10005) // no cluster, and no three peers in it
		if !tooFew {
			return err
		}
	}
	return err
}

func (s *stream) Close() { s.conn.Close() }

// token is a name as a part of a subject.
func token(name string) string { return strings.ReplaceAll(name, ".", "=2E") }

func (s *stream) Cursor(ctx context.Context) (string, error) {
	ctx, end := s.asking(ctx)
	defer end()
	message, err := s.in.GetLastMsgForSubject(ctx, runSubject+token(s.Instance))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		s.last = 0
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("the last run in the stream %s: %w", streamName, why(ctx, err))
	}
	var last struct {
		Data marker `json:"data"`
	}
	if err := json.Unmarshal(message.Data, &last); err != nil {
		return "", fmt.Errorf("the last run in the stream %s: %w", streamName, err)
	}
	if s.Log != "" && last.Data.Log == s.Log && last.Data.Epoch > s.Epoch {
		return "", s.behind(last.Data.Epoch)
	}
	s.last = message.Sequence
	return last.Data.Run, nil
}

// behind says that the stream has a run of a greater epoch, and what to do where no other owner is the reason.
func (s *stream) behind(epoch int64) error {
	return fmt.Errorf("the last run of %s in the stream %s was published in epoch %d, and this worker is in epoch %d: another worker has taken the instance over, or the bucket was restored from an older state: "+
		"if it was restored, say nats stream purge %[2]s --subject %[5]s --force, and events go on from the last run; s1graph events replay publishes those before it",
		s.Instance, streamName, epoch, s.Epoch, runSubject+token(s.Instance))
}

func (s *stream) Publish(ctx context.Context, run Run) (Published, error) {
	published, err := s.Replay(ctx, run)
	if err != nil {
		return published, err
	}
	e := s.ofRun(&run, published.Events)
	message, err := s.message(e, runSubject+token(s.Instance))
	if err != nil {
		return published, err
	}
	ctx, end := s.asking(ctx)
	defer end()
	ack, err := s.js.PublishMsg(ctx, message, jetstream.WithMsgID(e.ID), jetstream.WithExpectLastSequencePerSubject(s.last))
	api, refused := errors.AsType[*jetstream.APIError](err)
	if refused && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) { // the latter of several nodes
		return published, errOwned
	}
	if err != nil {
		return published, fmt.Errorf("the end of the run %s: %w", run.ID, why(ctx, err))
	}
	s.last = ack.Sequence
	return published, nil
}

func (s *stream) Replay(ctx context.Context, run Run) (published Published, err error) {
	s.refuse = nil
	for line, err := range run.Changes {
		if err != nil {
			return published, err
		}
		e := s.ofChange(&run, &line)
		message, err := s.message(e, eventSubject+token(s.Instance)+"."+line.Type+"."+string(line.Op))
		if err != nil {
			return published, err
		}
		if int64(len(message.Data))+1024 > s.conn.MaxPayload() { // headers count too
			published.Refused++
			continue
		}
		if _, err = s.js.PublishMsgAsync(message, jetstream.WithMsgID(e.ID), jetstream.WithStallWait(answersWithin)); err == nil {
			err = s.refused()
		}
		if err != nil {
			return published, fmt.Errorf("change %s: %w", e.ID, err)
		}
		published.Events++
	}
	select {
	case <-s.js.PublishAsyncComplete():
	case <-s.closed:
		return published, errors.New("the connection to the server of NATS broke")
	case <-ctx.Done():
		return published, ctx.Err()
	}
	return published, s.refused()
}

func (s *stream) message(e event, subject string) (*nats.Msg, error) {
	data, err := e.encode()
	message := nats.NewMsg(subject)
	message.Data = data
	message.Header.Set("content-type", "application/cloudevents+json; charset=UTF-8")
	return message, err
}

func (s *stream) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == nil {
		s.refuse = fmt.Errorf("the stream %s did not take an event: %w", streamName, err)
	}
}

func (s *stream) refused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuse
}
