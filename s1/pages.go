package s1

import (
	"context"
	"crypto/sha256"
	"io"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/sourcegraph/conc/panics"
)

// Page is a part of a list.
type Page[T any] struct {
	Rows  []T // until the next page is asked for
	Total int // how many rows the list has, as its first page says (totalItems); -1 where it says nothing, or fewer than it has
}

// Pages yields the pages of the list that the endpoint gives under the given filters: the largest that
// it and Config.PageSize allow, or of the size that a filter "limit" says; smaller ones where those fail (see
// Client.SmallerPages). While one page is consumed the next one is
// fetched. An empty page that names a next one is followed, an empty page that names none is the last:
// whether a list is whole is told by comparing its rows with Total. A list that goes on and on beyond its
// Total ends with an error. After an error nothing more is yielded; it is an *Error, or that of ctx, of
// the TokenSource or of the Recorder.
func Pages[T any](ctx context.Context, c *Client, e Endpoint[T], filters url.Values) iter.Seq2[Page[T], error] {
	// A page may have some more rows than were asked for: nobody says that it must not.
	most := orDefault(2*e.MaxLimit, maxValues)
	return func(yield func(Page[T], error) bool) {
		readers, rows := memoryFor(newPlainReader[T]), memoryFor(newRows[T])
		reader := readers.Get().(*plainReader[T])
		defer readers.Put(reader) // when the last page has been read, or nobody wants it any more
		read := func(d *decoder, rows *[]T) error { return readRows(d, e.List, most, reader, rows) }
		number, given := 0, 0
		for page, err := range pages(ctx, c, e, filters, read) {
			given += max(1, len(page.Rows)) // or empty pages would have no end
			if err == nil && page.Total >= 0 && given-page.Total > page.Total/10+mostBeyondTotal {
				err = beyondBound(e.Path, "page %d: the list goes on where %d rows were promised and %d pages came", number+1, page.Total, number+1)
			}
			// Pages are recorded when they are taken, so that a recording does not depend on how far ahead
			// the list was read.
			err = c.record(Answer{Path: e.Path, Filters: filters, Page: number, Rows: page.Rows, Total: page.Total}, err)
			if err != nil {
				yield(Page[T]{}, err)
				return
			}
			if !yield(page, nil) {
				return
			}
			clear(page.Rows)
			page.Rows = page.Rows[:0]
			rows.Put(&page.Rows)
			number++
		}
	}
}

func newRows[T any]() *[]T { return new([]T) }

// memories are what memoryFor gave, by the types of their content.
var memories sync.Map

// memoryFor holds what was used before, for the next of many chains and pages.
func memoryFor[M any](make func() *M) *sync.Pool {
	of := reflect.TypeFor[M]()
	pool, found := memories.Load(of)
	if !found {
		pool, _ = memories.LoadOrStore(of, &sync.Pool{New: func() any { return make() }})
	}
	return pool.(*sync.Pool)
}

// mostBeyondTotal is by how many rows, beside a tenth, a list may be longer than its first page said: the tenant
// moves while it is read, and rows come twice.
const mostBeyondTotal = 1000

// List yields the rows of Pages one by one.
func List[T any](ctx context.Context, c *Client, e Endpoint[T], filters url.Values) iter.Seq2[T, error] {
	return rowsOf(Pages(ctx, c, e, filters))
}

func rowsOf[T any](pages iter.Seq2[Page[T], error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range pages {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range page.Rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// pages is Pages for any way of reading the data of an answer, unrecorded.
func pages[T any](ctx context.Context, c *Client, e Endpoint[T], filters url.Values, read func(*decoder, *[]T) error) iter.Seq2[Page[T], error] {
	return func(yield func(Page[T], error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		fetched := make(chan fetchedPage[T]) // without a buffer: one page ahead, and no more
		stop := make(chan struct{})
		var panicked panics.Catcher // what panics there shall panic here, where the caller can recover
		go func() {
			defer close(fetched)
			panicked.Try(func() {
				for page := range fetchPages(ctx, c, e, filters, read) {
					select {
					case fetched <- page:
					case <-stop:
						return
					}
				}
			})
		}()
		defer func() { // the goroutine has ended when this function returns
			cancel()
			close(stop)
			for range fetched {
			}
		}()
		for page := range fetched {
			if !yield(page.Page, page.err) {
				return
			}
		}
		panicked.Repanic()
	}
}

// fetchedPage is a page, or why there is none.
type fetchedPage[T any] struct {
	Page[T]
	err error
}

// fetchPages fetches the pages of a list, one after another.
func fetchPages[T any](ctx context.Context, c *Client, e Endpoint[T], filters url.Values, read func(*decoder, *[]T) error) iter.Seq[fetchedPage[T]] {
	return func(yield func(fetchedPage[T]) bool) {
		query := cloneQuery(filters)
		limit := min(e.MaxLimit, c.pageSize)
		if query.Has("limit") {
			limit, _ = strconv.Atoi(query.Get("limit")) // what is no number is the console's to refuse
		}
		seen := map[[sha256.Size]byte]bool{} // the names of the pages, which may be long
		total, rowsBefore := -1, 0
		rows := memoryFor(newRows[T])
		for number := 1; ; number++ {
			var page fetchedPage[T]
			var around envelope
			page.err = c.get(ctx, request{e.Path, query, number, max(0, limit)}, func(body io.Reader) error {
				page.Rows = slices.Grow(*rows.Get().(*[]T), rowsBefore) // pages but the last are of one size
				var err error
				around, err = readEnvelope(body, func(d *decoder) error { return read(d, &page.Rows) })
				return err
			})
			if number == 1 && around.total >= len(page.Rows) { // less than what is there promises nothing
				total = around.total
			}
			page.Total = total
			next := sha256.Sum256([]byte(around.cursor))
			if page.err == nil {
				page.err = checkNext(e.Path, number, around.cursor, seen[next])
			}
			if !yield(page) || page.err != nil || around.cursor == "" {
				return
			}
			seen[next] = true
			query.Set("cursor", around.cursor)
			rowsBefore = len(page.Rows)
		}
	}
}

// checkNext refuses the name of a next page that leads nowhere.
func checkNext(path string, page int, cursor string, seen bool) error {
	switch {
	case seen:
		return &Error{Status: http.StatusOK, Path: path, Detail: "the console named a page that it has already given; the list would never end"}
	case len(cursor) > maxCursorBytes:
		return beyondBound(path, "page %d: the name of the next page has more than %d KiB", page, maxCursorBytes>>10)
	case cursor != "" && page == maxPages:
		return beyondBound(path, "the list has more than %d pages", maxPages)
	}
	return nil
}
