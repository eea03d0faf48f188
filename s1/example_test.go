package s1_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"

	"s1graph/s1"
)

func Example() {
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			io.WriteString(w, `{"data":[{"id":"1","computerName":"ada"}],"pagination":{"nextCursor":"b","totalItems":2}}`)
			return
		}
		io.WriteString(w, `{"data":[{"id":"2","computerName":"grace"}],"pagination":{"nextCursor":null,"totalItems":2}}`)
	}))
	defer console.Close()

	client, err := s1.New(s1.Config{URL: console.URL, Token: s1.StaticToken("eyJhbGciOi")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	for agent, err := range s1.List(context.Background(), client, s1.Agents, url.Values{"isActive": {"true"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(agent.ComputerName)
	}
	// Output:
	// ada
	// grace
}

func ExampleNormalizeURL() {
	fmt.Println(s1.NormalizeURL("acme.sentinelone.net/web/api/v2.1/"))
	// Output: https://acme.sentinelone.net <nil>
}
