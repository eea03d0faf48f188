package steps

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/graph/sorter"
	"s1graph/plural"
	"s1graph/s1"
)

// list is how one list of the Management API is read whole, and what becomes of its rows.
type list[T any] struct {
	List
	endpoint s1.Endpoint[T]
	name     string                                          // tells lists of one endpoint apart; empty where a step reads one
	filters  url.Values                                      // besides the List's own
	among    *among                                          // of a list that is one of many; nil: it stands alone
	chains   func(filters url.Values, rows int) []url.Values // nil: never split

	// entity is what a row becomes. Things of this type in the last graph that the list lacks are asked
	// for by ID before they count as gone. nil: they are not asked for.
	entity *graph.Type

	// moved is told the IDs of those that answered only without the filters on the scope; nil tells nobody.
	moved func(ids []string)

	// whole is told how many rows the list had, once it was read whole; nil tells nobody.
	whole func(rows int64)

	// strays asks for what may be in none of several chains though the list is whole by its count: an agent that moved
	// while they were read, in whose place other rows came. nil: nothing is asked for.
	strays func(context.Context) error

	id      func(*T) string
	updated func(*T) s1.Time
	records func(*T, *made) error // puts in what a row becomes; the error is out's
	fold    func(*T) error        // takes rows instead of records, where many rows make one record
}

// made is what one row becomes.
type made struct {
	records []graph.Record
	shared  sorter.Shared

	// Memory for what is made of the many rows of agents and installations: allocated once for all of a page.
	installation entities.Installation
	written      [3]graph.Written // properties of records of one row

	agentID, agentUUID, device string // of the installation before: most are on the same device
}

func (m *made) add(records ...graph.Record) { m.records = append(m.records, records...) }

// askAtOnce is how many IDs one question holds: 100 of 19 digits make a URL of 2 kB.
const askAtOnce = 100

// collect reads the list, makes sure that it is whole, and asks for what it lacks. Its error means that
// nothing may be deleted on the strength of this list.
func (l *list[T]) collect(ctx context.Context, in *Input, out *Emitter) error {
	filters := in.Scope.query(l.Scope)
	maps.Copy(filters, l.Filters)
	maps.Copy(filters, l.filters)
	if err := l.read(ctx, in, out, filters); err != nil {
		if l.distinct(out) == 0 && in.isUnavailable(ctx, &l.List, err) {
			return &unavailableError{err}
		}
		return err
	}
	if l.whole != nil {
		l.whole(l.distinct(out))
	}
	if l.entity == nil {
		return nil
	}
	return l.askForMissing(ctx, in, out, filters)
}

// read reads all rows, in several cursor chains where that pays, and once more in one where the list is not whole then:
// some rows are in no chain, such as those of an agent whose site is gone or that moved from one chain to another. If it
// is not whole even so, the error says that.
func (l *list[T]) read(ctx context.Context, in *Input, out *Emitter, filters url.Values) error {
	before, chains := unknown, []url.Values{filters}
	if l.chains != nil {
		n, err := s1.Count(ctx, in.Client, l.endpoint, filters)
		switch {
		case err == nil:
			before, chains = int64(n), l.chains(filters, n)
		case !errors.Is(err, s1.ErrNoTotal):
			return err
		}
	}
	promised, err := l.readChains(ctx, in, out, chains)
	if err != nil {
		return err
	}
	if before == unknown || promised == unknown && before < l.distinct(out) { // a count that is less than what came says nothing
		before = promised
	}
	if before == unknown {
		return l.readUncounted(ctx, in, out, filters)
	}
	switch whole, err := l.isWhole(ctx, in, out, filters, before); {
	case err != nil:
		return err
	case !whole:
		if err := l.readAgain(ctx, in, out, filters, before); err != nil {
			return err
		}
	case len(chains) > 1 && l.strays != nil:
		if err := l.strays(ctx); err != nil {
			return err
		}
	}
	return l.checkReadable(out)
}

// readAgain reads a list once more that is not whole, in one chain, and decides on both readings together.
func (l *list[T]) readAgain(ctx context.Context, in *Input, out *Emitter, filters url.Values, before int64) error {
	promised, err := l.again(ctx, in, out, filters)
	if err != nil {
		return err
	}
	if promised != unknown {
		before = promised
	}
	whole, err := l.isWhole(ctx, in, out, filters, before)
	if err == nil && !whole {
		err = fmt.Errorf("%s returned %d of %s; nothing was deleted; run again",
			l.Path, l.distinct(out), plural.Of(before, "row"))
	}
	return err
}

