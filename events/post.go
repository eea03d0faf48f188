package events

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/plural"
)

// Bounds of a batch. One event is posted however large it is.
const (
	mostInBatch = 500
	mostBytes   = 1 << 20
	mostAnswer  = 4 << 20 // that is read of an answer
	tries       = 3

	postedWithin = 30 * time.Second
)

// poster posts batches to an https address.
type poster struct {
	Config
	form          form
	authorization string
	http          http.Client
}

var _ Publisher = (*poster)(nil)

// form is how events are put together.
type form struct {
	contentType            string
	begin, between, ending string
	one                    func(e event, encoded []byte) []byte
	accepted               func(body []byte, events int) (refused []int, err error) // which of them an answer of 2xx did not take; nil: none
}

var forms = map[string]form{
	CloudEvents: {contentType: "application/cloudevents-batch+json; charset=UTF-8", begin: "[", between: ",", ending: "]", one: func(_ event, encoded []byte) []byte { return encoded }},
	Splunk: {contentType: "application/json", between: "\n", ending: "\n", one: func(e event, encoded []byte) []byte {
		at, _ := time.Parse(time.RFC3339, e.Time) // which event wrote
		b := fmt.Appendf(nil, `{"time":%d,"host":%q,"source":"s1graph","sourcetype":"s1graph","event":`, at.Unix(), e.Instance)
		return append(append(b, encoded...), '}')
	}},
	Elasticsearch: {contentType: "application/x-ndjson", between: "\n", ending: "\n", accepted: bulkTook, one: func(e event, encoded []byte) []byte {
		b := fmt.Appendf(nil, "{\"create\":{\"_id\":%q}}\n{\"@timestamp\":%q,", e.ID, e.Time)
		return append(b, encoded[1:]...)
	}},
}

// Forms are the names of the forms, sorted.
func Forms() []string { return []string{CloudEvents, Elasticsearch, Splunk} }

func openPoster(c Config) (Publisher, error) {
	authorization, err := c.credentials()
	if err != nil {
		return nil, err
	}
	return &poster{Config: c, form: forms[cmp.Or(c.Form, CloudEvents)], authorization: authorization, http: http.Client{
		Transport: c.Transport, Timeout: cmp.Or(c.Within, postedWithin),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // what is posted goes nowhere else
	}}, nil
}

func (p *poster) Close() { p.http.CloseIdleConnections() }

func (p *poster) Cursor(ctx context.Context) (string, error) { return p.Config.Cursor.Get(ctx) }

func (p *poster) Publish(ctx context.Context, run Run) (Published, error) {
	published, err := p.post(ctx, run, true)
	if err == nil {
		err = p.Config.Cursor.Set(ctx, run.ID)
	}
	return published, err
}

func (p *poster) Replay(ctx context.Context, run Run) (Published, error) {
	return p.post(ctx, run, false)
}

func (p *poster) post(ctx context.Context, run Run, whole bool) (Published, error) {
	is := &posting{poster: p, run: &run}
	err := is.all(ctx, whole)
	return is.done, err
}

// deliver posts a batch, and tries again what may pass, unless it is to be done once. refused are the events that an answer of 2xx
// says were not taken. The error is an *unfitError where the batch was refused for what is in it.
func (p *poster) deliver(ctx context.Context, batch []postable, once bool) (refused []int, err error) {
	body := p.form.body(batch)
	for try := 1; ; try++ {
		refused, again, err := p.deliverOnce(ctx, body, len(batch))
		if err == nil || !again || once || try == tries {
			return refused, err
		}
		if err := p.Sleep(ctx, time.Second<<(try-1)); err != nil {
			return nil, err
		}
	}
}

// unfitError says that the address refused a batch for what is in it, or for its size.
type unfitError struct{ status, event int } // the index of the event that the answer names; -1: it names none

func (e *unfitError) Error() string {
	return fmt.Sprintf("the address of events.url answers %d: look whether it takes what events.form says", e.status)
}

// namedBySplunk is the index of the event that an answer of Splunk's says is invalid; -1: it says none.
func namedBySplunk(body []byte) int {
	answer := struct {
		Event int `json:"invalid-event-number"`
	}{-1}
	if json.Unmarshal(body, &answer) != nil {
		return -1
	}
	return answer.Event
}

func (p *poster) deliverOnce(ctx context.Context, batch []byte, events int) (refused []int, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(batch))
	if err != nil {
		return nil, false, errors.New("events.url is no address")
	}
	request.Header.Set("Content-Type", p.form.contentType)
	if p.authorization != "" {
		request.Header.Set("Authorization", p.authorization)
	}
	response, err := p.http.Do(request)
	if failed, isURL := errors.AsType[*url.Error](err); isURL { // which has the address in it
		err = failed.Err
	}
	if err != nil {
		return nil, ctx.Err() == nil, fmt.Errorf("the address of events.url does not answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return nil, false, fmt.Errorf("the address of events.url answers %d: look at events.credentialsFile, which holds the whole value of the header Authorization, such as Splunk TOKEN, ApiKey KEY or Bearer TOKEN", status)
	case status == http.StatusTooManyRequests, status >= 500:
		return nil, true, fmt.Errorf("the address of events.url answers %d", status)
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge:
		return nil, false, &unfitError{status, namedBySplunk(body)}
	case status < 200 || status >= 300:
		return nil, false, fmt.Errorf("the address of events.url answers %d: look whether it takes what events.form says", status)
	case err != nil:
		return nil, true, fmt.Errorf("the answer of the address of events.url is cut off: %w", err)
	case p.form.accepted != nil:
		refused, err = p.form.accepted(body, events)
		return refused, false, err
	}
	return nil, false, nil
}

// bulkTook looks at what the bulk API says of each event: 200 does not mean that it took any. One that it has already (409)
// is what a repetition finds.
func bulkTook(body []byte, events int) (refused []int, err error) {
	var answer struct {
		Items []map[string]struct {
			Status int `json:"status"`
			Error  struct {
				Type string `json:"type"`
			} `json:"error"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &answer, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, errors.New("the address of events.url does not answer as Elasticsearch's bulk API: let it end with /_bulk")
	}
	if len(answer.Items) != events {
		return nil, fmt.Errorf("the address of events.url answers for %d of %s, and not as Elasticsearch's bulk API: let it end with /_bulk, without filter_path", len(answer.Items), plural.Of(events, "event"))
	}
	for i, item := range answer.Items {
		result := item["create"]
		switch status := result.Status; {
		case status >= 200 && status < 300, status == http.StatusConflict:
		case status == http.StatusBadRequest: // it does not fit the index, and will not
			refused = append(refused, i)
		default:
			return nil, fmt.Errorf("an event was not taken by Elasticsearch: %d %.100s", status, result.Error.Type)
		}
	}
	return refused, nil
}
