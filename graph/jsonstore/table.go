package jsonstore

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sourcegraph/conc/pool"

	"s1graph/graph"
)

// recordsPerFile is JupiterOne's bound: its tools take a whole file at once.
const recordsPerFile = 500

// What stands in a graph file around the records.
const (
	openEntities      = `{"entities":[` + "\n"
	openRelationships = `{"relationships":[` + "\n"
	between           = ",\n"
	closing           = "\n]}\n"
)

func opening(t *graph.Type) string {
	if t.Relationship {
		return openRelationships
	}
	return openEntities
}

// graphPath is the path of the type's graph file of that number, from 1, below the directory of a run.
func graphPath(dir string, t *graph.Type, number int) string {
	kind := "entities"
	if t.Relationship {
		kind = "relationships"
	}
	return filepath.Join(dir, "graph", t.Step, kind, fmt.Sprintf("%s-%04d.json", t.Name, number))
}

func indexPath(dir string, t *graph.Type) string { return filepath.Join(dir, "index", t.Name) }

// table is the records of one type, as they lie in the directory of a run. A nil table has none.
type table struct {
	dir     string
	typ     *graph.Type
	content Content
	as      *table // of another run, with the same records; nil: nobody knows

	verified atomic.Bool // all of it is as it was written

	mu     sync.Mutex
	blocks []blockInfo // nil until the index is first read
}

// tables are the records of a run, a draft or a folder, by type.
type tables struct {
	mu     sync.Mutex
	byName map[string]*table
}

func newTables() *tables { return &tables{byName: map[string]*table{}} }

func (t *tables) put(one *table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName[one.typ.Name] = one
}

func (t *tables) table(typeName string) *table {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byName[typeName]
}

// Types are the types that were written, sorted by name, the empty ones included.
func (t *tables) Types() []*graph.Type {
	t.mu.Lock()
	defer t.mu.Unlock()
	var types []*graph.Type
	for _, name := range slices.Sorted(maps.Keys(t.byName)) {
		types = append(types, t.byName[name].typ)
	}
	return types
}

// Digests yields the keys and digests of a type, in ascending order.
func (t *tables) Digests(ctx context.Context, typeName string) iter.Seq2[graph.KeyDigest, error] {
	return t.table(typeName).digests(ctx)
}

// Fetch reads records by their keys, and holds them to their digests.
func (t *tables) Fetch(ctx context.Context, typeName string, keys []string) iter.Seq2[graph.Encoded, error] {
	return t.table(typeName).fetch(ctx, keys)
}

// All reads all records of a type, and holds the files to every byte that was written.
func (t *tables) All(ctx context.Context, typeName string) iter.Seq2[graph.Encoded, error] {
	return t.table(typeName).all(ctx)
}

func (t *table) damaged(file string, reason error) error {
	return &DamagedError{Type: t.typ.Name, File: file, Reason: reason}
}

// openIndex opens the index, and reads its directory if that was not done before.
func (t *table) openIndex() (*blockReader, []blockInfo, error) {
	path := indexPath(t.dir, t.typ)
	f, err := OpenPlain(path)
	if err != nil {
		return nil, nil, t.damaged(path, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blocks == nil {
		blocks, err := readDirectory(f, t.content.IndexBytes)
		if err == nil && len(blocks) != len(t.content.FileBytes) {
			err = fmt.Errorf("it is about %d graph files, where %d were written", len(blocks), len(t.content.FileBytes))
		}
		if err != nil {
			f.Close()
			return nil, nil, t.damaged(path, err)
		}
		t.blocks = blocks
	}
	return &blockReader{file: f}, t.blocks, nil
}

// eachBlock visits the index block by block, until visit returns false; fail is told what went wrong.
func (t *table) eachBlock(ctx context.Context, fail func(error), visit func(number int, entries []indexEntry) bool) {
	if t == nil || t.content.Records == 0 {
		return
	}
	r, blocks, err := t.openIndex()
	if err != nil {
		fail(err)
		return
	}
	defer r.file.Close()
	for i := range blocks {
		if ctx.Err() != nil {
			fail(context.Cause(ctx))
			return
		}
		entries, err := r.read(&blocks[i])
		if err != nil {
			fail(t.damaged(r.file.Name(), err))
			return
		}
		if !visit(i+1, entries) {
			return
		}
	}
}

func (t *table) digests(ctx context.Context) iter.Seq2[graph.KeyDigest, error] {
	return func(yield func(graph.KeyDigest, error) bool) {
		fail := func(err error) { yield(graph.KeyDigest{}, err) }
		t.eachBlock(ctx, fail, func(_ int, entries []indexEntry) bool {
			for i := range entries {
				if !yield(entries[i].KeyDigest, nil) {
					return false
				}
			}
			return true
		})
	}
}

func (t *table) all(ctx context.Context) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		fail := func(err error) { yield(graph.Encoded{}, err) }
		t.eachBlock(ctx, fail, func(number int, entries []indexEntry) bool {
			more, err := t.readWhole(number, entries, yield)
			if err != nil {
				fail(err)
			}
			return more && err == nil
		})
	}
}

