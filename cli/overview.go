package cli

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/overview"
)

func (c *commands) overview() *cli.Command {
	return &cli.Command{
		Name:  "overview",
		Usage: "say how the fleet is: infected, silent, unprotected, open threats and more",
		Description: `Examples: of one instance, and of all instances of the configuration file for a spreadsheet:

    s1graph overview --instance acme
    s1graph overview --all --csv > fleet.csv

The figures are those of the last run, with the difference to the run before; nothing is asked of the console. Of a
configuration file with several instances all are shown, a row each, if --instance names none.
history.jsonl in the folder of an instance has the figures of the runs of the last 400 days, a line each.`,
		Flags: append([]cli.Flag{
			allFlag(),
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each instance, a line each", DisableDefaultText: true},
			&cli.BoolFlag{Name: "csv", Usage: "print a line for each instance, with commas, under a line of names", DisableDefaultText: true},
		}, folderFlags()...),
		Action: func(ctx *cli.Context) error {
			if ctx.Bool("json") && ctx.Bool("csv") {
				return misuse("--json and --csv exclude each other: give one of them")
			}
			service, err := c.instances(ctx, config.Sources{Local: true})
			if err != nil {
				return err
			}
			if len(service.Instances) == 1 && !ctx.Bool("all") {
				f, err := fleetOf(service.Instances[0])
				if err != nil {
					return err
				}
				return cmp.Or(c.printFleets(ctx, []fleet{f}), c.out.flush())
			}
			all := make([]fleet, len(service.Instances))
			err = c.ofEach(ctx, service.Instances, 1, func(i int, settings *config.Config) (err error) {
				if all[i], err = fleetOf(settings); err != nil {
					all[i] = fleet{Instance: settings.Instance, Error: oneLine(err)}
				}
				return err
			})
			if ctx.Err() != nil {
				return err
			}
			return cmp.Or(c.printFleets(ctx, all), c.out.flush(), err)
		},
	}
}

// fleet is how an instance's fleet was at its last run, or why that is not known.
type fleet struct {
	Instance          string    `json:"instance"`
	Error             string    `json:"error,omitzero"`
	Run               string    `json:"run,omitzero"`
	StartedAt         time.Time `json:"startedAt,omitzero"`
	overview.Overview `json:",inline"`
}

func fleetOf(settings *config.Config) (fleet, error) {
	s, err := connector.ReadSummary(settings.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fleet{}, noRun(settings.Dir)
	}
	if err != nil {
		return fleet{}, err
	}
	if s.Overview == nil {
		return fleet{}, misuse("%s: the last run is of an earlier version, which counted nothing: run s1graph run", filepath.Join(settings.Dir, "summary.json"))
	}
	return fleet{Instance: cmp.Or(settings.Instance, s.Instance), Run: s.Run, StartedAt: s.StartedAt, Overview: *s.Overview}, nil
}

func (c *commands) printFleets(ctx *cli.Context, all []fleet) error {
	switch {
	case ctx.Bool("json"):
		for i := range all {
			if err := c.out.jsonLine(&all[i]); err != nil {
				return err
			}
		}
		return nil
	case ctx.Bool("csv"):
		return c.printFleetsCSV(all)
	case len(all) == 1 && !ctx.Bool("all"):
		c.out.fleetTable(&all[0])
	default:
		c.out.fleetsTable(all)
	}
	return nil
}

