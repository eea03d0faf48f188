package alerts_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"s1graph/config"
	"s1graph/entities"
	"s1graph/graph"
	"s1graph/relationships"
)

// holds says whether a condition is true of an update of an agent from before to after.
func holds(t *testing.T, when string, before, after properties) bool {
	t.Helper()
	w := newWorld(t, config.Rule{Name: "mine", When: `change.type == "sentinelone_agent" && change.op == "updated" && (` + when + `)`})
	w.put(agent("1001", before))
	w.apply()
	w.put(agent("1001", after))
	return len(w.apply()) > 0
}

func TestAbsentPropertiesMakeComparisonsFalseAndNeverAnError(t *testing.T) {
	for when, want := range map[string]bool{
		// There is nothing known of osType and infected, before or after.
		`change.after.osType == "windows"`:                                      false,
		`change.after.osType != "windows"`:                                      false,
		`!(change.after.osType == "windows")`:                                   true,
		`!(change.after.osType != "windows")`:                                   true,
		`change.before.osType == change.after.osType`:                           false,
		`change.after.osType < "x"`:                                             false,
		`change.after.osType in ["windows", "linux"]`:                           false,
		`!(change.after.osType in ["windows", "linux"])`:                        true,
		`change.after.osType.startsWith("")`:                                    false,
		`change.after.osType.matches(".*")`:                                     false,
		`change.after.osType.lowerAscii() == "windows"`:                         false,
		`size(change.after.osType) >= 0`:                                        false,
		`change.after.activeThreats + 1 > 0`:                                    false,
		`change.after.infected`:                                                 false,
		`!change.after.infected`:                                                false,
		`change.after.infected || change.after.agentVersion == "2"`:             true,
		`change.after.agentVersion == "2" && change.after.infected`:             false,
		`!(change.after.infected && true)`:                                      true,
		`change.after.infected ? true : true`:                                   false,
		`(change.after.infected == true ? "a" : "b") == "b"`:                    true,
		`change.after.tags.exists(t, t == "x")`:                                 false,
		`change.after.tags.all(t, t == "x")`:                                    false,
		`!change.after.tags.exists(t, t == "x")`:                                true,
		`"x" in change.after.tags`:                                              false,
		`change.after.tags[0] == "x"`:                                           false,
		`change.after.locationNames[7] == "x"`:                                  false,
		`has(change.after.osType)`:                                              false,
		`!has(change.after.osType)`:                                             true,
		`has(change.after.agentVersion)`:                                        true,
		`has(change.device)`:                                                    false,
		`has(change.device.serial)`:                                             false,
		`change.device.serial == ""`:                                            false,
		`change.device != null`:                                                 false,
		`change.after != null`:                                                  true,
		`change.after.?osType.orValue("windows") == "windows"`:                  true,
		`change.after.?agentVersion.orValue("1") == "2"`:                        true,
		`change.before.agentVersion == "1" && change.after.agentVersion != "1"`: true,
		`"agentVersion" in change.changed`:                                      true,
		`change.after.agentVersion.matches("^[0-9]$")`:                          true,
		`rank("critical") > rank("high") && rank("none") == rank("?")`:          true,
		`now - days(1) < now && hours(24) == days(1) && instance == "test"`:     true,
	} {
		before := properties{"agentVersion": "1", "locationNames": []string{"a"}}
		after := properties{"agentVersion": "2", "locationNames": []string{"a"}}
		assert.Equal(t, want, holds(t, when, before, after), when)
	}
}

func TestAChangeSeesTheWholeRecordBeforeAndAfter(t *testing.T) {
	before := properties{"agentVersion": "1", "osType": "linux", "domain": "WORK"}
	after := properties{"agentVersion": "2", "osType": "linux", "tags": []string{"env:prod"}}
	for when, want := range map[string]bool{
		`change.before.osType == "linux" && change.after.osType == "linux"`: true,
		`change.before.domain == "WORK" && !has(change.after.domain)`:       true,
		`has(change.before.tags)`:                              false,
		`"env:prod" in change.after.tags`:                      true,
		`change.before.agentVersion == "1"`:                    true,
		`change.key == "sentinelone_agent:1001"`:               true,
		`change.class == "HostAgent"`:                          true,
		`change.changed == ["agentVersion", "domain", "tags"]`: true,
	} {
		assert.Equal(t, want, holds(t, when, before, after), when)
	}
}

