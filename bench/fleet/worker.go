package main

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"s1graph/fleet/fleettest"
)

// worker is a process of the program. It reaches NATS and the bucket in ways of its own, which can be cut, and consoles with a
// token of its own, by which they know it.
type worker struct {
	name, dir string
	line      *fleettest.Line
	bucket    *httptest.Server
	process   *exec.Cmd // nil while there is none
	ended     chan error
	logged    int64        // bytes that its log had before
	wokenAt   atomic.Int64 // nanoseconds since 1970
	isPaused  bool
}

// tokenOf is a worker's token, and workerOf whose one is.
func tokenOf(worker string) string  { return "token-of-" + worker }
func workerOf(header string) string { return strings.TrimPrefix(header, "ApiToken token-of-") }

func (p *worker) logPath() string { return p.dir + ".log" }

// isWell says whether there is a process that is not paused.
func (p *worker) isWell() bool { return p.process != nil && !p.isPaused }

func (p *worker) send(s os.Signal) { _ = p.process.Process.Signal(s) } // one that has ended is found by its exit

func (w *world) newWorker(number int) (*worker, error) {
	name := fmt.Sprint("w", number+1)
	p := &worker{name: name, dir: filepath.Join(w.dir, name), bucket: httptest.NewServer(w.bucket.serves(name))}
	var err error
	p.line, err = fleettest.NewLine(w.nodesFrom(number)...)
	w.workers = append(w.workers, p)
	return p, err
}

// start starts the worker's process, in the folder that the last one left.
func (w *world) start(p *worker) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(p.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil {
		p.logged = info.Size()
	}
	p.process = exec.Command(w.program, "poll", "--config", w.config, "--worker", p.name, "--listen", "off")
	p.process.Dir, p.process.Stdout, p.process.Stderr = p.dir, log, log
	p.process.Env = []string{
		"HOME=" + p.dir, "PATH=" + os.Getenv("PATH"), "SENTINELONE_TOKEN=" + tokenOf(p.name), "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret",
		"S1GRAPH_NATS=" + p.line.URL(), "S1GRAPH_STATE=s3://" + s3Bucket + "?region=us-east-1&endpoint=" + url.QueryEscape(p.bucket.URL),
	}
	if err := p.process.Start(); err != nil {
		return err
	}
	p.ended = make(chan error, 1)
	go func(process *exec.Cmd, ended chan error) { ended <- process.Wait() }(p.process, p.ended)
	return nil
}

// hangUp has the worker read all that it has. Before it has anything, the signal would end it.
func (p *worker) hangUp() {
	log, _ := os.ReadFile(p.logPath())
	if p.process != nil && bytes.Contains(log[p.logged:], []byte("instance claimed")) {
		p.send(syscall.SIGHUP)
	}
}

// kill ends the process at once.
func (p *worker) kill() {
	p.send(syscall.SIGKILL)
	<-p.ended
	p.process, p.isPaused = nil, false
}

// endsWithin is for how long a worker may work on when it is told to end.
const endsWithin = 40 * time.Second

// end tells the process to end, and waits until it has.
func (p *worker) end(within time.Duration) error {
	p.send(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		p.process = nil
		if err != nil {
			return fmt.Errorf("%s was told to end: %w: %s", p.name, err, lastLine(p.logPath()))
		}
		return nil
	case <-time.After(within):
		return fmt.Errorf("%s was told to end, and has not for %s", p.name, within)
	}
}

// dead is an error where the process has ended, and nobody ended it.
func (p *worker) dead() error {
	select {
	case err := <-p.ended:
		p.ended <- err
		return fmt.Errorf("%s has ended (%v): %s", p.name, err, lastLine(p.logPath()))
	default:
		return nil
	}
}

func (p *worker) pause() {
	p.send(syscall.SIGSTOP)
	p.isPaused = true
}

func (p *worker) wake() {
	p.wokenAt.Store(time.Now().UnixNano())
	p.send(syscall.SIGCONT)
	p.isPaused = false
}

// peakMiB is how much memory the process has had at most, of which Linux alone tells.
func (p *worker) peakMiB() (mib int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.process.Process.Pid))
	if _, rest, found := strings.Cut(string(status), "VmHWM:"); found {
		_, _ = fmt.Sscan(rest, &mib)
	}
	return mib / 1024
}

// logged is how many lines of the workers' logs have a text.
func (w *world) logged(text string) (n int) {
	for _, p := range w.workers {
		log, _ := os.ReadFile(p.logPath())
		n += bytes.Count(log, []byte(text))
	}
	return n
}

func lastLine(path string) string {
	log, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return lines[len(lines)-1]
}
