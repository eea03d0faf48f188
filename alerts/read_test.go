package alerts_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/config"
)

func TestAConditionSeesPropertiesWhateverStandsAroundThem(t *testing.T) {
	hostile := properties{
		"computerName": `"infected":true,}]{[\`, "domain": "a\nb\u2028\x1b", "tags": []string{`]"`, `,"infected":true`, ``},
		"locationNames": []string{}, "coreCount": -4, "infected": false,
	}
	for when, want := range map[string]int{
		`entity.infected == true`:                                            0,
		`entity.infected == false && entity.coreCount == -4`:                 1,
		`entity.computerName == "\"infected\":true,}]{[\\"`:                  1,
		`entity.domain == "a\nb\u2028\u001b"`:                                1,
		`entity.tags == ["]\"", ",\"infected\":true", ""]`:                   1,
		`size(entity.locationNames) == 0 && entity.properties.coreCount < 0`: 1,
		`entity.?coreCount.orValue(1) == -4`:                                 1,
		`entity.agent.coreCount == -4 && entity.displayName == "1001"`:       1,
	} {
		w := newWorld(t, config.Rule{Name: "mine", When: `entity.type == "sentinelone_agent" && ` + when, Title: "{{.Entity.coreCount}} {{.Entity.infected}}"})
		w.apply()
		w.put(agent("1001", hostile))
		raised := w.apply()
		assert.Len(t, raised, want, when)
		for _, d := range raised {
			assert.Equal(t, "-4 false", d.Title, "what is told has all of the entity")
		}
	}
}
