package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/s1"
)

// transport is a Recording in the role of a console.
type transport struct{ recording *Recording }

var apiPath = regexp.MustCompile(`^/web/api/v[0-9.]+(/.+)$`)

// RoundTrip answers a GET request for a list, a count or the user.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	path := apiPath.FindStringSubmatch(req.URL.Path)
	if req.Method != http.MethodGet || path == nil {
		return nil, &s1.Error{Status: http.StatusNotFound, Detail: "a recording answers GET requests for paths of the API only"}
	}
	filters := req.URL.Query()
	p := page{limit: 10, cursor: filters.Get("cursor")}
	if limit, err := strconv.Atoi(filters.Get("limit")); err == nil && limit > 0 {
		p.limit = limit
	}
	q := question{path: path[1], countOnly: filters.Get("countOnly") == "true"}
	for _, name := range []string{"cursor", "limit", "countOnly"} {
		filters.Del(name)
	}
	q.filters = canonical(filters)
	body, err := t.recording.reply(q, p)
	if final, ok := errors.AsType[*s1.Error](err); ok {
		return nil, final
	}
	if err != nil { // what cannot be read now cannot be read later
		return nil, &s1.Error{Detail: err.Error(), Cause: err}
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
}

// page is which part of a list is asked for.
type page struct {
	limit  int
	cursor string
}

// reply is the body of the answer to q.
func (r *Recording) reply(q question, p page) ([]byte, error) {
	found, err := r.find(q)
	if err != nil {
		return nil, err
	}
	var rows []jsontext.Value
	var answer struct {
		Data       any `json:"data"`
		Pagination struct {
			NextCursor string `json:"nextCursor,omitzero"`
			TotalItems *int   `json:"totalItems"`
		} `json:"pagination"`
	}
	if !q.countOnly {
		if rows, answer.Pagination.NextCursor, err = r.read(found, p); err != nil {
			return nil, err
		}
	}
	if found.failed != nil && (q.countOnly || len(rows) == 0) {
		return nil, found.failed.err()
	}
	if found.total >= 0 {
		answer.Pagination.TotalItems = &found.total
	}
	switch list := lists[q.path].name; {
	case q.path == userPath && len(rows) > 0:
		answer.Data = rows[0]
	case list != "":
		answer.Data = map[string]any{list: rows}
	default:
		answer.Data = rows
	}
	return json.Marshal(answer, jsontext.AllowInvalidUTF8(true))
}

// err is the recorded error as the client gives it.
func (f *fault) err() error {
	detail := http.StatusText(f.Status)
	if f.Status == 0 {
		detail = "no whole answer came when this was recorded"
	}
	return &s1.Error{Status: f.Status, Code: f.Code, Detail: detail}
}

// read returns the rows of one page, and the cursor of the next. A cursor names what comes next: the
// line of the file, its offset, and the number of the row after the file.
func (r *Recording) read(f found, p page) (rows []jsontext.Value, next string, err error) {
	const form = "%d.%d.%d"
	var at position
	other := 0
	if p.cursor != "" {
		_, err := fmt.Sscanf(p.cursor, form, &at.line, &at.offset, &other)
		if err != nil || at.line < 0 || at.offset < 0 || other < 0 || other > len(f.others) {
			return nil, "", &s1.Error{Status: http.StatusBadRequest, Detail: "the recording gave no such cursor"}
		}
	}
	inFile, length := 0, 0
	if f.file != nil {
		inFile = f.file.Rows
		err := r.lines(f.file, at, func(_ position, line []byte) bool {
			if length += len(line) + 1; length > s1.MaxAnswerBytes {
				return false
			}
			rows = append(rows, line)
			at.line++
			at.offset += int64(len(line) + 1)
			return len(rows) < p.limit
		})
		if err != nil {
			return nil, "", err
		}
	}
	last := min(len(f.others), other+p.limit-len(rows))
	for _, row := range f.others[other:last] {
		length += row.size + 1
	}
	if length > s1.MaxAnswerBytes {
		return nil, "", beyondBound("a page of the recording "+r.dir, s1.ErrBeyondBound)
	}
	others, err := r.readRows(f.others[other:last])
	rows = append(rows, others...)
	if at.line < inFile || last < len(f.others) || f.failed != nil {
		next = fmt.Sprintf(form, at.line, at.offset, last)
	}
	return rows, next, err
}

// readRows reads rows from wherever they lie.
func (r *Recording) readRows(rows []*row) (lines []jsontext.Value, err error) {
	var f *os.File
	for i, row := range rows {
		if i == 0 || row.in != rows[i-1].in {
			if f, err = r.openRows(row.in); err != nil {
				return nil, err
			}
			defer f.Close()
		}
		line := make([]byte, row.size)
		if _, err := f.ReadAt(line, row.offset); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
