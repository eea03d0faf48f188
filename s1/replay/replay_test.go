package replay_test

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
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

func TestAReplayGivesWhatTheTenantGave(t *testing.T) {
	var want map[string][]string
	dir := record(t, newConsole(), func(client *s1.Client) { want = everything(t, client) })
	assert.Len(t, want["agents s0"], 1+5)

	assert.Equal(t, want, everything(t, open(t, dir)))
	assert.Equal(t, want, everything(t, open(t, dir)), "and again")
}

func TestARecordingOfAReplayIsTheSameRecording(t *testing.T) {
	first := record(t, newConsole(), func(client *s1.Client) { everything(t, client) })
	recording, err := replay.Open(first)
	require.NoError(t, err)
	second := t.TempDir()
	recorder, err := replay.NewRecorder(second, recording.Meta())
	require.NoError(t, err)
	client, err := s1.New(s1.Config{URL: recording.URL(), Transport: recording.Transport(), Token: s1.StaticToken("any"), Recorder: recorder, Sleep: awake})
	require.NoError(t, err)
	everything(t, client)
	require.NoError(t, recorder.Close())
	assert.Equal(t, files(t, first), files(t, second))
}

// files are the contents of all files under dir.
func files(t *testing.T, dir string) map[string]string {
	contents := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			name, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			contents[name] = string(content)
		}
		return err
	}))
	return contents
}

func TestRecordingsOfOneTenantAreTheSameWhateverTheOrder(t *testing.T) {
	first := record(t, newConsole(), func(client *s1.Client) { everything(t, client) })
	for range 3 {
		assert.Equal(t, files(t, first), files(t, record(t, newConsole(), func(client *s1.Client) { everything(t, client) })))
	}
}

func TestARecordingHoldsNoSecretsAndIsItsOwnersOnly(t *testing.T) {
	c := newConsole()
	c.status["/groups"] = 403
	dir := record(t, c, func(client *s1.Client) { everything(t, client) })
	for name, content := range files(t, dir) {
		assert.NotContains(t, content, secret, name)
		assert.NotContains(t, content, "127.0.0.1", name)
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
	for _, folder := range []string{dir, filepath.Join(dir, "rows")} {
		info, err := os.Stat(folder)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), folder)
	}
}

func TestTheMetaSaysWhatTheRecordingIsOf(t *testing.T) {
	recording, err := replay.Open(record(t, newConsole(), func(*s1.Client) {}))
	require.NoError(t, err)
	assert.Equal(t, replay.Meta{
		Instance: "Acme EU", URL: "https://acme-eu.sentinelone.example",
		RecordedAt: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), APIVersion: "v2.1",
	}, recording.Meta())
	assert.Equal(t, recording.Meta().URL, recording.URL())
}

func TestAnErrorIsReplayedAtOnce(t *testing.T) {
	for status, want := range map[int]string{
		403: "sentinelone api 403 on /threats: Forbidden",
		404: "sentinelone api 404 on /threats: Not Found",
		500: "sentinelone api 500 on /threats: Internal Server Error",
	} {
		c := newConsole()
		c.status["/threats?s1"] = status
		dir := record(t, c, func(client *s1.Client) { everything(t, client) })
		client := open(t, dir)
		assert.Equal(t, []string{want}, read(t, client, s1.Threats, "siteIds=s1"))
		assert.Equal(t, "total 5 t0 t1 t4 t5 t8", ids(read(t, client, s1.Threats, "siteIds=s0")), "the other chains are whole")
		assert.Equal(t, []string{want}, read(t, client, s1.Threats, ""), "what needs the missing part fails the same way")

		_, err := s1.Count(t.Context(), client, s1.Threats, url.Values{"siteIds": {"s1"}})
		var failed *s1.Error
		require.ErrorAs(t, err, &failed)
		assert.EqualValues(t, status*10000+10, failed.Code)
	}
}

func TestAnErrorInTheMiddleOfAListComesAfterTheRowsBeforeIt(t *testing.T) {
	c := newConsole()
	c.status["/agents?cursor=4"] = 500
	var want []string
	dir := record(t, c, func(client *s1.Client) { want = read(t, client, s1.Agents, "limit=2") })
	require.Len(t, want, 5)
	got := read(t, open(t, dir), s1.Agents, "limit=2")
	assert.Equal(t, want[:4], got[:4])
	assert.Equal(t, "sentinelone api 500 on /agents: Internal Server Error", got[4])
}

