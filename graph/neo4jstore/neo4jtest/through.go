package neo4jtest

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Through is the address of a port behind which the server is. leave closes it and ends its connections: so goes a server that
// is killed. The end of the test does so too.
func (s *Server) Through(t testing.TB) (uri string, leave func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require(t, err)
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", strings.TrimPrefix(s.URI, "bolt://"))
				if err != nil {
					t.Error(err)
					return
				}
				defer context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })()
				all.Go(func() {
					_, _ = io.Copy(server, client)
					_ = server.Close()
				})
				_, _ = io.Copy(client, server)
			})
		}
	})
	leave = sync.OnceFunc(func() {
		_ = listener.Close()
		end()
		all.Wait()
	})
	t.Cleanup(leave)
	return "bolt://" + listener.Addr().String(), leave
}