func (c *commands) printFleetsCSV(all []fleet) error {
	w := csv.NewWriter(c.out)
	header := []string{"instance", "run", "startedAt"}
	for _, f := range overview.Figures() {
		header = append(header, f.Name)
	}
	if err := w.Write(header); err != nil {
		return err
	}
	for _, of := range all {
		row := []string{of.Instance, of.Run, ""}
		if !of.StartedAt.IsZero() {
			row[2] = of.StartedAt.Format(time.RFC3339)
		}
		for _, f := range overview.Figures() {
			cell := ""
			if n, isKnown := of.Figures[f.Name]; isKnown {
				cell = strconv.FormatInt(n, 10)
			}
			row = append(row, cell)
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// fleetTable prints all figures of an instance, a row each.
func (s *screen) fleetTable(of *fleet) {
	var rows [][]any
	for _, f := range overview.Figures() {
		if n, isKnown := of.Figures[f.Name]; isKnown {
			rows = append(rows, []any{f.Line, f.Word, n, difference(of.Change[f.Name])})
		}
	}
	s.table([]string{"of", "figure", "number", "change"}, rows)
	if len(of.Licenses) > 1 {
		s.line("")
		rows = nil
		for _, l := range of.Licenses {
			rows = append(rows, []any{s.clip(l.Name), l.Used, limit(l.Total)})
		}
		s.table([]string{"site", "licenses used", "of"}, rows)
	}
	s.line("As of %s.", of.StartedAt.Format(time.RFC3339))
}

// fleetsTable prints of each instance what somebody has to look after, a row each.
func (s *screen) fleetsTable(all []fleet) {
	columns := []struct{ header, figure string }{
		{"agents", "agents"}, {"infected", "agentsInfected"}, {"silent", "agentsSilent"},
		{"unprotected", "devicesUnprotected"}, {"threats", "threatsOpen"}, {"critical", "threatsCritical"},
	}
	header := []string{"instance"}
	for _, c := range columns {
		header = append(header, c.header)
	}
	var rows [][]any
	for _, of := range all {
		row := []any{s.clip(of.Instance)}
		for _, c := range columns {
			row = append(row, known(&of.Overview, c.figure))
		}
		rows = append(rows, row)
	}
	s.table(header, rows)
}

// difference is by how much something changed, as +1; nothing where it did not.
type difference int64

func (d difference) String() string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%+d", int64(d))
}

// limit is how many there may be.
type limit int64

func (l limit) String() string {
	if l == 0 {
		return "any number"
	}
	return strconv.FormatInt(int64(l), 10)
}

// maybe is a figure that may be unknown, with the difference to the run before.
type maybe struct {
	value   int64
	isKnown bool
	change  difference
}

func known(o *overview.Overview, name string) maybe {
	if o == nil {
		return maybe{}
	}
	n, isKnown := o.Figures[name]
	return maybe{n, isKnown, difference(o.Change[name])}
}

func (n maybe) String() string {
	switch {
	case !n.isKnown:
		return "unknown"
	case n.change != 0:
		return fmt.Sprintf("%d (%s)", n.value, n.change)
	}
	return strconv.FormatInt(n.value, 10)
}

// printOverview prints how the fleet is, a line for each kind of thing. What is 0, and was, is left out, and so are details.
func (s *screen) printOverview(o *overview.Overview) {
	lines, totals, order := map[string][]string{}, map[string]string{}, []string{}
	for _, f := range overview.Figures() {
		n, isKnown := o.Figures[f.Name]
		isFirst := !slices.Contains(order, f.Line)
		if !isKnown || f.IsDetail || n == 0 && o.Change[f.Name] == 0 && !isFirst {
			continue
		}
		words := strconv.FormatInt(n, 10)
		if f.Word != "" {
			words += " " + f.Word
		}
		if change := difference(o.Change[f.Name]).String(); change != "" {
			words += " (" + change + ")"
		}
		if isFirst {
			order = append(order, f.Line)
		}
		if f.Word == "" {
			totals[f.Line] = words
		} else {
			lines[f.Line] = append(lines[f.Line], words)
		}
	}
	const beside = 17 // the longest line is that of vulnerabilities
	for _, line := range order {
		text := strings.Join(lines[line], ", ")
		if total, isTotal := totals[line]; isTotal {
			text = total + strings.TrimSuffix(": "+text, ": ")
		}
		s.labelled(line, text, beside)
	}
}
