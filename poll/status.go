package poll

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/alerts/outbox"
	"s1graph/connector"
)

// Status is how a service is doing: what /status tells.
type Status struct {
	Version   string           `json:"version,omitempty"` // of s1graph
	StartedAt time.Time        `json:"startedAt"`         // the service
	Ending    bool             `json:"ending"`
	Ready     bool             `json:"ready"`             // as /readyz has it
	Reasons   []string         `json:"reasons,omitempty"` // why it is not ready
	Instances []InstanceStatus `json:"instances"`         // by name
}

// InstanceStatus is how one instance is doing.
type InstanceStatus struct {
	Instance string `json:"instance"`

	Worker  string    `json:"worker,omitempty"` // of a fleet: who has it, and says this of it
	HeardAt time.Time `json:"heardAt,omitzero"` // when that one said so; zero: this one says it itself

	Console  string `json:"console,omitempty"` // URL
	Interval string `json:"interval"`
	State    string `json:"state"` // waiting for its time, queued since others are under way, or running; with a bucket taking it, and in a fleet standby

	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"` // why it is not ready

	NextRun      time.Time         `json:"nextRun,omitzero"`      // while it waits
	RunningSince time.Time         `json:"runningSince,omitzero"` // while it runs
	Steps        []connector.Event `json:"steps,omitempty"`       // while it runs, by name

	LastRun     *connector.Summary `json:"lastRun,omitempty"`     // since the service began, however it ended
	LastGoodRun *GoodRun           `json:"lastGoodRun,omitempty"` // that was committed, maybe by another process

	FailedInARow   int64     `json:"failedInARow"` // runs since the last good one
	Skipped        int64     `json:"skipped"`      // runs that were due and did not take place
	TokenExpiresAt time.Time `json:"tokenExpiresAt,omitzero"`

	Alerts     []outbox.Count `json:"alerts,omitempty"`     // by destination
	AlertsHeld *HeldStatus    `json:"alertsHeld,omitempty"` // nil where they are not
}

// ReadStatus reads what a worker of a fleet reports of an instance.
func ReadStatus(reported []byte) (is InstanceStatus, err error) {
	err = json.Unmarshal(reported, &is)
	return is, err
}

// HeldStatus says that alerts are not sent since the outbox cannot be read or written, so that it could not be noted
// that they were.
type HeldStatus struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// GoodRun is a run that was committed.
type GoodRun struct {
	Run        string           `json:"run"`
	Status     connector.Status `json:"status"`
	StartedAt  time.Time        `json:"startedAt"`
	FinishedAt time.Time        `json:"finishedAt"`

	LastRead map[string]time.Time `json:"lastRead,omitempty"` // by step: when it was last read whole, by this run or an earlier one
}

// Status is how the service is doing now.
func (s *Service) Status() Status {
	now := s.Now()
	all := Status{Version: s.Version, StartedAt: s.startedAt.UTC(), Ending: s.ending.Load(), Reasons: s.unready()}
	all.Ready = len(all.Reasons) == 0
	for _, i := range s.instances {
		all.Instances = append(all.Instances, i.describe(now))
	}
	return all
}

// heard replaces what this worker knows of instances that others have by what those said of them last.
func (s *Service) heard(ctx context.Context, all *Status) error {
	if s.Fleet == nil {
		return nil
	}
	_, elsewhere, err := s.Fleet.Status(ctx)
	if err != nil {
		return err
	}
	for n := range all.Instances {
		one := &all.Instances[n]
		if one.State != string(standby) {
			continue
		}
		is := elsewhere[one.Instance]
		if said, err := ReadStatus(is.Status); err == nil { // else it is of a newer version
			*one = said
		}
		one.Worker, one.HeardAt = is.Owner, is.HeardAt
	}
	return nil
}

func (i *instance) describe(now time.Time) InstanceStatus {
	state := i.state()
	reason := i.unready(state, now)
	d := InstanceStatus{
		Instance: i.settings.Instance, Worker: i.worker(), Console: i.settings.URL, Interval: i.settings.Interval.String(),
		State: string(state.activity), Ready: reason == "", Reason: reason, NextRun: state.next.UTC(),
		FailedInARow: int64(state.failedInRow), Skipped: state.skipped, TokenExpiresAt: state.tokenExpiresAt(),
	}
	if state.activity == running {
		d.RunningSince = state.since.UTC()
		d.Steps = state.progress
	}
	d.Alerts, d.AlertsHeld = i.alerting.counts(), i.alerting.held()
	if !state.last.StartedAt.IsZero() {
		d.LastRun = &state.last
	}
	if good := state.good; good.Run != "" {
		d.LastGoodRun = &GoodRun{good.Run, good.Status, good.StartedAt, good.FinishedAt, make(map[string]time.Time)}
		for _, step := range good.Steps {
			if !step.LastReadAt.IsZero() {
				d.LastGoodRun.LastRead[step.ID] = step.LastReadAt
			}
		}
	}
	return d
}

// worker is what this machine is called in a fleet; "" where there is none.
func (i *instance) worker() string {
	if i.service.Fleet == nil {
		return ""
	}
	return i.settings.Worker
}

// unready says why an instance is not ready, "" where it is. It is ready from its first good run on, be it of a
// service before this one, and not while three times have come at which there should have been another one. One that another worker
// has is that one's to say, and what this one is taking it will know in a moment.
func (i *instance) unready(s status, now time.Time) string {
	if s.activity == standby || s.activity == taking && s.failedInRow == 0 && i.service.Fleet != nil {
		return ""
	}
	var reason string
	late := i.settings.Interval.Nth(s.good.FinishedAt, 3)
	if rests := s.good.FinishedAt.Add(3 * connector.ShortestOf(i.settings)); rests.After(late) { // polls between commit nothing
		late = rests
	}
	switch {
	case s.good.FinishedAt.IsZero():
		reason = "no run was committed yet"
	case s.good.FinishedAt.After(now.Add(24 * time.Hour)):
		reason = fmt.Sprintf("the last good run is dated %s, which is in the future: nobody knows how old it is", s.good.FinishedAt.Format(time.RFC3339))
	case now.After(late):
		reason = fmt.Sprintf("the last good run ended at %s, more than three intervals (%s) ago", s.good.FinishedAt.Format(time.RFC3339), i.settings.Interval)
	default:
		return ""
	}
	if s.last.Status == connector.Failed {
		reason += fmt.Sprintf("; the last run failed at %s: %s", s.last.FinishedAt.Format(time.RFC3339), s.last.Error)
	}
	return reason
}

// tokenExpiresAt is when the API token expires, as far as a run was told; zero where it was not.
func (s status) tokenExpiresAt() time.Time {
	if at := s.last.TokenExpiresAt; !at.IsZero() {
		return at
	}
	return s.good.TokenExpiresAt
}
