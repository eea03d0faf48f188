package s1test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query is what a request asks of a list.
type query struct {
	filters string // path, scope and filters in one fixed writing: what cursors and counts belong to

	countOnly, skipCount bool
	limit, skip          int
	from                 rowRef // where the page begins
	cursor               string // as it came

	accounts, sites, groups []bool // by number, nil: all
	site, group             int    // the only one asked for, or nowhere

	asked  bool // rows are asked for by ID
	ids    []int
	hidden map[int]bool // rows that a fault keeps out of the list, though not from a question by ID

	agents map[int]bool // nil: all
	flags  map[string]either
	words  map[string][]string
}

// either tells which values of a boolean are wanted.
type either struct{ no, yes bool }

func (e either) takes(v bool) bool { return v && e.yes || !v && e.no }

// pagingParameters are those of every list.
var pagingParameters = []string{"cursor", "limit", "skip", "skipCount", "countOnly"}

// refusal is an answer that is an error.
type refusal struct {
	status        int
	code          int64
	title, detail string
}

func invalid(parameter, what string) *refusal {
	return &refusal{http.StatusBadRequest, 4000040, "Validation Error", parameter + ": " + what}
}

// parse reads a request to a list, as a token of some scope may ask it.
func (w *world) parse(l *list, values url.Values, token Token) (*query, *refusal) {
	q := &query{limit: 10, site: nowhere, group: nowhere, flags: map[string]either{}, words: map[string][]string{}}
	for _, name := range l.hiding {
		q.flags[name] = either{no: true}
	}
	filters := url.Values{}
	for _, name := range sortedKeys(values) {
		value := values.Get(name)
		paging := slices.Contains(pagingParameters, name)
		if !paging && !slices.Contains(l.parameters, name) && !slices.Contains(l.flags, name) {
			return nil, invalid(name, "Unknown field.")
		}
		if len(values[name]) > 1 {
			return nil, invalid(name, "Repeated field.")
		}
		if value == "" && name != "cursor" && name != "applicationVendor" {
			return nil, invalid(name, "Missing data.")
		}
		if paging {
			if r := q.parsePaging(l, name, value); r != nil {
				return nil, r
			}
			continue
		}
		if slices.Contains(l.one, name) && strings.Contains(value, ",") {
			return nil, invalid(name, "Only one value is allowed.")
		}
		filters.Set(name, value)
		if r := w.parseFilter(q, l, name, value); r != nil {
			return nil, r
		}
	}
	for _, name := range l.required {
		if !values.Has(name) {
			return nil, invalid(name, "Missing data for required field.")
		}
	}
	w.narrow(q, token)
	q.filters = l.path + "?" + filters.Encode() + "#" + token.Scope + strings.Join(token.IDs, ",")
	q.site, q.group = only(q.sites), only(q.groups)
	slices.Sort(q.ids)
	q.ids = slices.Compact(q.ids)
	if q.cursor != "" {
		from, ok := readCursor(q.cursor, q.filters)
		if !ok {
			return nil, invalid("cursor", "Invalid cursor.")
		}
		q.from = from
	}
	return q, nil
}

func sortedKeys(values url.Values) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (q *query) parsePaging(l *list, name, value string) *refusal {
	switch name {
	case "cursor":
		q.cursor = value
	case "limit", "skip":
		n, err := strconv.Atoi(value)
		if err != nil {
			return invalid(name, "Not a valid integer.")
		}
		least, most, into := 1, l.limit, &q.limit
		if name == "skip" {
			least, most, into = 0, 1000, &q.skip
		}
		if n < least || n > most {
			return invalid(name, "Must be between "+strconv.Itoa(least)+" and "+strconv.Itoa(most)+".")
		}
		*into = n
	default:
		v, err := strconv.ParseBool(value)
		if err != nil {
			return invalid(name, "Not a valid boolean.")
		}
		if name == "countOnly" {
			q.countOnly = v
		} else {
			q.skipCount = v
		}
	}
	return nil
}

