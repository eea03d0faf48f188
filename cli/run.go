package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/replay"
)

func (c *commands) run() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "read the tenant once, find what changed, write the graph",
		Description: `Example, on a recorded tenant:

    s1graph run --replay testdata/recordings/acme

and on your tenant, without its applications:

    s1graph run --url https://example.sentinelone.net --token-file FILE --skip applications

and into Neo4j as well, for s1graph query:

    s1graph run --store neo4j --neo4j-uri neo4j://127.0.0.1:7687

and of all instances of the configuration file, a row each:

    s1graph run --all

The API token can also be in the variable ` + config.TokenVariable + `. Exit code 0: complete; 1: failed, nothing
was committed; 2: wrong usage or configuration; 3: committed, but some of it is incomplete.`,
		Flags: append([]cli.Flag{
			allFlag(),
			&cli.StringFlag{Name: "replay", Usage: "read the recording in the folder `DIR` instead of a console"},
			&cli.StringFlag{Name: "record", Usage: "write a recording to the folder `DIR`"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print the changes and commit nothing", DisableDefaultText: true},
			&cli.BoolFlag{Name: "verbose", Usage: "print how each step went too, and the properties that changed", DisableDefaultText: true},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON document in place of tables", DisableDefaultText: true},
			&cli.StringSliceFlag{Name: "only", Usage: "run this `STEP` alone; may be given several times"},
			&cli.BoolFlag{Name: "due", Usage: "read only the steps that are due by their interval, as poll does", DisableDefaultText: true},
			&cli.BoolFlag{Name: "verify", Usage: "compare Neo4j with what it really holds, and heal it", DisableDefaultText: true},
			&cli.BoolFlag{Name: "allow-mass-delete", Usage: "delete what the deletion guard would withhold", DisableDefaultText: true},
		}, settingFlags(config.Console, config.Scope, config.Graph, config.Database, config.Sync, config.Publish, config.Fleet, config.Logging)...),
		Action: c.runOnce,
	}
}

// runOnce is what run does.
func (c *commands) runOnce(ctx *cli.Context) error {
	only, err := onlySteps(ctx)
	if err != nil {
		return err
	}
	options := connector.Options{
		DryRun:          ctx.Bool("dry-run"),
		AllowMassDelete: ctx.Bool("allow-mass-delete"),
		Verify:          ctx.Bool("verify"),
		Only:            only,
		Due:             ctx.Bool("due"),
		Record:          ctx.String("record"),
		Replay:          ctx.String("replay"),
		Version:         c.version(),
	}
	if ctx.Bool("all") {
		return c.runAll(ctx, options)
	}
	recording, err := recordingName(ctx.String("replay"))
	if err != nil {
		return misuse("--replay: %w; give the folder of a recording, such as testdata/recordings/acme", err)
	}
	settings, err := c.load(ctx, config.Sources{Recording: recording})
	if err != nil {
		return err
	}
	if err := alone(settings, "s1graph fleet run "+settings.Instance+" asks whoever has it for a run, and --dry-run needs a configuration without nats"); err != nil {
		return err
	}
	changes := &changeList{ctx: ctx.Context, screen: c.out, verbose: ctx.Bool("verbose")}
	options.Config, options.Changes = settings, changes.add
	summary, err := c.runWithProgress(ctx, options)
	err = interrupted(ctx, summary, err)
	if ctx.Bool("json") {
		return endRun(settings, summary, err, c.printJSON(summary))
	}
	report := &report{screen: c.out, summary: summary, changes: changes, settings: settings, dryRun: ctx.Bool("dry-run"), verbose: ctx.Bool("verbose"), failed: err != nil}
	report.print()
	return endRun(settings, summary, err, c.out.flush())
}

func (c *commands) runWithProgress(ctx *cli.Context, o connector.Options) (connector.Summary, error) {
	o.Progress, o.Logger = c.progress.step, c.logger(o.Config.Log)
	c.warn(o.Config)
	b, err := c.bucket(ctx.Context, o.Config)
	if err != nil {
		return connector.Summary{Instance: o.Config.Instance, Status: connector.Failed, Error: err.Error()}, err
	}
	return runAndTell(ctx.Context, o, b)
}

// interrupted is the error of a run, which says so where it was interrupted.
func interrupted(ctx *cli.Context, summary connector.Summary, err error) error {
	if isInterrupted(ctx.Context, err) {
		what := summary.Error
		if summary.Previous != "" {
			what += ", and the last graph stands"
		}
		return &ending{failed, errors.New(what + "; run it again")}
	}
	return err
}

// endRun makes the end of the command of how the run ended and of whether its result was printed.
func endRun(settings *config.Config, summary connector.Summary, err, unprinted error) error {
	if errors.Is(unprinted, errReaderGone) {
		unprinted = nil
	}
	switch {
	case err != nil:
		return err
	case unprinted != nil && summary.Run != "":
		return &ending{partial, fmt.Errorf("run %s was committed, but %w; read it in %s", summary.Run, unprinted, filepath.Join(settings.Dir, "summary.json"))}
	case unprinted != nil:
		return unprinted
	case summary.Status == connector.Partial:
		return &ending{code: partial}
	}
	return nil
}

// printJSON prints one document.
func (c *commands) printJSON(v any) error {
	if err := c.out.jsonLine(v, jsontext.WithIndent("  ")); err != nil {
		return err
	}
	return c.out.flush()
}

func onlySteps(ctx *cli.Context) ([]string, error) {
	only, err := knownWords(ctx, "only", "step", stepIDs())
	if err == nil && len(only) > 0 && ctx.IsSet("skip") {
		err = misuse("--only and --skip contradict each other: give one of them")
	}
	return only, err
}

// recordingName is what the recording in a folder is called, "" where none is to be replayed.
func recordingName(folder string) (string, error) {
	if folder == "" {
		return "", nil
	}
	recording, err := replay.Open(folder)
	if err != nil {
		return "", err
	}
	return cmp.Or(recording.Meta().Instance, filepath.Base(folder)), nil
}
