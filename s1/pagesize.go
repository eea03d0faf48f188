package s1

import (
	"context"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxPageSize is the most rows that any list gives in one page.
const maxPageSize = 1000

// leastPageSize is how many rows a page has at least that is asked for because larger ones failed.
const leastPageSize = 50

// SmallerPages tells that a list did not answer until fewer rows were asked for. It is read in pages of that size from
// then on, as are all lists of its path.
type SmallerPages struct {
	Path   string
	Failed int // rows of the smallest page that did not come
	Rows   int // rows of a page that came
}

// SmallerPages are the lists whose pages were too big, sorted by path.
func (c *Client) SmallerPages() []SmallerPages {
	c.sizes.mu.Lock()
	defer c.sizes.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.sizes.byPath), func(a, b SmallerPages) int { return strings.Compare(a.Path, b.Path) })
}

// PageSize is how many rows a page has at most.
func (c *Client) PageSize() int { return c.pageSize }

// pageSizes are the sizes of pages that came where larger ones failed.
type pageSizes struct {
	mu     sync.Mutex
	byPath map[string]SmallerPages
}

// aboutLimit is what the detail of an error says where more rows were asked for than a list gives: "limit: Must be between
// 1 and 1000."
var aboutLimit = regexp.MustCompile(`(?i)\blimit\b`)

// fit sets how many rows r asks for: not more than what is known to come.
func (s *pageSizes) fit(r *request) {
	if r.limit == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, found := s.byPath[r.path]; found {
		r.limit = min(r.limit, known.Rows)
	}
	r.query.Set("limit", strconv.Itoa(r.limit))
}

// notePageSize keeps the size of a page that came after larger ones had failed.
func (c *Client) notePageSize(ctx context.Context, found SmallerPages) {
	c.sizes.mu.Lock()
	defer c.sizes.mu.Unlock()
	if known, isKnown := c.sizes.byPath[found.Path]; isKnown && known.Rows <= found.Rows {
		return
	}
	if c.sizes.byPath == nil {
		c.sizes.byPath = make(map[string]SmallerPages)
	}
	c.sizes.byPath[found.Path] = found
	c.logger.WarnContext(ctx, "smaller pages come where larger ones failed", slog.String("path", found.Path),
		slog.Int("rows", found.Rows), slog.Int("failed", found.Failed))
}

// halved is the next size after one that failed: half of it, or the least where only that is left below the half, so
// that all tries of a request lead from the largest page to the least.
func halved(limit int) int {
	if half := limit / 2; half >= 2*leastPageSize {
		return half
	}
	return min(limit, leastPageSize)
}
