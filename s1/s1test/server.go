package s1test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultToken is the API token that a new Server takes. It sees the whole tenant.
const DefaultToken = SecretPrefix + "token-of-a-service-user"

// Base is what the paths of the API begin with.
const Base = "/web/api/v2.1"

// The scopes of a token.
const (
	ScopeTenant  = "tenant"
	ScopeAccount = "account"
	ScopeSite    = "site"
	ScopeGroup   = "group"
)

// Token is an API token and what it may see.
type Token struct {
	Value     string
	Scope     string    // ScopeTenant, ScopeAccount, ScopeSite or ScopeGroup; "" is ScopeTenant
	IDs       []string  // of the accounts, sites or groups that it may see
	ExpiresAt time.Time // as /user tells it; zero: a year after day 0
	Role      string    // its name; "" is Viewer
}

// Server is the console of a tenant: an http.Handler for net/http/httptest or for any server. It
// needs no closing. All its methods may be called at any time from any goroutine; a request is
// answered as of the day on which it came in.
type Server struct {
	tenant  Tenant
	catalog *catalog
	today   atomic.Pointer[world]
	limits  limits

	mu       sync.Mutex
	worlds   []*world // by day, as far as anybody asked
	tokens   map[string]Token
	faults   []*fault
	hook     func(*http.Request)
	requests map[string]int
	methods  map[string]bool
}

var _ http.Handler = (*Server)(nil)

// New makes the console of a tenant on day 0.
func New(t Tenant) *Server {
	s := &Server{tenant: t.filledIn(), requests: map[string]int{}, methods: map[string]bool{}}
	s.catalog = newCatalog(&s.tenant)
	s.limits.clock = s.tenant.Clock
	s.Accept(Token{Value: DefaultToken})
	s.SetDay(0)
	return s
}

// Tenant is the tenant as it is served, with everything filled in.
func (s *Server) Tenant() Tenant { return s.tenant }

// Day is the day that the tenant is on.
func (s *Server) Day() int { return s.today.Load().day }

// Now is the time of that day at which the tenant is looked at.
func (s *Server) Now() time.Time { return time.UnixMicro(int64(s.today.Load().now)).UTC() }

// SetDay takes the tenant to a day, on or back. It panics if the day is before day 0.
func (s *Server) SetDay(day int) { s.today.Store(s.world(day)) }

// Plan is what happened between the day before and this day. Day 0 and quiet days have none.
func (s *Server) Plan(day int) Plan { return slices.Clone(s.world(day).plan) }

func (s *Server) world(day int) *world {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.worlds) == 0 {
		s.worlds = append(s.worlds, firstDay(&s.tenant, s.catalog))
	}
	for len(s.worlds) <= day {
		s.worlds = append(s.worlds, s.worlds[len(s.worlds)-1].tomorrow())
	}
	return s.worlds[day]
}

// Totals is how many rows a token of the whole tenant sees in each list when it asks for everything,
// decommissioned and uninstalled agents and their applications included.
type Totals struct{ Accounts, Sites, Groups, Agents, Threats, Applications int }

// Totals counts the rows of the present day.
func (s *Server) Totals() Totals {
	w := s.today.Load()
	t := Totals{Accounts: w.Accounts, Sites: w.sitesOpen(), Groups: w.Groups, Threats: w.threats, Agents: w.census().all}
	if t.Sites < w.Sites {
		t.Groups -= w.groupsOf(newSite)
	}
	if !w.NoInstalled {
		t.Applications = countInstallations(w, &query{site: nowhere, group: nowhere})
	}
	return t
}

// AccountID is the ID of the account of a number.
func (s *Server) AccountID(n int) string { return s.tenant.idString(accountIDs, n) }

// SiteID is the ID of the site of a number. Site n is of account n % Accounts.
func (s *Server) SiteID(n int) string { return s.tenant.idString(siteIDs, n) }

// GroupID is the ID of the group of a number. Group n is of site n % Sites.
func (s *Server) GroupID(n int) string { return s.tenant.idString(groupIDs, n) }

// AgentID is the ID of the agent of a number. Agent n begins in site n % Sites.
func (s *Server) AgentID(n int) string { return s.tenant.idString(agentIDs, n) }

// AgentUUID is the UUID of the agent of a number.
func (s *Server) AgentUUID(n int) string { return s.tenant.uuid(n) }

// ThreatID is the ID of the threat of a number.
func (s *Server) ThreatID(n int) string { return s.tenant.idString(threatIDs, n) }

// InstallationID is the ID of the row of /installed-applications of an agent's slot. The slots of
// agents that nothing happened to are 0 to ApplicationsPerAgent - 1.
func (s *Server) InstallationID(agent, slot int) string {
	return s.tenant.idString(installationIDs, agent*maxSlots+slot)
}

// Accept says which tokens the console takes from now on; all others it takes no longer.
func (s *Server) Accept(tokens ...Token) {
	accepted := map[string]Token{}
	for _, t := range tokens {
		if t.Scope == "" {
			t.Scope = ScopeTenant
		}
		if t.ExpiresAt.IsZero() {
			t.ExpiresAt = time.UnixMicro(int64(dayZero)).UTC().AddDate(1, 0, 0)
		}
		accepted[t.Value] = t
	}
	s.mu.Lock()
	s.tokens = accepted
	s.mu.Unlock()
}

// OnRequest has a function called at the start of each request, before anything is decided about
// it. Requests at the same time call it at the same time.
func (s *Server) OnRequest(hook func(*http.Request)) {
	s.mu.Lock()
	s.hook = hook
	s.mu.Unlock()
}

// Requests is how many requests came for each path, as "/agents".
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// Methods are the HTTP methods that were used, in order of the alphabet.
func (s *Server) Methods() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.methods))
}

