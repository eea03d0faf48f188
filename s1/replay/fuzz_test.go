package replay_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
	"s1graph/s1/replay"
)

// FuzzRecording replays a recording that somebody wrote: it is refused, or answers with rows and errors.
func FuzzRecording(f *testing.F) {
	f.Add([]byte(`{"format":1,"url":"https://acme.example"}`), []byte(`{"path":"/accounts","total":1,"rows":1,"file":"accounts.jsonl"}`), []byte(`{"id":"a1"}`+"\n"))
	for _, name := range []string{"acme", "hostile"} {
		if meta, err := os.ReadFile("../../testdata/recordings/" + name + "/meta.json"); err == nil {
			answers, err := os.ReadFile("../../testdata/recordings/" + name + "/answers.jsonl")
			require.NoError(f, err)
			f.Add(meta, answers, []byte("{}\n"))
		}
	}
	f.Add([]byte("{}"), []byte(`{"path":"/accounts","rows":-1,"file":"../meta.json"}`), []byte("\xff\n[]\nnull"))
	f.Add([]byte("null"), []byte(`{"path":"/accounts","rows":1000000000000,"file":"accounts.jsonl","filters":"%zz"}`), []byte{})
	dir := f.TempDir()
	require.NoError(f, os.Mkdir(filepath.Join(dir, "rows"), 0o700))
	f.Fuzz(func(t *testing.T, meta, answers, rows []byte) {
		for name, content := range map[string][]byte{"meta.json": meta, "answers.jsonl": answers, "rows/accounts.jsonl": rows} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		}
		recording, err := replay.Open(dir)
		if err != nil {
			assert.NotEmpty(t, err.Error())
			return
		}
		client, err := s1.New(s1.Config{
			URL: recording.URL(), Token: s1.StaticToken("x"), Transport: recording.Transport(), RateLimits: map[string]float64{"/accounts": 0},
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		})
		if err != nil {
			return // its address is none
		}
		defer client.Close()
		for range s1.Pages(t.Context(), client, s1.Accounts, nil) {
		}
		_, _ = s1.Count(t.Context(), client, s1.Accounts, nil) // whatever it is
	})
}
