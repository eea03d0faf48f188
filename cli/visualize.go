package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/harmless"
	"s1graph/overview"
	"s1graph/pause"
	"s1graph/plural"
	"s1graph/visualize"
)

func (c *commands) visualize() *cli.Command {
	return &cli.Command{
		Name:      "visualize",
		Usage:     "write the graph as one HTML page, to search and to look at",
		ArgsUsage: "[FOLDER ...]",
		Description: `The page needs no network and no server: open it in a browser. It has all properties that the graph has, so keep
it as you keep the graph.

Examples: of one instance, and of all instances of the configuration file in one page:

    s1graph visualize --instance acme --open
    s1graph visualize --all

and of copies of graph folders:

    s1graph visualize monday tuesday --output week.html`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "one page for all instances of the configuration file", DisableDefaultText: true},
			&cli.StringFlag{Name: "output", Usage: "write to `FILE`; - is stdout", Value: "graph.html"},
			&cli.BoolFlag{Name: "open", Usage: "open the page in a browser", DisableDefaultText: true},
		}, settingFlags(config.Graph)...),
		Action: func(ctx *cli.Context) error {
			if ctx.Bool("open") && ctx.String("output") == "-" {
				return misuse("--open needs a file, and --output - writes none: leave one of them out")
			}
			var shown []visualize.Instance
			fault := c.openGraphs(ctx, func(of visualize.Instance, err error) error {
				if err == nil {
					shown = append(shown, of)
				}
				return err
			})
			defer closeGraphs(shown)
			if len(shown) == 0 || fault != nil && !ctx.Bool("all") {
				return fault
			}
			return cmp.Or(c.writePage(ctx, visualize.Page{Instances: shown}), fault)
		},
	}
}

// openGraphs opens what is to be shown, one after another: the graphs of folders, of all instances, or of one.
func (c *commands) openGraphs(ctx *cli.Context, add func(visualize.Instance, error) error) error {
	folders := ctx.Args().Slice()
	switch {
	case ctx.Bool("all") && len(folders) > 0:
		return misuse("--all and a folder contradict each other: give one of them")
	case len(folders) == 0:
		service, err := c.instances(ctx, config.Sources{Local: true})
		if err != nil {
			return err
		}
		if len(service.Instances) > 1 && !ctx.Bool("all") {
			_, err := c.load(ctx, config.Sources{Local: true}) // says which there are
			return err
		}
		open := func(_ int, settings *config.Config) error {
			of, err := openRun(settings.Dir, settings.Instance)
			if errors.Is(err, jsonstore.ErrNoRun) {
				err = misuse("there is no graph in %s yet: run s1graph run first, or name another --instance, --dir or folder", settings.Dir)
			}
			return add(of, err)
		}
		if ctx.Bool("all") {
			return c.ofEach(ctx, service.Instances, 1, open)
		}
		return open(0, service.Instances[0])
	}
	names := map[string]bool{}
	for _, folder := range folders {
		absolute, err := filepath.Abs(folder)
		if err != nil {
			return err
		}
		name := filepath.Base(absolute)
		if names[name] {
			name = folder
		}
		if names[name] {
			return misuse("%s is given twice", folder)
		}
		names[name] = true
		of, err := openRun(folder, name)
		if errors.Is(err, jsonstore.ErrNoRun) {
			of, err = openCopy(ctx.Context, folder, name)
		}
		if err := add(of, err); err != nil {
			return err
		}
	}
	return nil
}

func closeGraphs(all []visualize.Instance) {
	for _, of := range all {
		if folder, isFolder := of.Graph.(*jsonstore.Folder); isFolder {
			folder.Close() // nothing was written to it
		}
	}
}

// openRun opens an instance's last run. It takes no lock: a run that another process replaces and removes in the meantime is an
// error that says so.
func openRun(folder, name string) (visualize.Instance, error) {
	run, err := jsonstore.OpenLast(folder)
	if err != nil {
		return visualize.Instance{}, adviseDamage(err)
	}
	of := visualize.Instance{
		Graph: run, Name: name, Run: run.Manifest().ID, At: run.Manifest().FinishedAt, IsFirst: run.Manifest().Previous == "",
		Trend: graph.Map(connector.History(folder), func(l connector.HistoryLine) visualize.Point {
			return visualize.Point{At: l.StartedAt, Figures: l.Figures}
		}),
	}
	if !of.IsFirst {
		of.Changes = run.Changes
	}
	summary, err := connector.ReadSummary(run.Dir())
	if err != nil {
		return of, err
	}
	of.IsBaseline = func(typeName string) bool { return !of.IsFirst && summary.Changes[typeName].Baseline > 0 }
	if summary.Overview != nil { // else the run is of an earlier version
		of.Overview = *summary.Overview
	}
	of.ReadAt, err = connector.ReadAt(run, &summary)
	return of, err
}