// isWhole says whether a list gave at least as many distinct rows as the smaller of a count before and a count after it
// was read. The one after is only asked for where the one before was not reached. Rows without an ID are told apart by
// nothing: checkReadable looks after those.
func (l *list[T]) isWhole(ctx context.Context, in *Input, out *Emitter, filters url.Values, before int64) (bool, error) {
	got := l.distinct(out) + out.unreadable(l.title())
	if got >= before {
		return true, nil
	}
	after, err := s1.Count(ctx, in.Client, l.endpoint, filters)
	if errors.Is(err, s1.ErrNoTotal) {
		return false, nil
	}
	return err == nil && got >= int64(after), err
}

// checkReadable refuses a list that had rows without an ID, or rows that are no objects: nothing can be said of those.
func (l *list[T]) checkReadable(out *Emitter) error {
	if n := out.unreadable(l.title()); n > 0 {
		return fmt.Errorf("%s returned rows that are not objects or have no ID (%d); nothing of this list was deleted; look at them with s1graph api %s", l.Path, n, strings.TrimPrefix(l.Path, "/"))
	}
	return nil
}

// readChains reads some chains side by side, and returns how many rows they promised, or unknown.
func (l *list[T]) readChains(ctx context.Context, in *Input, out *Emitter, chains []url.Values) (int64, error) {
	promises := pool.NewWithResults[int64]().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, chain := range chains {
		promises.Go(func(ctx context.Context) (int64, error) { return l.chain(ctx, in, out, chain) })
	}
	promised, err := promises.Wait()
	return sumOf(promised), err
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

// readUncounted decides on a list that was read to its last page, where the console does not say how many rows it has. What an
// entity's list lacks is asked for by ID. Any other is read once more: it is whole if that gives nothing new.
func (l *list[T]) readUncounted(ctx context.Context, in *Input, out *Emitter, filters url.Values) error {
	if l.entity != nil {
		out.note(fmt.Sprintf("The console does not say how many rows %s has (totalItems): what the list lacks is asked for by ID before it is deleted.", l.Path))
		return l.checkReadable(out)
	}
	before := l.distinct(out)
	if _, err := l.again(ctx, in, out, filters); err != nil {
		return err
	}
	if more := l.distinct(out) - before; more > 0 {
		return fmt.Errorf("the console does not say how many rows %s has, and reading it again returned %s; nothing was deleted; run again", l.Path, plural.Of(more, "new one"))
	}
	out.note(fmt.Sprintf("The console does not say how many rows %s has (totalItems): it was read twice, and counts as whole since that gave nothing new.", l.Path))
	return l.checkReadable(out)
}

// again reads the list once more, in one chain.
func (l *list[T]) again(ctx context.Context, in *Input, out *Emitter, filters url.Values) (promised int64, err error) {
	out.forgetUnreadable(l.title())
	return l.chain(ctx, in, out, filters)
}

// beginsAgain is how often a chain whose cursor expired is read from its beginning.
const beginsAgain = 3

// chain reads one cursor chain, and returns how many rows its first page promised, or unknown. Cursors live for a while
// only: where the console does not take one that it gave, the chain begins again. Rows are told apart by their IDs, so
// those that come once more do no harm.
func (l *list[T]) chain(ctx context.Context, in *Input, out *Emitter, filters url.Values) (promised int64, err error) {
	for begun := 0; ; begun++ {
		pages := 0
		promised, err = l.readPages(ctx, in, out, filters, func(total int) {
			if pages++; pages == 1 && begun == 0 {
				out.expect(max(total, 0))
			}
		})
		if pages == 0 || !s1.IsInvalid(err) && !s1.IsNotFound(err) && !s1.IsGone(err) || begun == beginsAgain {
			return promised, err
		}
		in.Logger.WarnContext(ctx, "a cursor expired, and the list is read from its beginning", "path", l.Path)
	}
}

// readPages reads a chain once; each is called with what a page says that the list has.
func (l *list[T]) readPages(ctx context.Context, in *Input, out *Emitter, filters url.Values, each func(total int)) (promised int64, err error) {
	for page, err := range s1.Pages(ctx, in.Client, l.endpoint, filters) {
		if err != nil {
			return promised, err
		}
		each(page.Total)
		promised = int64(page.Total) // that of the first page, on each
		if err := l.emit(out, page.Rows); err != nil {
			return promised, err
		}
	}
	return promised, nil
}

func (l *list[T]) emit(out *Emitter, rows []T) error {
	unreadable := 0
	var of made
	name := out.list(l.rows())
	for i := range rows {
		row := &rows[i]
		if l.id(row) == "" {
			unreadable++ // nothing can be said of a thing without an ID
			continue
		}
		if err := l.take(out, name, row, &of); err != nil {
			return err
		}
		l.among.count(l.id(row))
	}
	out.noteUnreadable(l.title(), unreadable)
	out.advance(len(rows))
	return nil
}

// take hands on what a row becomes, by way of memory that is used again for the next one. name is the sorter's of the list.
func (l *list[T]) take(out *Emitter, name string, row *T, to *made) error {
	if l.fold != nil {
		out.sorter.Count(name, l.id(row))
		return l.fold(row)
	}
	to.records, to.shared = to.records[:0], sorter.Shared{}
	if err := l.records(row, to); err != nil {
		return err
	}
	return out.add(sorter.Row{List: name, ID: l.id(row), Updated: int64(l.updated(row)), Records: to.records, Shared: to.shared})
}

func (l *list[T]) title() string { return l.Path + l.name }

// among is for a list that is one of many. The Emitter knows all of them as one, so that they take no more memory than one
// does; each counts its own rows. Its IDs are unique in all of them, and it is read in one chain.
type among struct {
	rows string // the name of all of them together
	ids  map[uint64]struct{}
}

func newAmong(rows string) *among { return &among{rows: rows, ids: make(map[uint64]struct{})} }

var idSeed = maphash.MakeSeed()

func (a *among) count(id string) {
	if a != nil {
		a.ids[maphash.String(idSeed, id)] = struct{}{}
	}
}

// rows is the name by which the Emitter knows the list.
func (l *list[T]) rows() string {
	if l.among != nil {
		return l.among.rows
	}
	return l.title()
}

func (l *list[T]) distinct(out *Emitter) int64 {
	if l.among != nil {
		return int64(len(l.among.ids))
	}
	return out.distinct(l.rows())
}

// askForMissing asks by ID for what the last graph has and the list lacks. One that answers is emitted like a row of the
// list; too many of those mean that the list was not whole after all. One that answers only without the filters on the
// scope has moved out of the part that is read: it is emitted too, and the list did not lack it.
func (l *list[T]) askForMissing(ctx context.Context, in *Input, out *Emitter, filters url.Values) error {
	limit := max(5, l.distinct(out)/1000)
	everywhere := maps.Clone(filters)
	for _, parameter := range []string{l.Scope.Account, l.Scope.Site, l.Scope.Group} {
		if parameter != l.Ask {
			delete(everywhere, parameter)
		}
	}
	var lacked int64
	ask := func(keys []string) error {
		ids, err := l.inside(ctx, in, keys)
		if err != nil {
			return err
		}
		n := len(ids)
		if ids, err = l.askFor(ctx, in, out, filters, ids); err != nil {
			return err
		}
		if lacked += int64(n - len(ids)); lacked > limit {
			return fmt.Errorf("%s lacked rows that the console returns when asked for them by ID, at least %d; nothing was deleted; run again", l.Path, lacked)
		}
		if len(everywhere) == len(filters) {
			return nil
		}
		gone, err := l.askFor(ctx, in, out, everywhere, ids)
		if err == nil && l.moved != nil {
			l.moved(slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(gone, id) }))
		}
		return err
	}

	var missing []string
	for d, err := range in.Last.Digests(ctx, l.entity.Name) {
		if err != nil {
			return err
		}
		if out.seen(l.rows(), idOf(d.Key)) {
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

// askFor asks for things by their IDs and emits what answers. It returns the IDs of what does not.
func (l *list[T]) askFor(ctx context.Context, in *Input, out *Emitter, filters url.Values, ids []string) (gone []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	question := maps.Clone(filters)
	// Where the scope's filter is the same parameter, ids replaces it: only IDs inside the scope are asked for.
	question.Set(l.Ask, strings.Join(ids, ","))
	gone = slices.Clone(ids)
	for page, err := range s1.Pages(ctx, in.Client, l.endpoint, question) {
		if err != nil {
			return nil, fmt.Errorf("asking for %d that the list lacks: %w", len(ids), err)
		}
		page.Rows = slices.DeleteFunc(page.Rows, func(row T) bool { return !slices.Contains(ids, l.id(&row)) })
		if err := l.emit(out, page.Rows); err != nil {
			return nil, err
		}
		gone = slices.DeleteFunc(gone, func(id string) bool {
			return slices.ContainsFunc(page.Rows, func(row T) bool { return l.id(&row) == id })
		})
	}
	return gone, nil
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
