package neo4jtest_test

import (
	"context"
	"fmt"
	"log"

	"s1graph/graph/neo4jstore/neo4jtest"
)

// A server for trying, with its data in a folder that stays.
func ExampleStart() {
	server, err := neo4jtest.Start(context.Background(), neo4jtest.Options{Dir: "neo4j", Password: "for trying only", BoltPort: 7687})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	fmt.Println(server.URI, server.Username, server.Password)
	<-server.Done()
}
