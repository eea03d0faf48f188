package delivery

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"s1graph/alerts/outbox"
	"s1graph/config"
	"s1graph/harmless"
)

// serviceTimeout bounds a request of those of shoutrrr's services that have no client, and no timeout, of
// their own.
const serviceTimeout = 30 * time.Second

// Half of shoutrrr's services use http.DefaultClient, which waits for ever and follows redirects. There is no
// other way to give them one: nothing else of s1graph uses it.
func init() {
	http.DefaultClient.Timeout = serviceTimeout
	http.DefaultClient.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirected }
}

// locate makes a destination's service of shoutrrr; that of Matrix logs in there. The error has nothing of the
// URL in it: shoutrrr's may have all.
func (s *Service) locate(to config.Destination) (ready types.Service, err error) {
	defer func() {
		if recover() != nil { // as the one of Teams does where the URL after teams+ is another's
			ready, err = nil, s.misunderstood()
		}
	}()
	r, err := router.New(log.New(io.Discard, "", 0))
	if err != nil {
		return nil, errors.New("shoutrrr does not start")
	}
	ready, err = r.Locate(to.URL.Reveal())
	if err != nil {
		return nil, s.misunderstood()
	}
	if s.adapt != nil {
		if err := s.adapt(ready); err != nil {
			return nil, err
		}
	}
	return ready, nil
}

// courier sends through one of shoutrrr's services. These know no context: a send that does not end in its
// time is left alone, and ends by its own timeout.
type courier struct {
	service *Service
	to      config.Destination
	titled  bool          // the title is shown apart from the text
	ready   types.Service // nil: one has to be located
	running atomic.Int32
}

func openCourier(s *Service, to config.Destination, _ Config) (sender, error) {
	ready, err := s.locate(to)
	if err != nil {
		return nil, err
	}
	return &courier{service: s, to: to, titled: s.titled, ready: ready}, nil
}

// mostRunning is how many sends of one destination may be left alone at once.
const mostRunning = 4

func (c *courier) send(ctx context.Context, m outbox.Message) *fault {
	if c.running.Load() >= mostRunning {
		return &fault{reason: "earlier alerts still wait for its answer"}
	}
	text, params := c.params(m)
	ready := c.ready
	c.ready = nil // what may still be sending is not used again
	answer := make(chan error, 1)
	c.running.Add(1)
	go func() {
		defer c.running.Add(-1)
		defer func() {
			if recover() != nil { // some of them panic where there is no answer
				answer <- errors.New("panic")
			}
		}()
		if ready == nil {
			var err error
			if ready, err = c.service.locate(c.to); err != nil {
				answer <- err
				return
			}
		}
		answer <- ready.Send(text, &params)
	}()
	select {
	case err := <-answer:
		if !c.service.once {
			c.ready = ready
		}
		return c.service.faultOf(err)
	case <-ctx.Done():
		return timedOut()
	}
}

// How long a message may be: the least that the services take, which count in many ways.
const (
	mostTitle = 250  // characters
	mostText  = 3500 // bytes
)

// params makes of a message what shoutrrr takes: text, and by name what else the service knows.
func (c *courier) params(m outbox.Message) (string, types.Params) {
	title, text := harmless.Cut(oneLine(m.Title), mostTitle), clipBytes(m.Text, mostText)
	params := types.Params{}
	switch {
	case c.titled:
		params.SetTitle(title)
		if text == "" {
			params.SetTitle("") // the services say what stands in the text, or nothing
			text = title
		}
	case text == "":
		text = title
	default:
		text = title + "\n" + text
	}
	u, err := url.Parse(c.to.URL.Reveal())
	if p := c.service.priority; p != nil && err == nil && !u.Query().Has(p.setting) {
		if value, known := p.values[m.Severity]; known {
			params[p.setting] = value
		}
	}
	return text, params
}

// oneLine is a text as it can stand in a header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func clipBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}
