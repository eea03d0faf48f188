package connector

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"s1graph/s1"
	"s1graph/s1/replay"
	"s1graph/steps"
)

// openRecording opens the recording that the run replays, if it does. The run's clock then stands at the time of the
// recording, unless the caller gave one.
func (r *run) openRecording() (err error) {
	if r.o.Replay == "" {
		return nil
	}
	if r.recording, err = replay.Open(r.o.Replay); err != nil {
		return err
	}
	if r.o.Clock == nil {
		r.clock = func() time.Time { return r.recording.Meta().RecordedAt }
	}
	if r.o.Record != "" && isSameFolder(r.o.Record, r.o.Replay) {
		return &UsageError{fmt.Errorf("%s would be replayed and recorded over at once: give --record another folder", r.o.Record)}
	}
	return nil
}

// connect makes the client, and the recorder that writes down what it gets. It asks the console nothing yet.
func (r *run) connect() (err error) {
	if r.o.Record != "" {
		filters := r.filters()
		r.recorder, err = replay.NewRecorder(r.o.Record, replay.Meta{
			Instance: r.config.Instance, RecordedAt: r.summary.StartedAt, APIVersion: r.config.APIVersion,
			Accounts: filters.Accounts, Sites: filters.Sites, Groups: filters.Groups,
		})
		if err != nil {
			return &UsageError{err}
		}
	}
	r.client, err = NewClient(r.config, func(c *s1.Config) {
		c.Transport, c.Sleep, c.Logger, c.Limiter = r.o.Transport, r.o.Sleep, r.o.Logger, r.o.Limiter
		if r.recorder != nil {
			c.Recorder = r.recorder
		}
		if r.recording != nil {
			c.URL, c.Token, c.Transport = r.recording.URL(), s1.StaticToken("replay"), r.recording.Transport()
			c.Limiter = new(s1.Limiter) // a recording takes requests at any rate
		}
	})
	return err
}

func (r *run) closeRecorder() error {
	if r.recorder == nil {
		return nil
	}
	return r.recorder.Close()
}

// input asks who the token is, and puts together what the steps need.
func (r *run) input(ctx context.Context) (*steps.Input, error) {
	scope, err := r.readScope(ctx)
	if err != nil {
		return nil, err
	}
	if scope.Unknown {
		r.notice("During the recording somebody changed what the token may see; nothing was deleted.")
	}
	applications := r.config.Applications
	if found := r.last.source(); applications == steps.AutoSource && found != "" && !slices.Contains(r.last.state.Unavailable, "applications") {
		applications = found
	}
	r.state = state{
		Host: r.client.Host(), Source: r.source(), Scope: scope, Applications: r.last.source(), Unclaimed: r.isUnclaimed(), Version: r.o.Version,
		ClockDoubted: r.doubtClock(),
	}
	if r.config.TagAccountName {
		r.state.Tag = r.config.AccountName
	}
	in, err := steps.NewInput(ctx, steps.Input{
		Client: r.client, User: r.user, Scope: scope, Last: r.last, Logger: r.o.Logger, Applications: applications,
		Severities: r.config.Severities(), Risks: r.last.state.Steps["vulnerabilities"].Risks,
	})
	if err == nil && r.last.committed() {
		r.compareReadings(in)
	}
	return in, err
}

// noteSmallerPages says which lists were read in smaller pages than they were asked for at first.
func (r *run) noteSmallerPages() {
	for _, list := range r.client.SmallerPages() {
		r.notice("%s: pages of %d rows came and those of %d did not, so it was read in the smaller ones. If every run says so, set pageSize: %d (--page-size) to save the retries.",
			list.Path, list.Rows, list.Failed, list.Rows)
	}
}

// filters are what the configuration limits the scope to, or else what the recording was limited to.
func (r *run) filters() steps.Scope {
	filters := steps.Scope{Accounts: r.config.Accounts, Sites: r.config.Sites, Groups: r.config.Groups}
	if r.recording != nil && len(filters.Accounts)+len(filters.Sites)+len(filters.Groups) == 0 {
		meta := r.recording.Meta()
		filters = steps.Scope{Accounts: meta.Accounts, Sites: meta.Sites, Groups: meta.Groups}
	}
	return filters
}

// isSameFolder says whether two paths lead to one folder that is there.
func isSameFolder(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
