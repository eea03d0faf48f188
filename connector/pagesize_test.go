package connector_test

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"s1graph/connector"
	"s1graph/s1/s1test"
)

// limitsOf notes how many rows each request for a page of a path asks for.
func (c *console) limitsOf(path string) func() []int {
	var mu sync.Mutex
	var limits []int
	c.OnRequest(func(r *http.Request) {
		if limit, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && r.URL.Path == s1test.Base+path {
			mu.Lock()
			defer mu.Unlock()
			limits = append(limits, limit)
		}
	})
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return limits
	}
}

func TestConsoleWhosePagesAreTooBigIsReadInSmallerOnes(t *testing.T) {
	t.Parallel()
	tenant := s1test.Tenant{Seed: 3, Sites: 2, Agents: 250, Threats: 10}
	right := newConsole(t, tenant).clean()
	for name, test := range map[string]struct {
		effect s1test.Effect
		tries  []int // of the first page
	}{
		"500":                         {s1test.Status(500), []int{400, 400, 200, 100}},
		"502":                         {s1test.Status(502), []int{400, 400, 200, 100}},
		"504 and a gateway's page":    {s1test.GatewayTimeout(), []int{400, 200, 100}},
		"a body that is cut off":      {s1test.CutInBody(), []int{400, 400, 200, 100}},
		"413 and a gateway's page":    {s1test.Blocked(413, "<html>413 Request Entity Too Large</html>"), []int{400, 200, 100}},
		"a maximum that is lower":     {s1test.StatusWith(400, nil, `{"errors":[{"code":4000040,"detail":"limit: Must be between 1 and 150.","title":"Validation Error"}]}`), []int{400, 200, 100}},
		"headers without a body":      {s1test.CutAfterHeaders(), []int{400, 400, 200, 100}},
		"a body that stops half-way":  {s1test.Stall(), []int{400, 200, 100}},
		"no answer within the minute": {s1test.NeverAnswers(), []int{400, 200, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t, tenant)
			c.pageSize = 400
			c.Break(s1test.Fault{Path: "/agents", Match: s1test.PagesOver(100), Effect: test.effect})
			limits := c.limitsOf("/agents")

			result := c.mustSync(func(o *connector.Options) { o.Config.PageDeadline = 3 * time.Second })

			assertSame(t, right, c.graph())
			assert.Equal(t, append(test.tries, 100, 100), limits(), "what came is kept for the rest of the list")
			assert.Equal(t, []string{"/agents: pages of 100 rows came and those of 200 did not, so it was read in the smaller ones. If every run says so, set pageSize: 100 (--page-size) to save the retries."}, result.Notices)
			assert.EqualValues(t, c.Requests()["/agents"], result.step("agents").Requests)
			assert.Empty(t, c.mustSync(func(o *connector.Options) { o.Config.PageSize = 100 }).Notices)
		})
	}
}

// Fifty rows come after no more tries than a console gets that answers nothing at all.
func TestConsoleThatGivesFiftyRowsAndNoMoreIsReadWhole(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 3, Accounts: 60, Sites: 70, Groups: 120, Agents: 130, Threats: 60, ApplicationsPerAgent: 1})
	right := c.clean()
	c.Break(s1test.Fault{Match: s1test.PagesOver(50), Effect: s1test.Status(500)})
	result := c.mustSync()
	assertSame(t, right, c.graph())
	said := strings.Join(result.Notices, "\n")
	for _, path := range []string{"/accounts", "/sites", "/groups", "/agents", "/threats", "/installed-applications"} {
		assert.Equal(t, 1, strings.Count(said, path+": pages of 50 rows came and those of "), "%s in %s", path, said)
	}
	assert.Contains(t, said, "/groups: pages of 50 rows came and those of 150 did not")
}

// A console that is down is not asked more often because pages could be smaller.
func TestConsoleThatIsDownIsAskedSixTimesAndNothingIsSaidOfPages(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	c.mustSync()
	before := c.graph()
	c.Break(s1test.Fault{Path: "/threats", Effect: s1test.Status(503)})
	requests := c.Requests()["/threats"]
	result := c.sync()
	assert.Equal(t, "failed", result.step("threats").State)
	assert.Contains(t, result.step("threats").Error, "(6 tries)")
	assert.Equal(t, 6, c.Requests()["/threats"]-requests)
	assert.Empty(t, result.Notices)
	assert.Empty(t, lacking(before, c.graph()))
}

