// Command bench measures whole runs of the built program against s1test, each in a process of its own as the console is, and
// prints a table: what `make bench` shows after the Go benchmarks, and docs/performance.md keeps. In each round the bytes of the
// same tenant are fetched and thrown away first: the ratio to that is of the program, whatever else the machine does. All folders stay
// until all is measured, some 25 GB with all cases: for minutes after many files were removed ext4 takes 0.3 to 0.8 ms to make one, in
// place of 0.02, since it passes over each inode that was given back lately. So give the bench no disk that tests run on.
//
//	go run ./bench                    all cases
//	go run ./bench "10k agents x 60"  the cases whose names begin so
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jedib0t/go-pretty/v6/table"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// bench is a tenant, how its console behaves, and how often its runs are measured.
type bench struct {
	name    string
	tenant  s1test.Tenant
	latency time.Duration
	rounds  int

	// severities are those of which vulnerabilities are read, in place of applications; none where "".
	severities string
}

var benches = []bench{
	{"10k agents x 60 applications", s1test.Large(10_000, 60), 0, 5, ""},
	{"100 ms a request: 10k agents x 60 applications", s1test.Large(10_000, 60), 100 * time.Millisecond, 1, ""},
	{"1k agents x 60 applications", s1test.Large(1000, 60), 0, 5, ""},
	{"100k agents", s1test.Large(100_000, 0), 0, 1, ""},
	{"100k agents x 100 applications", s1test.Large(100_000, 100), 0, 1, ""},
	{"10k agents x 140 vulnerabilities", vulnerable(10_000), 0, 1, criticalAndHigh},
	{"100k agents x 140 vulnerabilities, critical and high", vulnerable(100_000), 0, 1, criticalAndHigh},
	{"100k agents x 140 vulnerabilities, all", vulnerable(100_000), 0, 1, "all"},
}

const criticalAndHigh = "critical,high"

// vulnerable is a tenant with about 140 rows of vulnerabilities for each agent, half of them critical or high.
func vulnerable(agents int) s1test.Tenant {
	tenant := s1test.Large(agents, 60)
	tenant.Vulnerabilities = 7
	return tenant
}

// flags are those of run. Without the limit that s1graph keeps to by itself the list of vulnerabilities is read as fast as it can.
func (b *bench) flags() []string {
	if b.severities == "" {
		return []string{"--vulnerabilities-severities", "off"}
	}
	return []string{"--vulnerabilities-severities", b.severities, "--skip", "applications", "--rate-limits=/application-management/risks=10000"}
}

func (b *bench) console() *s1test.Server {
	tenant := b.tenant
	tenant.Latency = b.latency
	return s1test.New(tenant)
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

func run(args []string) error {
	switch { // what the bench starts of itself
	case len(args) == 2 && args[0] == "serve":
		return serve(args[1])
	case len(args) == 3 && args[0] == "fetch":
		read, pages, err := fetchAll(args[2], named(args[1]))
		fmt.Printf("%d MB in %d pages", read/1e6, pages)
		return err
	}
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
	t.AppendHeader(table.Row{"case", "run", "seconds", "from", "to", "to the fetch", "CPU s", "to the fetch's", "peak MiB", "disk MiB", "records", "records/s", "requests"})
	for _, b := range benches {
		if len(args) > 0 && !slices.ContainsFunc(args, func(name string) bool { return strings.HasPrefix(b.name, name) }) {
			continue
		}
		measured, err := b.measure(program, filepath.Join(dir, b.name))
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		appendRows(t, b.name, measured)
	}
	fmt.Println(t.Render())
	return nil
}

func named(name string) *bench {
	return &benches[slices.IndexFunc(benches, func(b bench) bool { return b.name == name })]
}

// serve is the console until its standard input ends.
func serve(name string) error {
	server := httptest.NewServer(named(name).console())
	defer server.Close()
	fmt.Println(server.URL)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// measures are those of a case in all rounds.
type measures struct {
	name   string
	rounds []measure
}

type measure struct {
	seconds, cpu      float64
	peakMiB, diskMiB  int64
	records, requests int64
}

// measure gives what each run took in each round, the bare fetch first. Each round has a folder of its own below in.
func (b *bench) measure(program, in string) (measured []measures, err error) {
	console := exec.Command(os.Args[0], "serve", b.name)
	console.Stderr = os.Stderr
	ends, err := console.StdinPipe()
	if err != nil {
		return nil, err
	}
	says, err := console.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := console.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ends.Close(), console.Wait()) }()
	address, err := bufio.NewReader(says).ReadString('\n')
	if err != nil {
		return nil, err
	}
	address = strings.TrimSpace(address)

	measured = make([]measures, 1+len(runs))
	note := func(i int, name string, m measure, err error) error {
		measured[i].name = name
		measured[i].rounds = append(measured[i].rounds, m)
		fmt.Fprintf(os.Stderr, "%s, %s: %.2f s, %.2f s of CPU, %d MiB, on the disk %d MiB\n", b.name, name, m.seconds, m.cpu, m.peakMiB, m.diskMiB)
		return err
	}
	for round := range b.rounds {
		dir := filepath.Join(in, strconv.Itoa(round))
		m, _, err := timed(exec.Command(os.Args[0], "fetch", b.name, address), dir)
		if err := note(0, "bare fetch", m, err); err != nil {
			return nil, err
		}
		for i, r := range runs {
			cmd := exec.Command(program, append([]string{"run", "--json", "--url", address, "--dir", dir}, slices.Concat(b.flags(), r.flags)...)...)
			cmd.Env = append(os.Environ(), "SENTINELONE_TOKEN="+s1test.DefaultToken, "S1GRAPH_EVERY="+r.every)
			m, out, err := timed(cmd, dir)
			if err == nil {
				err = m.readSummary(out)
			}
			if err := note(1+i, r.name, m, err); err != nil {
				return nil, err
			}
		}
	}
	return measured, nil
}

