package neo4jtest

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Listen serves each connection to a port of its own. end closes the port and waits until all are served; so does the end of
// the test.
func Listen(t testing.TB, serve func(client net.Conn)) (uri string, end func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serve(client) })
		}
	})
	end = sync.OnceFunc(func() {
		_ = listener.Close()
		all.Wait()
	})
	t.Cleanup(end)
	return "bolt://" + listener.Addr().String(), end
}

// Through is the address of a port behind which the server is. leave closes it and ends its connections: so goes a server that
// is killed. The end of the test does so too.
func (s *Server) Through(t testing.TB) (uri string, leave func()) {
	t.Helper()
	ctx, cut := context.WithCancel(context.Background())
	uri, end := Listen(t, func(client net.Conn) {
		var there sync.WaitGroup
		defer there.Wait()
		defer client.Close()
		server, err := net.Dial("tcp", strings.TrimPrefix(s.URI, "bolt://"))
		if err != nil {
			t.Error(err)
			return
		}
		defer context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })()
		there.Go(func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		})
		_, _ = io.Copy(client, server)
	})
	leave = func() {
		cut()
		end()
	}
	t.Cleanup(leave)
	return uri, leave
}
