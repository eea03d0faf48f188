package fleettest

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
)

// Line is a way to servers that can be cut, as by the death of who uses it or by a network, and mended. Who makes one closes it.
// The servers must not name each other to clients (Cluster.NoAdvertise), who else go past it.
type Line struct {
	listener net.Listener
	carrying sync.WaitGroup

	mu    sync.Mutex
	to    []*server.Server // each connection goes to the first one that takes it
	isCut bool
	conns []net.Conn
	mute  []*atomic.Bool // of each connection: nothing goes through any more
}

// NewLine makes a line to the first of some servers that takes a connection.
func NewLine(to ...*server.Server) (*Line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Line{listener: listener, to: to}
	l.carrying.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			l.connect(from)
		}
	})
	return l, nil
}

// URL is its address, as a client of NATS takes it.
func (l *Line) URL() string { return "nats://" + l.listener.Addr().String() }

func (l *Line) connect(from net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.to {
		if l.isCut || !s.Running() {
			continue
		}
		if to, err := net.Dial("tcp", s.Addr().String()); err == nil {
			l.conns = append(l.conns, from, to)
			mute := new(atomic.Bool)
			l.mute = append(l.mute, mute)
			carry := func(from, to net.Conn) {
				_, _ = io.Copy(to, &heard{from, mute})
				_, _ = from.Close(), to.Close() // the other direction ends too
			}
			l.carrying.Go(func() { carry(from, to) })
			l.carrying.Go(func() { carry(to, from) })
			return
		}
	}
	_ = from.Close()
}

// heard is what goes through, until it is mute.
type heard struct {
	io.Reader
	mute *atomic.Bool
}

func (h *heard) Read(p []byte) (int, error) {
	for {
		if n, err := h.Reader.Read(p); err != nil || !h.mute.Load() {
			return n, err
		}
	}
}

// Mute lets nothing more through on the connections that there are, and ends none: as where a machine loses its power, or a
// network loses what goes over it. Those that are made from now on are carried.
func (l *Line) Mute() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, mute := range l.mute {
		mute.Store(true)
	}
}

// Cut ends all connections, and those that are made from now on.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// Mend makes a line that was cut carry again, to these servers.
func (l *Line) Mend(to ...*server.Server) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut, l.to = false, slices.Clone(to)
}

// Close ends it for good.
func (l *Line) Close() {
	_ = l.listener.Close()
	l.Cut()
	l.carrying.Wait()
}
