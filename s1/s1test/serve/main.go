// Command serve has a console of the test tenant for a person to try things with: on a port of the loopback, until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"s1graph/s1/s1test"
)

func main() {
	port := flag.Int("port", 8080, "port of the console")
	day := flag.Int("day", 0, "day of the tenant; much happens on odd ones")
	hostile := flag.Bool("hostile", false, "the tenant with odd rows, and names that attack")
	flag.Parse()
	tenant := s1test.Acme()
	if *hostile {
		tenant = s1test.Hostile()
	}
	console := s1test.New(tenant)
	console.SetDay(*day)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, fmt.Sprintf("127.0.0.1:%d", *port), console); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address string, console http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("export SENTINELONE_URL=http://%s SENTINELONE_TOKEN=%s\n", listener.Addr(), s1test.DefaultToken)
	server := &http.Server{Handler: console}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
