package replay_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
	"s1graph/s1/replay"
)

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