func TestAListThatIsReadAnewReplacesWhatWasRecorded(t *testing.T) {
	c := newConsole()
	c.status["/agents?cursor=4"] = 500
	dir := record(t, c, func(client *s1.Client) {
		assert.Len(t, read(t, client, s1.Agents, "limit=2"), 5)
		delete(c.status, "/agents?cursor=4")
		c.rows["/agents"] = c.rows["/agents"][:3]
		assert.Len(t, read(t, client, s1.Agents, "limit=2"), 1+3)
	})
	assert.Equal(t, "total 3 h0 h1 h2", ids(read(t, open(t, dir), s1.Agents, "limit=2")))
}

func TestQuestionsByIDAreAnsweredFromTheRecordedLists(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) { everything(t, client) })
	client := open(t, dir)
	assert.Equal(t, "total 2 h2 h8", sorted(read(t, client, s1.Agents, "ids=h8,h2,gone&isDecommissioned=true,false")))
	assert.Equal(t, "total 1 h8", ids(read(t, client, s1.Agents, "ids=h8,h2,gone&siteIds=s0")), "inside the scope")
	assert.Equal(t, "total 1 a2", ids(read(t, client, s1.Accounts, "ids=a2,a3")))
	assert.Equal(t, "total 2 s0 s2", ids(read(t, client, s1.Sites, "siteIds=s0,s2,s9")))
	assert.Equal(t, "total 1 g3", ids(read(t, client, s1.Groups, "groupIds=g3&siteIds=s2")))
	assert.Equal(t, "total 0", ids(read(t, client, s1.Threats, "ids=t99")))
	count, err := s1.Count(t.Context(), client, s1.Agents, url.Values{"ids": {"h1", "h2"}})
	require.NoError(t, err)
	assert.Equal(t, 2, count)
}

// sorted is ids with the ids sorted, for lists that come in no particular order.
func sorted(rows []string) string {
	slices.SortFunc(rows[1:], func(a, b string) int { return strings.Compare(ids([]string{a}), ids([]string{b})) })
	return ids(rows)
}

func TestANarrowerScopeIsAnsweredFromTheRecordedRows(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) { everything(t, client) })
	client := open(t, dir)
	for filters, want := range map[string]string{
		"":                                     "total 9 h0 h1 h2 h3 h4 h5 h6 h7 h8",
		"siteIds=s1,s2":                        "total 4 h2 h3 h6 h7",
		"siteIds=s2,s1,s0":                     "total 9 h0 h1 h2 h3 h4 h5 h6 h7 h8",
		"groupIds=g1":                          "total 2 h1 h5",
		"accountIds=a2":                        "total 2 h3 h7",
		"accountIds=a1,a2&siteIds=s0,s1":       "total 7 h0 h1 h2 h4 h5 h6 h8",
		"accountIds=a2&siteIds=s0":             "total 0",
		"accountIds=a1&siteIds=s0&groupIds=g0": "total 3 h0 h4 h8",
	} {
		assert.Equal(t, want, sorted(read(t, client, s1.Agents, filters+"&isDecommissioned=true,false&limit=2")), filters)
		count, err := s1.Count(t.Context(), client, s1.Agents, parse(t, filters+"&isDecommissioned=true,false"))
		require.NoError(t, err)
		assert.Equal(t, strings.Fields(want)[1], strconv.Itoa(count), filters)
		assert.Equal(t, strings.ReplaceAll(want, "h", "t"), sorted(read(t, client, s1.Threats, filters)), filters)
	}
	assert.Equal(t, "total 4 i30 i31 i70 i71", sorted(read(t, client, s1.InstalledApplications, "accountIds=a2")))
	assert.Equal(t, "total 2 uh3 uh7", sorted(read(t, client, s1.InventoryEndpoints, "siteIds=s2&applicationName=app, Inc.")))
	assert.Equal(t, read(t, client, s1.Inventory, ""), read(t, client, s1.Inventory, "siteIds=s2"))
	assert.Equal(t, "total 3 g0 g1 g2", ids(read(t, client, s1.Groups, "accountIds=a1")))
	assert.Equal(t, "total 2 s0 s1", ids(read(t, client, s1.Sites, "accountIds=a1")))
}

