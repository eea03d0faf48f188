package s1

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Raw yields what any endpoint gives, as it came: each element where the data is a list, or an object
// around a list that the API description names (sites, resources); else the data itself. All pages
// are followed with the same query. path may be written as agents, /agents or
// /web/api/v2.1/agents; what leads out of the API is a *PathError, and nothing is sent. An endpoint that
// the API description does not have is asked without a limit of ours.
func (c *Client) Raw(ctx context.Context, path string, query url.Values) iter.Seq2[jsontext.Value, error] {
	path, err := c.cleanPath(path)
	if err != nil {
		return func(yield func(jsontext.Value, error) bool) { yield(nil, err) }
	}
	known := findRawEndpoint(path)
	endpoint := Endpoint[jsontext.Value]{Path: path, MaxLimit: known.maxLimit}
	return rowsOf(pages(ctx, c, endpoint, query, func(d *decoder, rows *[]jsontext.Value) error {
		return readRaw(d, known.list, rows)
	}))
}

// RawCount asks how many elements Raw would yield, without reading them, as Count does.
func (c *Client) RawCount(ctx context.Context, path string, query url.Values) (int, error) {
	path, err := c.cleanPath(path)
	if err != nil {
		return 0, err
	}
	return Count(ctx, c, Endpoint[jsontext.Value]{Path: path}, query)
}

// RawFirst asks for the first element of a list that Raw would yield, and says how many came: one or none, and more where
// the console heeds no limit. What is no list is an *Error, as for Pages. It sends one request, and again where that fails.
func (c *Client) RawFirst(ctx context.Context, path string, query url.Values) (int, error) {
	path, err := c.cleanPath(path)
	if err != nil {
		return 0, err
	}
	var rows []jsontext.Value
	err = c.get(ctx, request{path, cloneQuery(query), 1, 1}, func(body io.Reader) error {
		rows = nil
		_, err := readEnvelope(body, func(d *decoder) error { return readRows(d, findRawEndpoint(path).list, maxValues, nil, &rows) })
		return err
	})
	return len(rows), err
}

// PathError says that a path is none of the API's.
type PathError struct{ Path, Detail string }

func (e *PathError) Error() string { return fmt.Sprintf("path %q: %s", e.Path, e.Detail) }

// readRaw appends to rows what one answer holds.
func readRaw(d *decoder, list string, rows *[]jsontext.Value) error {
	if d.PeekKind() == '[' {
		return readRows(d, "", maxValues, nil, rows)
	}
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	if list != "" && value.Kind() == '{' {
		var members map[string]jsontext.Value
		if err := json.Unmarshal(value, &members, lenient); err != nil {
			return err
		}
		if inside := members[list]; inside.Kind() == '[' {
			return json.Unmarshal(inside, rows, lenient)
		}
	}
	*rows = append(*rows, value.Clone())
	return nil
}

// pathPart is what a part of a path may consist of; what needs escaping is in no path of the API.
var pathPart = regexp.MustCompile(`^[A-Za-z0-9_~:@.,-]+$`)

// cleanPath makes the one form of a path, such as /agents. A path that leaves the API is a *PathError.
func (c *Client) cleanPath(raw string) (string, error) {
	path := strings.Trim(raw, "/")
	path = strings.TrimPrefix(path+"/", strings.TrimPrefix(c.base.Path, "/")+"/")
	path = strings.TrimSuffix(path, "/")
	if strings.ContainsAny(path, "?#") {
		return "", &PathError{raw, "must end before ? or #; filters are given on their own"}
	}
	if strings.HasPrefix(path, "web/api") {
		return "", &PathError{raw, "is not of the API version in use, " + c.base.Path}
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." || !pathPart.MatchString(part) || strings.Contains(raw, "://") {
			return "", &PathError{raw, "must be a path of the API, such as agents or threats/1234/notes"}
		}
	}
	return "/" + path, nil
}

// findRawEndpoint is what is known of a path; of an unknown one that is nothing.
func findRawEndpoint(path string) rawEndpoint {
	parts := strings.Split(path, "/")
	i := slices.IndexFunc(rawEndpoints, func(e rawEndpoint) bool {
		return slices.EqualFunc(strings.Split(e.path, "/"), parts, func(want, got string) bool {
			return want == got || want == "{id}"
		})
	})
	if i < 0 {
		return rawEndpoint{}
	}
	return rawEndpoints[i]
}
