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
//	go run ./bench/fleet short              a kill, a pause, an end: under a minute
//	go run ./bench/fleet storm              10 minutes of kills and pauses by chance; -seed 7 makes those of seed 7
//	go run ./bench/fleet failures           one thing after the other: 12 minutes
//	go run ./bench/fleet -only NATS failures
//	go run ./bench/fleet thousand           1,000 tenants of 12 agents, 4 workers: 20 minutes
//	go run ./bench/fleet tenant             what one tenant of 1,000 agents with 10 applications takes
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
	lasts := flag.Duration("for", 10*time.Minute, "how long a storm lasts")
	only := flag.String("only", "", "of the failures those whose names have this `text`")
	given := flag.String("program", "", "s1graph as it was built; else it is built")
	flag.Parse()
	if *given != "" {
		return choose(ctx, *given, *seed, *lasts, *only)
	}
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
	return choose(ctx, program, *seed, *lasts, *only)
}

func choose(ctx context.Context, program string, seed uint64, lasts time.Duration, only string) error {
	switch flag.Arg(0) {
	case "short":
		return Short(ctx, os.Stdout, program, seed)
	case "storm":
		return storm(ctx, os.Stdout, program, seed, lasts)
	case "failures":
		return failures(ctx, os.Stdout, program, seed, only)
	case "thousand":
		return thousand(ctx, os.Stdout, program, seed)
	case "tenant":
		return one(ctx, os.Stdout, program, seed)
	}
	return fmt.Errorf("there is no case %q: short, storm, failures, thousand, tenant", flag.Arg(0))
}
