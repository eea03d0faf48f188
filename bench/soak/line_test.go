package soak_test

import (
	"errors"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts/outbox/disktest"
	"s1graph/config"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// line stands between the service and a real Neo4j. It carries as many bytes to it as it is told to; then it ends all
// connections, and its port is closed.
type line struct {
	server  *neo4jtest.Server
	scope   string
	address string

	orders chan int64 // the goroutine of the line is none of the bubble's
	obeyed chan struct{}
	left   atomic.Int64 // bytes

	mu          sync.Mutex
	listener    net.Listener // nil while the port is closed
	connections map[net.Conn]bool
}

const whole int64 = math.MaxInt64

// newLine is nil where there is no Neo4j: a week takes one that runs already, as make test has it, and starts none.
func newLine(t *testing.T, days int) *line {
	t.Helper()
	var server *neo4jtest.Server
	switch {
	case os.Getenv("NEO4J_TEST_URI") != "":
		server = neo4jtest.Shared(t)
	case days > 7:
		own, err := neo4jtest.Start(t.Context(), neo4jtest.Options{Dir: disktest.New(t, diskBytes).Dir}) // in memory: of waiting for a disk a year is long
		if errors.Is(err, neo4jtest.ErrUnavailable) {
			t.Logf("without Neo4j: %v", err)
			return nil
		}
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, own.Stop()) })
		server = own
	default:
		return nil
	}
	l := &line{
		server: server, scope: server.Scope(t), address: "127.0.0.1:0",
		orders: make(chan int64), obeyed: make(chan struct{}), connections: map[net.Conn]bool{},
	}
	go func() {
		for bytes := range l.orders {
			l.cut()
			l.left.Store(bytes)
			if bytes > 0 {
				l.listen(t)
			}
			l.obeyed <- struct{}{}
		}
	}()
	t.Cleanup(func() {
		l.set(0)
		close(l.orders)
	})
	l.set(whole)
	return l
}

func (l *line) config() config.Neo4j {
	return config.Neo4j{
		URI: "bolt://" + l.address, Username: l.server.Username, Password: config.NewSecret(l.server.Password), Database: "neo4j",
	}
}

// set makes it carry so many bytes from now on; 0: it is cut.
func (l *line) set(bytes int64) {
	l.orders <- bytes
	<-l.obeyed
}

func (l *line) listen(t *testing.T) {
	listener, err := net.Listen("tcp", l.address)
	if !assert.NoError(t, err) {
		return
	}
	l.mu.Lock()
	l.listener, l.address = listener, listener.Addr().String()
	l.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(l.server.URI, "bolt://"))
			if err != nil {
				_ = client.Close()
				continue
			}
			l.mu.Lock()
			l.connections[client], l.connections[server] = true, true
			l.mu.Unlock()
			go l.carry(client, server, &l.left)
			go l.carry(server, client, nil)
		}
	}()
}

// cut closes the port and ends all connections.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close()
		l.listener = nil
	}
	for c := range l.connections {
		_ = c.Close()
	}
	clear(l.connections)
}

// carry carries what comes from one side to the other until one of them ends, or no bytes are left to be carried.
func (l *line) carry(from, to net.Conn, left *atomic.Int64) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if left != nil && left.Add(-int64(n)) < 0 {
			l.cut()
			return
		}
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			l.mu.Lock()
			for _, c := range []net.Conn{from, to} {
				_ = c.Close()
				delete(l.connections, c)
			}
			l.mu.Unlock()
			return
		}
	}
}
