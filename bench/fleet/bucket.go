package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/klauspost/compress/zstd"

	"s1graph/graph"
	"s1graph/pause"
)

const s3Bucket = "states"

// mood is how the bucket answers.
type mood struct {
	delay   time.Duration // before each answer
	refuses bool          // 503
	isCut   bool          // connections break before anything is done
	loses   float64       // the part of answers that do not arrive, though what was asked for was done
}

// bucket is an S3 server in this process, and sees each record that is written to it. It holds the history of each instance
// to what the log promises: one record a number, and one run after each run.
type bucket struct {
	fault func(format string, a ...any)

	mu       sync.Mutex
	random   *rand.Rand
	moods    map[string]mood // by worker, "" for all
	shelves  map[string]*shelf
	requests int
	bytes    int64 // that were put
}

// shelf is the part of the bucket that an instance has: its own, so that a list goes through its own names alone.
type shelf struct {
	handler http.Handler
	backend *s3mem.Backend

	mu      sync.Mutex
	last    record
	runs    []committed
	records int
	heldAt  time.Time // when the last record of a worker that took the instance was written
}

// record is what the harness looks at in one, see package state.
type record struct {
	Number  int64  `json:"number"`
	Log     string `json:"log"`
	Epoch   int64  `json:"epoch"`
	Worker  string `json:"worker"`
	Nonce   string `json:"nonce"`
	Settled bool   `json:"settled"`
	Runs    []struct {
		ID      string            `json:"id"`
		Objects map[string]string `json:"objects"`
	} `json:"runs"`
}

func (r *record) lastRun() string {
	if len(r.Runs) == 0 {
		return ""
	}
	return r.Runs[len(r.Runs)-1].ID
}

// committed is a run that a record commits.
type committed struct {
	id, worker string
	at         time.Time
	events     []string // IDs of the changes that a rule matches
}

func newBucket(seed uint64, fault func(string, ...any)) *bucket {
	return &bucket{fault: fault, random: rand.New(rand.NewPCG(seed, 3)), moods: map[string]mood{}, shelves: map[string]*shelf{}}
}

// feel makes the bucket answer so from now on; who is a worker, or "" for all.
func (b *bucket) feel(who string, m mood) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moods[who] = m
}

