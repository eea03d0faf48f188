package replay_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
	"s1graph/s1/replay"
)

const meantHarm = " is too large for a recording: it is damaged, or was made to do harm"

func TestARecordingIsBelievedNoMoreThanAConsole(t *testing.T) {
	row := `{"id":"a1","name":"` + strings.Repeat("x", 100<<10) + `"}` + "\n"
	for name, test := range map[string]struct {
		rows  int
		lines string // of rows/accounts.jsonl
		says  string
	}{
		"a text":                {1, `{"id":"a1","name":"` + strings.Repeat("x", 2<<20) + `"}` + "\n", "page 1: the answer has a text of more than 1 MiB"},
		"a row":                 {1, `{"id":"a1"` + strings.Repeat(" ", 70<<20) + `}` + "\n", "row 1 of DIR/rows/accounts.jsonl" + meantHarm},
		"a row without end":     {1, `{"id":"a1"` + strings.Repeat(" ", 70<<20), "row 1 of DIR/rows/accounts.jsonl" + meantHarm},
		"a row that is deep":    {1, `{"id":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}\n", "page 1: the answer has lists and objects in one another, more than 100 deep"},
		"a page of rows":        {700, strings.Repeat(row, 700), "a page of the recording DIR" + meantHarm},
		"a row of many values":  {1, `{"id":"a1","licenses":{"modules":[` + strings.Repeat("{},", 2_000_000) + "{}]}}\n", "page 1: the answer has more than 1000000 values"},
		"as much as is allowed": {600, strings.Repeat(row, 600), ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
			require.NoError(t, os.WriteFile(filepath.Join(dir, "rows", "accounts.jsonl"), []byte(test.lines), 0o600))
			answers := fmt.Sprintf(`{"path":"/accounts","total":%d,"rows":%d,"file":"accounts.jsonl"}`, test.rows, test.rows)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "answers.jsonl"), []byte(answers), 0o600))
			client := open(t, dir)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)

			got := read(t, client, s1.Accounts, "limit=1000")

			runtime.ReadMemStats(&after)
			last := got[len(got)-1]
			if test.says == "" {
				assert.Len(t, got, 1+test.rows)
				return
			}
			assert.Contains(t, strings.ReplaceAll(last, dir, "DIR"), test.says)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(700<<20), "bytes allocated")
		})
	}
}

func TestWhatDescribesARecordingIsBelievedNoMoreThanAConsole(t *testing.T) {
	for _, file := range []string{"answers.jsonl", "meta.json"} {
		for name, content := range map[string]string{
			"blanks":        strings.Repeat(" ", 65<<20),
			"a text":        `{"instance":"` + strings.Repeat("x", 2<<20) + `","path":"/agents"}`,
			"many values":   `{"format":1,"sites":[` + strings.Repeat(`"",`, 1_000_000) + `""]}`,
			"lists in them": `{"format":1,"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
		} {
			t.Run(file+" "+name, func(t *testing.T) {
				dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
				_, err := replay.Open(dir)
				require.EqualError(t, err, filepath.Join(dir, file)+meantHarm)
			})
		}
	}
}

func TestCountsAndStatusesThatNoRecorderWritesAreRefused(t *testing.T) {
	for line, says := range map[string]string{
		`{"path":"/accounts","total":1,"rows":-3,"file":"accounts.jsonl"}`: "-3 rows of 1 cannot be",
		`{"path":"/accounts","total":-9223372036854775808}`:                "0 rows of -9223372036854775808 cannot be",
		`{"path":"/accounts","total":0,"error":{"status":-7}}`:             "-7 is not an HTTP status",
		`{"path":"/accounts","total":0,"error":{"status":70000}}`:          "70000 is not an HTTP status",
	} {
		dir := record(t, newConsole(), func(client *s1.Client) { read(t, client, s1.Accounts, "") })
		answers := filepath.Join(dir, "answers.jsonl")
		require.NoError(t, os.WriteFile(answers, []byte(line), 0o600))
		_, err := replay.Open(dir)
		require.EqualError(t, err, "the recording is damaged: "+answers+": /accounts: "+says)
	}
}

func TestAFolderWithTheMetaOfAnotherProgramIsNeitherReplayedNorRecordedOver(t *testing.T) {
	for _, content := range []string{`{"format":1}`, `{"format":1,"url":""}`, `{"format":1,"url":"file:///etc/passwd"}`} {
		dir := t.TempDir()
		meta := filepath.Join(dir, "meta.json")
		require.NoError(t, os.WriteFile(meta, []byte(content), 0o600))

		_, err := replay.Open(dir)
		require.ErrorContains(t, err, dir+" is not a recording: url in its meta.json ")
		_, err = replay.NewRecorder(dir, replay.Meta{Instance: "acme"})
		require.ErrorContains(t, err, "the folder is not empty and holds no recording")

		kept, err := os.ReadFile(meta)
		require.NoError(t, err)
		assert.Equal(t, content, string(kept))
	}
}
