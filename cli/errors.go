package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph/jsonstore"
	"s1graph/graph/neo4jstore"
	"s1graph/harmless"
	"s1graph/s1"
	"s1graph/state"
)

// The exit codes. Of diff, different is 1 and a fault is 2, as diff(1) has it.
const (
	complete = 0
	failed   = 1
	misused  = 2
	partial  = 3
)

// ending is how a command ends that does not simply succeed or fail. Err may be nil: all is said.
type ending struct {
	code int
	err  error
}

func (e *ending) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *ending) Unwrap() error { return e.err }

// misuse is the fault of the person who typed the command.
func misuse(format string, args ...any) error {
	return &ending{misused, fmt.Errorf(format, args...)}
}

// conclude tells of an error, and makes the exit code of it.
func (c *commands) conclude(ctx context.Context, err error) int {
	if flushed := c.out.flush(); err == nil {
		err = flushed
	}
	return c.tell(ctx, "", err)
}

// tell tells of an error, which belongs to what, and returns the exit code of it.
func (c *commands) tell(ctx context.Context, what string, err error) int {
	end, isEnding := errors.AsType[*ending](err)
	faults, areFaults := errors.AsType[config.Faults](err)
	switch {
	case err == nil, errors.Is(err, errReaderGone):
		return complete
	case isEnding && end.err == nil:
		return end.code
	case areFaults:
		for _, fault := range faults {
			c.complain(what + fault.Error())
		}
		return misused
	}
	if isInterrupted(ctx, err) {
		c.complain(what + "interrupted; run it again")
	} else {
		c.complain(what + withAdvice(oneLine(err), advice(err)))
	}
	switch {
	case isEnding:
		return end.code
	case is[*connector.UsageError](err), is[*jsonstore.NewerError](err), is[*state.RefusedError](err), errors.Is(err, state.ErrOverwrites), connector.IsMisconfigured(err):
		return misused
	}
	return failed
}

// is says whether an error is of a type, or wraps one that is.
func is[T error](err error) bool {
	_, found := errors.AsType[T](err)
	return found
}

// isInterrupted says whether a command ended because it was told to.
func isInterrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

func (c *commands) complain(line string) {
	c.err.sentence("s1graph: %s", harmless.Text(line))
}

// oneLine joins what errors.Join put on several lines.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}

// withAdvice puts what to do behind what happened.
func withAdvice(what, advice string) string {
	if advice == "" {
		return what
	}
	return strings.TrimSuffix(what, ".") + "; " + advice
}

// advice is what to do about an error, where its own text does not say so.
func advice(err error) string {
	api, ofAPI := errors.AsType[*s1.Error](err)
	switch {
	case is[*ending](err), is[*connector.UsageError](err), is[*neo4jstore.OpenError](err),
		is[*neo4jstore.MarkerError](err), is[*connector.DeadlineError](err), is[*jsonstore.NewerError](err), is[*state.RefusedError](err):
		return ""
	case errors.Is(err, state.ErrOverwrites):
		return state.AdviceOnOverwriting
	case ofAPI: // before what broke the connection
		return adviceOn(api)
	case errors.Is(err, state.ErrFenced):
		return "run it on that machine, or again here once that one has ended"
	case is[*state.AddressError](err):
		return "check state, the network and the credentials, and run it again"
	case is[*jsonstore.LockedError](err):
		return "wait until that has ended, or give another --dir"
	case is[*jsonstore.BlockedError](err):
		return "move that away and run it again: the runs themselves are kept in the folder runs"
	case errors.Is(err, syscall.ENOSPC):
		return "free some space there, or give another --dir, and run it again"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return "let this user read and write there, or give another --dir"
	case errors.Is(err, syscall.ENOTDIR):
		return "give another --dir"
	}
	return "run it again, with --log-level debug to see more"
}

func adviceOn(e *s1.Error) string {
	if errors.Is(e, s1.ErrBeyondBound) { // says it itself
		return ""
	}
	switch e.Status {
	case 0:
		return "check the address, the network and the proxy, and run it again"
	case 200:
		return "check the address and the path, or run it again later"
	case 400:
		return "check the path and the query"
	case 401: // says it itself
		return ""
	case 403:
		return "give the service user the role Viewer over what is to be read"
	case 404:
		return "check the address and --api-version"
	}
	return "run it again later"
}

// unfitValue is what the package flag says of a value that a flag cannot have.
var unfitValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([a-z-]+): `)

func wrongFlag(ctx *cli.Context, err error, _ bool) error {
	command := lineOf(ctx)
	if name, lacksValue := strings.CutPrefix(err.Error(), "flag needs an argument: -"); lacksValue {
		return misuse("--%s needs a value; %s --help shows how it is used", name, command)
	}
	if unfit := unfitValue.FindStringSubmatch(err.Error()); unfit != nil {
		return misuse("--%s cannot be %s; %s --help shows how it is used", unfit[2], unfit[1], command)
	}
	name, undefined := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !undefined {
		return misuse("%w; %s --help shows how it is used", err, command)
	}
	known := namesOf(ctx.Command.Flags, func(flag cli.Flag) string { return "--" + flag.Names()[0] })
	return misuse("there is no flag --%s; %s%s --help lists them", strings.TrimPrefix(name, "-"), suggestion(name, known), command)
}

func unknownCommand(app *cli.App, name string) error {
	return noCommand("", name, app.Commands)
}

// noCommand says that a name is none of the commands below parent, which is "" or ends with a blank.
func noCommand(parent, name string, known []*cli.Command) error {
	return misuse("there is no command %s%q; %ss1graph %s--help lists them", parent, name, suggestion(name, commandNames(known)), parent)
}

// helpWithout is what a command does that has nothing to do but those below it.
func helpWithout(command *cli.Command) cli.ActionFunc {
	return func(ctx *cli.Context) error {
		if !ctx.Args().Present() {
			return cli.ShowSubcommandHelp(ctx)
		}
		return noCommand(command.Name+" ", ctx.Args().First(), command.Subcommands)
	}
}

func commandNames(commands []*cli.Command) []string {
	return namesOf(commands, func(command *cli.Command) string { return command.Name })
}

// namesOf are the names of what there is, for who has to be told of it.
func namesOf[T any](all []T, name func(T) string) []string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	return names
}

func suggestion(word string, known []string) string {
	if nearest := config.Nearest(word, known); nearest != "" {
		return "did you mean " + nearest + "? "
	}
	return ""
}

// noArguments refuses what a command would otherwise not heed.
func noArguments(ctx *cli.Context) error {
	if !ctx.Args().Present() {
		return nil
	}
	command := lineOf(ctx)
	return misuse("%s takes no argument such as %q; %s --help lists its flags", strings.TrimPrefix(command, "s1graph "), ctx.Args().First(), command)
}

// lineOf is how a command is called.
func lineOf(ctx *cli.Context) string {
	if ctx.Command.HelpName == "" {
		return "s1graph"
	}
	return ctx.Command.HelpName
}