func (w *world) parseFilter(q *query, l *list, name, value string) *refusal {
	parts := strings.Split(value, ",")
	if slices.Contains(l.flags, name) {
		var e either
		for _, p := range parts {
			v, err := strconv.ParseBool(p)
			if err != nil {
				return invalid(name, "Not a valid boolean.")
			}
			e.yes, e.no = e.yes || v, e.no || !v
		}
		q.flags[name] = e
		return nil
	}
	switch name {
	case l.byID, "id":
		q.asked = true
		q.ids = append(q.ids, w.numbers(l.ids, parts)...)
	case "uuids", "uuid":
		q.asked = true
		for _, p := range parts {
			if n, ok := w.uuidNumber(p); ok {
				q.ids = append(q.ids, n)
			}
		}
	case "accountIds", "accountId":
		q.accounts = narrowed(q.accounts, w.numbers(accountIDs, parts), w.Accounts)
	case "siteIds":
		q.sites = narrowed(q.sites, w.numbers(siteIDs, parts), w.Sites)
	case "groupIds":
		q.groups = narrowed(q.groups, w.numbers(groupIDs, parts), w.Groups)
	case "agentIds":
		q.agents = map[int]bool{}
		for _, n := range w.numbers(agentIDs, parts) {
			q.agents[n] = true
		}
	case "agentUuid__contains":
		q.agents = map[int]bool{}
		for _, p := range parts {
			if n, ok := w.uuidNumber(p); ok {
				q.agents[n] = true
			}
		}
	case "applicationName", "applicationVendor", "name", "computerName":
		q.words[name] = []string{value}
	default:
		q.words[name] = parts
	}
	return nil
}

// narrow leaves what a token may see.
func (w *world) narrow(q *query, token Token) {
	switch token.Scope {
	case ScopeAccount:
		q.accounts = narrowed(q.accounts, w.numbers(accountIDs, token.IDs), w.Accounts)
	case ScopeSite:
		q.sites = narrowed(q.sites, w.numbers(siteIDs, token.IDs), w.Sites)
	case ScopeGroup:
		groups := w.numbers(groupIDs, token.IDs)
		q.groups = narrowed(q.groups, groups, w.Groups)
		var sites []int
		for _, n := range groups {
			sites = append(sites, w.siteOf(n))
		}
		q.sites = narrowed(q.sites, sites, w.Sites)
	}
}

// numbers are the numbers of the IDs that are of this tenant.
func (w *world) numbers(kind idKind, ids []string) []int {
	var all []int
	for _, id := range ids {
		if n, ok := w.number(kind, strings.TrimSpace(id)); ok {
			all = append(all, n)
		}
	}
	return all
}

// narrowed is the intersection of a set with some numbers.
func narrowed(set []bool, numbers []int, size int) []bool {
	less := make([]bool, size)
	for _, n := range numbers {
		if n < size {
			less[n] = set == nil || set[n]
		}
	}
	return less
}

// only is the single member of a set, or nowhere.
func only(set []bool) int {
	member := nowhere
	for i, in := range set {
		if in && member != nowhere {
			return nowhere
		}
		if in {
			member = i
		}
	}
	return member
}

func (q *query) flag(name string, v bool) bool {
	e, ok := q.flags[name]
	return !ok || e.takes(v)
}

func (q *query) word(name, v string) bool {
	words, ok := q.words[name]
	return !ok || slices.Contains(words, v)
}

// isIn tells whether something that belongs to these is asked for.
func (q *query) isIn(account, site, group int) bool {
	return has(q.accounts, account) && has(q.sites, site) && has(q.groups, group)
}

func has(set []bool, n int) bool { return set == nil || n != nowhere && set[n] }

// A cursor holds where the next page begins and what filters it belongs to, and nothing that a
// client could make use of.
func makeCursor(at rowRef, filters string) string {
	b := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(filters)))
	b = binary.AppendUvarint(b, uint64(at.n))
	b = binary.AppendUvarint(b, uint64(at.slot))
	return base64.StdEncoding.EncodeToString(b)
}

func readCursor(cursor, filters string) (rowRef, bool) {
	b, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil || len(b) < 6 || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE([]byte(filters)) {
		return rowRef{}, false
	}
	n, size := binary.Uvarint(b[4:])
	if size <= 0 {
		return rowRef{}, false
	}
	slot, more := binary.Uvarint(b[4+size:])
	return rowRef{n: int(n), slot: int(slot)}, more > 0 && 4+size+more == len(b)
}