// timed runs a process to its end. dir is the folder that it writes to.
func timed(cmd *exec.Cmd, dir string) (measure, []byte, error) {
	cmd.Stderr = os.Stderr
	ended, disk := make(chan struct{}), make(chan int64)
	go func() { disk <- peakOf(dir, ended) }()
	started := time.Now()
	out, err := cmd.Output()
	m := measure{seconds: time.Since(started).Seconds()}
	close(ended)
	m.diskMiB = <-disk >> 20
	if cmd.ProcessState != nil {
		m.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		m.peakMiB = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss / 1024
	}
	return m, out, err
}

// readSummary counts what a run says that it did.
func (m *measure) readSummary(out []byte) error {
	var summary connector.Summary
	if err := json.Unmarshal(out, &summary); err != nil {
		return err
	}
	for _, step := range summary.Steps {
		m.records += step.Entities + step.Relationships
		m.requests += step.Requests
	}
	return nil
}

// appendRows shows the medians of what was measured of a tenant. Ratios are those of each round to the fetch before it.
func appendRows(t table.Writer, name string, measured []measures) {
	fetched := measured[0].rounds
	for i, of := range measured {
		_, cpu, _ := spread(of.rounds, func(_ int, m measure) float64 { return m.cpu })
		least, seconds, most := spread(of.rounds, func(_ int, m measure) float64 { return m.seconds })
		_, _, peak := spread(of.rounds, func(_ int, m measure) float64 { return float64(m.peakMiB) })
		_, _, disk := spread(of.rounds, func(_ int, m measure) float64 { return float64(m.diskMiB) })
		_, toFetch, _ := spread(of.rounds, func(n int, m measure) float64 { return m.seconds / fetched[n].seconds })
		_, cpuToFetch, _ := spread(of.rounds, func(n int, m measure) float64 { return m.cpu / fetched[n].cpu })
		row := table.Row{name, of.name, fmt.Sprintf("%.2f", seconds), fmt.Sprintf("%.2f", least), fmt.Sprintf("%.2f", most), "", fmt.Sprintf("%.2f", cpu), "", peak, disk, "", "", ""}
		if i > 0 {
			row[5], row[7] = fmt.Sprintf("%.1f", toFetch), fmt.Sprintf("%.1f", cpuToFetch)
			row[10], row[11], row[12] = of.rounds[0].records, int64(float64(of.rounds[0].records)/seconds), of.rounds[0].requests
		}
		t.AppendRow(row)
	}
}

// spread gives the least, the middle and the greatest of what is asked of the measures of each round.
func spread(rounds []measure, of func(round int, m measure) float64) (least, median, most float64) {
	var values []float64
	for n, m := range rounds {
		values = append(values, of(n, m))
	}
	slices.Sort(values)
	last := len(values) - 1
	return values[0], (values[last/2] + values[(last+1)/2]) / 2, values[last]
}

// peakOf is how many bytes the files of a folder took at most, looked at each second until a channel is closed. One file
// under two names counts once.
func peakOf(dir string, ended <-chan struct{}) (most int64) {
	for tick := time.Tick(time.Second); ; {
		var bytes int64
		seen := map[uint64]bool{}
		_ = filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() { // files come and go meanwhile
				return nil
			}
			if info, err := entry.Info(); err == nil {
				if inode := info.Sys().(*syscall.Stat_t).Ino; !seen[inode] {
					seen[inode] = true
					bytes += info.Size()
				}
			}
			return nil
		})
		most = max(most, bytes)
		select {
		case <-ended:
			return most
		case <-tick:
		}
	}
}
