// Command recordings makes testdata/recordings anew: it runs s1graph's client and recorder against the
// Acme tenant of s1test, on its day 0 and its day 1, and against its Hostile tenant. The result is the same each time. `make recordings`
// calls it.
package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
)

// firstDay is when the first recording claims to have been made; the tenant's rows are of that day.
var firstDay = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func main() {
	for _, r := range []struct {
		name, instance string
		tenant         s1test.Tenant
		day            int
	}{
		{"acme", "acme", s1test.Acme(), 0},
		{"acme-next-day", "acme", s1test.Acme(), 1},
		{"hostile", "hostile", s1test.Hostile(), 0},
	} {
		if err := record(r.tenant, r.day, r.instance, filepath.Join("testdata", "recordings", r.name)); err != nil {
			fmt.Fprintln(os.Stderr, "recordings:", err)
			os.Exit(1)
		}
	}
}

func record(t s1test.Tenant, day int, instance, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	state, err := os.MkdirTemp("", "s1graph-recordings-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	tenant := s1test.New(t)
	tenant.SetDay(day)
	server := httptest.NewServer(tenant)
	defer server.Close()

	c := config.Default()
	c.URL, c.Token = server.URL, config.NewSecret(s1test.DefaultToken)
	c.Instance, c.Dir = instance, state
	now := firstDay.AddDate(0, 0, day)
	_, err = connector.Sync(context.Background(), connector.Options{
		Config: &c, Record: to, Clock: func() time.Time { return now },
	})
	return err
}
