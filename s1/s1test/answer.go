package s1test

import (
	"net/http"
	"strconv"
	"sync"
)

// answer is a response before it is sent, and its buffer, which the next answer uses again.
type answer struct {
	object
	status int
	header http.Header
	harm   []Effect
}

var answers = sync.Pool{New: func() any { return new(answer) }}

func newAnswer(status int) *answer {
	a := answers.Get().(*answer)
	*a = answer{object: object{b: a.b[:0]}, status: status}
	return a
}

func (a *answer) release() { answers.Put(a) }

// found is an answer whose data is one object.
func found(write func(*object)) *answer {
	a := newAnswer(http.StatusOK)
	a.begin()
	a.open("data")
	write(&a.object)
	a.end()
	a.end()
	return a
}

func refused(no *refusal) *answer {
	a := newAnswer(no.status)
	a.begin()
	a.openList("errors")
	a.begin()
	a.number("code", no.code)
	a.textOrNull("detail", no.detail)
	a.text("title", no.title)
	a.end()
	a.endList()
	a.end()
	return a
}

func (a *answer) send(rw http.ResponseWriter, r *http.Request) {
	body := a.b[:len(a.b)-1] // without the comma that end left
	header := rw.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	for name, values := range a.header {
		header[name] = values
	}
	for _, e := range a.harm {
		if e.send != nil {
			e.send(rw, r, a.status, body)
			return
		}
	}
	if a.status == http.StatusMethodNotAllowed {
		header.Set("Allow", http.MethodGet)
	}
	rw.WriteHeader(a.status)
	_, _ = rw.Write(body) // a client that is gone is no fault of the console
}
