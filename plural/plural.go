// Package plural says how many there are of something, as people write it.
package plural

import (
	"fmt"
	"strings"
)

// Of is a number and what there are so many of, which is given in the singular: 1 relationship, 2 entities, 0 rows.
func Of[N int | int64](n N, what string) string {
	stem, isY := strings.CutSuffix(what, "y")
	switch {
	case n == 1:
		return "1 " + what
	case isY && !strings.ContainsAny(stem[len(stem)-1:], "aeiou"):
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
