package s1test_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"s1graph/s1/s1test"
)

// discard is a ResponseWriter that counts what is written, and keeps the last page's end, where the
// cursor is.
type discard struct {
	header http.Header
	bytes  int64
	tail   []byte
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(b []byte) (int, error) {
	d.bytes += int64(len(b))
	d.tail = append(d.tail[:0], b[max(0, len(b)-120):]...)
	return len(b), nil
}

// cursor of the page that was written last.
func (d *discard) cursor(b *testing.B) string {
	at := len(d.tail) - 1
	for depth := 0; at >= 0; at-- {
		if d.tail[at] == '}' {
			depth++
		}
		if d.tail[at] == '{' {
			if depth--; depth == 1 {
				break
			}
		}
	}
	var pagination struct{ NextCursor string }
	if err := json.Unmarshal(d.tail[at:len(d.tail)-1], &pagination); err != nil {
		b.Fatal(err)
	}
	return pagination.NextCursor
}

// readAll turns all pages of a list.
func readAll(b *testing.B, handler http.Handler, path string, q url.Values) *discard {
	w := &discard{header: http.Header{}}
	q.Set("limit", "1000")
	for {
		r := httptest.NewRequest(http.MethodGet, s1test.Base+path+"?"+q.Encode(), nil)
		r.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
		handler.ServeHTTP(w, r)
		cursor := w.cursor(b)
		if cursor == "" {
			return w
		}
		q.Set("cursor", cursor)
	}
}

// BenchmarkApplications makes the 600,000 rows of the reference tenant on one goroutine.
func BenchmarkApplications(b *testing.B) {
	s := s1test.New(s1test.Large(10_000, 60))
	b.ReportAllocs()
	for b.Loop() {
		w := readAll(b, s, "/installed-applications", url.Values{"agentIsDecommissioned": {"true,false"}})
		b.SetBytes(w.bytes)
	}
	b.ReportMetric(float64(s.Totals().Applications), "rows/op")
}

// BenchmarkApplicationsOfSites makes them again, site by site.
func BenchmarkApplicationsOfSites(b *testing.B) {
	s := s1test.New(s1test.Large(10_000, 60))
	for b.Loop() {
		var bytes int64
		for site := range s.Tenant().Sites {
			bytes += readAll(b, s, "/installed-applications", url.Values{"siteIds": {s.SiteID(site)}, "agentIsDecommissioned": {"true,false"}}).bytes
		}
		b.SetBytes(bytes)
	}
}

func BenchmarkAgents(b *testing.B) {
	s := s1test.New(s1test.Large(10_000, 60))
	s.SetDay(1)
	b.ReportAllocs()
	for b.Loop() {
		w := readAll(b, s, "/agents", url.Values{"isDecommissioned": {"true,false"}, "isUninstalled": {"true,false"}})
		b.SetBytes(w.bytes)
	}
}

func BenchmarkThreats(b *testing.B) {
	s := s1test.New(s1test.Large(100_000, 1))
	for b.Loop() {
		b.SetBytes(readAll(b, s, "/threats", url.Values{}).bytes)
	}
}

// BenchmarkInventory reads the reference tenant from the other source of applications.
func BenchmarkInventory(b *testing.B) {
	s := s1test.New(s1test.Large(10_000, 60))
	for b.Loop() {
		bytes := readAll(b, s, "/application-management/inventory", url.Values{}).bytes
		bytes += readAll(b, s, "/application-management/inventory/endpoints", url.Values{"applicationName": {"Google Chrome"}, "applicationVendor": {"Google LLC"}}).bytes
		b.SetBytes(bytes)
	}
}

// BenchmarkLoopback reads one page of applications over a real connection.
func BenchmarkLoopback(b *testing.B) {
	console := httptest.NewServer(s1test.New(s1test.Large(10_000, 60)))
	defer console.Close()
	r, err := http.NewRequest(http.MethodGet, console.URL+s1test.Base+"/installed-applications?limit=1000", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
	for b.Loop() {
		res, err := console.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		if err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
		b.SetBytes(n)
	}
}
