package jsonstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
)

// Draft is a run that is being written. It ends with Commit or Abort; Abort after Commit does nothing. It is a
// Snapshot of what is written so far, and safe for concurrent use where different types are concerned.
type Draft struct {
	store    *Store
	dir      string
	manifest Manifest
	changes  *ChangeWriter
	*tables
	done bool
}

var _ graph.Snapshot = (*Draft)(nil)

// Begin makes the directory of a new run. There is one draft at a time.
func (s *Store) Begin(started time.Time) (*Draft, error) {
	if s.draft != nil {
		return nil, fmt.Errorf("the run %s is neither committed nor aborted", s.draft.manifest.ID)
	}
	d := &Draft{store: s, tables: newTables()}
	d.manifest.Sequence = s.sequence + 1
	if s.last != nil {
		d.manifest.Previous = s.last.manifest.ID
	}
	d.manifest.StartedAt = started.UTC()
	var err error
	if d.manifest.ID, err = s.newID(d.manifest.Sequence, started); err != nil {
		return nil, err
	}
	d.dir = s.runDir(d.manifest.ID)
	if err := os.Mkdir(d.dir, dirMode); err != nil {
		return nil, err
	}
	s.draft = d
	err = errors.Join(os.Mkdir(filepath.Join(d.dir, "graph"), dirMode), os.Mkdir(filepath.Join(d.dir, "index"), dirMode))
	if err == nil {
		d.changes, err = newChangeWriter(filepath.Join(d.dir, "changes.jsonl"), s.options.Instance, d.manifest.ID)
	}
	if err != nil {
		return nil, errors.Join(err, d.Abort())
	}
	return d, nil
}

// ID is the ID that the run will have.
func (d *Draft) ID() string { return d.manifest.ID }

// Changes takes the changes that the run makes.
func (d *Draft) Changes() *ChangeWriter { return d.changes }

