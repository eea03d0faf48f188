package jsonstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/graph"
	"s1graph/graph/sorter"
)

// Folder is the graph in a folder of graph files, read without an index: a copy of a graph, one that another
// program wrote, or a run whose index is damaged. It is safe for concurrent use until it is closed.
type Folder struct {
	*tables
	dir string // temporary
}

var _ graph.Snapshot = (*Folder)(nil)

// OpenFolder reads all files below path whose names end in .json, in whatever order they and their records
// are, sorts the records, and keeps them in the system's directory for temporary files. path may be the
// directory of a Store too. What is wrong with a record is said with its file and line. A type that is not in the
// model is understood as its records say.
func OpenFolder(path string, model []*graph.Type) (*Folder, error) {
	if info, err := os.Stat(filepath.Join(path, "graph")); err == nil && info.IsDir() {
		path = filepath.Join(path, "graph")
	}
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "s1graph-*")
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, tables: newTables()}
	r := folderReader{dir: dir, types: map[string]*graph.Type{}, sorters: map[string]*sorter.Sorter{}}
	err = r.read(root, model)
	for name, b := range r.sorters {
		if err == nil {
			err = f.write(context.Background(), r.types[name], b.Sorted(context.Background(), name))
		}
	}
	if err = errors.Join(err, r.close()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Folder) write(ctx context.Context, t *graph.Type, records iter.Seq2[graph.Encoded, error]) error {
	content, _, err := writeTable(ctx, f.dir, t, records, nil)
	f.put(&table{dir: f.dir, typ: t, content: content})
	return err
}

// Close removes the temporary files.
func (f *Folder) Close() error { return os.RemoveAll(f.dir) }

// folderReader takes graph files apart.
type folderReader struct {
	dir     string
	types   map[string]*graph.Type
	sorters map[string]*sorter.Sorter // by type; one serves all types of the model
	made    []*sorter.Sorter
}

func (r *folderReader) read(root string, model []*graph.Type) error {
	if _, err := r.newSorter(sorter.DefaultMemoryBytes, model...); err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path != root && !strings.HasSuffix(path, ".json") {
			return err
		}
		return r.readFile(path)
	})
}

func (r *folderReader) newSorter(memory int, types ...*graph.Type) (*sorter.Sorter, error) {
	b, err := sorter.New(sorter.Config{Dir: r.dir, Types: types, MemoryBytes: memory})
	if err != nil {
		return nil, err
	}
	r.made = append(r.made, b)
	for _, t := range types {
		r.types[t.Name], r.sorters[t.Name] = t, b
	}
	return b, nil
}

func (r *folderReader) readFile(path string) error {
	f, err := OpenPlain(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d := jsontext.NewDecoder(f)
	err = r.decode(d)
	if err == nil {
		return nil
	}
	offset := d.InputOffset()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset = syntax.ByteOffset
	}
	return fmt.Errorf("%s, line %d: %w", path, lineAt(path, offset), err)
}

func (r *folderReader) decode(d *jsontext.Decoder) error {
	if d.PeekKind() != '{' {
		_, err := d.ReadValue()
		return cmp.Or(err, errors.New("a graph file must be a JSON object"))
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	found := false
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		switch list := name.String(); list {
		case "entities", "relationships":
			found = true
			err = r.decodeList(d, list == "relationships")
		default:
			err = d.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return cmp.Or(err, errors.New("there is something after the end of the graph"))
	}
	if !found {
		return errors.New("a graph file must have a list of entities or of relationships")
	}
	return nil
}

func (r *folderReader) decodeList(d *jsontext.Decoder, relationships bool) error {
	if d.PeekKind() != '[' {
		_, err := d.ReadValue()
		return cmp.Or(err, errors.New("entities and relationships must be lists"))
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := r.take(raw, relationships); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func (r *folderReader) take(raw []byte, relationship bool) error {
	record, err := graph.Decode(raw, r.types)
	if err != nil {
		if defined, failed := r.define(raw, relationship); !defined {
			return cmp.Or(failed, err)
		}
		if record, err = graph.Decode(raw, r.types); err != nil {
			return err
		}
	}
	if record.Type.Relationship != relationship {
		return fmt.Errorf("record %s: the type %s is in the wrong list", record.Key, record.Type.Name)
	}
	b := r.sorters[record.Type.Name]
	if b == nil {
		if b, err = r.newSorter(8<<20, record.Type); err != nil {
			return err
		}
	}
	if b.Seen(record.Type.Name, record.Key) {
		return fmt.Errorf("record %s: it is in the graph twice", record.Key)
	}
	return b.Add(sorter.Row{List: record.Type.Name, ID: record.Key, Records: []graph.Record{record}})
}

// define makes a type that is not in the model, as the record says, and says whether there was one to make. The error
// is about a name that no type and no class may have.
func (r *folderReader) define(raw []byte, relationship bool) (bool, error) {
	var head struct {
		Type  string         `json:"_type"`
		Class jsontext.Value `json:"_class"`
	}
	if json.Unmarshal(raw, &head) != nil || head.Type == "" || r.types[head.Type] != nil {
		return false, nil
	}
	t := &graph.Type{Name: head.Type, Relationship: relationship}
	var classes []string
	if json.Unmarshal(head.Class, &t.Class) != nil && json.Unmarshal(head.Class, &classes) == nil && len(classes) > 0 {
		t.Class = classes[0]
	}
	if err := graph.CheckName(t.Name); err != nil {
		return false, fmt.Errorf("_type: %w", err)
	}
	if t.Class != "" {
		if err := graph.CheckName(t.Class); err != nil {
			return false, fmt.Errorf("_class: %w", err)
		}
	}
	r.types[t.Name] = t
	return true, nil
}

func (r *folderReader) close() error {
	var errs []error
	for _, b := range r.made {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// lineAt says which line of a file has the byte at offset.
func lineAt(path string, offset int64) int {
	f, err := OpenPlain(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	line := 1
	buf := make([]byte, 64<<10)
	for r := io.LimitReader(f, offset); ; {
		n, err := r.Read(buf)
		line += bytes.Count(buf[:n], []byte("\n"))
		if err != nil {
			return line
		}
	}
}
