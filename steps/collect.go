package steps

import (
	"context"
	"errors"
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
	count, chains := unknown, []url.Values{filters}
	if l.chains != nil {
		n, err := s1.Count(ctx, in.Client, l.endpoint, filters)
		switch {
		case err == nil:
			count, chains = int64(n), l.chains(filters, n)
		case !errors.Is(err, s1.ErrNoTotal):
			return err
		}
	}
	promises := pool.NewWithResults[int64]().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, chain := range chains {
		promises.Go(func(ctx context.Context) (int64, error) { return l.chain(ctx, in, out, chain) })
	}
	promised, err := promises.Wait()
	if err != nil {
		return err
	}
	sum := sumOf(promised)
	if missing := count - l.distinct(out); len(chains) > 1 && (missing > tolerance(count) || missing > 0 && l.entity != nil) {
		// Some rows are in no chain, such as those of an agent whose site is gone. A few installations that
		// came and went meanwhile are not worth reading all of them again.
		if sum, err = l.again(ctx, in, out, filters); err != nil {
			return err
		}
	}
	if count == unknown && sum == unknown {
		if err := l.readUncounted(ctx, in, out, filters); err != nil {
			return err
		}
	}
	if n := out.unreadable(l.title()); n > 0 {
		return fmt.Errorf("%s gave %d rows that are no objects or have no ID: what they are about is not known, so nothing of this list counts as gone; look at them with s1graph api %s", l.Path, n, strings.TrimPrefix(l.Path, "/"))
	}
	if err := l.checkWhole(out, sum); err != nil {
		return err
	}
	return l.checkWhole(out, count)
}

// unknown is what a console promises that does not say how many rows a list has.
const unknown int64 = -1

// sumOf is how many rows several chains promised; unknown where one of them did not say.
func sumOf(promised []int64) (sum int64) {
	for _, n := range promised {
		if n == unknown {
			return unknown
		}
		sum += n
	}
	return sum
}

// readUncounted judges a list that was read to its last page, and of which nobody says how many rows it has. What an
// entity's list lacks is asked for by ID. Any other is read once more: it is whole if that gives nothing new.
func (l *list[T]) readUncounted(ctx context.Context, in *Input, out *Emitter, filters url.Values) error {
	if l.entity != nil {
		out.note(fmt.Sprintf("The console does not say how many rows %s has (totalItems): what the list lacks is asked for by ID before it counts as gone.", l.Path))
		return nil
	}
	before := l.distinct(out)
	if _, err := l.again(ctx, in, out, filters); err != nil {
		return err
	}
	if more := l.distinct(out) - before; more > 0 {
		return fmt.Errorf("the console does not say how many rows %s has, and gave %d when it was read once more that it did not give before: its answer is not whole, so nothing of it counts as gone; run again", l.Path, more)
	}
	out.note(fmt.Sprintf("The console does not say how many rows %s has (totalItems): it was read twice, and counts as whole since that gave nothing new.", l.Path))
	return nil
}

// again reads the list once more, in one chain.
func (l *list[T]) again(ctx context.Context, in *Input, out *Emitter, filters url.Values) (promised int64, err error) {
	out.forgetUnreadable(l.title())
	return l.chain(ctx, in, out, filters)
}

// chain reads one cursor chain, and returns how many rows its first page promised, or unknown.
func (l *list[T]) chain(ctx context.Context, in *Input, out *Emitter, filters url.Values) (promised int64, err error) {
	first := true
	for page, err := range s1.Pages(ctx, in.Client, l.endpoint, filters) {
		if err != nil {
			return promised, err
		}
		if first {
			first, promised = false, int64(page.Total)
			out.expect(max(page.Total, 0))
		}
		if err := l.emit(out, page.Rows); err != nil {
			return promised, err
		}
	}
	return promised, nil
}

func (l *list[T]) emit(out *Emitter, rows []T) error {
	unreadable := 0
	for i := range rows {
		row := &rows[i]
		if l.id(row) == "" {
			unreadable++ // nothing can be said of a thing without an ID
			continue
		}
		if err := out.Row(l.title(), l.id(row), l.updated(row), l.records(row)...); err != nil {
			return err
		}
	}
	out.noteUnreadable(l.title(), unreadable)
	out.advance(len(rows))
	return nil
}

func (l *list[T]) title() string { return l.Path + l.name }

func (l *list[T]) distinct(out *Emitter) int64 { return out.distinct(l.title()) }

func (l *list[T]) checkWhole(out *Emitter, promised int64) error {
	if promised == unknown {
		return nil
	}
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
