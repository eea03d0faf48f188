package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/s1"
)

// Recording is a recording that was opened to be replayed. It keeps no file open and needs no closing.
// It is safe for concurrent use.
type Recording struct {
	dir     string
	meta    Meta
	answers map[question]*answer
	byPath  map[string][]*answer // the lists, in the order of answers.jsonl

	mu      sync.Mutex // of what is made when it is first needed:
	made    index
	derived map[question][]*row // the lists that were not recorded as they were asked for
}

// Open reads what there is in the recording in dir; its rows stay on disk. A recording in which a link, a pipe or a
// device is in the place of a file is refused.
func Open(dir string) (*Recording, error) {
	meta, err := readMeta(dir)
	if err != nil {
		return nil, err
	}
	r := &Recording{
		dir: dir, meta: meta,
		answers: map[question]*answer{}, byPath: map[string][]*answer{}, derived: map[question][]*row{},
	}
	f, err := openPlain(filepath.Join(dir, answersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the recording %s was never finished: it has no %s", dir, answersFile)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for decoder := jsontext.NewDecoder(bufio.NewReader(s1.Bounded(f))); ; {
		var a answer
		err := json.UnmarshalDecode(decoder, &a)
		if errors.Is(err, io.EOF) && decoder.StackDepth() == 0 {
			return r, r.checkFiles()
		}
		if errors.Is(err, s1.ErrBeyondBound) {
			return nil, beyondBound(f.Name(), err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if a.File != "" && a.File != filepath.Base(a.File) {
			return nil, fmt.Errorf("%s: the file %q does not stand in the folder %s", f.Name(), a.File, rowsFolder)
		}
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("the recording is damaged: %s: %s: %w", f.Name(), a.Path, err)
		}
		filters, err := url.ParseQuery(a.Filters)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", f.Name(), a.Path, err)
		}
		a.selection = selectionOf(a.Path, filters)
		r.answers[a.question()] = &a
		if !a.CountOnly {
			r.byPath[a.Path] = append(r.byPath[a.Path], &a)
		}
	}
}

// Meta says what the recording is of.
func (r *Recording) Meta() Meta { return r.meta }

// URL is the invented address of the recorded tenant, for s1.Config.
func (r *Recording) URL() string { return r.meta.URL }

// Transport answers the requests of an s1.Client, whatever its token, as the recorded tenant did:
//
//   - A list or count that was recorded under the same filters is given as it was. Rows that were not
//     in a list, but answered when they were asked for by id, are put into it, so that a replay into an
//     empty folder makes the same graph; totals are raised by as many.
//   - Rows asked for by id are looked up in all that was recorded of their path.
//   - A list that covers less than what was recorded, by siteIds, groupIds or accountIds, is made of
//     the recorded rows.
//   - A recorded error is given again.
//   - Anything else is a 404 that says what the recording lacks.
//
// Errors are given as *s1.Error, which the client takes as final.
func (r *Recording) Transport() http.RoundTripper { return transport{r} }

// lines reads the lines of an answer's file, from the given offset on. A file that has fewer rows than
// were recorded is an error.
func (r *Recording) lines(a *answer, from position, yield func(at position, line []byte) bool) error {
	if from.line >= a.Rows {
		return nil
	}
	f, err := r.openRows(a)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(from.offset, io.SeekStart); err != nil {
		return err
	}
	for buffered := bufio.NewReaderSize(f, 64<<10); from.line < a.Rows; from.line++ {
		line, err := readLine(buffered)
		if errors.Is(err, s1.ErrBeyondBound) {
			return beyondBound(fmt.Sprintf("row %d of %s", from.line+1, f.Name()), err)
		}
		if err != nil || !jsontext.Value(line).IsValid(jsontext.AllowInvalidUTF8(true)) {
			return fmt.Errorf("the recording is damaged: row %d of %s", from.line+1, f.Name())
		}
		if !yield(from, line[:len(line)-1]) {
			return nil
		}
		from.offset += int64(len(line))
	}
	return nil
}

// position is a place in a file of rows.
type position struct {
	line   int
	offset int64
}

// openRows opens an answer's file.
func (r *Recording) openRows(a *answer) (*os.File, error) {
	if err := checkFolder(filepath.Join(r.dir, rowsFolder)); err != nil {
		return nil, err
	}
	return openPlain(r.path(a))
}

// path is that of an answer's file.
func (r *Recording) path(a *answer) string { return filepath.Join(r.dir, rowsFolder, a.File) }
