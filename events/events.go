// Package events publishes what committed runs changed, for other systems: a CloudEvent 1.0 in JSON for each change, to a
// stream of NATS JetStream or to an HTTPS address. Which runs are to be published, and when, is the caller's business.
//
// A run is published at least once. Each event has the ID of its change, which a repetition has too.
package events

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// Config says where the events of one instance go. URL and Instance are required.
type Config struct {
	URL             string // nats, tls (NATS that must be encrypted) or https; of NATS several servers, joined with commas
	Form            string // of what is posted to an https address: CloudEvents, Splunk or Elasticsearch; "": CloudEvents
	CredentialsFile string // of NATS, as nsc makes it; else the value of the header Authorization; "": none
	Instance        string
	Kept            time.Duration // for which a stream keeps events

	// Log and Epoch say who publishes: of the owners of an instance that one log of records tells of, a later one has a greater
	// epoch. What an earlier one publishes after it is refused. "" and 0 on one machine.
	Log   string
	Epoch int64

	Cursor    Cursor            // of an https address, which cannot hold one
	Transport http.RoundTripper // to an https address; nil: http.DefaultTransport
	TLS       *tls.Config       // to NATS; nil: the system's certificates are trusted

	Within time.Duration // for which one waits for an answer; 0: 10 s of NATS, 30 s of an https address

	Sleep func(context.Context, time.Duration) error // waits before an https address is tried again
}

// The forms of what is posted.
const (
	CloudEvents   = "cloudevents"   // a batch: a JSON array, application/cloudevents-batch+json
	Splunk        = "splunk"        // of its HTTP Event Collector: JSON objects with time, host, source, sourcetype and event
	Elasticsearch = "elasticsearch" // of its bulk API: an action create with _id, and the event with @timestamp, a line each
)

// Cursor keeps the ID of the run that was published last; "" where none was.
type Cursor interface {
	Get(context.Context) (string, error)
	Set(ctx context.Context, run string) error
}

// Run is a committed run.
type Run struct {
	ID        string
	StartedAt time.Time
	Changes   iter.Seq2[graph.ChangeLine, error] // in the order of changes.jsonl
	Once      bool                               // what an https address does not answer is not tried again: somebody waits
}

// Published is what was published of a run.
type Published struct {
	Events  int64 // without the one that says that the run is whole
	Refused int64 // changes that are not taken however often they come, and were passed over: too large, or of another form
	NoEnd   bool  // the event that says that the run is whole is none that is taken either, and was passed over
}

// Publisher publishes the runs of one instance. Who makes one with Open closes it. One goroutine uses it.
type Publisher interface {
	// Cursor is the ID of the run that was published last, "" where nobody knows of any.
	Cursor(context.Context) (string, error)

	// Publish publishes the changes of a run, and then that the run is whole, which moves the cursor.
	Publish(context.Context, Run) (Published, error)

	// Replay publishes the changes of a run once more, and leaves the cursor where it is.
	Replay(context.Context, Run) (Published, error)

	Close()
}

// Open reaches a server of NATS, and makes the stream if it is not there. Of an https address it only makes sure that
// the credentials can be read. Errors repeat neither credentials nor an address.
func Open(ctx context.Context, c Config) (Publisher, error) {
	if strings.HasPrefix(c.URL, "https:") {
		return openPoster(c)
	}
	return openStream(ctx, c)
}

var errOwned = errors.New("another owner of the instance has published since: this one no longer publishes")

// event is a CloudEvent. Of its attributes instance and run are extensions.
type event struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         string         `json:"subject,omitempty"` // key of the entity or relationship
	Time            string         `json:"time"`              // when the run started
	DataContentType string         `json:"datacontenttype"`
	Instance        string         `json:"instance"`
	Run             string         `json:"run"`
	Data            jsontext.Value `json:"data"` // the line of changes.jsonl
}

func (c *Config) event(run *Run, id, what string, data []byte) event {
	return event{
		SpecVersion: "1.0", ID: id, Source: "/s1graph/" + c.Instance, Type: "s1graph." + what, Time: run.StartedAt.UTC().Format(time.RFC3339),
		DataContentType: "application/json", Instance: c.Instance, Run: run.ID, Data: data,
	}
}

// ofChange is the event of a change. An attribute may hold no control characters; a key that has some stands in the data alone.
func (c *Config) ofChange(run *Run, line *graph.ChangeLine) event {
	e := c.event(run, line.ID, line.Type+"."+string(line.Op), line.JSON)
	if !strings.ContainsFunc(line.Key, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		e.Subject = line.Key
	}
	return e
}

// marker says that a run is published whole, and by whom.
type marker struct {
	Run     string `json:"run"`
	Changes int64  `json:"changes"`
	Log     string `json:"log,omitempty"`
	Epoch   int64  `json:"epoch"`
}

func (c *Config) ofRun(run *Run, changes int64) event {
	data, err := json.Marshal(marker{run.ID, changes, c.Log, c.Epoch})
	if err != nil {
		panic(err) // it is texts and numbers
	}
	return c.event(run, "run-"+c.Instance+"-"+run.ID, "run", data)
}

// encode is the event in JSON.
func (e event) encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("change %s: %w", e.ID, err)
	}
	return b, nil
}

// credentials are the text of the file, "" where none is named.
func (c *Config) credentials() (string, error) {
	if c.CredentialsFile == "" {
		return "", nil
	}
	content, err := os.ReadFile(c.CredentialsFile)
	if err != nil {
		return "", fmt.Errorf("events.credentialsFile: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
