package jsonstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// manifestFormat is the version of run.json, and of the files that it speaks of.
const manifestFormat = 2

// Manifest is what a run says of itself.
type Manifest struct {
	Format     int       `json:"format"` // version of the run's files; 1 where run.json has none, as it once was
	ID         string    `json:"id"`
	Previous   string    `json:"previous,omitzero"` // ID of the run that was the last one before; empty for the first
	Sequence   int64     `json:"sequence"`          // 1 for the first run
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`

	// Types are the types that were written, sorted by name, the empty ones included.
	Types []*graph.Type `json:"types"`

	// Contents says what there is of each type.
	Contents map[string]Content `json:"contents"`

	// Files are the other files that were put beside the graph, by name.
	Files map[string]File `json:"files,omitzero"`

	// State is what the one who committed the run keeps with it. The store does not look into it.
	State jsontext.Value `json:"state,omitzero"`
}

// Content is what a run holds of one type.
type Content struct {
	Records    int64   `json:"records"`
	IndexBytes int64   `json:"indexBytes"`
	FileBytes  []int64 `json:"fileBytes,omitzero"` // sizes of the graph files, in the order of their numbers
}

// File is what was written of a file beside the graph.
type File struct {
	Bytes    int64  `json:"bytes"`
	Checksum uint32 `json:"checksum"` // CRC-32C
}

// add counts bytes that follow.
func (f *File) add(b []byte) {
	f.Bytes += int64(len(b))
	f.Checksum = crc32.Update(f.Checksum, castagnoli, b)
}

// DamagedError says that a file of a run is not as it was written.
type DamagedError struct {
	Type   string // empty where the whole run is concerned
	File   string
	Reason error
}

func (e *DamagedError) Error() string {
	reason := e.Reason
	if of, ok := errors.AsType[*fs.PathError](reason); ok {
		reason = of.Err // the file is named once
	}
	return fmt.Sprintf("%s is damaged: %v", e.File, reason)
}

func (e *DamagedError) Unwrap() error { return e.Reason }

// Run is a committed run. What it reads it checks: the error is a *DamagedError where a file is not as it was
// written. It is safe for concurrent use, and valid until it is pruned.
type Run struct {
	*tables
	dir      string
	manifest Manifest
}

var _ graph.Snapshot = (*Run)(nil)

// OpenRun opens a run by its directory, without the lock: whoever reads a run that another process may prune must be
// ready for its files to vanish. The error is a *NewerError if a newer version wrote the run.
func OpenRun(dir string) (*Run, error) {
	path := filepath.Join(dir, "run.json")
	b, err := ReadPlain(path)
	if err != nil {
		return nil, &DamagedError{File: path, Reason: err}
	}
	r := &Run{dir: dir, tables: newTables()}
	r.manifest.Format = 1
	var of struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &of); err == nil && of.Format > manifestFormat {
		return nil, &NewerError{path, of.Format, manifestFormat}
	}
	if err := json.Unmarshal(b, &r.manifest); err != nil {
		return nil, &DamagedError{File: path, Reason: err}
	}
	if r.manifest.ID != filepath.Base(dir) {
		return nil, &DamagedError{File: path, Reason: fmt.Errorf("it is of the run %q", r.manifest.ID)}
	}
	// Names of types and steps are parts of paths here, and of statements elsewhere.
	if err := graph.CheckTypes(r.manifest.Types); err != nil {
		return nil, &DamagedError{File: path, Reason: err}
	}
	for _, t := range r.manifest.Types {
		r.put(&table{dir: dir, typ: t, content: r.manifest.Contents[t.Name]})
	}
	return r, nil
}

// ErrNoRun says that a directory has no run yet.
var ErrNoRun = errors.New("there is no run yet")

// OpenLast opens the last run of a Store's directory, as OpenRun does. The error is ErrNoRun where there is none.
func OpenLast(dir string) (*Run, error) {
	id, err := lastID(dir)
	if err != nil {
		return nil, err
	}
	return OpenKept(dir, id)
}

// OpenKept opens a run of a Store's directory by its ID, as OpenRun does.
func OpenKept(dir, id string) (*Run, error) { return OpenRun(filepath.Join(dir, "runs", id)) }

// lastID is the ID of the run that DIR/current leads to. The error is ErrNoRun where there is no such link.
func lastID(dir string) (string, error) {
	path := filepath.Join(dir, "current")
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Type() != fs.ModeSymlink {
		return "", ErrNoRun
	}
	link, err := os.Readlink(path)
	return filepath.Base(link), err
}

// Manifest is what the run says of itself. It is not to be changed.
func (r *Run) Manifest() Manifest { return r.manifest }

// Dir is the run's directory.
func (r *Run) Dir() string { return r.dir }

// Open opens a file that Draft.WriteFile wrote. Its end is an error where it is not as it was written. The error is
// fs.ErrNotExist if the run has no such file.
func (r *Run) Open(name string) (io.ReadCloser, error) {
	want, known := r.manifest.Files[name]
	if !known {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(r.dir, name), Err: fs.ErrNotExist}
	}
	f, err := OpenPlain(filepath.Join(r.dir, name))
	if err != nil {
		return nil, &DamagedError{File: filepath.Join(r.dir, name), Reason: err}
	}
	return &checkedFile{file: f, want: want}, nil
}

// checkedFile holds a file to what was written when it has been read to its end.
type checkedFile struct {
	file      *os.File
	want, got File
}

func (f *checkedFile) Close() error { return f.file.Close() }

func (f *checkedFile) Read(b []byte) (int, error) {
	n, err := f.file.Read(b)
	f.got.add(b[:n])
	if err == io.EOF && f.got != f.want {
		err = &DamagedError{File: f.file.Name(), Reason: errChecksum}
	}
	return n, err
}

// CheckSizes looks at the sizes of all files, which costs a few microseconds each, and says which types
// are damaged.
func (r *Run) CheckSizes() map[string]error {
	damaged := map[string]error{}
	for name, t := range r.byName {
		if err := t.checkSizes(); err != nil {
			damaged[name] = err
		}
	}
	return damaged
}

// Verify reads every byte, at about a gigabyte a second and more, and says which types are damaged. Of types that
// were not read because ctx ended it gives that as the reason.
func (r *Run) Verify(ctx context.Context) map[string]error {
	damaged := r.CheckSizes()
	for name, t := range r.byName {
		if damaged[name] != nil {
			continue
		}
		err := t.verify(ctx)
		t.verified.Store(err == nil)
		if err != nil {
			damaged[name] = err
		}
	}
	return damaged
}