// The chains of a list, and the questions by ID after it, begin with the pages that came for the first of them.
func TestConsoleWhoseChainsAreReadSideBySideIsAskedForSmallerPagesByAllOfThem(t *testing.T) {
	t.Parallel()
	tenant := s1test.Tenant{Seed: 3, Sites: 6, Groups: 12, Agents: 450, Threats: 10}
	c := newConsole(t, tenant)
	paged := func(o *connector.Options) { o.Config.PageSize = 110 }
	c.mustSync()
	right := c.graph()
	c.Break(s1test.Fault{Path: "/agents", Match: s1test.PagesOver(60), Effect: s1test.Status(500)})
	c.Break(s1test.Fault{Path: "/agents", Match: notByID, Effect: s1test.MissingRows(c.AgentID(7))})
	limits := c.limitsOf("/agents")

	result := c.mustSync(paged)

	assertSame(t, right, c.graph())
	asked := limits()
	assert.Equal(t, 50, asked[len(asked)-1], "the question by ID")
	failed := 0
	for _, limit := range asked {
		if limit > 60 {
			failed++
		}
	}
	assert.LessOrEqual(t, failed, 12*3, "each chain finds it out once at the most: %v", asked)
	assert.Len(t, result.Notices, 1)
}

// Nobody says that a cursor may be asked with another limit than it was made with. Where it may not, the list begins again.
func TestConsoleThatTakesACursorWithItsOwnLimitAloneIsReadFromTheBeginningInSmallerPages(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 3, Sites: 2, Agents: 300, Threats: 10})
	right := c.clean()
	var mu sync.Mutex
	begun := "" // the limit of the first page
	c.Break(s1test.Fault{Path: "/agents", After: 1, Times: 2, Match: s1test.PagesOver(100), Effect: s1test.Status(500)})
	c.Break(s1test.Fault{Path: "/agents", Effect: s1test.StatusWith(400, nil, `{"errors":[{"code":4000040,"detail":"cursor: Invalid cursor.","title":"Validation Error"}]}`),
		Match: func(r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			query := r.URL.Query()
			if !query.Has("cursor") && query.Has("limit") {
				begun = query.Get("limit")
			}
			return query.Has("cursor") && query.Get("limit") != begun
		}})
	limits := c.limitsOf("/agents")

	c.mustSync(func(o *connector.Options) { o.Config.PageSize = 140 })

	assertSame(t, right, c.graph())
	assert.Equal(t, []int{140, 140, 140, 50, 50, 50, 50, 50, 50, 50}, limits(), "one page, two tries, one that is refused, and six from the beginning")
}

// A recording has the rows and not the pages in which they came.
func TestConsoleWhosePagesWereHalvedReplaysToTheSameGraph(t *testing.T) {
	t.Parallel()
	c := newConsole(t, s1test.Tenant{Seed: 3, Sites: 3, Groups: 6, Agents: 170, Threats: 130, ApplicationsPerAgent: 3})
	// The first page comes and the second one does not, so that pages of one list differ in size.
	for _, path := range []string{"/agents", "/threats", "/installed-applications"} {
		c.Break(s1test.Fault{Path: path, After: 1, Match: s1test.PagesOver(60), Effect: s1test.CutInBody()})
	}
	recording := filepath.Join(t.TempDir(), "recording")
	recorded := c.mustSync(func(o *connector.Options) { o.Record, o.Config.PageSize = recording, 120 })
	assert.Len(t, recorded.Notices, 3, "one for each list: %q", recorded.Notices)

	for _, size := range []int{1000, 70} {
		replayed := *c
		replayed.dir = filepath.Join(t.TempDir(), "replayed")
		result := replayed.mustSync(func(o *connector.Options) { o.Replay, o.Config.PageSize = recording, size })
		assertSame(t, c.graph(), replayed.graph())
		assert.Empty(t, result.Notices)
	}
}

func TestPagesAreOfTheSizeThatIsSet(t *testing.T) {
	t.Parallel()
	c := newConsole(t, small())
	right := c.clean()
	for _, size := range []int{1, 7, 300, 1000} {
		for _, path := range []string{"/agents", "/groups"} {
			limits := c.limitsOf(path)
			c.dir = filepath.Join(t.TempDir(), strconv.Itoa(size)+strings.ReplaceAll(path, "/", "-"))
			c.mustSync(func(o *connector.Options) { o.Config.PageSize = size })
			assertSame(t, right, c.graph())
			want := size
			if path == "/groups" {
				want = min(size, 300)
			}
			for _, limit := range limits() {
				assert.Equal(t, want, limit)
			}
		}
	}
}