// openCopy opens a folder of graph files, and knows nothing else of the graph.
func openCopy(ctx context.Context, folder, name string) (visualize.Instance, error) {
	g, err := openFolder(folder)
	if err != nil {
		return visualize.Instance{}, &ending{misused, err}
	}
	of := visualize.Instance{Graph: g, Name: name}
	if of.ReadAt, err = overview.Heard(ctx, g); err == nil {
		of.Overview, err = overview.Of(ctx, g, of.ReadAt)
	}
	if err != nil {
		return of, errors.Join(err, g.Close())
	}
	return of, nil
}

func (c *commands) writePage(ctx *cli.Context, page visualize.Page) error {
	output := ctx.String("output")
	var report visualize.Report
	write := func(w io.Writer) (err error) {
		report, err = visualize.Write(ctx.Context, w, page)
		return adviseDamage(err)
	}
	if output == "-" {
		return errors.Join(write(c.out), c.out.flush())
	}
	over := pause.Tell(ctx.Context, pause.Wait{What: "writing " + output})
	size, err := replaceFile(output, "output", write)
	over()
	if err != nil {
		return err
	}
	of := ""
	if n := len(page.Instances); n > 1 {
		of = fmt.Sprintf("%d instances, ", n)
	}
	next := " Open it in a browser."
	if ctx.Bool("open") {
		next = ""
	}
	c.out.sentence("%s is written: %s%s, %s, %.1f MB.%s", harmless.Text(output), of, plural.Of(report.Entities, "entity"), plural.Of(report.Relationships, "relationship"), float64(size)/1e6, next)
	if report.Dangling > 0 {
		c.out.line("Left out: %s with an end that the graph does not have.", plural.Of(report.Dangling, "relationship"))
	}
	if len(report.NoDetails) > 0 {
		c.out.line("Left out: the properties of %s: there are too many of these relationships.", strings.Join(shortTypes(report.NoDetails), ", "))
	}
	if ctx.Bool("open") {
		if err := c.show(output); err != nil {
			return &ending{failed, fmt.Errorf("%s was not opened: %w; open it in a browser yourself", output, err)}
		}
	}
	return c.out.flush()
}

// show opens a file with the program that the system has for it, and does not wait for that.
func (c *commands) show(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if c.Open != nil {
		return c.Open(path)
	}
	switch runtime.GOOS {
	case "windows":
		return exec.Command("rundll32", "url.dll,FileProtocolHandler", path).Start() // what start does, without a shell
	case "darwin":
		return exec.Command("open", path).Start()
	}
	return exec.Command("xdg-open", path).Start()
}

// adviseDamage says how to go on where a run is damaged.
func adviseDamage(err error) error {
	damaged, isDamaged := errors.AsType[*jsonstore.DamagedError](err)
	switch {
	case !isDamaged:
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; if a run ended just now, do it again, else the next run mends it", err)
	}
	folder, _, _ := strings.Cut(damaged.File, string(filepath.Separator)+"runs"+string(filepath.Separator))
	return fmt.Errorf("%w; the next run mends it, and until then there is s1graph visualize %s", err, filepath.Join(folder, "graph"))
}

// replaceFile writes a file, for its owner alone, and puts it in the place of the one that was there once it is whole. Its
// errors name the flag by which the file was given.
func replaceFile(path, flag string, write func(io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return 0, adviseFile(flag, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = write(f)
	if info, e := f.Stat(); e == nil {
		size = info.Size()
	}
	if err = cmp.Or(err, f.Sync()); err != nil {
		return 0, errors.Join(err, f.Close())
	}
	if err = cmp.Or(f.Close(), os.Rename(f.Name(), path)); err != nil {
		return 0, adviseFile(flag, err)
	}
	return size, nil
}

func adviseFile(flag string, err error) error {
	return &ending{failed, fmt.Errorf("%w; give another file with --%s", err, flag)}
}
