package s1test_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"s1graph/s1/s1test"
)

// row is a row as it came.
type row map[string]any

func (r row) text(path ...string) string {
	s, _ := r.at(path...).(string)
	return s
}

func (r row) at(path ...string) any {
	var v any = map[string]any(r)
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// page is an answer of the console.
type page struct {
	Data       json.RawMessage
	Pagination struct {
		NextCursor *string
		TotalItems int
	}
	Errors []struct {
		Code          int
		Detail, Title string
	}

	status int
	header http.Header
}

func (p page) cursor() string {
	if p.Pagination.NextCursor == nil {
		return ""
	}
	return *p.Pagination.NextCursor
}

func (p page) rows(t testing.TB) []row { return rowsOf[row](t, p) }

func rowsOf[T any](t testing.TB, p page) []T {
	var rows []T
	if strings.HasPrefix(string(p.Data), "{") {
		var data struct{ Sites []T }
		require.NoError(t, json.Unmarshal(p.Data, &data))
		return data.Sites
	}
	require.NoError(t, json.Unmarshal(p.Data, &rows))
	return rows
}

// get asks the console once.
func get(t testing.TB, s http.Handler, path string, q url.Values, tokens ...string) page {
	token := s1test.DefaultToken
	if len(tokens) > 0 {
		token = tokens[0]
	}
	r := httptest.NewRequest(http.MethodGet, s1test.Base+path+"?"+q.Encode(), nil)
	r.Header.Set("Authorization", "ApiToken "+token)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	p := page{status: w.Code, header: w.Header()}
	body, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &p), "%s", body)
	return p
}

// all asks for all pages of a list, and holds the total to the rows that came.
func all(t testing.TB, s http.Handler, path string, q url.Values, tokens ...string) []row {
	t.Helper()
	return pages[row](t, s, path, q, tokens...)
}

// idsOf does the same for no more than the rows' IDs.
func idsOf(t testing.TB, s http.Handler, path string, q url.Values, tokens ...string) []string {
	t.Helper()
	var ids []string
	for _, r := range pages[struct{ ID string }](t, s, path, q, tokens...) {
		ids = append(ids, r.ID)
	}
	return ids
}

func pages[T any](t testing.TB, s http.Handler, path string, q url.Values, tokens ...string) []T {
	t.Helper()
	var rows []T
	with := maps.Clone(q)
	for range 10_000 {
		p := get(t, s, path, with, tokens...)
		require.Equal(t, http.StatusOK, p.status, "%s %v: %v", path, with, p.Errors)
		rows = append(rows, rowsOf[T](t, p)...)
		if p.cursor() == "" {
			require.Len(t, rows, p.Pagination.TotalItems, "%s %v", path, q)
			return rows
		}
		with = maps.Clone(q)
		with.Set("cursor", p.cursor())
	}
	require.Fail(t, "the list does not end")
	return nil
}

func ids(rows []row) []string {
	var all []string
	for _, r := range rows {
		all = append(all, r.text("id"))
	}
	return all
}

// everything are the parameters that ask for all rows of a list.
func everything(path string, limit int) url.Values {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	switch path {
	case "/agents":
		q.Set("isDecommissioned", "true,false")
		q.Set("isUninstalled", "true,false")
	case "/installed-applications":
		q.Set("agentIsDecommissioned", "true,false")
	}
	return q
}

func with(q url.Values, pairs ...string) url.Values {
	q = maps.Clone(q)
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

func where(rows []row, is func(row) bool) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !is(r) })
}
