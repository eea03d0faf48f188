package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/jedib0t/go-pretty/v6/table"
)

// results are the measures of all rounds. With a file they are kept there, a line each, and those that are there
// already count, so that the rounds need not be run in one go.
type results struct {
	file     string
	measures []measure
}

// measure is one case in one round.
type measure struct {
	Case    string  `json:"case"`
	Seconds float64 `json:"seconds"`

	Statements  int64   `json:"statements,omitzero"` // that write
	Rows        int64   `json:"rows,omitzero"`       // that were written
	Nodes       int64   `json:"nodes,omitzero"`
	Edges       int64   `json:"edges,omitzero"`
	NodeSeconds float64 `json:"nodeSeconds,omitzero"` // what went into the nodes, and into the relationships
	EdgeSeconds float64 `json:"edgeSeconds,omitzero"`
	PeakMiB     int64   `json:"peakMiB,omitzero"` // of the program's process
	ServerCPU   float64 `json:"serverCPU,omitzero"`
	CPU         float64 `json:"cpu,omitzero"` // of this process
}

func openResults(file string) (*results, error) {
	r := &results{file: file}
	if file == "" {
		return r, nil
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var m measure
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		r.measures = append(r.measures, m)
	}
	return r, lines.Err()
}

// note adds a measure, and shows it.
func (r *results) note(name string, m measure) error {
	m.Case = name
	r.measures = append(r.measures, m)
	fmt.Fprintf(os.Stderr, "  %-32s %6.2f s %8d rows\n", name, m.Seconds, m.Rows)
	if r.file == "" {
		return nil
	}
	f, err := os.OpenFile(r.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	line, err := json.Marshal(m)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	return errors.Join(err, f.Close())
}

// rounds is how many rounds there are of the loaders.
func (r *results) rounds() int { return len(r.of(firstLoad)) }

func (r *results) of(name string) (measures []measure) {
	for _, m := range r.measures {
		if m.Case == name {
			measures = append(measures, m)
		}
	}
	return measures
}

// table shows the medians, and least and greatest seconds, in the order in which the cases were measured first.
func (r *results) table() string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"case", "rounds", "seconds", "from", "to", "statements", "rows", "nodes/s", "edges/s", "peak MiB", "server CPU s", "CPU s"})
	var names []string
	for _, m := range r.measures {
		if !slices.Contains(names, m.Case) {
			names = append(names, m.Case)
		}
	}
	for _, name := range names {
		ms := r.of(name)
		least, seconds, most := spread(ms, func(m measure) float64 { return m.Seconds })
		row := table.Row{name, len(ms), fmt.Sprintf("%.2f", seconds), fmt.Sprintf("%.2f", least), fmt.Sprintf("%.2f", most), ms[0].Statements, ms[0].Rows, "", "", "", "", ""}
		if ms[0].Nodes > 0 {
			_, nodes, _ := spread(ms, func(m measure) float64 { return float64(m.Nodes) / m.NodeSeconds })
			_, edges, _ := spread(ms, func(m measure) float64 { return float64(m.Edges) / m.EdgeSeconds })
			row[7], row[8] = int64(nodes), int64(edges)
		}
		if ms[0].PeakMiB > 0 {
			_, _, row[9] = spread(ms, func(m measure) float64 { return float64(m.PeakMiB) })
		}
		if ms[0].ServerCPU > 0 {
			for i, of := range []func(m measure) float64{func(m measure) float64 { return m.ServerCPU }, func(m measure) float64 { return m.CPU }} {
				_, cpu, _ := spread(ms, of)
				row[10+i] = fmt.Sprintf("%.1f", cpu)
			}
		}
		t.AppendRow(row)
	}
	return t.Render() + r.ratios()
}

// ratios compares the time of first loads, and the CPU of server and client together, with those of the plain loaders in the same rounds. In the first round the server is
// new: it compiles itself and plans statements while it loads.
func (r *results) ratios() (lines string) {
	loads := r.of(firstLoad)
	for _, name := range []string{plainLoader, plainLoader + storesRows} {
		plain := r.of(name)
		for _, c := range []struct {
			what string
			of   func(m measure) float64
		}{
			{"time", func(m measure) float64 { return m.Seconds }},
			{"CPU", func(m measure) float64 { return m.ServerCPU + m.CPU }},
		} {
			var warm []measure
			for round := range min(len(loads), len(plain)) {
				ratio := c.of(loads[round]) / c.of(plain[round])
				if round == 0 {
					lines += fmt.Sprintf("\n%s to %s, %s: new server %.2f", firstLoad, name, c.what, ratio)
					continue
				}
				warm = append(warm, measure{Seconds: ratio})
			}
			if len(warm) > 0 {
				least, median, most := spread(warm, func(m measure) float64 { return m.Seconds })
				lines += fmt.Sprintf(", warm %.2f (%.2f to %.2f)", median, least, most)
			}
		}
	}
	return lines
}

// spread gives the least, the middle and the greatest of what is asked of the measures.
func spread(measures []measure, of func(measure) float64) (least, median, most float64) {
	values := make([]float64, 0, len(measures))
	for _, m := range measures {
		values = append(values, of(m))
	}
	slices.Sort(values)
	last := len(values) - 1
	return values[0], (values[last/2] + values[(last+1)/2]) / 2, values[last]
}
