package connector

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/events"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/pause"
	"s1graph/plural"
	"s1graph/s1"
	bucket "s1graph/state"
)

// publisher publishes the changes of committed runs. Where they go to is opened when a run is to be published, and once more
// where a connection broke: a repetition has the same IDs.
type publisher struct {
	config  *config.Config
	taken   bucket.Taken
	runs    *jsonstore.Store
	to      events.Publisher // nil: it is not open
	behind  []string         // IDs of the runs that were not published yet
	notices []string
	unseen  []string // sentences
}

var _ consumer = (*publisher)(nil)

func (r *run) openPublisher(context.Context) (consumer, error) {
	if r.o.DryRun || r.config.Events.URL == "" {
		return nil, nil
	}
	return &publisher{config: r.config, taken: r.taken, runs: r.store}, nil
}

// OpenEvents opens what the events of an instance are published to. taken says which owner of it this is; its zero value is
// one without a bucket.
func OpenEvents(ctx context.Context, c *config.Config, taken bucket.Taken) (events.Publisher, error) {
	transport, err := s1.NewTransport("", c.CAFile)
	if err != nil {
		return nil, &UsageError{err}
	}
	return events.Open(ctx, events.Config{
		URL: c.Events.URL, Form: c.Events.Form, CredentialsFile: c.Events.CredentialsFile, Kept: c.Events.Kept, Instance: c.Instance, Log: taken.Log, Epoch: taken.Epoch,
		Cursor: publishedTo{outbox.In(c.Dir), c.Events.URL}, Transport: transport, TLS: transport.(*http.Transport).TLSClientConfig, Sleep: pause.For,
	})
}

// publishedTo is the cursor of an address that cannot hold one. It stands in alerts.db, which goes wherever the folder does.
type publishedTo struct {
	outbox *outbox.Outbox
	url    string
}

var _ events.Cursor = publishedTo{}

const publishedBucket = "events" // by URL: the ID of the run that was published last

// Get is "" too where alerts.db was damaged, and there is a new one.
func (p publishedTo) Get(ctx context.Context) (run string, err error) {
	err = p.outbox.View(ctx, func(tx *outbox.Tx) error {
		value, _ := tx.Get(publishedBucket, p.url)
		run = string(value)
		return nil
	})
	if errors.Is(err, outbox.ErrDamaged) {
		return "", nil
	}
	return run, err
}

// Set tries once more where alerts.db was found damaged, and there is a new one.
func (p publishedTo) Set(ctx context.Context, run string) error {
	set := func() error {
		return p.outbox.Update(ctx, func(tx *outbox.Tx) error { return tx.Put(publishedBucket, p.url, []byte(run)) })
	}
	err := set()
	if errors.Is(err, outbox.ErrDamaged) {
		return set()
	}
	return err
}

func (p *publisher) needs() []string { return p.behind }

func (p *publisher) close(context.Context) {
	if p.to != nil {
		p.to.Close()
		p.to = nil
	}
}

func (p *publisher) report() report {
	r := report{notices: p.notices, unseen: p.unseen, behind: len(p.notices) > 0}
	p.notices, p.unseen = nil, nil
	return r
}

// open is the ID of the run that was published last.
func (p *publisher) open(ctx context.Context) (cursor string, err error) {
	if p.to == nil {
		if p.to, err = OpenEvents(ctx, p.config, p.taken); err != nil {
			return "", err
		}
	}
	return p.to.Cursor(ctx)
}

func (p *publisher) catchUp(ctx context.Context, last *jsonstore.Run) {
	if last == nil {
		return
	}
	published, err := p.open(ctx)
	if err != nil {
		p.behind = idsOf(since(p.runs, last, ""))
		p.complain(ctx, err)
		return
	}
	behind, missed := behindOf("Events", p.runs, last, published)
	for i, run := range behind {
		if err := p.publish(ctx, run, 1); err != nil { // the tenant waits to be read, and the next run tries again
			p.behind = idsOf(behind[i:])
			p.complain(ctx, err)
			return
		}
		p.unseen, missed = append(p.unseen, missed...), nil
	}
}

func (p *publisher) apply(ctx context.Context, run committed) {
	if len(p.behind) == 0 {
		if err := p.publish(ctx, run.Run, 2); err != nil {
			p.complain(ctx, err)
		} else {
			return
		}
	}
	p.behind = append(p.behind, run.Manifest().ID)
}

// publish publishes a run, by so many connections at most: one may have broken since it was opened. An address of https opens
// its connections anew itself. Changes that are damaged are passed over.
func (p *publisher) publish(ctx context.Context, run *jsonstore.Run, connections int) error {
	defer pause.Tell(ctx, pause.Wait{What: "publishing events"})()
	m := run.Manifest()
	for left := connections; ; left-- {
		_, err := p.open(ctx)
		var published events.Published
		if err == nil {
			published, err = p.to.Publish(ctx, events.Run{ID: m.ID, StartedAt: m.StartedAt, Changes: p.readable(ctx, run), Once: connections == 1})
		}
		if err == nil {
			if n := published.Refused; n > 0 {
				p.unseen = append(p.unseen, fmt.Sprintf("Events lack %s of the run %s, which were not taken and never will be, since they are too large or do not fit: s1graph changes shows them.", plural.Of(n, "change"), m.ID))
			}
			if published.NoEnd {
				p.unseen = append(p.unseen, fmt.Sprintf("Events lack the one of type s1graph.run that says that the run %s is whole: it was not taken, and never will be.", m.ID))
			}
			return nil
		}
		if p.close(ctx); left == 1 || ctx.Err() != nil || strings.HasPrefix(p.config.Events.URL, "https:") {
			return err
		}
	}
}

// readable are the changes of a run up to where they are damaged, which stays so.
func (p *publisher) readable(ctx context.Context, run *jsonstore.Run) iter.Seq2[graph.ChangeLine, error] {
	return func(yield func(graph.ChangeLine, error) bool) {
		for line, err := range run.Changes(ctx) {
			if _, isDamaged := errors.AsType[*jsonstore.DamagedError](err); isDamaged {
				p.unseen = append(p.unseen, fmt.Sprintf("Events lack changes of the run %s, which cannot be read: %v.", run.Manifest().ID, err))
				return
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

func (p *publisher) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		p.notices = append(p.notices, fmt.Sprintf("Events are behind, and the next run catches up: %s.", strings.TrimSuffix(err.Error(), ".")))
	}
}