func (b *bucket) shelf(instance string) *shelf {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.shelves[instance]
	if s == nil {
		s = &shelf{backend: s3mem.New()}
		if err := s.backend.CreateBucket(s3Bucket); err != nil {
			b.fault("the S3 server: %v", err)
		}
		s.handler = gofakes3.New(s.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
		b.shelves[instance] = s
	}
	return s
}

// serves is the bucket as a worker has it.
func (b *bucket) serves(worker string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.requests++
		all, own := b.moods[""], b.moods[worker]
		loses := b.random.Float64() < max(all.loses, own.loses)
		b.mu.Unlock()
		if d := max(all.delay, own.delay); d > 0 && pause.For(r.Context(), d) != nil {
			return
		}
		switch {
		case all.isCut || own.isCut:
			panic(http.ErrAbortHandler)
		case all.refuses || own.refuses:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		name := cmp.Or(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/"+s3Bucket), "/"), r.URL.Query().Get("prefix"))
		instance, inside, _ := strings.Cut(name, "/")
		s := b.shelf(instance)
		answer := httptest.NewRecorder()
		s.handler.ServeHTTP(answer, r)
		if r.Method == http.MethodPut && answer.Code == http.StatusOK {
			b.mu.Lock()
			b.bytes += r.ContentLength
			b.mu.Unlock()
			if strings.HasPrefix(inside, "log/") { // before the worker knows, so that nothing follows that is not expected
				if err := s.note(name, b.fault); err != nil {
					b.fault("%s: %v", name, err)
				}
			}
		}
		if loses {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
}

func (s *shelf) get(name string) ([]byte, error) {
	object, err := s.backend.GetObject(s3Bucket, name, nil)
	if err != nil {
		return nil, err
	}
	defer object.Contents.Close()
	return io.ReadAll(object.Contents)
}

// recordsKept is how many records a log has. The names of older ones are free, and whoever creates one finds the newer ones.
const recordsKept = 20

// note notes a record that was just written, and holds it against the one before.
func (s *shelf) note(name string, fault func(string, ...any)) error {
	content, err := s.get(name)
	if err != nil {
		return err
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.last
	switch {
	case r.Number <= before.Number-recordsKept:
		return nil
	case r.Number != before.Number+1:
		fault("%s: a fork: record %d by %s (%s) after record %d by %s (%s)", name, r.Number, r.Worker, r.Nonce, before.Number, before.Worker, before.Nonce)
		return nil
	case before.Number > 0 && r.Log != before.Log:
		fault("%s: another log, %s after %s", name, r.Log, before.Log)
	case r.Epoch != r.Number && (r.Epoch != before.Epoch || r.Worker != before.Worker):
		fault("%s: %s writes in epoch %d, and did not take the instance: the last record is of %s in epoch %d", name, r.Worker, r.Epoch, before.Worker, before.Epoch)
	}
	if r.Epoch == r.Number {
		s.heldAt = time.Now()
	}
	s.last, s.records = r, s.records+1
	if r.lastRun() == before.lastRun() {
		return nil
	}
	instance, _, _ := strings.Cut(name, "/")
	previous, events, err := s.readRun(instance, r.Runs[len(r.Runs)-1].Objects["run"])
	if err == nil && previous != before.lastRun() {
		err = fmt.Errorf("the run %s follows %q, and %q was committed before it", r.lastRun(), previous, before.lastRun())
	}
	s.runs = append(s.runs, committed{r.lastRun(), r.Worker, time.Now(), events})
	return err
}

// readRun reads which run a run follows, and which of its changes are told.
func (s *shelf) readRun(instance, object string) (previous string, events []string, err error) {
	packed, err := s.get(instance + "/objects/" + object)
	if err != nil {
		return "", nil, err
	}
	unpacked, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return "", nil, err
	}
	defer unpacked.Close()
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return previous, events, nil
		case err != nil:
			return "", nil, err
		}
		switch header.Name {
		case "run.json":
			var manifest struct{ Previous string }
			err = json.UnmarshalRead(archive, &manifest, json.MatchCaseInsensitiveNames(true))
			previous = manifest.Previous
		case "changes.jsonl":
			for change, unread := range graph.ReadChanges(context.Background(), archive) {
				if err = unread; err == nil && isTold(&change) {
					events = append(events, change.ID)
				}
			}
		}
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// holder is who wrote the last record of an instance, and since when that one has it.
func (b *bucket) holder(instance string) (worker string, since time.Time) {
	s := b.shelf(instance)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.Worker, s.heldAt
}

// isAtRest says whether the last run of an instance was committed after a time, and all consumers have it.
func (b *bucket) isAtRest(instance string, since time.Time) bool {
	s := b.shelf(instance)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.Settled && len(s.runs) > 0 && s.runs[len(s.runs)-1].at.After(since)
}

// counts are the requests that came and were not refused, and the bytes that were put.
func (b *bucket) counts() (requests int, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests, b.bytes
}

// committedBetween are the runs that were committed in a time, of all instances or of one.
func (b *bucket) committedBetween(from, to time.Time, instances ...string) (all []committed) {
	b.mu.Lock()
	names := slices.Sorted(maps.Keys(b.shelves))
	b.mu.Unlock()
	for _, name := range names {
		if len(instances) > 0 && !slices.Contains(instances, name) {
			continue
		}
		s := b.shelf(name)
		s.mu.Lock()
		for _, run := range s.runs {
			if !run.at.Before(from) && run.at.Before(to) {
				all = append(all, run)
			}
		}
		s.mu.Unlock()
	}
	return all
}
