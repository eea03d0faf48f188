package s1test

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// The effects in this file are those of a console that means harm, or of something that stands before it.

// Flood answers with a status and with start, and then with more, again and again, until the client goes away. sent
// counts the bytes that could be sent; nil: nobody counts them.
func Flood(status int, start, more string, sent *atomic.Int64) Effect {
	return Effect{instead: func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		flood(rw, start, more, sent)
	}}
}

// GzipFlood is a Flood in gzip, as a client asks for it: it takes next to nothing to send. sent counts the bytes before
// they are compressed.
func GzipFlood(status int, start, more string, sent *atomic.Int64) Effect {
	return Effect{instead: func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Encoding", "gzip")
		rw.WriteHeader(status)
		compressed, _ := gzip.NewWriterLevel(rw, gzip.BestSpeed) // the level is one that there is
		flood(compressed, start, more, sent)
	}}
}

// flood writes until that fails.
func flood(w io.Writer, start, more string, sent *atomic.Int64) {
	if sent == nil {
		sent = new(atomic.Int64)
	}
	n, err := io.WriteString(w, start)
	sent.Add(int64(n))
	const chunk = 64 << 10
	for more := []byte(strings.Repeat(more, 1+chunk/len(more))); err == nil; {
		n, err = w.Write(more)
		sent.Add(int64(n))
	}
}

// LongHeader answers with a header of so many bytes. It needs HTTP/1.
func LongHeader(length int) Effect {
	return Effect{instead: func(rw http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer conn.Close()
		w := bufio.NewWriter(conn)
		_, _ = w.WriteString("HTTP/1.1 200 OK\r\nX-Long: ")
		for range length {
			if w.WriteByte('a') != nil {
				return
			}
		}
		_, _ = w.WriteString("\r\nContent-Length: 2\r\n\r\n{}")
		_ = w.Flush()
	}}
}

// EndlessList has each page name a next one that was not named before. Each has the first rows of the list.
func EndlessList() Effect { return endless(func(*pageOfRows) {}) }

// EndlessEmptyPages is EndlessList with no rows on its pages.
func EndlessEmptyPages() Effect { return endless(func(p *pageOfRows) { p.rows = nil }) }

func endless(change func(*pageOfRows)) Effect {
	var named atomic.Int64
	return Effect{change: func(p *pageOfRows) {
		if p.query.countOnly {
			return
		}
		change(p)
		p.cursor = makeCursor(rowRef{slot: int(named.Add(1))}, p.query.filters)
	}}
}

// Unavailable answers 503, and asks to wait as long as retryAfter says.
func Unavailable(retryAfter string) Effect {
	return StatusWith(http.StatusServiceUnavailable, http.Header{"Retry-After": {retryAfter}},
		`{"errors":[{"code":5030010,"detail":null,"title":"Service Unavailable"}]}`)
}
