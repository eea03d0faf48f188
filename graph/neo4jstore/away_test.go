package neo4jstore_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph/neo4jstore"
	"s1graph/graph/neo4jstore/neo4jtest"
)

// listening gives the address of a port of which each connection is dealt with as do says.
func listening(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			do(c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return "bolt://" + l.Addr().String()
}

// Whatever stands before a server that restarts, such as the proxy of a container, answers in its place.
func TestAServerThatIsAwayIsUnreachableAndNothingElse(t *testing.T) {
	for name, test := range map[string]struct {
		do     func(net.Conn)
		fault  neo4jstore.Fault
		within time.Duration
	}{
		"says nothing":           {func(net.Conn) {}, neo4jstore.Unreachable, 300 * time.Millisecond},
		"hangs up":               {func(c net.Conn) { _ = c.Close() }, neo4jstore.Unreachable, 0},
		"hangs up once greeted":  {func(c net.Conn) { _, _ = c.Read(make([]byte, 20)); _ = c.Close() }, neo4jstore.Unreachable, 0},
		"is that of HTTP":        {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, neo4jstore.Unreachable, 0},
		"knows no version of us": {func(c net.Conn) { _, _ = c.Write(make([]byte, 4)) }, neo4jstore.TooOld, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := neo4jstore.Open(t.Context(), neo4jstore.Config{
				URI: listening(t, test.do), Username: "neo4j", Password: "x", Scope: "x", AnswerWithin: test.within,
			})
			var fault *neo4jstore.OpenError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, test.fault, fault.Fault, "%v", err)
			if waits := "the server does not answer within "; test.within > 0 {
				assert.ErrorContains(t, err, waits+"300ms")
			} else {
				assert.NotContains(t, err.Error(), waits)
			}
		})
	}
}

// A server that is stopped in the middle keeps its connections, and a driver waits for it without end.
func TestAServerThatHangsInTheMiddleIsAnErrorAndTheNextApplyHeals(t *testing.T) {
	t.Parallel()
	server := neo4jtest.Shared(t)
	scope := server.Scope(t)
	healthy := open(t, server, scope)
	apply(t, healthy, target("1", named["Linux"])) // a server that has just started takes long over the first questions
	between := &proxy{commit: func(n int) fate { return []fate{arrives, swallowed}[min(n/4, 1)] }}
	hangs := openWith(t, server, neo4jstore.Config{URI: through(t, server, between), Scope: scope, BatchRows: batchRows, AnswerWithin: 15 * time.Second})
	_, err := hangs.Apply(t.Context(), following("2", named["Windows"], "1", named["Linux"]))
	require.ErrorContains(t, err, "the server does not answer within 15s")
	apply(t, healthy, target("2", named["Windows"]))
	requireClean(t, server, scope, named["Windows"])
}
