package replay

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/s1"
)

// Recorder writes a recording. Who makes one with NewRecorder closes it with Close; without that
// the folder is no whole recording. It is safe for concurrent use.
type Recorder struct {
	dir string

	mu      sync.Mutex
	answers map[question]*recorded
}

// recorded is an answer that is being recorded.
type recorded struct {
	mu    sync.Mutex
	pages int // so far
	answer
}

var _ s1.Recorder = (*Recorder)(nil)

// NewRecorder makes dir a recording without answers. An older recording in dir is replaced; a folder
// that holds anything else is refused.
func NewRecorder(dir string, meta Meta) (*Recorder, error) {
	meta.URL = cmp.Or(meta.URL, inventURL(meta.Instance))
	address, err := s1.NormalizeURL(meta.URL)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	meta.URL = address
	meta.RecordedAt = meta.RecordedAt.UTC()
	if err := makeEmpty(dir); err != nil {
		return nil, fmt.Errorf("recording %s: %w", dir, err)
	}
	content, err := json.Marshal(metaContent{format, meta}, jsontext.WithIndent("  "))
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, rowsFolder), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, metaFile), append(content, '\n'), 0o600); err != nil {
		return nil, err
	}
	return &Recorder{dir: dir, answers: map[question]*recorded{}}, nil
}

// makeEmpty makes dir an empty folder that only its owner may read, if it can do so without harm.
func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		if _, err := readMeta(dir); err != nil {
			return errors.New("the folder is not empty and holds no recording; name a new or an empty folder")
		}
	}
	for _, entry := range entries {
		if name := entry.Name(); name != metaFile && name != answersFile && name != rowsFolder {
			return fmt.Errorf("the folder holds %q, which is not part of a recording; name a new or an empty folder", name)
		}
		if err := checkMade(dir, entry); err != nil {
			return err
		}
	}
	for _, name := range []string{answersFile, rowsFolder, metaFile} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o700)
}

// rowsFile is what fileName gives.
var rowsFile = regexp.MustCompile(`^[A-Za-z-]+(-[0-9a-f]{16})?\.jsonl$`)

// checkMade refuses what is called like a part of a recording, and holds what no Recorder made.
func checkMade(dir string, entry fs.DirEntry) error {
	path := filepath.Join(dir, entry.Name())
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if entry.Name() != rowsFolder {
		return refuseKind(path, info, 0)
	}
	if err := refuseKind(path, info, fs.ModeDir); err != nil {
		return err
	}
	rows, err := os.ReadDir(path)
	for _, file := range rows {
		if !rowsFile.MatchString(file.Name()) || !file.Type().IsRegular() {
			return fmt.Errorf("the folder holds %q, which is not part of a recording; name a new or an empty folder", filepath.Join(rowsFolder, file.Name()))
		}
	}
	return err
}

// Record adds a page, a count, the user or an error to the recording. A list that is read anew replaces
// what was recorded of it.
func (r *Recorder) Record(a s1.Answer) error {
	to := r.recorded(question{a.Path, canonical(a.Filters), a.CountOnly})
	to.mu.Lock()
	defer to.mu.Unlock()
	if a.Page == 0 && to.pages > 0 {
		if err := r.forget(to); err != nil {
			return err
		}
	}
	if a.Page != to.pages {
		return fmt.Errorf("recording %s: the list %s?%s was read twice at once", r.dir, to.Path, to.Filters)
	}
	to.pages++
	if a.Err != nil {
		to.Error = &fault{a.Err.Status, a.Err.Code}
		return nil
	}
	to.Total = a.Total
	if a.CountOnly {
		return nil
	}
	return r.writeRows(to, a.Rows)
}

// recorded returns what there is of the answer to q.
func (r *Recorder) recorded(q question) *recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to := r.answers[q]; to != nil {
		return to
	}
	to := &recorded{answer: answer{Path: q.path, Filters: q.filters, CountOnly: q.countOnly}}
	r.answers[q] = to
	return to
}

// forget takes back what was recorded of an answer.
func (r *Recorder) forget(to *recorded) error {
	if to.File != "" {
		if err := os.Remove(filepath.Join(r.dir, rowsFolder, to.File)); err != nil {
			return err
		}
	}
	q := to.question()
	to.pages, to.answer = 0, answer{Path: q.path, Filters: q.filters, CountOnly: q.countOnly}
	return nil
}

// writeRows appends the rows of a page, which are a slice, to the file of their list.
func (r *Recorder) writeRows(to *recorded, rows any) error {
	var lines bytes.Buffer
	encoder := jsontext.NewEncoder(&lines, jsontext.AllowInvalidUTF8(true))
	slice := reflect.ValueOf(rows)
	for i := range slice.Len() {
		if err := json.MarshalEncode(encoder, slice.Index(i).Addr().Interface(), json.Deterministic(true)); err != nil {
			return fmt.Errorf("recording %s: %w", r.dir, err)
		}
	}
	// The file is closed after each page: there may be more lists than files may be open.
	to.File = fileName(to.Path, to.Filters)
	f, err := os.OpenFile(filepath.Join(r.dir, rowsFolder, to.File), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines.Bytes())
	to.Rows += slice.Len()
	return errors.Join(err, f.Close())
}

// fileName depends on nothing but the list, so that recordings of one tenant have the same files.
func fileName(path, filters string) string {
	name := strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")
	if filters != "" {
		name += fmt.Sprintf("-%x", sha256.Sum256([]byte(filters)))[:17]
	}
	return name + ".jsonl"
}

// Close makes what was recorded so far a recording that Open takes.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	answers := make([]*answer, 0, len(r.answers))
	for _, recorded := range r.answers {
		answers = append(answers, &recorded.answer)
	}
	slices.SortFunc(answers, func(a, b *answer) int { return compareQuestions(a.question(), b.question()) })
	var lines bytes.Buffer
	encoder := jsontext.NewEncoder(&lines)
	for _, a := range answers {
		if err := json.MarshalEncode(encoder, a); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(r.dir, answersFile), lines.Bytes(), 0o600)
}

// readMeta reads meta.json.
func readMeta(dir string) (Meta, error) {
	var content metaContent
	raw, err := readPlain(filepath.Join(dir, metaFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Meta{}, fmt.Errorf("%s is not a recording: it has no %s", dir, metaFile)
	case err != nil:
		return Meta{}, err
	}
	if err := json.Unmarshal(raw, &content); err != nil {
		return Meta{}, fmt.Errorf("%s: %w", filepath.Join(dir, metaFile), err)
	}
	if content.Format != format {
		return Meta{}, fmt.Errorf("%s is a recording of format %d, and this s1graph reads format %d", dir, content.Format, format)
	}
	if _, err := s1.NormalizeURL(content.URL); err != nil { // a Recorder writes one, and other programs have a meta.json too
		return Meta{}, fmt.Errorf("%s is not a recording: url in its %s %w", dir, metaFile, err)
	}
	return content.Meta, nil
}
