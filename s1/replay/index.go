package replay

import (
	"cmp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"s1graph/s1"
)

// row is what the index keeps of a recorded row.
type row struct {
	in      *answer
	offset  int64 // in the file
	size    int   // of the line, without its end
	id      string
	updated s1.Time
	scope   scope
}

// place is where a row says that it belongs.
type place struct {
	AccountID string `json:"accountId"`
	SiteID    string `json:"siteId"`
	GroupID   string `json:"groupId"`
}

// rowHead is what the rows of all lists say of their identity and place.
type rowHead struct {
	place
	ID           string  `json:"id"`
	UUID         string  `json:"uuid"`
	AgentID      string  `json:"agentId"`
	EndpointUUID string  `json:"endpointUuid"`
	UpdatedAt    s1.Time `json:"updatedAt"`
	ThreatInfo   struct {
		UpdatedAt s1.Time `json:"updatedAt"`
	} `json:"threatInfo"`
	AgentRealtimeInfo  place `json:"agentRealtimeInfo"`
	AgentDetectionInfo place `json:"agentDetectionInfo"`
}

// index has the recorded rows of the paths that were asked for otherwise than as recorded. The zero
// index is empty.
type index struct {
	rows map[string][]*row // by path, in the order of answers.jsonl and of their files

	// Where in the tenant rows are that do not say it themselves; nil until needed.
	accountOfSite map[string]string
	scopeOfAgent  map[string]scope // by id and by uuid
}

// index reads what is needed to answer questions about a path. The caller holds r.mu.
func (r *Recording) index(path string) ([]*row, error) {
	if rows, made := r.made.rows[path]; made {
		return rows, nil
	}
	if err := r.readPlaces(); err != nil {
		return nil, err
	}
	rows := []*row{}
	err := r.heads(path, func(row *row, head *rowHead) {
		row.scope = r.made.scopeOf(path, head)
		rows = append(rows, row)
	})
	if err != nil {
		return nil, err
	}
	r.made.rows[path] = rows
	return rows, nil
}

// heads reads all recorded rows of a path. The scope of a row is left to the caller.
func (r *Recording) heads(path string, each func(*row, *rowHead)) error {
	for _, a := range r.byPath[path] {
		var failed error
		err := r.lines(a, position{}, func(at position, line []byte) bool {
			var head rowHead
			if failed = json.Unmarshal(line, &head, jsontext.AllowInvalidUTF8(true)); failed == nil {
				updated := max(head.UpdatedAt, head.ThreatInfo.UpdatedAt)
				each(&row{in: a, offset: at.offset, size: len(line), id: head.ID, updated: updated}, &head)
			}
			return failed == nil
		})
		if err := cmp.Or(err, failed); err != nil {
			return err
		}
	}
	return nil
}

// readPlaces reads the recorded sites and agents. The caller holds r.mu.
func (r *Recording) readPlaces() error {
	if r.made.rows != nil {
		return nil
	}
	made := index{rows: map[string][]*row{}, accountOfSite: map[string]string{}, scopeOfAgent: map[string]scope{}}
	err := r.heads(s1.Sites.Path, func(_ *row, head *rowHead) {
		made.accountOfSite[head.ID] = head.AccountID
	})
	if err != nil {
		return err
	}
	err = r.heads(s1.Agents.Path, func(_ *row, head *rowHead) {
		made.scopeOfAgent[head.ID] = scope{head.AccountID, head.SiteID, head.GroupID}
		made.scopeOfAgent[head.UUID] = scope{head.AccountID, head.SiteID, head.GroupID}
	})
	if err != nil {
		return err
	}
	r.made = made
	return nil
}

// scopeOf tells where a row belongs.
func (x *index) scopeOf(path string, head *rowHead) scope {
	switch path {
	case s1.Accounts.Path:
		return scope{account: head.ID}
	case s1.Sites.Path:
		return scope{account: head.AccountID, site: head.ID}
	case s1.Groups.Path:
		return scope{account: x.accountOfSite[head.SiteID], site: head.SiteID, group: head.ID}
	case s1.Agents.Path:
		return scope{head.AccountID, head.SiteID, head.GroupID}
	case s1.Threats.Path:
		now, then := head.AgentRealtimeInfo, head.AgentDetectionInfo
		return scope{cmp.Or(now.AccountID, then.AccountID), cmp.Or(now.SiteID, then.SiteID), cmp.Or(now.GroupID, then.GroupID)}
	case s1.InstalledApplications.Path:
		return x.scopeOfAgent[head.AgentID]
	case s1.InventoryEndpoints.Path:
		return x.scopeOfAgent[head.EndpointUUID]
	}
	return scope{}
}

// cells are the smallest parts of the tenant that the recording knows. The caller holds r.mu.
func (r *Recording) cells() (map[scope]bool, error) {
	cells := map[scope]bool{}
	for _, path := range []string{s1.Sites.Path, s1.Groups.Path} {
		rows, err := r.index(path)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			cells[row.scope] = true
		}
	}
	for cell := range cells {
		if cell.group != "" { // a site that has groups is the sum of them
			delete(cells, scope{cell.account, cell.site, ""})
		}
	}
	return cells, nil
}

// newest keeps of the rows with one id the one that was updated last, in the place of the first.
func newest(rows []*row) []*row {
	at := map[string]int{}
	var kept []*row
	for _, row := range rows {
		i, known := at[row.id]
		switch {
		case row.id == "" || !known: // the rows of the inventory have no id, and none comes twice
			at[row.id] = len(kept)
			kept = append(kept, row)
		case row.updated > kept[i].updated:
			kept[i] = row
		}
	}
	return kept
}

// byID orders rows that have no other order.
func byID(a, b *row) int { return strings.Compare(a.id, b.id) }
