package neo4jstore_test

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"

	"s1graph/graph/neo4jstore/neo4jtest"
)

// proxy stands between a store and a server, and does to their connections what a network does.
type proxy struct {
	server string

	commit func(n int) fate               // asked at each commit, counted from 1; nil lets all through
	answer func(fromServer []byte) []byte // changes what the server says; nil lets it be
	listen func(toServer []byte)          // is told what the store says, as it comes; nil is not

	mu      sync.Mutex
	commits int
}

// fate is what becomes of a commit.
type fate int

const (
	arrives    fate = iota
	lost            // the server does not get it, and the connection ends
	unanswered      // the server gets it, and the connection ends before the answer
	swallowed       // the server does not get it, and nothing ends
)

// through gives the address of a proxy before a server, which is there until the test ends.
func through(t *testing.T, server *neo4jtest.Server, p *proxy) (uri string) {
	t.Helper()
	p.server = strings.TrimPrefix(server.URI, "bolt://")
	uri, _ = neo4jtest.Listen(t, p.forward) // the store is closed when that ends
	return uri
}

func (p *proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.commits
}

// boltCommit is Bolt's COMMIT message.
var boltCommit = []byte{0x00, 0x02, 0xB0, 0x12, 0x00, 0x00}

// forward carries what is said on a connection until one side ends it.
func (p *proxy) forward(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	muted := make(chan struct{}) // closed when nothing that the server says arrives any more
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		defer client.Close()
		p.carry(server, func(b []byte) bool {
			select {
			case <-muted:
				return false
			default:
			}
			if p.answer != nil {
				b = p.answer(b)
			}
			_, err := client.Write(b)
			return err == nil
		})
	}()
	p.carry(client, func(b []byte) bool {
		if p.listen != nil {
			p.listen(b)
		}
		if bytes.HasSuffix(b, boltCommit) {
			switch p.fate() {
			case lost:
				return false
			case unanswered:
				close(muted)
			case swallowed:
				return true
			}
		}
		_, err := server.Write(b)
		return err == nil
	})
	select {
	case <-muted:
		<-answers // the server has done it
	default:
		_ = server.Close()
		<-answers
	}
}

func (p *proxy) fate() fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commits++
	if p.commit == nil {
		return arrives
	}
	return p.commit(p.commits)
}

// carry gives on what comes from a connection until that ends or to says so.
func (p *proxy) carry(from net.Conn, to func(b []byte) bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil || !to(b[:n]) {
			return
		}
	}
}
