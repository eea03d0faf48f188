package plural_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/plural"
)

func TestOneIsSingularAndAllElsePlural(t *testing.T) {
	for want, got := range map[string]string{
		"1 relationship": plural.Of(1, "relationship"), "0 rows": plural.Of(0, "row"), "2 entities": plural.Of(int64(2), "entity"),
		"1 entity": plural.Of(int64(1), "entity"), "3 days": plural.Of(3, "day"), "2 tries": plural.Of(2, "try"), "5 more properties": plural.Of(5, "more property"),
	} {
		assert.Equal(t, want, got)
	}
}

func ExampleOf() {
	fmt.Println(plural.Of(1, "relationship"), plural.Of(2, "entity"))
	// Output: 1 relationship 2 entities
}
