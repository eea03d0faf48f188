// s1graph turns a SentinelOne tenant into an asset graph and says what changed in it.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"s1graph/cli"
)

// version is set when a release is linked: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	// Nine tenths of what the unit, the container or the pod may have, unless GOMEMLIMIT says otherwise: the garbage
	// collector works harder as they are reached, in place of the kernel killing the process. Where no limit can be
	// found there is none.
	_, _ = memlimit.Set()
	// A heap may grow by three fifths before it is collected, not by all of it, unless GOGC says otherwise: a run takes a fifth
	// less memory, and hardly more time.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(60)
	}
	// Who prints into a closed pipe gets an error, and not the signal that would end a run in the middle or
	// take its exit code away.
	signal.Ignore(syscall.SIGPIPE)
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second signal ends the process at once
	os.Exit(cli.Run(ctx, cli.Process{
		Args:        os.Args,
		Environment: os.Environ(),
		Stdin:       os.Stdin,
		Stdout:      os.Stdout,
		Stderr:      os.Stderr,
		Version:     version,
		Hangups:     hangups,
	}))
}

// hangups catches SIGHUP until it is told to stop. Commands that do not ask for it end by that signal, as ever.
func hangups() (<-chan os.Signal, func()) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	return caught, func() { signal.Stop(caught) }
}
