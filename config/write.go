package config

import (
	"strings"

	"github.com/goccy/go-yaml"
)

// Written is a configuration file with these values, by Setting.Key, each on a line in the order of Settings. They are of the
// kinds Text, Path, Flag and Schedules; a Path is relative to the file's folder.
func Written(values map[string]string) ([]byte, error) {
	var tree yaml.MapSlice
	for _, s := range settings {
		text, isGiven := values[s.Key]
		if !isGiven {
			continue
		}
		var value any = text
		if s.Kind == Flag {
			value = text == "true"
		}
		group, name, isNested := strings.Cut(s.Key, ".")
		if !isNested {
			tree = append(tree, yaml.MapItem{Key: group, Value: value})
			continue
		}
		if last := len(tree) - 1; last < 0 || tree[last].Key != group {
			tree = append(tree, yaml.MapItem{Key: group, Value: yaml.MapSlice{}})
		}
		last := &tree[len(tree)-1]
		last.Value = append(last.Value.(yaml.MapSlice), yaml.MapItem{Key: name, Value: value})
	}
	return yaml.Marshal(tree)
}
