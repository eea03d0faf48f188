package replay

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"s1graph/s1"
)

// found is what the recording has for an answer: the rows of a file, then others, then an error.
type found struct {
	file   *answer // nil: none
	others []*row
	total  int // -1 where the console did not say
	failed *fault
}

// find looks up what answers q.
func (r *Recording) find(q question) (found, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if recorded := r.answers[q]; recorded != nil {
		return r.asRecorded(recorded)
	}
	// Where the list was recorded and its count was not, or the other way round, the one tells of the
	// other.
	twin := r.answers[question{q.path, q.filters, !q.countOnly}]
	if twin != nil && q.countOnly {
		return r.asRecorded(twin)
	}
	rows, err := r.derive(q)
	f := found{others: rows, total: len(rows)}
	if err == nil && twin != nil && twin.Error == nil {
		var counted found
		counted, err = r.asRecorded(twin)
		f.total = counted.total
	}
	return f, err
}

// asRecorded is an answer as it was, with the rows that were missing from it. The caller holds r.mu.
func (r *Recording) asRecorded(a *answer) (found, error) {
	missing, err := r.missing(a.selection, a)
	f := found{others: missing, total: a.Total, failed: a.Error}
	if !a.CountOnly {
		f.file = a
	}
	if f.total >= 0 {
		f.total += len(missing)
	}
	return f, err
}

// missing are the rows that belong to a selection, but were given only when they were asked for by id:
// they stand in no list. of is the recorded answer to the selection, or nil. The caller holds r.mu.
func (r *Recording) missing(s selection, of *answer) ([]*row, error) {
	isQuestion := func(a *answer) bool { return a.selection.byIDs() && a.selection.others == s.others && a != of }
	if !slices.ContainsFunc(r.byPath[s.path], isQuestion) {
		return nil, nil
	}
	rows, err := r.index(s.path)
	if err != nil {
		return nil, err
	}
	whole := r.wholeLists(s)
	inLists := setOf(append(whole, of))
	listed := map[string]bool{}
	for _, row := range rows {
		if inLists[row.in] {
			listed[row.id] = true
		}
	}
	var missing []*row
	for _, row := range rows {
		if !isQuestion(row.in) || listed[row.id] {
			continue
		}
		// What belongs to none of the lists, such as an agent whose site is gone, is put into the first.
		homeless := !slices.ContainsFunc(whole, func(a *answer) bool { return a.selection.accepts(row) })
		if s.accepts(row) || homeless && of != nil && len(whole) > 0 && of == whole[0] && !r.movedOut(row, whole) {
			missing = append(missing, row)
		}
	}
	missing = newest(missing)
	slices.SortFunc(missing, byID)
	return missing, nil
}

// movedOut says whether a row answered only where filters were left out that the recording was limited by and its lists
// have: it was of the part that they choose before, and is no more.
func (r *Recording) movedOut(row *row, whole []*answer) bool {
	for i, ids := range [][]string{r.meta.Accounts, r.meta.Sites, r.meta.Groups} {
		has := func(a *answer) bool { return a.selection.scope[scopeFilters[i]] != nil }
		if len(ids) > 0 && !has(row.in) && slices.ContainsFunc(whole, has) {
			return true
		}
	}
	return false
}

// wholeLists are the recorded lists of a path under the same filters, apart from those that name ids. Questions by id are not
// among them.
func (r *Recording) wholeLists(s selection) []*answer {
	var whole []*answer
	for _, a := range r.byPath[s.path] {
		if !a.selection.byIDs() && a.selection.others == s.others {
			whole = append(whole, a)
		}
	}
	return whole
}

func setOf(answers []*answer) map[*answer]bool {
	set := map[*answer]bool{}
	for _, a := range answers {
		set[a] = true
	}
	return set
}

// derive makes a list out of what was recorded of its path. The caller holds r.mu.
func (r *Recording) derive(q question) ([]*row, error) {
	q.countOnly = false
	if rows, made := r.derived[q]; made {
		return rows, nil
	}
	s := selectionOf(q.path, parse(q.filters))
	from := r.wholeLists(s)
	if s.byIDs() {
		from = r.byPath[q.path]
	}
	if err := r.check(s, from); err != nil {
		return nil, err
	}
	all, err := r.index(q.path)
	if err != nil {
		return nil, err
	}
	inLists := setOf(from)
	var rows []*row
	for _, row := range all {
		if inLists[row.in] && s.accepts(row) {
			rows = append(rows, row)
		}
	}
	rows = newest(rows)
	if !s.byIDs() {
		missing, err := r.missing(s, nil)
		if err != nil {
			return nil, err
		}
		rows = append(rows, missing...)
	}
	r.derived[q] = rows
	return rows, nil
}

// check says whether s can be answered from the given lists. The caller holds r.mu.
func (r *Recording) check(s selection, from []*answer) error {
	var good, all []selection
	var failed *fault
	for _, a := range from {
		all = append(all, a.selection)
		if a.Error == nil {
			good = append(good, a.selection)
		} else if failed == nil {
			failed = a.Error
		}
	}
	if s.byIDs() {
		if len(good) > 0 {
			return nil
		}
	} else {
		cells, err := r.cells()
		if err != nil {
			return err
		}
		if s.isCovered(good, cells) {
			return nil
		}
		if !s.isCovered(all, cells) {
			failed = nil
		}
	}
	if failed != nil {
		return failed.err()
	}
	return lacks(s)
}

// lacks is the error that tells what the recording does not have. Values of filters are not repeated.
func lacks(s selection) error {
	names := slices.Sorted(maps.Keys(parse(s.others)))
	names = append(names, slices.Sorted(maps.Keys(s.scope))...)
	detail := fmt.Sprintf("the recording has no answer for %s", s.path)
	if len(names) > 0 {
		detail += " under these filters: " + strings.Join(names, ", ")
	}
	return &s1.Error{Status: http.StatusNotFound, Detail: detail}
}

// parse takes encoded filters apart that were encoded by canonical.
func parse(filters string) url.Values {
	values, err := url.ParseQuery(filters)
	if err != nil {
		return url.Values{}
	}
	return values
}
