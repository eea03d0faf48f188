package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"s1graph/s1/s1test"
)

// both are the filters without which a console leaves rows out, as the steps have them.
const both = "true,false"

// fetchAll asks a console for all the bytes that a run reads, in a chain for each site as a run does it, and throws them away: what
// no run can be faster than. It says how many bytes they were, in how many pages.
func fetchAll(console string, b *bench) (read, pages int64, err error) {
	tenant := b.console()
	most := []string{"1000"}
	type chain struct {
		path  string
		query url.Values
	}
	chains := []chain{{"/accounts", url.Values{}}, {"/sites", url.Values{}}, {"/groups", url.Values{}}, {"/threats", url.Values{"limit": most}}}
	for site := range tenant.Tenant().Sites {
		id := []string{tenant.SiteID(site)}
		ofDevices := chain{"/installed-applications", url.Values{"siteIds": id, "limit": most, "agentIsDecommissioned": {both}}}
		if b.severities != "" {
			ofDevices = chain{"/application-management/risks", url.Values{"siteIds": id, "limit": most}}
		}
		if b.severities == criticalAndHigh {
			ofDevices.query.Set("severities", strings.ToUpper(b.severities))
		}
		chains = append(chains,
			chain{"/agents", url.Values{"siteIds": id, "limit": most, "isDecommissioned": {both}, "isUninstalled": {both}}}, ofDevices)
	}
	waiting := make(chan chain, len(chains))
	for _, c := range chains {
		waiting <- c
	}
	close(waiting)
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range 12 { // as many requests as the client has under way
		wait.Go(func() {
			for c := range waiting {
				n, m, failed := fetchChain(console+s1test.Base+c.path, c.query)
				mu.Lock()
				read, pages, err = read+n, pages+m, errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return read, pages, err
}

var nextCursor = regexp.MustCompile(`"nextCursor":"([^"]+)"`)

func fetchChain(address string, query url.Values) (read, pages int64, err error) {
	for {
		request, err := http.NewRequest(http.MethodGet, address+"?"+query.Encode(), nil)
		if err != nil {
			return 0, 0, err
		}
		request.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, 0, err
		}
		var last tail
		n, err := io.CopyBuffer(&last, answer.Body, make([]byte, 64<<10))
		err = errors.Join(err, answer.Body.Close())
		if err == nil && answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", address, answer.Status)
		}
		if err != nil {
			return 0, 0, err
		}
		read, pages = read+n, pages+1
		found := nextCursor.FindSubmatch(last.kept)
		if found == nil {
			return read, pages, nil
		}
		query.Set("cursor", string(found[1]))
	}
}

// tail keeps the last bytes of what is written to it, where an answer names its next page.
type tail struct{ kept []byte }

func (t *tail) Write(b []byte) (int, error) {
	const enough = 1 << 10
	t.kept = append(t.kept, b...)
	t.kept = append(t.kept[:0], t.kept[max(0, len(t.kept)-enough):]...)
	return len(b), nil
}
