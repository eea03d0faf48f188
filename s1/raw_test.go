package s1_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/s1"
)

// raw reads all that Raw yields, one string a value.
func raw(t *testing.T, client *s1.Client, path string, query url.Values) []string {
	var got []string
	for value, err := range client.Raw(t.Context(), path, query) {
		require.NoError(t, err)
		got = append(got, string(value))
	}
	return got
}

func TestRawYieldsTheElementsOfAListAsTheyCame(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/web/api/v2.1/agents", r.URL.Path)
		switch r.URL.RawQuery {
		case "isActive=true&limit=1000":
			io.WriteString(w, `{"data":[{"id":"1","licenseKey": "k"},7],"pagination":{"nextCursor":"b"}}`)
		case "cursor=b&isActive=true&limit=1000":
			io.WriteString(w, `{"data":[null],"pagination":{}}`)
		default:
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
	})
	client, _ := connect(t, server.URL, nil)
	for _, path := range []string{"agents", "/agents", "/agents/", "/web/api/v2.1/agents", "web/api/v2.1/agents"} {
		assert.Equal(t, []string{`{"id":"1","licenseKey": "k"}`, "7", "null"}, raw(t, client, path, url.Values{"isActive": {"true"}}), path)
	}
}

func TestRawKnowsTheEndpointsOfTheAPIDescription(t *testing.T) {
	for path, test := range map[string]struct{ body, query, want string }{
		"sites":                    {`{"data":{"allSites":{},"sites":[{"id":"1"},{"id":"2"}]}}`, "limit=1000", `{"id":"1"} {"id":"2"}`},
		"cloudnative/cloud-rogues": {`{"data":{"resources":[{"id":"1"}]}}`, "limit=1000", `{"id":"1"}`},
		"groups":                   {`{"data":[]}`, "limit=300", ""},
		"threats/123/notes":        {`{"data":[{"text":"a"}]}`, "limit=1000", `{"text":"a"}`},
		"sites/5/policy":           {`{"data":{"sites":[1]}}`, "", `{"sites":[1]}`},
		"system/info":              {`{"data":{"build":"1"}}`, "", `{"build":"1"}`},
		"activities/types":         {`{"data":[{"id":1}]}`, "", `{"id":1}`},
		"something/new":            {`{"data":{"list":[1,2]}}`, "", `{"list":[1,2]}`},
	} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/web/api/v2.1/"+path, r.URL.Path)
			assert.Equal(t, test.query, r.URL.RawQuery, path)
			io.WriteString(w, test.body)
		})
		client, _ := connect(t, server.URL, nil)
		assert.Equal(t, test.want, strings.Join(raw(t, client, path, nil), " "), path)
	}
}

func TestRawFollowsTheCursorsOfAnUnknownEndpoint(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			io.WriteString(w, `{"data":[1],"pagination":{"nextCursor":"b"}}`)
			return
		}
		io.WriteString(w, `{"data":[2]}`)
	})
	client, _ := connect(t, server.URL, nil)
	assert.Equal(t, []string{"1", "2"}, raw(t, client, "unified-alerts", nil))
}

func TestRawAsksForPagesOfTheSizeThatTheQuerySays(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "limit=5", r.URL.RawQuery)
		io.WriteString(w, `{"data":[1]}`)
	})
	client, _ := connect(t, server.URL, nil)
	assert.Equal(t, []string{"1"}, raw(t, client, "agents", url.Values{"limit": {"5"}}))
}

func TestRawStaysInsideTheAPI(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	client, _ := connect(t, server.URL, nil)
	for path, want := range map[string]string{
		"":                         "must be a path of the API",
		"/":                        "must be a path of the API",
		"https://evil.example/x":   "must be a path of the API",
		"//evil.example/../x":      "must be a path of the API",
		"../../login":              "must be a path of the API",
		"agents/..":                "must be a path of the API",
		"agents/./x":               "must be a path of the API",
		"agents//x":                "must be a path of the API",
		"agents/%2e%2e/x":          "must be a path of the API",
		`agents\..\x`:              "must be a path of the API",
		"agents\r\nX: y":           "must be a path of the API",
		"agents?isActive=true":     "filters are given on their own",
		"agents#x":                 "must end before ? or #",
		"/web/api/v2.0/agents":     "is not of the API version in use, /web/api/v2.1",
		"/web/api/v2.1":            "must be a path of the API",
		"/web/api/v2.1/../../x":    "must be a path of the API",
		"/web/api/v2.1/web/api/v3": "is not of the API version",
	} {
		for _, err := range client.Raw(t.Context(), path, nil) {
			require.ErrorContains(t, err, want, path)
			var wrong *s1.PathError
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, path, wrong.Path)
		}
		_, err := client.RawCount(t.Context(), path, nil)
		require.ErrorContains(t, err, want, path)
	}
}

func TestRawCountsWithoutReading(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/web/api/v2.1/agents?countOnly=true&isActive=true", r.URL.String())
		io.WriteString(w, answer(4711, ""))
	})
	client, _ := connect(t, server.URL, nil)
	n, err := client.RawCount(t.Context(), "agents", url.Values{"isActive": {"true"}})
	require.NoError(t, err)
	assert.Equal(t, 4711, n)
}

func TestRawFirstTellsAListFromWhatIsNone(t *testing.T) {
	for path, answers := range map[string]map[string]int{
		"agents": {`{"data":[{"id":"1"}]}`: 1, `{"data":[]}`: 0, `{"data":null}`: 0, `{"data":{}}`: -1, `{"data":"x"}`: -1, `{}`: -1, `{"data":[],"errors":[{"title":"x"}]}`: -1},
		"sites":  {`{"data":{"sites":[{"id":"1"}]}}`: 1, `{"data":[{"id":"1"}]}`: 1, `{"data":{"sites":[]}}`: 0, `{"data":{"sites":null}}`: 0, `{"data":{"allSites":{}}}`: -1, `{"data":7}`: -1},
	} {
		for answer, want := range answers {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "isActive=true&limit=1", r.URL.RawQuery)
				io.WriteString(w, answer)
			})
			client, _ := connect(t, server.URL, nil)
			n, err := client.RawFirst(t.Context(), path, url.Values{"isActive": {"true"}})
			if want < 0 {
				assert.Error(t, err, answer)
				continue
			}
			require.NoError(t, err, answer)
			assert.Equal(t, want, n, answer)
		}
	}
}

func TestRawEndsWithTheConsolesError(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, 4030010, "Insufficient permissions") })
	client, _ := connect(t, server.URL, nil)
	for _, err := range client.Raw(t.Context(), "accounts", nil) {
		require.EqualError(t, err, "sentinelone api 403 on /accounts: Insufficient permissions")
	}
}
