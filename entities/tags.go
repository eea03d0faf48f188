package entities

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"s1graph/graph"
	"s1graph/s1"
)

const agentTagsDoc = "Value of the agent's tag KEY. In KEY, what is not an ASCII letter, digit, point, space or hyphen becomes " +
	"a hyphen; a key in which no letter or digit is left is written `key-` and 8 hex digits of its SHA-256. Several values of " +
	"one KEY are sorted and joined with commas. The property tags has keys and values as they are."

func tagsOf(a *s1.Agent) []s1.AgentTag { return partOf(a.Tags).SentinelOne }

// agentTags are the tag.KEY properties of an agent, in ascending order. Keys that become the same name
// share it, so that no value is lost.
func agentTags(a *s1.Agent) []graph.Property {
	values := map[string][]string{}
	for _, t := range tagsOf(a) {
		name := graph.TagPrefix + fittedTagKey(unescaped(t.Key))
		values[name] = append(values[name], unescaped(t.Value))
	}
	var properties []graph.Property
	for name, list := range values {
		slices.Sort(list)
		joined := strings.TrimPrefix(strings.Join(slices.Compact(list), ","), ",") // a tag without a value adds nothing
		properties = append(properties, graph.Property{Name: name, Value: graph.String(joined)})
	}
	slices.SortFunc(properties, func(a, b graph.Property) int { return strings.Compare(a.Name, b.Name) })
	return properties
}

// agentTagList has the agent's tags as they are, as "key:value".
func agentTagList(a *s1.Agent) []string {
	var list []string
	for _, t := range tagsOf(a) {
		list = append(list, unescaped(t.Key)+":"+unescaped(t.Value))
	}
	return list
}

// agentTagsAssigned has who gave the agent which tag and when, as "key:value: who, time".
func agentTagsAssigned(a *s1.Agent) []string {
	var list []string
	for _, t := range tagsOf(a) {
		parts := []string{unescaped(cmp.Or(t.AssignedBy, t.AssignedByID))}
		if t.AssignedAt != 0 {
			parts = append(parts, time.UnixMilli(int64(t.AssignedAt)).UTC().Format(time.RFC3339))
		}
		if assigned := strings.TrimPrefix(strings.Join(parts, ", "), ", "); assigned != "" {
			list = append(list, unescaped(t.Key)+":"+unescaped(t.Value)+": "+assigned)
		}
	}
	return list
}

// fittedTagKey makes key fit JupiterOne's rule for names of properties: ^(_|tag\.)?[A-Za-z0-9. -]+$
func fittedTagKey(key string) string {
	key = strings.TrimSpace(key)
	if !strings.ContainsFunc(key, isASCIILetterOrDigit) {
		sum := sha256.Sum256([]byte(key))
		return "key-" + hex.EncodeToString(sum[:4])
	}
	return strings.Map(func(r rune) rune {
		if isASCIILetterOrDigit(r) || r == '.' || r == ' ' {
			return r
		}
		return '-'
	}, key)
}
