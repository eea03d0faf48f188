package cli

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"

	"s1graph/graph"
)

// names finds out what the entities at the ends of relationships are called.
type names struct {
	ctx       context.Context
	snapshots []graph.Snapshot // the one asked first is the first
	known     map[string]string
}

// mostNames bounds the memory that known takes; relationships of one entity come one after another.
const mostNames = 10_000

func newNames(ctx context.Context, snapshots ...graph.Snapshot) *names {
	return &names{ctx, snapshots, map[string]string{}}
}

// of returns the displayName of the entity with the key, or the key where nothing tells it.
func (n *names) of(key string) string {
	if name, known := n.known[key]; known {
		return name
	}
	if len(n.known) == mostNames {
		clear(n.known)
	}
	n.known[key] = n.find(key)
	return n.known[key]
}

func (n *names) find(key string) string {
	typeName, _, _ := strings.Cut(key, ":") // keys begin with their type
	for _, snapshot := range n.snapshots {
		for encoded, err := range snapshot.Fetch(n.ctx, typeName, []string{key}) {
			var entity struct {
				DisplayName string `json:"displayName"`
			}
			if err == nil && json.Unmarshal(encoded.JSON, &entity) == nil && entity.DisplayName != "" {
				return entity.DisplayName
			}
		}
	}
	return key
}
