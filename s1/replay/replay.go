// Package replay keeps what a s1.Client learned of a tenant in a folder, and answers the same client
// from that folder as the console did. A recording holds the rows as the models of package s1 read
// them and nothing else of what the console sent, so that no token, license key or passphrase is in
// it.
//
// A recording is a folder of text files that diff well:
//
//	meta.json       what Meta says
//	answers.jsonl   one line for each list, count and error: path, filters, total, file of the rows
//	rows/*.jsonl    the rows of one list, one a line, in the order in which they came
package replay

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"s1graph/s1"
)

// Meta says what a recording is of.
type Meta struct {
	// Instance is the name of the graph that was made of the tenant.
	Instance string `json:"instance"`

	// URL is an invented address, the same for all recordings of a tenant, since the graph of one
	// console must not be mixed with that of another. "" in NewRecorder: one made of Instance.
	URL string `json:"url"`

	// RecordedAt is the time of the run; a replay takes its clock from it.
	RecordedAt time.Time `json:"recordedAt"`

	APIVersion string `json:"apiVersion"`

	// Accounts, Sites and Groups are IDs that the run was limited to; a replay is limited to them too.
	Accounts []string `json:"accounts,omitempty"`
	Sites    []string `json:"sites,omitempty"`
	Groups   []string `json:"groups,omitempty"`
}

// format is the version of the layout that is described above.
const format = 1

const (
	metaFile    = "meta.json"
	answersFile = "answers.jsonl"
	rowsFolder  = "rows"
)

// metaContent is meta.json.
type metaContent struct {
	Format int `json:"format"`
	Meta
}

// answer is a line of answers.jsonl: a list, a count, or the one row of /user.
type answer struct {
	Path      string `json:"path"`
	Filters   string `json:"filters,omitzero"` // url.Values, encoded
	CountOnly bool   `json:"countOnly,omitzero"`
	Total     int    `json:"total"`          // -1 where the console did not say
	Rows      int    `json:"rows,omitzero"`  // how many the file has
	File      string `json:"file,omitzero"`  // below rows/
	Error     *fault `json:"error,omitzero"` // what came in place of the rest

	selection selection // what the filters choose; of an answer that was read
}

// check refuses an answer that no Recorder writes, before a client asks for it again and again.
func (a *answer) check() error {
	switch {
	case a.Rows < 0 || a.Total < -1:
		return fmt.Errorf("%d rows of %d cannot be", a.Rows, a.Total)
	case a.Error != nil && (a.Error.Status < 0 || a.Error.Status > 999):
		return fmt.Errorf("%d is not an HTTP status", a.Error.Status)
	}
	return nil
}

// fault is an *s1.Error without its text, in which a console might repeat what it was sent.
type fault struct {
	Status int   `json:"status"`
	Code   int64 `json:"code,omitzero"`
}

// question is what an answer is the answer to.
type question struct {
	path, filters string
	countOnly     bool
}

func (a *answer) question() question { return question{a.Path, a.Filters, a.CountOnly} }

// compareQuestions orders answers.jsonl: by path and filters, and the count of a list before its rows.
func compareQuestions(a, b question) int {
	return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.filters, b.filters), cmp.Compare(b.rank(), a.rank()))
}

func (q question) rank() int {
	if q.countOnly {
		return 1
	}
	return 0
}

// canonical encodes filters such that lists of ids in another order are the same question.
func canonical(filters url.Values) string {
	sorted := url.Values{}
	for name, values := range filters {
		value := strings.Join(values, ",")
		if strings.HasSuffix(strings.ToLower(name), "ids") {
			value = strings.Join(idsOf(value), ",")
		}
		sorted.Set(name, value)
	}
	return sorted.Encode()
}

// idsOf takes a comma-joined list of ids apart; sorted, each once.
func idsOf(list string) []string {
	if list == "" {
		return nil
	}
	ids := strings.Split(list, ",")
	slices.Sort(ids)
	return slices.Compact(ids)
}

var notForHosts = regexp.MustCompile(`[^a-z0-9]+`)

// inventURL makes an address that belongs to nobody.
func inventURL(instance string) string {
	name := strings.Trim(notForHosts.ReplaceAllString(strings.ToLower(instance), "-"), "-")
	return fmt.Sprintf("https://%s.sentinelone.example", name[:min(len(name), 60)])
}

// list says how the rows of a path are asked for.
type list struct {
	name string   // of the list inside "data"; "" where the data is the list
	ids  []string // filters that ask for rows by their own ids
}

// lists are the lists that s1graph reads, by path.
var lists = map[string]list{
	s1.Accounts.Path:              {ids: []string{"ids", "accountIds"}},
	s1.Sites.Path:                 {name: s1.Sites.List, ids: []string{"siteIds"}},
	s1.Groups.Path:                {ids: []string{"groupIds"}},
	s1.Agents.Path:                {ids: []string{"ids"}},
	s1.Threats.Path:               {ids: []string{"ids"}},
	s1.InstalledApplications.Path: {ids: []string{"ids"}},
	s1.Inventory.Path:             {},
	s1.InventoryEndpoints.Path:    {},
}

// userPath has an object for its data.
const userPath = "/user"
