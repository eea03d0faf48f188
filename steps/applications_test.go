package steps_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/entities"
	"s1graph/graph/sorter"
	"s1graph/graph/storetest"
	"s1graph/s1"
	"s1graph/steps"
)

// sayingOneThing answers without a network: a list of installations, each of which has the text x in one of these members.
type sayingOneThing []string

func (members sayingOneThing) RoundTrip(r *http.Request) (*http.Response, error) {
	var rows []string
	for i, member := range members {
		rows = append(rows, fmt.Sprintf(`{"id":"%d","agentId":"7",%q:"x"}`, i+1, member))
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"data":[%s],"pagination":{"totalItems":%d}}`, strings.Join(rows, ","), len(rows)))),
	}, nil
}

// Go hashes in another way where the processor has no instructions for AES, as that of a Raspberry Pi 4: there an empty text
// changes a hash, and a second one changes it back.
func TestApplicationsAreToldApartWithoutAESToo(t *testing.T) {
	if withoutAES := "cpu.aes=off"; os.Getenv("GODEBUG") != withoutAES {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "GODEBUG="+withoutAES)
		said, err := child.CombinedOutput()
		require.NoError(t, err, "%s", said)
		return
	}
	members := sayingOneThing{"name", "publisher", "version", "type", "osType"}
	client, err := s1.New(s1.Config{URL: nowhere, Token: s1.StaticToken("x"), Limiter: new(s1.Limiter), Transport: members})
	require.NoError(t, err)
	defer client.Close()
	in, err := steps.NewInput(t.Context(), steps.Input{
		Client: client, Last: storetest.NewSnapshot(nil), Logger: slog.New(slog.DiscardHandler), Applications: steps.InstalledSource,
	})
	require.NoError(t, err)
	rows, err := sorter.New(sorter.Config{Dir: t.TempDir(), Types: steps.GraphTypes()})
	require.NoError(t, err)
	defer rows.Close()
	results, err := steps.Run(t.Context(), in, steps.Plan{
		Steps: steps.All(), Sorter: rows, Progress: func(steps.Progress) {},
		Skip: func(id string) bool { return id != "applications" },
	})
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	found := 0
	for _, err := range rows.Sorted(t.Context(), entities.Application.GraphType().Name) {
		require.NoError(t, err)
		found++
	}
	assert.Equal(t, len(members), found)
}
