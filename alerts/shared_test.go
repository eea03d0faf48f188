package alerts_test

import (
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/alerts"
	"s1graph/config"
)

// everyRule are alerts with all ready-made rules and one of one's own, as they would stand in some line of a file.
func everyRule(line string) *config.Alerts {
	all := &config.Alerts{Destinations: []config.Destination{soc}}
	for _, r := range alerts.Ready() {
		all.Rules = append(all.Rules, config.Rule{Use: r.Name, Places: map[string]string{"": line}})
	}
	all.Rules = append(all.Rules, config.Rule{Name: "own", When: `entity.type == "sentinelone_agent" && entity.infected`, Places: map[string]string{"": line}})
	return all
}

func TestInstancesWithTheSameRulesShareWhatIsCompiled(t *testing.T) {
	first, faults := alerts.Compile(everyRule("1"))
	require.Empty(t, faults)
	before := heap()
	instances := make([]*alerts.Rules, 100)
	var compiling sync.WaitGroup
	for part := range 4 { // a service's runs do so side by side
		compiling.Go(func() {
			for i := part; i < len(instances); i += 4 {
				instances[i], _ = alerts.Compile(everyRule("2"))
			}
		})
	}
	compiling.Wait()
	// Compiled anew, they take 140 kB for each rule of each instance, which is 300 MB.
	assert.Less(t, heap()-before, int64(4<<20))
	for _, rules := range instances {
		assert.Equal(t, first.Names(), rules.Names())
	}
	runtime.KeepAlive(instances)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold lives for two of them
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestRulesThatDifferInOneWordAreNotShared(t *testing.T) {
	rule := config.Rule{Name: "own", When: `entity.type == "sentinelone_agent" && entity.infected`, To: []string{"soc"}}
	others := map[string]func(*config.Rule){
		"Use":      func(r *config.Rule) { r.Use = "agent silent" },
		"Name":     func(r *config.Rule) { r.Name = "another" },
		"When":     func(r *config.Rule) { r.When = `entity.type == "sentinelone_agent" && !entity.infected` },
		"Severity": func(r *config.Rule) { r.Severity = "high" },
		"Title":    func(r *config.Rule) { r.Title = "another" },
		"Text":     func(r *config.Rule) { r.Text = "another" },
		"To":       func(r *config.Rule) { r.To = nil },
		"AtLeast":  func(r *config.Rule) { r.AtLeast = 2 },
		"Mute":     func(r *config.Rule) { r.Mute = time.Hour },
		"Ended":    func(r *config.Rule) { r.Ended = new(true) },
		"Days":     func(r *config.Rule) { r.Use, r.When, r.Days = "agent silent", "", 3 },
	}
	compile := func(r config.Rule) *alerts.Rules {
		rules, faults := alerts.Compile(oneRule(r))
		require.Empty(t, faults)
		return rules
	}
	one := compile(rule)
	isShared := func(r config.Rule) bool { return reflect.DeepEqual(one, compile(r)) } // of what has functions in it, nothing but the same thing is equal
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Rule]()) {
		if field.Name == "Places" {
			continue
		}
		require.Contains(t, others, field.Name, "try what differs in it")
		other := rule
		others[field.Name](&other)
		assert.False(t, isShared(other), field.Name)
	}
	elsewhere := rule
	elsewhere.Places = map[string]string{"when": "another.yaml:7:3"}
	assert.True(t, isShared(elsewhere))

	elsewhere.When = "nothing"
	for _, place := range []string{"a.yaml:1:1", "b.yaml:2:2"} { // a fault is told each time, where it is
		elsewhere.Places = map[string]string{"when": place}
		_, faults := alerts.Compile(oneRule(elsewhere))
		require.Len(t, faults, 1)
		assert.Equal(t, place, faults[0].Where)
	}
}
