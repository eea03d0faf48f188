// Command fleet runs workers of the built program, each a process, and lets fail what they depend on: the workers themselves,
// NATS (three nodes in this process), a bucket (an S3 server in this process) and the ways to these. Consoles and a webhook see
// what comes of it. It holds that
//
//   - the log of each instance has one record a number, and one run after each run;
//   - no two workers ask one console but while an instance is handed over;
//   - each change of a committed run that a rule matches is told, under one ID;
//   - what a worker had is taken over in time.
//
// make test runs the short form.
//
//	go run ./bench/fleet short     a kill, a pause, an end: under a minute
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what is left to chance")
	flag.Parse()
	dir, err := os.MkdirTemp("", "s1graph-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "s1graph")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	switch flag.Arg(0) {
	case "short":
		return Short(ctx, os.Stdout, program, *seed)
	}
	return fmt.Errorf("there is no case %q: short", flag.Arg(0))
}
