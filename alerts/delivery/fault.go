package delivery

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/util/jsonclient"
)

// fault is why a message did not arrive. Its reason is made of this package's words and of status codes
// alone: the errors of net/http, net/smtp and shoutrrr have URLs, and with them tokens and passwords, in them,
// and the answers of a service may repeat these.
type fault struct {
	reason    string
	permanent bool          // the same message would be refused again
	after     time.Duration // that the destination asks to be left alone
	cut       bool          // we have stopped it ourselves: it says nothing of the destination
}

func (f *fault) Error() string { return f.reason }

// statusFault is what an HTTP status that is no success means.
func statusFault(status int, after time.Duration) *fault {
	f := &fault{reason: strings.TrimSpace(fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))), after: after}
	switch {
	case status >= 300 && status < 400:
		f.reason += ": it redirects, and s1graph follows no redirects"
		f.permanent = true
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
	case status >= 400 && status < 500:
		f.permanent = true
	}
	return f
}

// faultOf is what an error of a send means: nil where the message has arrived after all.
func (s *Service) faultOf(err error) *fault {
	if err != nil && s.fault != nil {
		if f, known := s.fault(err); known {
			return f
		}
	}
	return faultOf(s.Name, err)
}

// faultOf is what an error means that many services make. name is of the service, for an error that means
// nothing to us.
func faultOf(name string, err error) *fault {
	var own *fault
	var answer jsonclient.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.As(err, &answer) && answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil // it was taken; what came back could not be read
	case errors.As(err, &answer) && answer.StatusCode > 0:
		return statusFault(answer.StatusCode, 0)
	}
	text := err.Error()
	if status := statusIn(text); status >= 300 {
		return statusFault(status, 0)
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return timedOut()
	}
	for _, p := range phrases {
		if strings.Contains(text, p.has) {
			return &fault{reason: p.means}
		}
	}
	return &fault{reason: fmt.Sprintf("the service %s did not take it", name)}
}

func timedOut() *fault { return &fault{reason: "no answer in time"} }

func panickedFault() *fault { return &fault{reason: "a fault of s1graph: panic"} }

// phrases are found in errors that services hand on as mere text.
var phrases = []struct{ has, means string }{
	{"deadline exceeded", "no answer in time"},
	{"Client.Timeout", "no answer in time"},
	{"i/o timeout", "no answer in time"},
	{"no such host", "its host name is not known"},
	{"connection refused", "the connection was refused"},
	{"connection reset", "the connection was reset"},
	{"network is unreachable", "its network cannot be reached"},
	{"no route to host", "its host cannot be reached"},
	{"certificate", "its certificate is not valid"},
	{"tls: ", "no safe connection could be made"},
	{errRedirected.Error(), "it redirects, and s1graph follows no redirects"},
	{"EOF", "the connection was closed"},
}

var errRedirected = errors.New("redirects of alerts are not followed")

// statusPatterns are the ways in which services write a status: as net/http does, or after a word for it.
var statusPatterns = []*regexp.Regexp{
	regexp.MustCompile(`\b([1-5]\d\d) ([A-Z][A-Za-z' -]+)`),
	regexp.MustCompile(`(?:status|status code|failed|HTTP):? ([1-5]\d\d)\b()`),
}

// statusIn is the HTTP status that an error's text has, or 0.
func statusIn(text string) int {
	for _, pattern := range statusPatterns {
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			status, _ := strconv.Atoi(found[1])
			if name := http.StatusText(status); name != "" && strings.HasPrefix(found[2]+name, name) {
				return status
			}
		}
	}
	return 0
}
