package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"s1graph/connector"
	"s1graph/graph/neo4jstore/neo4jtest"
	"s1graph/s1/s1test"
)

// program measures whole runs of the built program against a console: without Neo4j and with it by turns.
type program struct {
	path    string // of the executable
	dir     string // for the graphs
	console string
	server  *neo4jtest.Server
	results *results
}

func build(dir string) (string, error) {
	path := filepath.Join(dir, "s1graph")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return path, cmd.Run()
}

// measure runs it for the first time, and then unchanged as often as is said. The database is empty before.
func (p *program) measure(unchanged int) error {
	for i := range 1 + unchanged {
		which := "unchanged run"
		if i == 0 {
			which = "first run"
		}
		for _, store := range []string{"json", "neo4j"} {
			m, err := p.run(store)
			if err == nil {
				err = p.results.note(fmt.Sprintf("%s, --store %s", which, store), m)
			}
			if err != nil {
				return fmt.Errorf("%s, --store %s: %w", which, store, err)
			}
		}
	}
	return nil
}

func (p *program) run(store string) (measure, error) {
	cmd := exec.Command(p.path, "run", "--json", "--store", store, "--url", p.console, "--dir", filepath.Join(p.dir, store))
	cmd.Env = append(os.Environ(), "SENTINELONE_TOKEN="+s1test.DefaultToken,
		"NEO4J_URI="+p.server.URI, "NEO4J_USERNAME="+p.server.Username, "NEO4J_PASSWORD="+p.server.Password)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return measure{}, err
	}
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	m := measure{Seconds: time.Since(started).Seconds(), PeakMiB: peak()}
	if err != nil {
		return m, err
	}
	var summary connector.Summary
	if err := json.Unmarshal(out.Bytes(), &summary); err != nil {
		return m, err
	}
	for _, s := range summary.Stores {
		m.Statements += s.Statements
		m.Rows += s.Rows
	}
	return m, nil
}

// watchMemory looks at how much memory a process has had at most, until the function that it gives asks for that, in
// MiB; on Linux alone. What the system says at the end counts the memory of the process that started it too.
func watchMemory(pid int) (peak func() int64) {
	ended, result := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var kib int64
		for {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
				_, _ = fmt.Sscan(rest, &kib)
			}
			select {
			case <-tick.C:
			case <-ended:
				result <- kib / 1024
				return
			}
		}
	}()
	return func() int64 {
		close(ended)
		return <-result
	}
}
