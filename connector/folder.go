package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"s1graph/config"
	"s1graph/graph/jsonstore"
)

// CheckFolder refuses an instance's folder that is not ours to write to, before anything is written into it. The error
// is then a *UsageError. A folder that is not there may be made. Whoever opens the folder
// meets other faults, such as a disk that cannot be read.
func CheckFolder(c *config.Config) error {
	err := refusalOf(jsonstore.Inspect(c.Dir))
	if usage, refused := errors.AsType[*UsageError](err); refused {
		return usage
	}
	return nil
}

// refusalOf makes a *UsageError of an error that says that a folder is somebody else's or a newer version's.
func refusalOf(err error) error {
	_, foreign := errors.AsType[*jsonstore.ForeignError](err)
	_, newer := errors.AsType[*jsonstore.NewerError](err)
	if foreign || newer {
		return &UsageError{err}
	}
	return err
}

// claimFolder checks the folder before anything is written into it. From then on an alert may be queued there.
func (r *run) claimFolder() error {
	err := CheckFolder(r.config)
	r.folderIsOurs = err == nil
	return err
}

func (r *run) openStore(ctx context.Context) (err error) {
	r.store, err = jsonstore.Open(r.config.Dir, jsonstore.Options{Instance: r.config.Instance, Clock: r.clock, Prepare: r.prepare(ctx)})
	return ofReplica(refusalOf(err))
}

// Where a graph comes from. A graph of the one is never brought to the state of the other.
const (
	fromConsole = "console"
	fromReplay  = "replay"
)

// inventedDomain is reserved: no console has an address in it, and replay.NewRecorder invents those of recordings there.
const inventedDomain = ".example"

func (r *run) source() string {
	if r.recording != nil {
		return fromReplay
	}
	return fromConsole
}

// cameFrom is where the graph came from, "" where an older version did not write it down and its host does not tell.
func (s *state) cameFrom() string {
	if s.Source == "" && strings.HasSuffix(s.Host, inventedDomain) {
		return fromReplay
	}
	return s.Source
}

// checkOrigin refuses to go on where the folder's graph is not of what this run reads. A console may take over a graph
// of unknown origin, if it is of its host; a recording may not, since anybody can make one that names that host.
func (r *run) checkOrigin() error {
	last := &r.last.state
	if last.Host == "" {
		return nil
	}
	from, to := last.cameFrom(), r.source()
	if last.Host == r.client.Host() && (from == to || from == "" && to == fromConsole) {
		return nil
	}
	holds := map[string]string{
		fromConsole: "the graph of the console " + last.Host,
		fromReplay:  "a graph that was replayed from a recording of " + last.Host,
		"":          "the graph of " + last.Host + ", from an older s1graph that did not say whether it had read a console or a recording",
	}[from]
	would := "read the console " + r.client.Host()
	if to == fromReplay {
		would = "replay a recording of " + r.client.Host()
	}
	return &UsageError{fmt.Errorf("%s holds %s, and this run would %s: give another --instance or --dir", r.config.Dir, holds, would)}
}
