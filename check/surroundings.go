package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"s1graph/connector"
	"s1graph/fleet"
	"s1graph/graph/neo4jstore"
	"s1graph/pause"
	"s1graph/plural"
	"s1graph/state"
)

// directory makes sure that graph files can be written. A folder that is not there is not made: the nearest
// one above it that is must be writable.
func (c *checker) directory(context.Context) {
	const subject = "directory"
	dir := c.Config.Dir
	if err := connector.CheckFolder(c.Config); err != nil {
		c.fault(subject, err.Error(), "") // it says what to do
		return
	}
	there := dir
	for {
		info, err := os.Stat(there)
		switch {
		case err == nil && !info.IsDir():
			c.fault(subject, there+" is not a folder", "give another --dir")
			return
		case (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && filepath.Dir(there) != there:
			there = filepath.Dir(there)
			continue
		case err != nil:
			c.fault(subject, err.Error(), "give another --dir, or the right to it")
			return
		}
		break
	}
	f, err := os.CreateTemp(there, ".s1graph-check-")
	if err != nil {
		c.fault(subject, fmt.Sprintf("%s cannot be written to: %v", there, errors.Unwrap(err)), "give this user the right to write there, or another --dir")
		return
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	if there != dir {
		c.ok(subject, dir+" can be made")
		return
	}
	c.ok(subject, dir+" is writable")
}

// bucket makes sure that state can be kept in the bucket.
func (c *checker) bucket(ctx context.Context) {
	const subject = "bucket"
	if c.Config.State == "" {
		return
	}
	over := pause.Tell(ctx, pause.Wait{What: "no answer from the bucket"})
	b, err := state.Open(ctx, c.Config.State)
	over()
	switch {
	case errors.Is(err, state.ErrOverwrites):
		c.fault(subject, err.Error(), state.AdviceOnOverwriting)
		return
	case err != nil:
		c.fault(subject, err.Error(), "look whether it is there, whether it can be reached from here, and whether the credentials may read, write, list and delete in it")
		return
	}
	c.ok(subject, c.Config.State+" can be read and written, and lets one succeed of many who write a name")
	for i, warning := range state.Warnings(ctx, b) {
		detail, advice, _ := strings.Cut(warning, ": ")
		c.warn(fmt.Sprintf("%s, warning %d", subject, i+1), detail, advice)
	}
}

// fleet makes sure that NATS is good for sharing instances and lets its user do what workers do. The first worker makes what is
// missing there.
func (c *checker) fleet(ctx context.Context) {
	const subject = "fleet"
	if c.Config.NATS == "" {
		return
	}
	var workers []fleet.Member
	f, err := fleet.Join(ctx, fleet.Config{URL: c.Config.NATS, Credentials: c.Config.NATSCredentials, CAFile: c.Config.CAFile, TTL: c.Config.Claim, Wall: c.Clock})
	if err == nil {
		defer f.Close()
		workers, _, err = f.Status(ctx)
	}
	untried := ""
	if err == nil {
		err = f.Try(ctx)
		if f.IsNew() {
			untried = "; whether this user may make and write the buckets was not tried"
		}
	}
	var skew time.Duration
	if err == nil {
		skew, err = f.Skew(ctx)
	}
	switch {
	case err != nil:
		c.fault(subject, err.Error(), "let NATS be 2.11 or newer with JetStream, and let its user do what docs/fleet.md says")
	case f.Lasts() != c.Config.Claim:
		c.fault(subject, fmt.Sprintf("claims last %s there, and claim is %s here: a worker with this configuration is refused", f.Lasts(), c.Config.Claim), "give all workers the same claim")
	case f.Nodes() < 3:
		c.warn(subject, "NATS keeps claims on a single node, and all workers stand still while it is away"+untried, "let it be three nodes")
	case f.IsNew():
		c.ok(subject, "no fleet is there yet: the first worker that starts makes the buckets"+untried)
	default:
		c.ok(subject, plural.Of(len(workers), "living worker"))
	}
	if skew = skew.Round(time.Second); skew.Abs() > fleet.MaxSkew {
		c.warn("fleet's clock", fmt.Sprintf("this machine's clock is %s off that of NATS", skew), "set the clocks of all workers and of NATS, best with NTP: schedules and times of runs are told by them")
	}
}

// events makes sure that changes can be published to NATS, and makes the stream for them where it is not there. To an https
// address nothing is posted.
func (c *checker) events(ctx context.Context) {
	const subject = "events"
	switch address := c.Config.Events.URL; {
	case address == "":
		return
	case strings.HasPrefix(address, "https:"):
		c.skip("nothing is posted to try an address", subject)
		return
	}
	var run string
	to, err := connector.OpenEvents(ctx, c.Config, state.Taken{})
	if err == nil {
		defer to.Close()
		run, err = to.Cursor(ctx)
	}
	if err != nil {
		c.fault(subject, err.Error(), "look at events.url and events.credentialsFile; runs go on without it, and are kept for it as runsKept says")
		return
	}
	c.ok(subject, "the stream is there, run "+orNone(run))
}

// neo4j makes sure that the database can be brought to the graph.
func (c *checker) neo4j(ctx context.Context) {
	const subject = "Neo4j"
	n := c.Config.Neo4j
	if !c.Config.HasNeo4j() {
		if !n.IsUnused {
			c.skip("the store is json only", subject)
			return
		}
		c.warn("Neo4j store", "the address of a database is set, and no run writes to it: the store is json only", "say --store neo4j if runs are to write to it")
		if host := n.InTheClear(); !n.Password.IsSet() || host != "" {
			c.skip("it is not asked without a password, nor unencrypted", subject)
			return
		}
	}
	found, err := neo4jstore.Inspect(ctx, neo4jstore.Config{
		URI: n.URI, Username: n.Username, Password: n.Password.Reveal(), Database: n.Database, Scope: c.Config.Instance, Logger: c.Logger,
	})
	var fault *neo4jstore.OpenError
	var newer *neo4jstore.FormatError
	switch {
	case errors.As(err, &fault):
		c.fault(subject, string(fault.Fault), fault.Advice)
		return
	case errors.As(err, &newer):
		c.fault(subject, newer.Error(), "use a newer s1graph")
		return
	case err != nil:
		c.fault(subject, err.Error(), "look at the database's log, and try again")
		return
	}
	c.ok(subject, fmt.Sprintf("%s, database %s", found.Server, found.Database))
	switch {
	case found.Constraints > 0:
		c.ok("Neo4j constraints", fmt.Sprintf("%d, run %s", found.Constraints, orNone(found.Marker.Run)))
	case !found.MayConstrain:
		c.fault("Neo4j constraints", "there are none, and the user may not make any", "give the user the role publisher or more, or run once as one who has it: GRANT ROLE publisher TO …")
	default:
		c.ok("Neo4j constraints", "none yet: the first run makes them")
	}
	c.marker(found.Marker)
	if !found.MayWrite {
		c.fault("Neo4j rights", "the user may not write", "give the user the role publisher or more: GRANT ROLE publisher TO …")
		return
	}
	c.ok("Neo4j rights", "the user may write")
}

// marker makes sure that the graph in the database is that of the folder.
func (c *checker) marker(m neo4jstore.Marker) {
	const subject = "Neo4j marker"
	if !m.Exists {
		return
	}
	client, err := connector.NewClient(c.Config, nil)
	if err != nil {
		c.skip("without the console s1graph cannot tell whose graph it is", subject)
		return
	}
	defer client.Close()
	detail, advice := connector.CheckMarker(c.Config, client.Host(), m)
	if advice != "" {
		c.fault(subject, detail, advice)
		return
	}
	c.ok(subject, detail)
}

func orNone(run string) string {
	if run == "" {
		return "none yet"
	}
	return run
}

// destinations makes sure that alerts can be sent.
func (c *checker) destinations(ctx context.Context) {
	if c.Config.Alerts == nil || c.Reach == nil {
		return
	}
	for _, d := range c.Config.Alerts.Destinations {
		subject := "alerts to " + d.Name
		over := pause.Tell(ctx, pause.Wait{What: "no answer from the destination " + d.Name})
		err := c.Reach(ctx, d)
		over()
		if err != nil {
			c.fault(subject, err.Error(), "look at the destination's url, and whether a firewall or proxy stands in between")
			continue
		}
		c.ok(subject, "reached; send one with s1graph alerts test RULE --send")
	}
}
