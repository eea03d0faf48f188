// Package cli is s1graph's command line: one file a command, what they print and how they end. Results
// go to stdout, logs and progress to stderr. All work is done by the packages it calls, the connector
// above all.
package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/pause"
)

// Process is what a command line has of the process that it runs in. Tests make their own.
type Process struct {
	Args           []string  // as os.Args: the program's name comes first
	Environment    []string  // as os.Environ
	Stdin          io.Reader // nil: there is nobody to ask
	Stdout, Stderr io.Writer
	Version        string // set when a release is linked; empty otherwise

	// Hangups tells of each SIGHUP, until it is stopped; nil: there is none. It is called by the service alone.
	Hangups func() (hangups <-chan os.Signal, stop func())

	// Ticks tell the time several times a second, so that who waits is told what for. Nil: the system's clock does.
	Ticks <-chan time.Time

	// Open opens a file as the system does, and does not wait until it is closed; nil: ask the system.
	Open func(path string) error

	// Width says how many columns the terminal behind a writer has; 0: it is none. Nil: ask the system.
	Width func(io.Writer) int
}

// Run runs one command until it is done or ctx ends, and returns the exit code: 0 complete, 1 failed
// with nothing committed, 2 wrong usage or configuration, 3 partial; of diff, 0 nothing changed, 1
// something did, 2 failed.
func Run(ctx context.Context, p Process) int {
	c := &commands{Process: p}
	c.out, c.err = c.screen(p.Stdout), c.screen(p.Stderr)
	c.err.live = true
	c.progress = c.newProgress()
	defer c.progress.stop()
	c.out.progress, c.err.progress = c.progress, c.progress
	app := c.app()
	err := app.RunContext(pause.WithWatcher(ctx, c.progress.wait), flagsFirst(app, p.Args))
	if is[cli.ExitCoder](err) { // which only the library's help returns, asked for what is no command
		err = unknownCommand(app, p.Args[len(p.Args)-1])
	}
	return c.conclude(ctx, err)
}

// commands has what all commands share.
type commands struct {
	Process
	out, err *screen
	progress *progress
}

func (c *commands) app() *cli.App {
	app := &cli.App{
		Name:     "s1graph",
		HelpName: "s1graph",
		Usage:    "SentinelOne tenants as asset graphs, and what changed in them",
		Description: `Try it on a recorded tenant, then say where yours is:

    s1graph run --replay testdata/recordings/acme
    s1graph init`,
		UsageText:                 "s1graph COMMAND [flags]",
		Version:                   c.version(),
		DisableSliceFlagSeparator: true,
		Commands:                  []*cli.Command{c.initialize(), c.run(), c.poll(), c.acceptDeletions(), c.query(), c.overview(), c.changes(), c.posture(), c.alerts(), c.events(), c.visualize(), c.diff(), c.document(), c.api(), c.check(), c.fetch(), c.fleet(), c.forget(), c.wipe(), c.completion(), c.man()},
		Writer:                    c.out,
		ErrWriter:                 c.err,
		Action: func(ctx *cli.Context) error {
			if ctx.Args().Present() {
				return unknownCommand(ctx.App, ctx.Args().First())
			}
			return cli.ShowAppHelp(ctx)
		},
		OnUsageError:   wrongFlag,
		ExitErrHandler: func(*cli.Context, error) {}, // the exit code is Run's to make
	}
	settle := func(command *cli.Command) {
		command.OnUsageError = wrongFlag
		command.HideHelpCommand = true
		if command.ArgsUsage == "" && command.Subcommands == nil {
			command.Before = noArguments
		}
	}
	for _, command := range app.Commands {
		settle(command)
		for _, sub := range command.Subcommands {
			settle(sub)
		}
	}
	return app
}

// version is that of the release or, failing that, what Go knows of the build.
func (c *commands) version() string {
	version, commit := c.Version, "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		modified := ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value[:min(12, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = ", modified"
			}
		}
		commit += modified
		if version == "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
	}
	version = cmp.Or(version, "development")
	return fmt.Sprintf("%s (commit %s, %s)", version, commit, runtime.Version())
}

// flagsFirst moves the flags of a command before its other arguments, since the flag package stops at
// the first argument that is none.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	command, first := app.Command(args[1]), 2 // where what is not a command's name begins
	if command == nil {
		return args
	}
	for _, sub := range command.Subcommands {
		if len(args) > first && sub.HasName(args[first]) {
			command, first = sub, first+1
			break
		}
	}
	takesValue := map[string]bool{}
	for _, flag := range command.Flags {
		described, ok := flag.(cli.DocGenerationFlag)
		for _, name := range flag.Names() {
			takesValue[name] = ok && described.TakesValue()
		}
	}
	var flags, others []string
	for rest := args[first:]; len(rest) > 0; rest = rest[1:] {
		arg := rest[0]
		if arg == "--" {
			others = append(others, rest[1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			others = append(others, arg)
			continue
		}
		flags = append(flags, arg)
		if takesValue[strings.TrimLeft(arg, "-")] && len(rest) > 1 {
			rest = rest[1:]
			flags = append(flags, rest[0])
		}
	}
	if len(others) > 0 {
		flags = append(flags, "--")
	}
	return slices.Concat(args[:first], flags, others)
}
