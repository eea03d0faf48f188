package entities_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/entities"
	"s1graph/s1"
)

func TestTagsBecomePropertiesWhoseNamesFit(t *testing.T) {
	for _, c := range []struct {
		tags []s1.AgentTag
		want map[string]string
	}{
		{[]s1.AgentTag{{Key: "env", Value: "prod"}}, map[string]string{"tag.env": "prod"}},
		{[]s1.AgentTag{{Key: "Cost Centre", Value: "77"}}, map[string]string{"tag.Cost Centre": "77"}},
		{[]s1.AgentTag{{Key: "cost_centre", Value: "77"}}, map[string]string{"tag.cost-centre": "77"}},
		{[]s1.AgentTag{{Key: "größe", Value: "L"}}, map[string]string{"tag.gr--e": "L"}},
		{[]s1.AgentTag{{Key: "env", Value: "test"}, {Key: "env", Value: "prod"}, {Key: "env", Value: "test"}},
			map[string]string{"tag.env": "prod,test"}},
		{[]s1.AgentTag{{Key: "a/b", Value: "2"}, {Key: "a:b", Value: "1"}}, map[string]string{"tag.a-b": "1,2"}},
		{[]s1.AgentTag{{Key: "env"}}, map[string]string{"tag.env": ""}},
		{[]s1.AgentTag{{Key: "環境", Value: "本番"}, {Key: "部署", Value: "経理"}, {Value: "alone"}},
			map[string]string{"tag.key-3ca77185": "経理", "tag.key-fba18681": "本番", "tag.key-e3b0c442": "alone"}},
	} {
		r := entities.Agent.Entity(&s1.Agent{ID: "1", Tags: &s1.AgentTags{SentinelOne: c.tags}})
		got := map[string]string{}
		for _, p := range r.Properties {
			if len(p.Name) > 4 && p.Name[:4] == "tag." {
				got[p.Name] = p.Value.Text()
			}
		}
		assert.Equal(t, c.want, got)
		assert.LessOrEqual(t, len(r.Get("tags").List()), len(c.tags))
		for _, tag := range c.tags {
			assert.Contains(t, r.Get("tags").List(), tag.Key+":"+tag.Value, "as it is")
		}
	}
}
