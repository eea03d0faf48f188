package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/model"
	"s1graph/pause"
	"s1graph/plural"
	"s1graph/queries"
)

func (c *commands) changes() *cli.Command {
	return &cli.Command{
		Name:  "changes",
		Usage: "say what the past runs changed",
		Description: `Examples: the last day, agents that went away this week, all that is kept, for another program, the newest 20, and how
many changes there were in all instances of the configuration file, a row each:

    s1graph changes --since 24h
    s1graph changes --since 7d --type agent --op deleted
    s1graph changes --json
    s1graph changes --follow --json --since 1h | jq .
    s1graph changes --limit 20
    s1graph changes --all --since 24h

The newest stand last. With --follow it goes on, and prints what later runs change until Ctrl-C; who begins again where a
pipe broke says --since, and knows a change that comes again by its id. With --all, created to renamed count entities, and changes of relationships have a column of
their own. It can be asked while a run is under way. How long changes are kept is set by changesKept in
the configuration file.`,
		Flags: append([]cli.Flag{
			allFlag(),
			&cli.StringFlag{Name: "since", Usage: "of the runs that started since `TIME` alone: a duration such as 90m, 24h or 7d, or a date such as 2026-11-22 or 2026-11-22T08:00:00Z; days begin at midnight UTC"},
			&cli.StringSliceFlag{Name: "type", Usage: "changes of this `TYPE` alone, such as agent or sentinelone_agent; may be given several times"},
			&cli.StringSliceFlag{Name: "op", Usage: "changes of this `KIND` alone: created, updated, deleted or renamed; may be given several times"},
			limitFlag("changes, the newest", "all"),
			&cli.BoolFlag{Name: "follow", Usage: "go on with what later runs change, until Ctrl-C", DisableDefaultText: true},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each change, a line each", DisableDefaultText: true},
		}, folderFlags()...),
		Action: func(ctx *cli.Context) error {
			wanted, err := newChangeFilter(ctx, time.Now())
			if err != nil {
				return err
			}
			limit, err := limitOf(ctx)
			if err != nil {
				return err
			}
			for _, flag := range []string{"limit", "follow"} {
				if ctx.Bool("all") && ctx.IsSet(flag) {
					return misuse("--all and --%s contradict each other: give one of them", flag)
				}
			}
			if ctx.Bool("all") {
				return c.rowOfEach(ctx, []string{"runs", "created", "updated", "deleted", "renamed", "relationships", "latest"}, 6, func(settings *config.Config) ([]any, error) {
					return wanted.row(ctx.Context, settings.Dir)
				})
			}
			return c.ofFolder(func(ctx *cli.Context, settings *config.Config) error {
				if ctx.Bool("follow") {
					return c.followLog(ctx, settings.Dir, wanted)
				}
				return c.printLog(ctx, settings.Dir, wanted, limit)
			})(ctx)
		},
	}
}

// folderFlags are the flags of a command that reads an instance's folder and nothing else.
func folderFlags() []cli.Flag {
	return slices.DeleteFunc(settingFlags(config.Graph), func(f cli.Flag) bool {
		return !slices.Contains([]string{"config", "instance", "dir"}, f.Names()[0])
	})
}

// ofFolder is what a command does that reads an instance's folder and nothing else.
func (c *commands) ofFolder(do func(*cli.Context, *config.Config) error) cli.ActionFunc {
	return func(ctx *cli.Context) error {
		settings, err := c.load(ctx, config.Sources{Local: true})
		if err != nil {
			return err
		}
		return do(ctx, settings)
	}
}

// noRun is the fault of asking of a folder what only a run can have left there.
func noRun(dir string) error {
	return misuse("%s: there is no run yet; run s1graph run first, or give another --instance or --dir", dir)
}

// changeOps are the kinds of changes as people call them.
var changeOps = []string{string(graph.Created), string(graph.Updated), string(graph.Deleted), opWords[graph.Rekeyed]}

// changeFilter says which changes are asked for.
type changeFilter struct {
	since time.Time
	after string   // ID of the run that was the last to be visited; "": none was
	types []string // empty: all
	ops   []string // empty: all
}