// readWhole yields all records of a graph file, and holds it to every byte.
func (t *table) readWhole(number int, entries []indexEntry, yield func(graph.Encoded, error) bool) (more bool, err error) {
	f, err := t.openFile(number)
	if err != nil {
		return false, err
	}
	defer f.close()
	f.literal(opening(t.typ))
	for i := range entries {
		e := f.record(&entries[i])
		if i+1 < len(entries) {
			f.literal(between)
		} else {
			f.literal(closing)
			f.end()
		}
		if f.err != nil {
			return false, f.err
		}
		if !yield(e, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (t *table) fetch(ctx context.Context, keys []string) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		if t == nil || t.content.Records == 0 || len(keys) == 0 {
			return
		}
		fail := func(err error) { yield(graph.Encoded{}, err) }
		r, blocks, err := t.openIndex()
		if err != nil {
			fail(err)
			return
		}
		defer r.file.Close()
		for left := keys; len(left) > 0; {
			if ctx.Err() != nil {
				fail(context.Cause(ctx))
				return
			}
			// The first key is in the last block that begins no later; all keys before the next block begins
			// are there too.
			n, _ := slices.BinarySearchFunc(blocks, left[0], func(b blockInfo, key string) int {
				if b.firstKey <= key {
					return -1
				}
				return 1
			})
			here := left
			if n < len(blocks) {
				end, _ := slices.BinarySearch(left, blocks[n].firstKey)
				here = left[:end]
			}
			left = left[len(here):]
			if n == 0 {
				continue
			}
			entries, err := r.read(&blocks[n-1])
			if err != nil {
				fail(t.damaged(r.file.Name(), err))
				return
			}
			more, err := t.readSome(n, entries, here, yield)
			if err != nil {
				fail(err)
			}
			if !more || err != nil {
				return
			}
		}
	}
}

// readSome yields the records of a graph file that have the given keys.
func (t *table) readSome(number int, entries []indexEntry, keys []string, yield func(graph.Encoded, error) bool) (more bool, err error) {
	var f *graphFile
	offset := int64(len(opening(t.typ)))
	for i := range entries {
		for len(keys) > 0 && keys[0] < entries[i].Key {
			keys = keys[1:]
		}
		if len(keys) == 0 {
			break
		}
		if keys[0] == entries[i].Key {
			if f == nil {
				if f, err = t.openFile(number); err != nil {
					return false, err
				}
				defer f.close()
			}
			f.seek(offset)
			e := f.record(&entries[i])
			if f.err != nil {
				return false, f.err
			}
			if !yield(e, nil) {
				return false, nil
			}
		}
		offset += int64(entries[i].length + len(between))
	}
	return true, nil
}

func (t *table) checkSizes() error {
	check := func(path string, size int64) error {
		info, err := os.Stat(path)
		if err != nil {
			return t.damaged(path, err)
		}
		if info.Size() != size {
			return t.damaged(path, fmt.Errorf("it has %d bytes, where %d were written", info.Size(), size))
		}
		return nil
	}
	if err := check(indexPath(t.dir, t.typ), t.content.IndexBytes); err != nil {
		return err
	}
	for i, size := range t.content.FileBytes {
		if err := check(graphPath(t.dir, t.typ, i+1), size); err != nil {
			return err
		}
	}
	return nil
}

// verify holds the index and the graph files to their checksums, on several cores. Of several that are damaged it names the first.
func (t *table) verify(ctx context.Context) error {
	index, blocks, err := t.openIndex()
	if err != nil {
		return err
	}
	defer index.file.Close()
	errs := make([]error, len(blocks))
	var next atomic.Int64 // number of the block that nobody has taken yet
	var failed atomic.Bool
	readers := pool.New()
	for range min(runtime.GOMAXPROCS(0), mostReaders, len(blocks)) {
		readers.Go(func() {
			r, buf := blockReader{file: index.file}, make([]byte, 256<<10)
			for !failed.Load() { // whoever took a block looks at it, so all before one that fails are looked at
				i := int(next.Add(1)) - 1
				if i >= len(blocks) {
					return
				}
				if errs[i] = t.verifyFile(ctx, &r, i+1, &blocks[i], buf); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	readers.Wait()
	return cmp.Or(errs...)
}

// verifyFile holds the graph file of that number, and its block in the index, to their checksums.
func (t *table) verifyFile(ctx context.Context, r *blockReader, number int, block *blockInfo, buf []byte) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := r.load(block); err != nil {
		return t.damaged(r.file.Name(), err)
	}
	path := graphPath(t.dir, t.typ, number)
	checksum, err := checksumOf(path, buf)
	if err == nil && checksum != block.fileChecksum {
		err = errChecksum
	}
	if err != nil {
		return t.damaged(path, err)
	}
	return nil
}

// mostReaders verify a type at once: more would only wait for the disk.
const mostReaders = 4

func checksumOf(path string, buf []byte) (uint32, error) {
	f, err := OpenPlain(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	checksum := crc32.New(castagnoli)
	_, err = io.CopyBuffer(checksum, struct{ io.Reader }{f}, buf) // a bare reader, since the file would not take the buffer
	return checksum.Sum32(), err
}

// salvage yields what can still be read, in ascending order of the keys: records that match their digests, and where the
// index is gone all that read as records of the type.
func (t *table) salvage(ctx context.Context) iter.Seq2[graph.Encoded, error] {
	return func(yield func(graph.Encoded, error) bool) {
		r, blocks, err := t.openIndex()
		if err == nil {
			defer r.file.Close()
		}
		last := ""
		for i := range t.content.FileBytes {
			if ctx.Err() != nil {
				yield(graph.Encoded{}, context.Cause(ctx))
				return
			}
			var known map[string]graph.KeyDigest
			if blocks != nil {
				if entries, err := r.read(&blocks[i]); err == nil {
					known = make(map[string]graph.KeyDigest, len(entries))
					for _, e := range entries {
						known[e.Key] = e.KeyDigest
					}
				}
			}
			for e := range t.readable(i+1, known) {
				if e.Key <= last {
					continue
				}
				last = strings.Clone(e.Key)
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// readable yields the lines of a graph file that are records of the type: those with the digests that are known, or
// if none are known, those in canonical form.
func (t *table) readable(number int, known map[string]graph.KeyDigest) iter.Seq[graph.Encoded] {
	return func(yield func(graph.Encoded) bool) {
		f, err := OpenPlain(graphPath(t.dir, t.typ, number))
		if err != nil {
			return
		}
		defer f.Close()
		types := map[string]*graph.Type{t.typ.Name: t.typ}
		for r := bufio.NewReader(f); ; {
			line, err := r.ReadBytes('\n')
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte(","))
			if record, notOne := graph.Decode(line, types); notOne == nil {
				e := graph.Encode(&record)
				d, listed := known[e.Key]
				if bytes.Equal(e.JSON, line) && (known == nil || listed && d == e.KeyDigest) && !yield(e) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}
