package s1test_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"s1graph/s1/s1test"
)

// A test starts a tenant, lets a day pass and knows from the plan what it should find.
func Example() {
	tenant := s1test.New(s1test.Hostile())
	console := httptest.NewServer(tenant)
	defer console.Close()

	mend := tenant.Break(s1test.Fault{Path: "/agents", Times: 1, Effect: s1test.Status(http.StatusInternalServerError)})
	defer mend()
	for range 2 {
		r, _ := http.NewRequest(http.MethodGet, console.URL+s1test.Base+"/agents?limit=1000", nil)
		r.Header.Set("Authorization", "ApiToken "+s1test.DefaultToken)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = res.Body.Close()
		fmt.Println(res.StatusCode)
	}

	tenant.SetDay(1)
	fmt.Println(len(tenant.Plan(1).IDs(s1test.AgentGone)), "agents are gone on", tenant.Now().Format("2 January"))
	// Output:
	// 500
	// 200
	// 2 agents are gone on 21 November
}
