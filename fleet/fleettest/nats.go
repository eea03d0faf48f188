// Package fleettest starts servers of NATS in the process of a test or of a bench, one or a cluster, and lines to them that
// can be cut. The program has none of it.
package fleettest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/pause"
)

// Nodes starts so many servers with JetStream, as one cluster where they are several, until the test ends. adjust may change
// the options of each.
func Nodes(t testing.TB, n int, adjust ...func(*server.Options)) []*server.Server {
	t.Helper()
	all, err := Start(t.Context(), t.TempDir(), n, adjust...)
	t.Cleanup(func() { Stop(all...) })
	require.NoError(t, err)
	return all
}

// Start is Nodes without a test: whoever calls it stops what it gives, after an error too. The servers keep what they hold in
// folders of dir, and are n0, n1 and so on.
func Start(ctx context.Context, dir string, n int, adjust ...func(*server.Options)) (all []*server.Server, err error) {
	routes, ports, err := freePorts(n) // routes must be known before
	if err != nil {
		return nil, err
	}
	for i, port := range ports {
		name := fmt.Sprint("n", i)
		o := &server.Options{ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: filepath.Join(dir, name), NoLog: true, NoSigs: true}
		if n > 1 {
			o.Cluster.Name, o.Cluster.Host, o.Cluster.Port, o.Routes = "c", "127.0.0.1", port, routes
		}
		for _, f := range adjust {
			f(o)
		}
		s, err := StartOne(o)
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, Ready(ctx, all...)
}

// StartOne starts a server with options of its own, such as those of one that was stopped.
func StartOne(o *server.Options) (*server.Server, error) {
	if err := os.MkdirAll(o.StoreDir, 0o700); err != nil {
		return nil, err
	}
	s, err := server.NewServer(o)
	if err == nil {
		s.Start()
	}
	return s, err
}

// Stop stops servers.
func Stop(all ...*server.Server) {
	for _, s := range all {
		s.Shutdown()
	}
	for _, s := range all {
		s.WaitForShutdown()
	}
}

// readyWithin is more than servers need to be ready, on a machine with however much else to do.
const readyWithin = 3 * time.Minute

// Ready waits until servers take connections and, where they are several, have one leader and know each other.
func Ready(ctx context.Context, all ...*server.Server) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	isReady := func() bool {
		for _, s := range all {
			if !s.ReadyForConnections(time.Millisecond) {
				return false
			}
		}
		for _, s := range all {
			if len(all) == 1 || s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(all) {
				return true
			}
		}
		return false
	}
	for !isReady() {
		if err := pause.For(ctx, time.Millisecond); err != nil {
			return fmt.Errorf("the servers of NATS are not ready within %s", readyWithin)
		}
	}
	return nil
}

// URLs are the addresses of servers, as a client takes them.
func URLs(all []*server.Server) string {
	var list []string
	for _, s := range all {
		list = append(list, s.ClientURL())
	}
	return strings.Join(list, ",")
}

// freePorts are as many ports as are asked for.
func freePorts(n int) (routes []*url.URL, ports []int, err error) {
	for len(ports) < n {
		port, err := gotest.FreePort()
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(ports, port) {
			continue
		}
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprint("127.0.0.1:", port)})
		ports = append(ports, port)
	}
	return routes, ports, nil
}