func newChangeFilter(ctx *cli.Context, now time.Time) (f changeFilter, err error) {
	if ctx.IsSet("since") {
		given := ctx.String("since")
		if f.since, err = queries.ParseMoment(given, now); err != nil {
			return f, misuse("--since must be a duration such as 90m, 24h or 7d, or a date such as 2026-11-22 or 2026-11-22T08:00:00Z, not %q", given)
		}
	}
	if f.types, err = knownWords(ctx, "type", "type", typeNames()); err != nil {
		return f, err
	}
	f.ops, err = knownWords(ctx, "op", "change", changeOps, string(graph.Rekeyed)) // as JSON has it
	for i, op := range f.ops {
		if op == opWords[graph.Rekeyed] {
			f.ops[i] = string(graph.Rekeyed)
		}
	}
	return f, err
}

// fullName is that of a type that is called by its short name, and else the word itself.
func fullName(word string, known []string) string {
	if full := model.TypePrefix + word; slices.Contains(known, full) {
		return full
	}
	return word
}

// knownWords are the values of a flag, which may be given by several flags, or by one with commas. what is what they are.
// Those of hidden are taken, and not listed.
func knownWords(ctx *cli.Context, flag, what string, known []string, hidden ...string) ([]string, error) {
	var all []string
	for _, list := range ctx.StringSlice(flag) {
		for word := range strings.SplitSeq(list, ",") {
			word = fullName(word, known)
			if !slices.Contains(known, word) && !slices.Contains(hidden, word) {
				return nil, misuse("--%s: there is no %s %q; %sthe %ss are %s", flag, what, word, suggestion(word, known), what, strings.Join(known, ", "))
			}
			all = append(all, word)
		}
	}
	return all, nil
}

func (f changeFilter) takes(c *graph.ChangeLine) bool {
	return (len(f.types) == 0 || slices.Contains(f.types, c.Type)) && (len(f.ops) == 0 || slices.Contains(f.ops, string(c.Op)))
}

// found says how many changes a filter found.
type found struct {
	changes    int64
	runs, kept int       // runs that made some, and runs whose changes are kept
	latest     time.Time // when the newest of the former started
	last       string    // ID of the newest of the latter
}

// each visits the changes as they are read: there may be more than memory holds. A run whose changes are damaged hides none
// of the others: damage has the faults of such runs.
func (f changeFilter) each(ctx context.Context, dir string, visit func(*jsonstore.LoggedRun, *graph.ChangeLine) error) (all found, damage, err error) {
	runs, err := jsonstore.ChangeLog(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = noRun(dir)
	}
	if err != nil {
		return found{}, nil, err
	}
	all = found{kept: len(runs)}
	var faults []error
	for _, run := range runs {
		if run.At.Before(f.since) || f.after != "" && !jsonstore.Precedes(f.after, run.ID) {
			continue
		}
		all.last = run.ID
		before := all.changes
		for line, err := range run.Changes(ctx) {
			if _, isDamaged := errors.AsType[*jsonstore.DamagedError](err); isDamaged {
				faults = append(faults, err)
				continue
			}
			if err == nil && f.takes(&line) {
				all.changes++
				err = visit(&run, &line)
			}
			if err != nil {
				return all, nil, err
			}
		}
		if all.changes > before {
			all.runs++
			all.latest = run.At
		}
	}
	return all, errors.Join(faults...), nil
}