func parse(t *testing.T, query string) url.Values {
	values, err := url.ParseQuery(query)
	require.NoError(t, err)
	return values
}

func TestWhatIsLackingIsSaid(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) {
		read(t, client, s1.Sites, "")
		read(t, client, s1.Groups, "")
		read(t, client, s1.Agents, "siteIds=s1")
	})
	client := open(t, dir)
	for _, test := range []struct{ got, want string }{
		{read(t, client, s1.Threats, "")[0], "the recording has no answer for /threats"},
		{read(t, client, s1.Threats, "ids=t1")[0], "the recording has no answer for /threats"},
		{read(t, client, s1.Agents, "")[0], "the recording has no answer for /agents"},
		{read(t, client, s1.Agents, "siteIds=s1,s2")[0], "the recording has no answer for /agents under these filters: siteIds"},
		{read(t, client, s1.Agents, "siteIds=unknown")[0], "the recording has no answer for /agents under these filters: siteIds"},
		{read(t, client, s1.Agents, "siteIds=s1&infected=true")[0], "the recording has no answer for /agents under these filters: infected, siteIds"},
	} {
		path, _, _ := strings.Cut(strings.TrimPrefix(test.want, "the recording has no answer for "), " ")
		assert.Equal(t, "sentinelone api 404 on "+path+": "+test.want, test.got)
	}
	_, err := client.User(t.Context())
	require.EqualError(t, err, "sentinelone api 404 on /user: the recording has no answer for /user")
	assert.Equal(t, "total 2 h2 h6", ids(read(t, client, s1.Agents, "groupIds=g2")), "a part of what was recorded")
	for _, err := range client.Raw(t.Context(), "system/info", nil) {
		require.True(t, s1.IsNotFound(err))
	}
}

func TestRowsThatAnsweredWhenAskedStandInTheReplayedLists(t *testing.T) {
	c := newConsole()
	for _, id := range []string{"h5", "h7", "s1", "a2", "t0"} {
		c.hidden[id] = true
	}
	// An agent of a site that the tenant does not list any more.
	c.rows["/agents"] = append(c.rows["/agents"], map[string]any{"id": "lost", "uuid": "u", "siteId": "s77"})
	c.hidden["lost"] = true
	dir := record(t, c, func(client *s1.Client) {
		everything(t, client)
		read(t, client, s1.Agents, "ids=h5,h7,h8,lost,gone&isDecommissioned=true,false")
		read(t, client, s1.Sites, "siteIds=s1")
		read(t, client, s1.Accounts, "ids=a2")
		read(t, client, s1.Threats, "ids=t0")
	})
	client := open(t, dir)
	for range 2 {
		got := everything(t, client)
		assert.Equal(t, "total 6 h0 h1 h4 h8 h5 lost", ids(got["agents s0"]), "what belongs nowhere is in the first list")
		assert.Equal(t, "total 2 h2 h6", ids(got["agents s1"]))
		assert.Equal(t, "total 2 h3 h7", ids(got["agents s2"]))
		assert.Equal(t, "10 <nil>", got["count"][0])
		assert.Equal(t, "total 3 s0 s2 s1", ids(got["sites"]))
		assert.Equal(t, "total 2 a1 a2", ids(got["accounts"]))
		assert.Equal(t, "total 5 t1 t4 t5 t8 t0", ids(got["threats s0"]))
	}
	assert.Equal(t, "total 10 h0 h1 h2 h3 h4 h5 h6 h7 h8 lost", sorted(read(t, client, s1.Agents, "isDecommissioned=true,false&limit=3")))
	assert.Equal(t, "total 2 s1 s2", sorted(read(t, client, s1.Sites, "siteIds=s1,s2")))
}

