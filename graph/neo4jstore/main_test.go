package neo4jstore_test

import (
	"fmt"
	"os"
	"testing"

	"s1graph/gotest"
	"s1graph/graph/neo4jstore/neo4jtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childScope) != "" {
		if err := applyInChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	gotest.VerifyTestMain(neo4jtest.Main{M: m})
}