// row are the cells of an instance beside its name.
func (f changeFilter) row(ctx context.Context, dir string) ([]any, error) {
	entities, relationships := map[graph.Op]int64{}, int64(0)
	all, damage, err := f.each(ctx, dir, func(_ *jsonstore.LoggedRun, c *graph.ChangeLine) error {
		if isRelationship()[c.Type] {
			relationships++
		} else {
			entities[c.Op]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if all.kept == 0 { // which is no count where there is no run either
		if _, err := lastRunIn(dir); err != nil {
			return nil, err
		}
	}
	cells := []any{int64(all.runs), entities[graph.Created], entities[graph.Updated], entities[graph.Deleted], entities[graph.Rekeyed], relationships, nil}
	if all.runs > 0 {
		cells[6] = all.latest
	}
	return cells, damage
}

// looksForRuns is how often --follow looks whether there is another run.
const looksForRuns = time.Second

// followLog prints the changes of the runs that there are and of those that are still to come, until ctx ends.
func (c *commands) followLog(ctx *cli.Context, dir string, wanted changeFilter) error {
	if ctx.IsSet("limit") {
		return misuse("--follow and --limit contradict each other: give one of them")
	}
	print := c.out.loggedJSON
	if !ctx.Bool("json") {
		print = c.out.loggedChanges(namesIn(ctx.Context, dir))
	}
	for {
		all, damage, err := wanted.each(ctx.Context, dir, print)
		if err == nil {
			err = c.out.flush()
		}
		if damage != nil {
			c.complain(damage.Error()) // once, since the run is behind
		}
		if wanted.after = cmp.Or(all.last, wanted.after); err == nil {
			err = pause.For(ctx.Context, looksForRuns)
		}
		switch {
		case ctx.Err() != nil:
			return nil // it ends when it is told to
		case err != nil:
			return err
		}
	}
}

func (c *commands) printLog(ctx *cli.Context, dir string, wanted changeFilter, limit int64) error {
	print := c.out.loggedChanges(namesIn(ctx.Context, dir))
	if ctx.Bool("json") {
		print = c.out.loggedJSON
	}
	older := int64(0) // than those that are printed
	if limit > 0 {
		counted, _, err := wanted.each(ctx.Context, dir, func(*jsonstore.LoggedRun, *graph.ChangeLine) error { return nil })
		if err != nil {
			return err
		}
		older = max(0, counted.changes-limit)
	}
	left := older
	all, damage, err := wanted.each(ctx.Context, dir, func(run *jsonstore.LoggedRun, line *graph.ChangeLine) error {
		if left > 0 {
			left--
			return nil
		}
		return print(run, line)
	})
	if err != nil {
		return err
	}
	if older > 0 {
		c.complain(fmt.Sprintf("printed: the newest %d of %d changes", all.changes-older, all.changes))
	}
	if c.out.isTerminal() && !ctx.Bool("json") {
		c.out.sentence("%s", conclusionOfLog(all.changes, all.runs, all.kept))
	}
	return errors.Join(damage, c.out.flush())
}

func conclusionOfLog(changes int64, runs, kept int) string {
	switch {
	case changes > 0:
		return fmt.Sprintf("\n%s in %s.", plural.Of(changes, "change"), plural.Of(runs, "run"))
	case kept > 0:
		return fmt.Sprintf("No such changes in the %s whose changes are kept.", plural.Of(kept, "run"))
	}
	return "No changes are kept: no run has found any yet, or they are older than changesKept."
}

// loggedJSON prints a change as changes.jsonl has it, with the run that made it and when that started.
func (s *screen) loggedJSON(run *jsonstore.LoggedRun, c *graph.ChangeLine) error {
	line := fmt.Appendf(nil, `{"run":%q,"at":%q,`, run.ID, run.At.Format(time.RFC3339))
	return s.jsonText(append(line, c.JSON[1:]...))
}

// loggedChanges prints the changes of a run under the time when it started, by type.
func (s *screen) loggedChanges(names *names) func(*jsonstore.LoggedRun, *graph.ChangeLine) error {
	heading := ""
	var print func(graph.Change) error
	return func(run *jsonstore.LoggedRun, c *graph.ChangeLine) error {
		change, err := c.Change()
		if err != nil {
			return fmt.Errorf("run %s, change %s: %w", run.ID, c.ID, err)
		}
		if run.ID != heading {
			if heading != "" {
				s.line("")
			}
			heading, print = run.ID, s.readableChanges(names)
			s.line("%s", s.paint(faint, run.At.Format(time.RFC3339)+"  run "+run.ID))
		}
		return print(change)
	}
}

// namesIn knows what the entities in the last graphs of a folder are called. What is gone since is called by its key.
func namesIn(ctx context.Context, dir string) *names {
	var snapshots []graph.Snapshot
	if run, err := jsonstore.OpenLast(dir); err == nil {
		snapshots = append(snapshots, run)
		if before, err := jsonstore.OpenKept(dir, run.Manifest().Previous); err == nil {
			snapshots = append(snapshots, before)
		}
	}
	return newNames(ctx, snapshots...)
}
