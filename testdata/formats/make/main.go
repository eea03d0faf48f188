// Command make writes what a version of s1graph leaves on disk: a folder with two runs of a console, a day apart, and
// a recording of the second. It is run once, in a working tree of that version; see ../README.md.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// tenant answers in the place of a console that has a name which it could have.
type tenant struct{ *s1test.Server }

func (t tenant) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	t.ServeHTTP(answer, r)
	response := answer.Result()
	response.Request = r
	return response, nil
}

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(to string) error {
	server := s1test.New(s1test.Tenant{Seed: 1, Sites: 2, Groups: 2, Agents: 5, Threats: 2, ApplicationsPerAgent: 1})
	c := config.Default()
	c.URL, c.Token = "https://console.sentinelone.net", config.NewSecret(s1test.DefaultToken)
	c.Instance, c.Dir = "console", filepath.Join(to, "folder")
	for day, recording := range []string{"", filepath.Join(to, "recording")} {
		server.SetDay(day)
		now := time.Date(2026, 11, 20+day, 12, 0, 0, 0, time.UTC)
		summary, err := connector.Sync(context.Background(), connector.Options{
			Config: &c, Transport: tenant{server}, Record: recording, Clock: func() time.Time { return now },
		})
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s, %v\n", summary.Run, summary.Status, summary.Changes)
	}
	return nil
}