// Write writes the records of a type, which must come in ascending order of their keys, and says how many they are. Files that
// come out as the last run has them are linked, if that was verified.
// A second call for the same type replaces what the first one wrote; its records may be made of those, which stay
// readable until the last of the new ones is written. If the records end in an error the type is as it was before;
// after an error of the disk the draft can only be aborted.
func (d *Draft) Write(ctx context.Context, t *graph.Type, records iter.Seq2[graph.Encoded, error]) (int64, error) {
	if err := t.Check(); err != nil {
		return 0, err
	}
	dir, before := d.dir, d.table(t.Name)
	if before != nil {
		dir = filepath.Join(d.dir, "rewrite", t.Name)
	}
	last := d.store.last.earlier(t)
	defer last.close()
	content, isAsLast, err := writeTable(ctx, dir, t, records, last)
	if before != nil {
		if err == nil {
			err = d.take(dir, before, content)
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return 0, fmt.Errorf("writing %s: %w", t.Name, err)
	}
	written := &table{dir: d.dir, typ: t, content: content}
	if isAsLast {
		written.as = last.table
	}
	d.put(written)
	return content.Records, nil
}

// IsAs says whether it is known without a comparison that another snapshot has the same records of a type: a run that all files
// of the type were linked from.
func (d *Draft) IsAs(other graph.Snapshot, typeName string) bool {
	run, ok := other.(*Run)
	t := d.table(typeName)
	return ok && run != nil && t != nil && t.as != nil && t.as == run.table(typeName)
}

// Keep takes over a type that is as it was in a committed run of the same directory, and says how many records there are.
// Its files are linked, and copied only where the file system has no hard links. The draft must not have the type yet.
func (d *Draft) Keep(from *Run, typeName string) (int64, error) {
	was := from.table(typeName)
	if was == nil || d.table(typeName) != nil {
		return 0, fmt.Errorf("keeping %s: the run %s does not have it, or the draft has it already", typeName, from.manifest.ID)
	}
	t := was.typ
	paths := [][2]string{{indexPath(was.dir, t), indexPath(d.dir, t)}}
	for n := range was.content.FileBytes {
		paths = append(paths, [2]string{graphPath(was.dir, t, n+1), graphPath(d.dir, t, n+1)})
	}
	for _, path := range paths {
		err := os.MkdirAll(filepath.Dir(path[1]), dirMode)
		if err == nil {
			err = LinkOrCopy(path[0], path[1])
		}
		if err != nil {
			return 0, fmt.Errorf("keeping %s: %w", typeName, err)
		}
	}
	d.put(&table{dir: d.dir, typ: t, content: was.content, as: was})
	return was.content.Records, nil
}

// take puts the files of a type that are below fresh into the place of those that the draft has.
func (d *Draft) take(fresh string, before *table, content Content) error {
	t := before.typ
	for number := 1; number <= max(len(before.content.FileBytes), len(content.FileBytes)); number++ {
		path := graphPath(d.dir, t, number)
		var err error
		if number <= len(content.FileBytes) {
			err = os.Rename(graphPath(fresh, t, number), path)
		} else {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	return os.Rename(indexPath(fresh, t), indexPath(d.dir, t))
}

// WriteFile writes a file beside the graph, such as the verdicts on its devices, for Run.Open. It is there once it is
// written whole; an error of write leaves none. The name must be none that the run has already.
func (d *Draft) WriteFile(name string, write func(io.Writer) error) error {
	if name != filepath.Base(name) || slices.Contains([]string{"graph", "index", "rewrite", "summary.json", "run.json"}, name) {
		return fmt.Errorf("writing %q: a run's own files cannot be called so", name)
	}
	path := filepath.Join(d.dir, name)
	f, err := create(path)
	if err != nil {
		return err
	}
	counted := &checksumWriter{to: bufio.NewWriterSize(f, 64<<10)}
	err = write(counted)
	if err := errors.Join(err, counted.to.Flush(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.manifest.Files == nil {
		d.manifest.Files = map[string]File{}
	}
	d.manifest.Files[name] = counted.file
	return nil
}

// checksumWriter keeps account of what goes through it.
type checksumWriter struct {
	to   *bufio.Writer
	file File
}

func (w *checksumWriter) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.file.add(b[:n])
	return n, err
}

// CommitInfo is what a run keeps besides its graph and its changes.
type CommitInfo struct {
	State   jsontext.Value // for who reads Manifest.State later
	Summary []byte         // content of summary.json

	// Publish is called when all of the run is on disk and nothing leads to it yet; its error is Commit's. Nil: nobody is told.
	Publish func(*Run) error
}

// Commit makes the draft the last run: everything is brought to the disk, and then DIR/current is swapped. The changes
// go into the log. After an error the last run is as it was, and the draft can only be aborted.
func (d *Draft) Commit(info CommitInfo) error {
	if d.done {
		return fmt.Errorf("the run %s has ended", d.manifest.ID)
	}
	run, err := d.finish(info)
	if err == nil {
		err = d.store.fixLinks()
	}
	if err == nil && info.Publish != nil {
		err = info.Publish(run)
	}
	if err == nil {
		err = d.store.swap(d.manifest.ID)
	}
	if err != nil {
		return fmt.Errorf("commit of run %s: %w", d.manifest.ID, err)
	}
	// The run is committed: what the log lacks is made good when the directory is opened again.
	_ = d.store.logChanges(run)
	d.done = true
	d.store.draft, d.store.last = nil, run
	d.store.sequence, d.store.recovered = d.manifest.Sequence, ""
	return nil
}

// finish writes what is not yet written, and brings all of it to the disk.
func (d *Draft) finish(info CommitInfo) (*Run, error) {
	if err := d.changes.close(); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(filepath.Join(d.dir, "rewrite")); err != nil {
		return nil, err
	}
	m := &d.manifest
	m.Format = manifestFormat
	m.FinishedAt, m.State = d.store.options.Clock().UTC(), info.State
	m.Types, m.Contents = d.Types(), map[string]Content{}
	for name, t := range d.byName {
		m.Contents[name] = t.content
	}
	manifest, err := json.Marshal(m, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "summary.json"), info.Summary, fileMode); err != nil {
		return nil, err
	}
	// It is there whole or not at all: what has none is the draft of a killed process.
	if err := Replace(filepath.Join(d.dir, "run.json"), manifest); err != nil {
		return nil, err
	}
	if err := errors.Join(syncTree(d.dir), syncDir(filepath.Dir(d.dir))); err != nil {
		return nil, err
	}
	return &Run{dir: d.dir, manifest: *m, tables: d.tables}, nil
}

// Abort removes the draft.
func (d *Draft) Abort() error {
	if d.done {
		return nil
	}
	d.done = true
	d.store.draft = nil
	if d.changes != nil {
		d.changes.close() // what it could not write is removed all the same
	}
	return os.RemoveAll(d.dir)
}

// writeTable writes the graph files and the index of a type below dir, where none of them is, and says whether all are as in
// the last run. If it fails it removes them.
func writeTable(ctx context.Context, dir string, t *graph.Type, records iter.Seq2[graph.Encoded, error], last *earlier) (content Content, isAsLast bool, err error) {
	for _, path := range []string{indexPath(dir, t), graphPath(dir, t, 1)} {
		if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
			return Content{}, false, err
		}
	}
	index, err := newIndexWriter(indexPath(dir, t))
	if err != nil {
		return Content{}, false, err
	}
	w := &tableWriter{dir: dir, typ: t, index: index, last: last, buf: bufio.NewWriterSize(nil, 64<<10)}
	if err := w.write(ctx, records); err != nil {
		index.file.Close()
		if w.file != nil {
			w.file.Close()
		}
		return Content{}, false, errors.Join(err, w.remove())
	}
	return w.content, last != nil && w.linked == len(w.content.FileBytes) && w.linked == len(last.blocks), nil
}

type tableWriter struct {
	dir     string
	typ     *graph.Type
	index   *indexWriter
	last    *earlier
	linked  int // files that were
	content Content

	// Of the file at hand.
	file     *os.File // nil while all of it is as in the last run, and between two files
	buf      *bufio.Writer
	size     int64
	checksum uint32
	records  int // 0 between two files
	glue     [32]byte
}

func (w *tableWriter) write(ctx context.Context, records iter.Seq2[graph.Encoded, error]) error {
	for e, err := range graph.Ascending(records, func(e graph.Encoded) string { return e.Key }) {
		if err != nil {
			return err
		}
		if w.content.Records%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.add(&e); err != nil {
			return err
		}
	}
	if err := w.endFile(); err != nil {
		return err
	}
	var err error
	w.content.IndexBytes, err = w.index.close()
	return err
}

// remove removes what was written: the last file has not been counted if it was not ended.
func (w *tableWriter) remove() error {
	err := os.Remove(indexPath(w.dir, w.typ))
	for number := range len(w.content.FileBytes) + 1 {
		if e := os.Remove(graphPath(w.dir, w.typ, number+1)); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (w *tableWriter) add(e *graph.Encoded) error {
	if w.records == recordsPerFile {
		if err := w.endFile(); err != nil {
			return err
		}
	}
	prefix := between
	if w.records == 0 {
		w.size, w.checksum = 0, 0
		if !w.last.begins(w.number()) {
			if err := w.create(); err != nil {
				return err
			}
		}
		prefix = opening(w.typ)
	}
	w.records++
	w.content.Records++
	w.index.add(e)
	if w.file == nil && !w.last.goesOn(w.index.block) {
		if err := w.differ(); err != nil {
			return err
		}
	}
	w.append(append(w.glue[:0], prefix...))
	return w.append(e.JSON)
}

// number is that of the file at hand.
func (w *tableWriter) number() int { return len(w.content.FileBytes) + 1 }

func (w *tableWriter) create() error {
	f, err := create(graphPath(w.dir, w.typ, w.number()))
	w.file = f
	w.buf.Reset(f)
	return err
}

// differ makes the file at hand one of its own, with what it has in common with that of the last run.
func (w *tableWriter) differ() error {
	if err := w.create(); err != nil {
		return err
	}
	return w.last.copyTo(w.buf, w.size, w.checksum)
}

func (w *tableWriter) append(b []byte) error {
	w.size += int64(len(b))
	w.checksum = crc32.Update(w.checksum, castagnoli, b)
	if w.file == nil {
		return nil
	}
	_, err := w.buf.Write(b)
	return err
}

func (w *tableWriter) endFile() (err error) {
	if w.records == 0 {
		return nil
	}
	if w.file == nil && !w.last.isWhole() {
		if err := w.differ(); err != nil {
			return err
		}
	}
	w.append(append(w.glue[:0], closing...))
	if w.file == nil {
		w.linked++
		err = LinkOrCopy(w.last.path(), graphPath(w.dir, w.typ, w.number()))
	} else {
		err = errors.Join(w.buf.Flush(), w.file.Close())
	}
	w.content.FileBytes = append(w.content.FileBytes, w.size)
	w.file, w.records = nil, 0
	return errors.Join(err, w.index.endBlock(w.checksum))
}