// ServeHTTP answers as the console.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, Base)
	harm := s.observe(path, r)
	for _, e := range harm {
		if e.first != nil {
			e.first(s)
		}
	}
	if s.tenant.Latency > 0 {
		if s.tenant.Wait(r.Context(), s.tenant.Latency) != nil {
			return
		}
	}
	for _, e := range harm {
		if e.instead != nil {
			e.instead(rw, r)
			return
		}
	}
	a := s.answer(path, r, harm)
	a.harm = harm
	a.send(rw, r)
	a.release()
}

// observe counts a request and finds the faults that hit it.
func (s *Server) observe(path string, r *http.Request) []Effect {
	s.mu.Lock()
	s.requests[path]++
	s.methods[r.Method] = true
	hook := s.hook
	var harm []Effect
	for _, f := range s.faults {
		if f.hits(path, r) {
			harm = append(harm, f.Effect)
		}
	}
	s.mu.Unlock()
	if hook != nil {
		hook(r)
	}
	return harm
}

func (s *Server) answer(path string, r *http.Request, harm []Effect) *answer {
	if r.Method != http.MethodGet {
		return refused(&refusal{http.StatusMethodNotAllowed, 4050010, "Method Not Allowed", ""})
	}
	if !strings.HasPrefix(r.URL.Path, Base+"/") {
		return refused(notFound)
	}
	w := s.today.Load()
	if path == "/system/status" {
		return found(func(o *object) { o.text("health", "ok") })
	}
	token, ok := s.tokenOf(r)
	if !ok {
		return refused(&refusal{http.StatusUnauthorized, 4010010, "Authentication Failed", ""})
	}
	if s.tenant.LimitRates {
		if pause, ok := s.limits.allow(token.Value, path); !ok {
			a := refused(&refusal{http.StatusTooManyRequests, 4290010, "Too many requests", ""})
			if !s.tenant.NoRetryAfter {
				a.header = http.Header{"Retry-After": {strconv.Itoa(pause)}}
			}
			return a
		}
	}
	if path == "/accounts" && (token.Scope == ScopeSite || token.Scope == ScopeGroup) {
		return refused(&refusal{http.StatusForbidden, 4030010, "Insufficient permissions", "Site users can't view accounts"})
	}
	if l := w.listAt(path); l != nil {
		return w.page(l, r, token, harm)
	}
	return w.single(path, r, token)
}

var notFound = &refusal{http.StatusNotFound, 4040010, "Not Found", ""}

func (s *Server) tokenOf(r *http.Request) (Token, bool) {
	value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "ApiToken ")
	s.mu.Lock()
	defer s.mu.Unlock()
	token, known := s.tokens[value]
	return token, ok && known
}

// page answers a request to a list.
func (w *world) page(l *list, r *http.Request, token Token, harm []Effect) *answer {
	q, no := w.parse(l, r.URL.Query(), token)
	if no != nil {
		return refused(no)
	}
	for _, e := range harm {
		for _, id := range e.hide {
			if n, ok := w.number(l.ids, id); ok {
				if q.hidden == nil {
					q.hidden = map[int]bool{}
				}
				q.hidden[n] = true
			}
		}
	}
	p := w.turn(l, q)
	for _, e := range harm {
		if e.change != nil {
			e.change(p)
		}
	}
	return w.written(l, q, p)
}

// pageOfRows is a page before it is written.
type pageOfRows struct {
	world  *world
	list   *list
	query  *query
	rows   []rowRef
	cursor string // of the next page, "" for none
	total  int
}

// turn looks up the rows of a page. The row after its last is where the next page begins. With
// skipCount the total is 0: what consoles say there is not documented.
func (w *world) turn(l *list, q *query) *pageOfRows {
	p := &pageOfRows{world: w, list: l, query: q}
	if !q.skipCount {
		p.total = l.total(w, q)
	}
	if q.countOnly {
		return p
	}
	skip := q.skip
	for ref := range l.shown(w, q, q.from) {
		if skip > 0 {
			skip--
			continue
		}
		if len(p.rows) == q.limit {
			p.cursor = makeCursor(ref, q.filters)
			break
		}
		p.rows = append(p.rows, ref)
	}
	// A console that counts pages rather than rows has a cursor after a full page, or after the last
	// threat: an empty page follows.
	if w.Awkward && p.cursor == "" && len(p.rows) > 0 && !q.asked && (len(p.rows) == q.limit || l.path == "/threats") {
		p.cursor = makeCursor(theEnd, q.filters)
	}
	return p
}

// written is the answer that a page makes.
func (w *world) written(l *list, q *query, p *pageOfRows) *answer {
	a := newAnswer(http.StatusOK)
	o := &a.object
	o.begin()
	o.key("data")
	if l.path == "/sites" {
		o.begin()
		w.writeAllSites(o)
		o.key("sites")
	}
	o.b = append(o.b, '[')
	write := func(o *object, ref rowRef) { w.inventory(q)[ref.n].write(o) }
	if l.write != nil {
		write = l.write(w)
	}
	for _, ref := range p.rows {
		write(o, ref)
	}
	o.endList()
	if l.path == "/sites" {
		o.end()
	}
	o.open("pagination")
	o.textOrNull("nextCursor", p.cursor)
	o.number("totalItems", int64(p.total))
	o.end()
	o.end()
	return a
}

func (w *world) writeAllSites(o *object) {
	c := w.census()
	active := 0
	for _, n := range c.sites {
		active += n
	}
	o.open("allSites")
	o.number("activeLicenses", int64(active))
	o.number("totalLicenses", int64(1000*w.Sites))
	o.end()
}
