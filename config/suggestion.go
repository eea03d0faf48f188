package config

import (
	"strings"

	"github.com/xrash/smetrics"
)

// suggestion asks whether a known word was meant by one that is not known.
func suggestion(word string, known []string) string {
	if nearest := Nearest(word, known); nearest != "" {
		return "; did you mean " + nearest + "?"
	}
	return ""
}

// Nearest is the known word that word probably was to be, "" if none is near. Upper case, hyphens,
// underscores and dots make no difference.
func Nearest(word string, known []string) string {
	nearest, distance := "", 3
	for _, k := range known {
		if d := smetrics.WagnerFischer(fold(word), fold(k), 1, 1, 1); len(word) <= 40 && d < distance {
			nearest, distance = k, d
		}
	}
	return nearest
}

func fold(word string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(word))
}
