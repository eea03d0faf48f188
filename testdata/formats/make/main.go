// Command make writes what a version of s1graph leaves on disk: a folder with two runs of a console, a day apart, and
// a recording of the second. It is run once, in a working tree of that version; see ../README.md.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// tenant answers in the place of a console that has a name which it could have.
type tenant struct {
	*s1test.Server
	clones bool // agents have no usable serial numbers, and two of them share a UUID
}

func (t tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	t.ServeHTTP(answer, r)
	response := answer.Result()
	response.Request = r
	if !t.clones || !strings.HasSuffix(r.URL.Path, "/agents") {
		return response, nil
	}
	return response, cloned(response)
}

// cloned takes from the rows what tells their machines apart: the serial number of all, the UUID of the second, and the
// directory, so that users are known by their devices.
func cloned(response *http.Response) error {
	var page map[string]any
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&page); err != nil {
		return err
	}
	rows, _ := page["data"].([]any)
	var uuid any
	for i, row := range rows {
		agent := row.(map[string]any)
		agent["serialNumber"], agent["activeDirectory"], agent["lastLoggedInUserName"] = []any{nil, nil, nil, "SN-12345"}[i%4], nil, fmt.Sprint("user", i)
		if i == 0 {
			uuid = agent["uuid"]
		}
		if i == 1 {
			agent["uuid"] = uuid
		}
	}
	body, err := json.Marshal(page)
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.Header.Del("Content-Length")
	response.ContentLength = int64(len(body))
	return err
}

func main() {
	if err := write(os.Args[1], len(os.Args) > 2 && os.Args[2] == "clones"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(to string, clones bool) error {
	server := s1test.New(s1test.Tenant{Seed: 1, Sites: 2, Groups: 2, Agents: 5, Threats: 2, ApplicationsPerAgent: 1})
	c := config.Default()
	c.URL, c.Token = "https://console.sentinelone.net", config.NewSecret(s1test.DefaultToken)
	c.Instance, c.Dir = "console", filepath.Join(to, "folder")
	for day, recording := range []string{"", filepath.Join(to, "recording")} {
		server.SetDay(day)
		now := time.Date(2026, 11, 20+day, 12, 0, 0, 0, time.UTC)
		summary, err := connector.Sync(context.Background(), connector.Options{
			Config: &c, Transport: tenant{server, clones}, Record: recording, Clock: func() time.Time { return now },
		})
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s, %v\n", summary.Run, summary.Status, summary.Changes)
	}
	return nil
}
