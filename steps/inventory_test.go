package steps_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
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

// offline answers without a network, with the body that it gives.
type offline func(*http.Request) (body string)

func (answer offline) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(answer(r))),
	}, nil
}

// readApplications reads the applications of a console alone. It gives how many there are in the graph, and how many bytes more
// were in use when they had been read.
func readApplications(t *testing.T, console offline, source string) (found int, grown int64) {
	t.Helper()
	client, err := s1.New(s1.Config{URL: nowhere, Token: s1.StaticToken("x"), Limiter: new(s1.Limiter), Transport: console})
	require.NoError(t, err)
	defer client.Close()
	in, err := steps.NewInput(t.Context(), steps.Input{
		Client: client, Last: storetest.NewSnapshot(nil), Logger: slog.New(slog.DiscardHandler), Applications: source,
	})
	require.NoError(t, err)
	rows, err := sorter.New(sorter.Config{Dir: t.TempDir(), Types: steps.GraphTypes(), MemoryBytes: 1 << 20})
	require.NoError(t, err)
	defer rows.Close()
	before := heap()
	results, err := steps.Run(t.Context(), in, steps.Plan{
		Steps: steps.All(), Sorter: rows, Progress: func(steps.Progress) {},
		Skip: func(id string) bool { return id != "applications" },
	})
	require.NoError(t, err)
	for _, r := range results {
		require.NoError(t, r.Err)
	}
	grown = heap() - before
	for _, err := range rows.Sorted(t.Context(), entities.Application.GraphType().Name) {
		require.NoError(t, err)
		found++
	}
	return found, grown
}

// inventoryOf is an inventory of n applications, each on one endpoint. The first one's list of endpoints has a row twice.
func inventoryOf(n int, r *http.Request) (body string) {
	const page = 1000
	q := r.URL.Query()
	body = fmt.Sprintf(`{"data":[],"pagination":{"totalItems":%d}}`, n)
	switch {
	case strings.HasSuffix(r.URL.Path, "/endpoints"):
		name := q.Get("applicationName")
		row := fmt.Sprintf(`{"endpointId":"7","version":"1","applicationName":%q}`, name)
		if name == "app 0" {
			row += "," + row
		}
		body = fmt.Sprintf(`{"data":[%s],"pagination":{"totalItems":1}}`, row)
	case !q.Has("countOnly"):
		from, _ := strconv.Atoi(q.Get("cursor"))
		var rows []string
		for i := from; i < min(from+page, n); i++ {
			rows = append(rows, fmt.Sprintf(`{"applicationName":"app %d","applicationVendor":"acme","endpointsCount":1}`, i))
		}
		next := "null"
		if from+page < int(n) {
			next = strconv.Quote(strconv.Itoa(from + page))
		}
		body = fmt.Sprintf(`{"data":[%s],"pagination":{"totalItems":%d,"nextCursor":%s}}`, strings.Join(rows, ","), int(n), next)
	}
	return body
}

// Each application of the inventory has a list of its own. 20,000 of them cost 183 MB, and past 65,535 one lost records.
func TestAnInventoryOf70000ApplicationsIsReadWholeInLittleMemory(t *testing.T) {
	const applications = 70_000
	found, grown := readApplications(t, func(r *http.Request) string { return inventoryOf(applications, r) }, steps.InventorySource)
	assert.Less(t, grown, int64(16<<20), "bytes")
	assert.Equal(t, applications, found)
}

// heap is how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
