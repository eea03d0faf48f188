package replay_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/s1"
	"s1graph/s1/replay"
)

func TestMain(m *testing.M) { gotest.VerifyTestMain(m) }

const secret = "hunter2"

// console is a tenant of two accounts, three sites, four groups and nine agents. Its rows hold secrets
// where those of a real one do.
type console struct {
	rows   map[string][]map[string]any // by path
	hidden map[string]bool             // ids that are given only when asked for by id
	status map[string]int              // by path, or path?siteIds: what fails
}

func newConsole() *console {
	c := &console{rows: map[string][]map[string]any{}, hidden: map[string]bool{}, status: map[string]int{}}
	add := func(path string, row map[string]any) {
		row["registrationToken"], row["licenseKey"], row["passphrase"] = secret, secret, secret
		row["updatedAt"] = "2026-11-22T08:00:00.123Z"
		c.rows[path] = append(c.rows[path], row)
	}
	add("/accounts", map[string]any{"id": "a1", "name": "Acme"})
	add("/accounts", map[string]any{"id": "a2", "name": "Umbrella"})
	for site, account := range []string{"a1", "a1", "a2"} {
		add("/sites", map[string]any{"id": fmt.Sprint("s", site), "accountId": account})
	}
	for group, site := range []string{"s0", "s0", "s1", "s2"} {
		add("/groups", map[string]any{"id": fmt.Sprint("g", group), "siteId": site, "accountId": "not in the model"})
	}
	for i := range 9 {
		group := i % 4
		site := []string{"s0", "s0", "s1", "s2"}[group]
		account := map[string]string{"s0": "a1", "s1": "a1", "s2": "a2"}[site]
		id := fmt.Sprint("h", i)
		at := map[string]any{"accountId": account, "siteId": site, "groupId": fmt.Sprint("g", group)}
		add("/agents", map[string]any{
			"id": id, "uuid": "u" + id, "computerName": "host <" + id + "> \u2028", "cloudProviders": map[string]any{"AWS": map[string]any{}, "GCP": map[string]any{}, "Azure": map[string]any{}},
			"accountId": account, "siteId": site, "groupId": fmt.Sprint("g", group),
		})
		add("/threats", map[string]any{"id": fmt.Sprint("t", i), "agentRealtimeInfo": at, "threatInfo": map[string]any{"maliciousProcessArguments": secret}})
		for app := range 2 {
			add("/installed-applications", map[string]any{"id": fmt.Sprintf("i%d%d", i, app), "agentId": id, "name": fmt.Sprint("app ", app)})
		}
		add("/application-management/inventory/endpoints", map[string]any{"endpointUuid": "u" + id, "applicationName": "app, Inc."})
	}
	add("/application-management/inventory", map[string]any{"applicationName": "app, Inc.", "applicationVendor": "v"})
	return c
}

// scopeOf is where a row of the console belongs.
func (c *console) scopeOf(row map[string]any) map[string]any {
	if at, ok := row["agentRealtimeInfo"].(map[string]any); ok {
		return at
	}
	for _, agent := range c.rows["/agents"] {
		if row["agentId"] == agent["id"] || row["endpointUuid"] != nil && row["endpointUuid"] == agent["uuid"] {
			return agent
		}
	}
	return row
}

