package cli

import (
	"context"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"s1graph/entities"
	"s1graph/graph"
	"s1graph/steps"
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
	typeName, _ := graph.CutKey(key)
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

// place is what the account, site or group is called whose ID a property of a changed record holds, and how the property is
// called then; "" and the property's own name where it holds none, or where nothing tells the name.
func (n *names) place(c *graph.Change, property string, record *graph.Record) (name, label string) {
	keyOf := placesOf()[c.Type.Name][property]
	if keyOf == nil || record == nil {
		return "", property
	}
	key := keyOf(record.Get(property).Text())
	if name = n.of(key); name == key {
		return "", property
	}
	return name, strings.TrimSuffix(property, "Id")
}

// placesOf has what makes the key of a place of the ID that a property holds, by type and property.
var placesOf = sync.OnceValue(func() map[string]map[string]func(id string) string {
	all := map[string]map[string]func(id string) string{}
	for _, d := range steps.Entities() {
		all[d.Name] = map[string]func(id string) string{d.Place.Account: entities.AccountKey, d.Place.Site: entities.SiteKey, d.Place.Group: entities.GroupKey}
	}
	return all
})