func TestOfDuplicateRowsTheNewestIsGivenToQuestionsByID(t *testing.T) {
	c := newConsole()
	moved := map[string]any{"id": "h0", "siteId": "s1", "accountId": "a1", "groupId": "g2", "updatedAt": "2026-11-22T09:00:00Z"}
	c.rows["/agents"] = append(c.rows["/agents"], moved)
	dir := record(t, c, func(client *s1.Client) { everything(t, client) })
	client := open(t, dir)
	assert.Equal(t, "total 3 h2 h6 h0", ids(read(t, client, s1.Agents, "isDecommissioned=true,false&siteIds=s1")), "a list stays as it was")
	got := read(t, client, s1.Agents, "ids=h0")
	require.Len(t, got, 2)
	assert.Contains(t, got[1], `"siteId":"s1"`)
}

func TestAFolderThatHoldsSomethingElseIsNotRecordedInto(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("x"), 0o600))
	_, err := replay.NewRecorder(dir, meta)
	require.ErrorContains(t, err, "the folder is not empty and holds no recording; name a new or an empty folder")
	assert.Len(t, files(t, dir), 1)

	recording := record(t, newConsole(), func(*s1.Client) {})
	require.NoError(t, os.WriteFile(filepath.Join(recording, "notes.txt"), []byte("x"), 0o600))
	_, err = replay.NewRecorder(recording, meta)
	require.ErrorContains(t, err, `the folder holds "notes.txt", which is not part of a recording`)
	_, err = replay.Open(recording)
	require.NoError(t, err, "nothing was taken from it")

	for _, path := range []string{"rows/notes.txt", "rows/mine/accounts.jsonl", "answers.jsonl/accounts.jsonl"} {
		recording = record(t, newConsole(), func(client *s1.Client) { everything(t, client) })
		if strings.HasPrefix(path, "answers") {
			require.NoError(t, os.Remove(filepath.Join(recording, "answers.jsonl")))
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(recording, path)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(recording, path), []byte("x"), 0o600))
		before := files(t, recording)
		_, err = replay.NewRecorder(recording, meta)
		require.Error(t, err, path)
		assert.Equal(t, before, files(t, recording), path)
	}
}

func TestAnOlderRecordingIsReplaced(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) { everything(t, client) })
	recordInto(t, dir, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
	assert.Len(t, files(t, dir), 3)
	assert.Equal(t, "total 2 a1 a2", ids(read(t, open(t, dir), s1.Accounts, "")))
}

func TestAFolderThatIsNoWholeRecordingIsNotOpened(t *testing.T) {
	_, err := replay.Open(t.TempDir())
	require.ErrorContains(t, err, "is not a recording: it has no meta.json")

	dir := t.TempDir()
	_, err = replay.NewRecorder(dir, meta)
	require.NoError(t, err)
	_, err = replay.Open(dir)
	require.ErrorContains(t, err, "was never finished")

	dir = record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
	for name, content := range map[string]string{
		"meta.json":     `{"format":2}`,
		"answers.jsonl": `{"path":"/accounts","file":"../../secret","rows":1}`,
	} {
		file := filepath.Join(dir, name)
		before, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		_, err = replay.Open(dir)
		require.Error(t, err, name)
		require.NoError(t, os.WriteFile(file, before, 0o600))
	}
}

func TestADamagedRecordingIsToldApart(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
	file := filepath.Join(dir, "rows", "accounts.jsonl")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, damaged := range []string{string(content[:len(content)-5]), "{}\nnot JSON\n", ""} {
		require.NoError(t, os.WriteFile(file, []byte(damaged), 0o600))
		got := read(t, open(t, dir), s1.Accounts, "")
		assert.Contains(t, got[len(got)-1], "the recording is damaged: row ")
	}
}

func TestManyReadARecordingAtOnce(t *testing.T) {
	dir := record(t, newConsole(), func(client *s1.Client) { everything(t, client) })
	client := open(t, dir)
	var readers sync.WaitGroup
	for i := range 20 {
		readers.Go(func() {
			assert.Equal(t, "total 4 h2 h3 h6 h7", sorted(read(t, client, s1.Agents, "isDecommissioned=true,false&siteIds=s1,s2")))
			assert.Equal(t, "total 1 h3", ids(read(t, client, s1.Agents, "ids=h3&limit="+fmt.Sprint(i+1))))
		})
	}
	readers.Wait()
}
