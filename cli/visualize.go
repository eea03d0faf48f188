package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/harmless"
	"s1graph/overview"
	"s1graph/visualize"
)

func (c *commands) visualize() *cli.Command {
	return &cli.Command{
		Name:      "visualize",
		Usage:     "write the graph as one HTML page, to search and to look at",
		ArgsUsage: "[FOLDER]",
		Description: `The page needs no network and no server: open it in a browser. It has all properties that the graph has, so keep
it as you keep the graph.

Example:

    s1graph visualize --instance acme

and of a copy of a graph folder:

    s1graph visualize monday --output monday.html`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "output", Usage: "write to `FILE`; - is stdout", Value: "graph.html"},
		}, settingFlags(config.Graph)...),
		Action: func(ctx *cli.Context) error {
			folder, name, err := c.graphFolder(ctx)
			if err != nil {
				return err
			}
			output := ctx.String("output")
			if output == "-" {
				_, err = writePage(ctx.Context, c.out, folder, name)
				return errors.Join(err, c.out.flush())
			}
			var report visualize.Report
			size, err := replaceFile(output, func(w io.Writer) (err error) {
				report, err = writePage(ctx.Context, w, folder, name)
				return err
			})
			if err != nil {
				return err
			}
			c.out.line("%s is written: %d entities, %d relationships, %.1f MB. Open it in a browser.", harmless.Text(output), report.Entities, report.Relationships, float64(size)/1e6)
			if report.Dangling > 0 {
				c.out.line("Left out: %d relationships with an end that the graph does not have.", report.Dangling)
			}
			if report.NoDetails {
				c.out.line("Left out: the properties of relationships, of which there are more than %d.", visualize.DefaultMostDetails)
			}
			return c.out.flush()
		},
	}
}

// graphFolder is the folder that is to be shown, and what it is called.
func (c *commands) graphFolder(ctx *cli.Context) (folder, name string, err error) {
	switch ctx.NArg() {
	case 0:
		settings, err := c.load(ctx, config.Sources{Local: true})
		if err != nil {
			return "", "", err
		}
		if _, err := jsonstore.OpenLast(settings.Dir); errors.Is(err, jsonstore.ErrNoRun) {
			return "", "", misuse("there is no graph in %s yet: run s1graph run first, or name another --instance, --dir or folder", settings.Dir)
		}
		return settings.Dir, settings.Instance, nil
	case 1:
		folder := ctx.Args().First()
		absolute, err := filepath.Abs(folder)
		return folder, filepath.Base(absolute), err
	}
	return "", "", misuse("visualize takes one folder at most, such as: s1graph visualize monday")
}

// writePage writes the page of an instance's last run, or of any other folder of graph files. It takes no lock: a run
// that another process replaces and removes in the meantime is an error that says so.
func writePage(ctx context.Context, w io.Writer, folder, name string) (visualize.Report, error) {
	report, err := writeRunPage(ctx, w, folder, name)
	damaged := is[*jsonstore.DamagedError](err)
	switch {
	case errors.Is(err, jsonstore.ErrNoRun):
		return writeFolderPage(ctx, w, folder, name)
	case damaged && errors.Is(err, fs.ErrNotExist):
		return report, fmt.Errorf("%w; if a run ended just now, do it again, else the next run mends it", err)
	case damaged:
		return report, fmt.Errorf("%w; the next run mends it, and until then there is s1graph visualize %s", err, filepath.Join(folder, "graph"))
	}
	return report, err
}

func writeFolderPage(ctx context.Context, w io.Writer, folder, name string) (visualize.Report, error) {
	g, err := openFolder(folder)
	if err != nil {
		return visualize.Report{}, &ending{misused, err}
	}
	readAt, err := overview.Heard(ctx, g)
	if err != nil {
		return visualize.Report{}, errors.Join(err, g.Close())
	}
	of := visualize.Instance{Graph: g, Name: name, ReadAt: readAt}
	if of.Overview, err = overview.Of(ctx, g, readAt); err != nil {
		return visualize.Report{}, errors.Join(err, g.Close())
	}
	report, err := visualize.Write(ctx, w, visualize.Page{Instances: []visualize.Instance{of}})
	return report, errors.Join(err, g.Close())
}

func writeRunPage(ctx context.Context, w io.Writer, folder, name string) (visualize.Report, error) {
	run, err := jsonstore.OpenLast(folder)
	if err != nil {
		return visualize.Report{}, err
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
		return visualize.Report{}, err
	}
	if of.ReadAt, err = connector.ReadAt(run, &summary); err != nil {
		return visualize.Report{}, err
	}
	if summary.Overview != nil { // else the run is of an earlier version
		of.Overview = *summary.Overview
	}
	return visualize.Write(ctx, w, visualize.Page{Instances: []visualize.Instance{of}})
}

// replaceFile writes a file, for its owner alone, and puts it in the place of the one that was there once it is whole.
func replaceFile(path string, write func(io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return 0, adviseOutput(err)
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
		return 0, adviseOutput(err)
	}
	return size, nil
}

func adviseOutput(err error) error {
	return &ending{failed, fmt.Errorf("%w; give another file with --output", err)}
}
