// Command bench measures whole runs of the built program against s1test, each in a process of its own, and
// prints a table: what `make bench` shows after the Go benchmarks, and docs/performance.md keeps.
//
//	go run ./bench            all cases
//	go run ./bench 10k 100k   the cases whose names begin so
package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jedib0t/go-pretty/v6/table"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// bench is a tenant, and how its console behaves.
type bench struct {
	name    string
	tenant  s1test.Tenant
	latency time.Duration
}

var benches = []bench{
	{"10k agents x 60 applications", s1test.Large(10_000, 60), 0},
	{"10k agents x 60 applications, 100 ms a request", s1test.Large(10_000, 60), 100 * time.Millisecond},
	{"100k agents", s1test.Large(100_000, 0), 0},
	{"100k agents x 100 applications", s1test.Large(100_000, 100), 0},
}

// runs are what is measured of each, one after the other. What is due of the last two is what a poll reads while
// applications rest, and while all but threats does.
var runs = []struct {
	name  string
	flags []string
	every string
}{
	{name: "first"},
	{name: "unchanged"},
	{name: "due: agents", flags: []string{"--due"}},
	{name: "due: threats", flags: []string{"--due"}, every: "accounts=1h,sites=1h,groups=1h,agents=1h"},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(names []string) error {
	dir, err := os.MkdirTemp("", "s1graph-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "s1graph")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"case", "run", "seconds", "CPU s", "peak MiB", "records", "records/s", "requests"})
	for _, b := range benches {
		if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(b.name, n) }) {
			continue
		}
		b.tenant.Latency = b.latency
		server := httptest.NewServer(s1test.New(b.tenant))
		for _, r := range runs {
			row, err := measure(program, append([]string{"--url", server.URL, "--dir", filepath.Join(dir, "graph")}, r.flags...), r.every)
			if err != nil {
				return fmt.Errorf("%s, %s run: %w", b.name, r.name, err)
			}
			t.AppendRow(append(table.Row{b.name, r.name}, row...))
			fmt.Fprintln(os.Stderr, b.name, r.name, row)
		}
		server.Close()
		if err := os.RemoveAll(filepath.Join(dir, "graph")); err != nil {
			return err
		}
	}
	fmt.Println(t.Render())
	return nil
}

// measure runs the program once.
func measure(program string, flags []string, every string) (table.Row, error) {
	cmd := exec.Command(program, append([]string{"run", "--json"}, flags...)...)
	cmd.Env = append(os.Environ(), "SENTINELONE_TOKEN="+s1test.DefaultToken, "S1GRAPH_EVERY="+every)
	cmd.Stderr = os.Stderr
	started := time.Now()
	out, err := cmd.Output()
	seconds := time.Since(started).Seconds()
	if err != nil {
		return nil, err
	}
	var summary connector.Summary
	if err := json.Unmarshal(out, &summary); err != nil {
		return nil, err
	}
	var records, requests int64
	for _, step := range summary.Steps {
		records += step.Entities + step.Relationships
		requests += step.Requests
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return table.Row{
		fmt.Sprintf("%.1f", seconds), fmt.Sprintf("%.1f", cpu.Seconds()), usage.Maxrss / 1024,
		records, int64(float64(records) / seconds), requests,
	}, nil
}
