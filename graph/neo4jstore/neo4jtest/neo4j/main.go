// Command neo4j runs a Neo4j server for a person to try things with: on port 7687 of the loopback, with Neo4j
// Browser on 7474. Its data and its password are kept in a folder. It ends with Ctrl-C.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"s1graph/graph/neo4jstore/neo4jtest"
)

func main() {
	dir := flag.String("dir", ".neo4j-server", "folder for the data")
	port := flag.Int("port", 7687, "port for Bolt")
	browser := flag.Int("browser", 7474, "port for Neo4j Browser; 0 is none")
	heap := flag.Int("heap", 1024, "heap of the server in MiB")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := serve(ctx, neo4jtest.Options{Dir: *dir, BoltPort: *port, HTTPPort: *browser, HeapMiB: *heap, Optimized: true})
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "neo4j:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, o neo4jtest.Options) error {
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	if o.Password, err = password(o.Dir); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Neo4j %s is starting (the first time it is fetched from Maven Central, 120 MB) …\n", neo4jtest.Version())
	s, err := neo4jtest.Start(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("export NEO4J_URI=%s NEO4J_USERNAME=%s NEO4J_PASSWORD=%s\n", s.URI, s.Username, s.Password)
	if o.HTTPPort != 0 {
		fmt.Fprintf(os.Stderr, "Neo4j Browser: http://127.0.0.1:%d/browser/\n", o.HTTPPort)
	}
	fmt.Fprintf(os.Stderr, "Data: %s. Ctrl-C ends it.\n", o.Dir)
	select {
	case <-ctx.Done():
	case <-s.Done():
	}
	return s.Stop()
}

// password is the one that the folder's server was made with.
func password(dir string) (string, error) {
	file := filepath.Join(dir, "password")
	b, err := os.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return string(b), err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	made := rand.Text()
	return made, os.WriteFile(file, []byte(made), 0o600)
}