func TestAConditionThatCannotBeEvaluatedIsNotMetAndStopsNothing(t *testing.T) {
	w := newWorld(t,
		config.Rule{Name: "divides", When: `change.type == "sentinelone_agent" && 1 / (change.after.coreCount - 4) > 0`},
		config.Rule{Name: "is dear", When: `change.type == "sentinelone_agent" && change.after.tags.exists(a, change.after.tags.exists(b, change.after.tags.exists(c, a + b == c)))`},
		config.Rule{Name: "works", When: `change.op == "created"`},
	)
	w.apply()
	tags := make([]string, 300)
	for i := range tags {
		tags[i] = string(rune('a' + i))
	}
	w.put(agent("1001", properties{"coreCount": 4, "tags": tags}))
	assert.Equal(t, []string{"works: 1001"}, titles(w.apply()))
}

func TestRelatedEntitiesAreSeenByConditionsAndTemplates(t *testing.T) {
	account := entity(entities.Account.GraphType(), "acc", properties{"name": "Acme"})
	site := entity(entities.Site.GraphType(), "site", properties{"accountId": "acc"})
	group := entity(entities.Group.GraphType(), "group", properties{"siteId": "site", "type": "dynamic"})
	user := entity(entities.User.GraphType(), "jane", nil)
	computer := device("pc", properties{"category": "server", "accountId": "acc"})
	installed := agent("1001", properties{"groupId": "group", "siteId": "site", "accountId": "acc", "lastActiveDate": 2})
	older := agent("1000", properties{"groupId": "other", "lastActiveDate": 1})
	threat := entity(entities.Threat.GraphType(), "virus", properties{"agentId": "1001"})
	edges := []graph.Record{
		relationships.AgentProtectsDevice.Between(installed.Key, computer.Key, nil),
		relationships.AgentProtectsDevice.Between(older.Key, computer.Key, nil),
		relationships.UserOwnsDevice.Between(user.Key, computer.Key, nil),
	}
	const all = `change.agent.displayName == "1001" && change.device.category == "server" && change.owner.displayName == "jane" && ` +
		`change.group.type == "dynamic" && change.site.displayName == "site" && change.account.name == "Acme"`
	const title = "{{.Agent.displayName}} {{.Device.displayName}} {{.Owner.displayName}} {{.Group.displayName}} {{.Site.displayName}} {{.Account.displayName}}"
	for name, c := range map[string]struct {
		when string
		puts []graph.Record
	}{
		"of a threat":              {`change.type == "sentinelone_threat" && change.op == "created" && ` + all, []graph.Record{threat}},
		"of an agent":              {`change.type == "sentinelone_agent" && change.op == "updated" && ` + all, []graph.Record{agent("1001", properties{"groupId": "group", "siteId": "site", "accountId": "acc", "lastActiveDate": 2, "infected": true})}},
		"of a device":              {`change.type == "sentinelone_device" && change.op == "updated" && ` + all, []graph.Record{device("pc", properties{"category": "server", "accountId": "acc", "coreCount": 5})}},
		"of an edge to the device": {`change.class == "HAS" && change.op == "created" && change.application.displayName == "app" && ` + all, []graph.Record{entity(entities.Application.GraphType(), "app", nil), relationships.DeviceHasApplication.Between(computer.Key, "sentinelone_application:app", &entities.Installation{})}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, config.Rule{Name: "both", When: c.when, Title: title}, config.Rule{Name: "words", When: c.when[:len(c.when)-len(all)-4], Title: title})
			w.put(account, site, group, user, computer, installed, older)
			w.put(edges...)
			w.apply()
			w.put(c.puts...)
			const words = "1001 pc jane group site acc"
			raised := w.apply()
			assert.Equal(t, []string{words}, titles(by("both", raised)))
			assert.Contains(t, titles(by("words", raised)), words)
		})
	}
}

func TestWhatIsGoneIsToldWithTheDeviceAndTheOwnerThatItHad(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "agent gone", Title: "{{.Name}} {{.Device.displayName}} {{.Owner.displayName}}"})
	installed, computer, user := agent("1001", nil), device("pc", nil), entity(entities.User.GraphType(), "jane", nil)
	w.put(installed, computer, user,
		relationships.AgentProtectsDevice.Between(installed.Key, computer.Key, nil),
		relationships.UserOwnsDevice.Between(user.Key, computer.Key, nil))
	w.apply()
	clear(w.records)
	assert.Equal(t, []string{"1001 pc jane"}, titles(w.apply()))
}
