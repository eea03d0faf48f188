// Package overview counts what a security team asks of a fleet first: how many machines are infected, silent or unprotected,
// which threats are open, how many licenses are used. It is the one place that says what each of these words means: what a
// run prints, summary.json, the metrics, the page and the command overview take their figures from here.
package overview

import (
	"context"
	"hash/maphash"
	"time"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/relationships"
)

// Overview is what a graph comes to.
type Overview struct {
	// Figures has the value of each figure by its name. What is not known is not there: of a list that was never read, or
	// posture where nothing is demanded of devices.
	Figures map[string]int64 `json:"figures"`

	// Change says by how much figures differ from those of the run before; those that do not are left out.
	Change map[string]int64 `json:"change,omitempty"`

	// Licenses are those of the sites, in the order of the sites' keys.
	Licenses []SiteLicenses `json:"licenses,omitempty"`
}

// SiteLicenses says how many licenses a site uses.
type SiteLicenses struct {
	Site  string `json:"site"` // ID
	Name  string `json:"name"`
	Used  int64  `json:"used"`
	Total int64  `json:"total,omitempty"` // 0: any number
}

// ReadAt is when the record of a key was last read, by which ages are reckoned, and with the key "" whether anything of the type
// ever was; else nothing is told of it.
type ReadAt func(t *graph.Type, key string) (at time.Time, isKnown bool)

// Heard is the ReadAt of a graph that nothing else is known of: it was read when the last of its agents was heard of, and so
// were the types that it has records of.
func Heard(ctx context.Context, g graph.Snapshot) (ReadAt, error) {
	isKnown := map[string]bool{}
	for _, t := range g.Types() {
		for _, err := range graph.Keys(ctx, g, t.Name) {
			if err != nil {
				return nil, err
			}
			isKnown[t.Name] = true
			break
		}
	}
	var last int64
	for r, err := range graph.PickAll(ctx, g, entities.Agent.GraphType().Name, set("lastSeenOn")) {
		if err != nil {
			return nil, err
		}
		last = max(last, r.Get("lastSeenOn").Int64())
	}
	return func(t *graph.Type, _ string) (time.Time, bool) { return time.UnixMilli(last), isKnown[t.Name] }, nil
}

// Of counts a graph, in one pass. In memory it holds about 20 bytes a device.
func Of(ctx context.Context, g graph.Snapshot, readAt ReadAt) (Overview, error) {
	classifier, err := NewClassifier(ctx, g, readAt)
	if err != nil {
		return Overview{}, err
	}
	c := counter{Overview{Figures: map[string]int64{}}, ctx, g, classifier}
	for _, t := range []*graph.Type{
		entities.Agent.GraphType(), entities.Device.GraphType(), entities.Threat.GraphType(), entities.Application.GraphType(), entities.Vulnerability.GraphType(),
	} {
		if err := c.count(t); err != nil {
			return Overview{}, err
		}
	}
	return c.Overview, c.countLicenses()
}

// Compare says by how much the figures differ from earlier ones.
func (o *Overview) Compare(before map[string]int64) {
	o.Change = map[string]int64{}
	for name, n := range o.Figures {
		if was, isKnown := before[name]; isKnown && n != was {
			o.Change[name] = n - was
		}
	}
}

type counter struct {
	Overview
	ctx   context.Context
	graph graph.Snapshot
	*Classifier
}

// Classifier says of each record of a graph in which figures it counts. It is safe for concurrent use.
type Classifier struct {
	readAt ReadAt
	seed   maphash.Seed
	ends   map[uint64]ends // by the hash of the device's key
}

// ends are the relationships that end at a device.
type ends struct {
	agents  uint8 // 2: two or more
	isOwned bool
}

// NewClassifier reads the relationships of a graph's devices.
func NewClassifier(ctx context.Context, g graph.Snapshot, readAt ReadAt) (*Classifier, error) {
	c := Classifier{readAt, maphash.MakeSeed(), map[uint64]ends{}}
	for _, t := range []*graph.Type{relationships.AgentProtectsDevice.GraphType(), relationships.UserOwnsDevice.GraphType()} {
		for key, err := range graph.Keys(ctx, g, t.Name) {
			if err != nil {
				return nil, err
			}
			_, device, _ := graph.RelationshipEnds(key)
			id := maphash.String(c.seed, device)
			e := c.ends[id]
			if t.From == entities.Agent.GraphType().Name {
				e.agents = min(e.agents+1, 2)
			} else {
				e.isOwned = true
			}
			c.ends[id] = e
		}
	}
	return &c, nil
}

// Counts says in which figures a record of a type counts: its bit n stands for the n-th of FiguresOf. The record has at least the
// properties that figures look at.
func (c *Classifier) Counts(t *graph.Type, r graph.Record) (in uint32) {
	at, _ := c.readAt(t, r.Key)
	ends := c.ends[maphash.String(c.seed, r.Key)]
	s := subject{r, at, int(ends.agents), ends.isOwned}
	for i, f := range FiguresOf(t.Name) {
		if f.is(&s) {
			in |= 1 << i
		}
	}
	return in
}

// reads are the properties that figures look at.
var reads = set(
	"isDecommissioned", "isUninstalled", "infected", "networkStatus", "lastSeenOn", "mitigationMode", "operationalState", "isUpToDate", "isActive",
	"encrypted", "firewallEnabled",
	"open", "severity", "mitigationStatus", "identifiedAt", "createdAt",
	"riskLevel",
)

// Reads says whether figures look at a property.
func Reads(property string) bool { return reads[property] }

func set(names ...string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}

// count counts the records of a type.
func (c *counter) count(t *graph.Type) error {
	if _, isKnown := c.readAt(t, ""); !isKnown {
		return nil
	}
	counted := FiguresOf(t.Name)
	for _, f := range counted {
		c.Figures[f.Name] = 0
	}
	for r, err := range graph.PickAll(c.ctx, c.graph, t.Name, reads) {
		if err != nil {
			return err
		}
		in := c.Counts(t, r)
		for i, f := range counted {
			c.Figures[f.Name] += int64(in >> i & 1)
		}
	}
	return nil
}

func (c *counter) countLicenses() error {
	t := entities.Site.GraphType()
	if _, isKnown := c.readAt(t, ""); !isKnown {
		return nil
	}
	c.Figures[LicensesUsed], c.Figures[LicensesTotal] = 0, 0
	wanted := set("id", "name", "activeLicenses", "totalLicenses", "unlimitedLicenses")
	for r, err := range graph.PickAll(c.ctx, c.graph, t.Name, wanted) {
		if err != nil {
			return err
		}
		l := SiteLicenses{Site: r.Get("id").Text(), Name: r.Get("name").Text(), Used: r.Get("activeLicenses").Int64()}
		if !r.Get("unlimitedLicenses").Equal(graph.Bool(true)) {
			l.Total = max(0, r.Get("totalLicenses").Int64())
		}
		c.Licenses = append(c.Licenses, l)
		c.Figures[LicensesUsed] += l.Used
		c.Figures[LicensesTotal] += l.Total
	}
	return nil
}