func (c *console) accepts(path string, row map[string]any, query url.Values) bool {
	own := map[string]string{"/accounts": "ids", "/sites": "siteIds", "/groups": "groupIds", "/agents": "ids", "/threats": "ids"}[path]
	asked := query.Has(own)
	for name, field := range map[string]string{"accountIds": "accountId", "siteIds": "siteId", "groupIds": "groupId", own: "id"} {
		from := c.scopeOf(row)
		if name == own {
			from = row
		}
		if name != "" && query.Has(name) && !slices.Contains(strings.Split(query.Get(name), ","), fmt.Sprint(from[field])) {
			return false
		}
	}
	return asked || !c.hidden[fmt.Sprint(row["id"])]
}

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query := strings.TrimPrefix(r.URL.Path, "/web/api/v2.1"), r.URL.Query()
	for _, key := range []string{path, path + "?" + query.Get("siteIds"), path + "?cursor=" + query.Get("cursor")} {
		if status := c.status[key]; status != 0 {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"errors":[{"code":%d0010,"title":"No %s here"}]}`, status, secret)
			return
		}
	}
	if path == "/user" {
		fmt.Fprintf(w, `{"data":{"id":"u","scope":"tenant","apiToken":{"token":%q,"expiresAt":"2027-01-01T00:00:00Z"}}}`, secret)
		return
	}
	rows := slices.Clone(c.rows[path])
	rows = slices.DeleteFunc(rows, func(row map[string]any) bool { return !c.accepts(path, row, query) })
	total := len(rows)
	limit, _ := strconv.Atoi(query.Get("limit"))
	from, _ := strconv.Atoi(query.Get("cursor"))
	pagination := map[string]any{"totalItems": total, "nextCursor": nil}
	rows = rows[from:]
	if query.Get("countOnly") == "true" {
		rows = nil
	} else if limit < len(rows) {
		rows = rows[:limit]
		pagination["nextCursor"] = strconv.Itoa(from + limit)
	}
	var data any = rows
	if path == "/sites" {
		data = map[string]any{"sites": rows}
	}
	body, err := json.Marshal(map[string]any{"data": data, "pagination": pagination})
	if err != nil {
		panic(err)
	}
	w.Write(body)
}

var meta = replay.Meta{Instance: "Acme EU", RecordedAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.FixedZone("CET", 3600)), APIVersion: "v2.1"}

func awake(context.Context, time.Duration) error { return nil }

// record runs ask against the console, and returns the folder of the recording that was made.
func record(t *testing.T, c *console, ask func(*s1.Client)) string {
	dir := filepath.Join(t.TempDir(), "new", "recording")
	recordInto(t, dir, c, ask)
	return dir
}

func recordInto(t *testing.T, dir string, c *console, ask func(*s1.Client)) {
	server := httptest.NewServer(c)
	defer server.Close()
	recorder, err := replay.NewRecorder(dir, meta)
	require.NoError(t, err)
	client, err := s1.New(s1.Config{URL: server.URL, Token: s1.StaticToken(secret), Recorder: recorder, Sleep: awake})
	require.NoError(t, err)
	defer client.Close()
	ask(client)
	require.NoError(t, recorder.Close())
}

// open makes a client that reads the recording.
func open(t *testing.T, dir string) *s1.Client {
	recording, err := replay.Open(dir)
	require.NoError(t, err)
	client, err := s1.New(s1.Config{
		URL: recording.URL(), Transport: recording.Transport(), Token: s1.StaticToken("any"),
		Sleep:   func(context.Context, time.Duration) error { t.Error("a replay waits for nothing"); return nil },
		Limiter: &s1.Limiter{},
	})
	require.NoError(t, err)
	return client
}

// read reads a list and returns its rows as JSON, with the total of the last page before them. An error
// ends it.
func read[T any](t *testing.T, client *s1.Client, e s1.Endpoint[T], filters string) []string {
	query, err := url.ParseQuery(filters)
	require.NoError(t, err)
	var got []string
	total := 0
	for page, err := range s1.Pages(t.Context(), client, e, query) {
		if err != nil {
			return append(got, err.Error())
		}
		total = page.Total
		for i := range page.Rows {
			text, err := json.Marshal(&page.Rows[i], json.Deterministic(true))
			require.NoError(t, err)
			got = append(got, string(text))
		}
	}
	return append([]string{fmt.Sprint("total ", total)}, got...)
}

// ids are the ids in what read returns.
func ids(rows []string) string {
	var ids []string
	for _, row := range rows {
		var head struct{ ID, EndpointUUID string }
		if json.Unmarshal([]byte(row), &head, json.MatchCaseInsensitiveNames(true)) == nil {
			ids = append(ids, head.ID+head.EndpointUUID)
		} else {
			ids = append(ids, row)
		}
	}
	return strings.Join(ids, " ")
}

// everything asks for all that a run asks for, and returns the answers.
func everything(t *testing.T, client *s1.Client) map[string][]string {
	answers := map[string][]string{}
	user, err := client.User(t.Context())
	text, _ := json.Marshal(user)
	answers["user"] = []string{fmt.Sprint(string(text), err)}
	count, err := s1.Count(t.Context(), client, s1.Agents, url.Values{"isDecommissioned": {"true,false"}})
	answers["count"] = []string{fmt.Sprint(count, err)}
	answers["accounts"] = read(t, client, s1.Accounts, "")
	answers["sites"] = read(t, client, s1.Sites, "limit=2")
	answers["groups"] = read(t, client, s1.Groups, "limit=3")
	answers["inventory"] = read(t, client, s1.Inventory, "")
	answers["endpoints"] = read(t, client, s1.InventoryEndpoints, "applicationName=app, Inc.")
	var mu sync.Mutex
	var chains sync.WaitGroup
	for _, site := range []string{"s0", "s1", "s2"} {
		chains.Go(func() {
			agents := read(t, client, s1.Agents, "isDecommissioned=true,false&limit=2&siteIds="+site)
			threats := read(t, client, s1.Threats, "limit=1&siteIds="+site)
			applications := read(t, client, s1.InstalledApplications, "limit=3&siteIds="+site)
			mu.Lock()
			defer mu.Unlock()
			answers["agents "+site], answers["threats "+site], answers["applications "+site] = agents, threats, applications
		})
	}
	chains.Wait()
	return answers
}
