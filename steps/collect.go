package steps

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"s1graph/graph"
	"s1graph/s1"
)

// list is how one list of the Management API is read whole, and what becomes of its rows.
type list[T any] struct {
	List
	endpoint s1.Endpoint[T]
	name     string                                          // tells lists of one endpoint apart; empty where a step reads one
	filters  url.Values                                      // besides the List's own
	chains   func(filters url.Values, rows int) []url.Values // nil: never split

	// entity is what a row becomes. Things of this type in the last graph that the list lacks are asked
	// for by ID before they count as gone. nil: they are not asked for.
	entity *graph.Type

	id      func(*T) string
	updated func(*T) s1.Time
	records func(*T) []graph.Record
}

// askAtOnce is how many IDs one question holds: 100 of 19 digits make a URL of 2 kB.
const askAtOnce = 100

// tolerance is by how much two counts of a list may differ: the tenant moves while it is read.
func tolerance(rows int64) int64 { return max(5, rows/1000) }

// collect reads the list, makes sure that it is whole, and asks for what it lacks. Its error means that
// nothing may be deleted on the strength of this list.
func (l *list[T]) collect(ctx context.Context, in *Input, out *Emitter) error {
	filters := in.Scope.query(l.Scope)
	maps.Copy(filters, l.Filters)
	maps.Copy(filters, l.filters)
	if err := l.read(ctx, in, out, filters); err != nil {
		return err
	}
	if l.entity == nil {
		return nil
	}
	return l.askForMissing(ctx, in, out, filters)
}

// read reads all rows, in several cursor chains where that pays, and compares how many there were with
// how many were promised.
func (l *list[T]) read(ctx context.Context, in *Input, out *Emitter, filters url.Values) error {
	if l.chains == nil {
		promised, err := l.chain(ctx, in, out, filters)
		if err != nil {
			return err
		}
		return l.checkWhole(out, promised)
	}
	count, err := s1.Count(ctx, in.Client, l.endpoint, filters)
	if err != nil {
		return err
	}
	chains := l.chains(filters, count)
	promises := pool.NewWithResults[int64]().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, chain := range chains {
		promises.Go(func(ctx context.Context) (int64, error) { return l.chain(ctx, in, out, chain) })
	}
	promised, err := promises.Wait()
	if err != nil {
		return err
	}
	var sum int64
	for _, n := range promised {
		sum += n
	}
	if missing := int64(count) - l.distinct(out); len(chains) > 1 && (missing > tolerance(int64(count)) || missing > 0 && l.entity != nil) {
		// Some rows are in no chain, such as those of an agent whose site is gone. A few installations that
		// came and went meanwhile are not worth reading all of them again.
		if sum, err = l.chain(ctx, in, out, filters); err != nil {
			return err
		}
	}
	if err := l.checkWhole(out, sum); err != nil {
		return err
	}
	return l.checkWhole(out, int64(count))
}

// chain reads one cursor chain, and returns how many rows its first page promised.
func (l *list[T]) chain(ctx context.Context, in *Input, out *Emitter, filters url.Values) (promised int64, err error) {
	first := true
	for page, err := range s1.Pages(ctx, in.Client, l.endpoint, filters) {
		if err != nil {
			return promised, err
		}
		if first {
			first, promised = false, int64(page.Total)
			out.expect(page.Total)
		}
		if err := l.emit(out, page.Rows); err != nil {
			return promised, err
		}
	}
	return promised, nil
}

func (l *list[T]) emit(out *Emitter, rows []T) error {
	for i := range rows {
		row := &rows[i]
		if l.id(row) == "" {
			continue // nothing can be said of a thing without an ID
		}
		if err := out.Row(l.title(), l.id(row), l.updated(row), l.records(row)...); err != nil {
			return err
		}
	}
	out.advance(len(rows))
	return nil
}

func (l *list[T]) title() string { return l.Path + l.name }

func (l *list[T]) distinct(out *Emitter) int64 { return out.distinct(l.title()) }

func (l *list[T]) checkWhole(out *Emitter, promised int64) error {
	got := l.distinct(out)
	if missing := promised - got; missing > tolerance(promised) || -missing > tolerance(promised) {
		return fmt.Errorf("%s gave %d rows where %d were promised: the console's answer is not whole, so nothing of it counts as gone; run again", l.Path, got, promised)
	}
	return nil
}

// askForMissing asks by ID for what the last graph has and the list lacks. One that answers is emitted
// like a row of the list; too many of those mean that the list was not whole after all.
func (l *list[T]) askForMissing(ctx context.Context, in *Input, out *Emitter, filters url.Values) error {
	limit := tolerance(l.distinct(out))
	var answered int64
	ask := func(keys []string) error {
		ids, err := l.inside(ctx, in, keys)
		if err != nil || len(ids) == 0 {
			return err
		}
		question := maps.Clone(filters)
		// Where the scope's filter is the same parameter, ids replaces it: only IDs inside the scope are asked for.
		question.Set(l.Ask, strings.Join(ids, ","))
		for page, err := range s1.Pages(ctx, in.Client, l.endpoint, question) {
			if err != nil {
				return fmt.Errorf("asking for %d that the list lacks: %w", len(ids), err)
			}
			page.Rows = slices.DeleteFunc(page.Rows, func(row T) bool { return !slices.Contains(ids, l.id(&row)) })
			answered += int64(len(page.Rows))
			if err := l.emit(out, page.Rows); err != nil {
				return err
			}
		}
		if answered > limit {
			return fmt.Errorf("%s lacked %d or more that answer when they are asked for by ID: the console's answer is not whole, so nothing of it counts as gone; run again", l.Path, answered)
		}
		return nil
	}

	var missing []string
	for d, err := range in.Last.Digests(ctx, l.entity.Name) {
		if err != nil {
			return err
		}
		if out.seen(l.title(), idOf(d.Key)) {
			continue
		}
		if missing = append(missing, d.Key); len(missing) == askAtOnce {
			if err := ask(missing); err != nil {
				return err
			}
			missing = missing[:0]
		}
	}
	return ask(missing)
}

// inside returns the IDs of those of the keys that this run's scope contains.
func (l *list[T]) inside(ctx context.Context, in *Input, keys []string) (ids []string, err error) {
	for encoded, err := range in.Last.Fetch(ctx, l.entity.Name, keys) {
		if err != nil {
			return nil, err
		}
		record, err := graph.Decode(encoded.JSON, in.types)
		if err != nil {
			return nil, err
		}
		if !in.OutOfScope(&record) {
			ids = append(ids, idOf(record.Key))
		}
	}
	return ids, nil
}
