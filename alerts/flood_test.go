package alerts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/config"
)

func TestAFloodIsOneMessage(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device infected", Mute: 24 * time.Hour}, infected())
	w.apply()
	for i := range 40 {
		w.put(agent(fmt.Sprint(1000+i), sick))
	}
	raised := w.apply()
	require.Len(t, raised, 2)
	for _, d := range raised {
		assert.Contains(t, d.Title, "40 in one run")
		assert.Equal(t, 40, d.Count)
		assert.Len(t, d.Events, 40)
	}
	clear(w.records)
	assert.Equal(t, []string{"Ended: infected: 40 in one run"}, titles(w.apply()))
}

func TestTenAreToldOneByOne(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "device infected"})
	w.apply()
	for i := range 10 {
		w.put(agent(fmt.Sprint(1000+i), sick))
	}
	assert.Len(t, w.apply(), 10)
}

func TestManyAreToldTogetherAndFewNotAtAll(t *testing.T) {
	w := newWorld(t, config.Rule{Use: "many agents gone", AtLeast: 5, Mute: 3 * time.Hour})
	fill := func(n int) {
		for i := range n {
			w.put(agent(fmt.Sprint(1000+i), nil))
		}
	}
	fill(4)
	w.apply()
	clear(w.records)
	assert.Empty(t, w.apply())
	fill(5)
	w.apply()
	clear(w.records)
	assert.Equal(t, []string{"5 agents are gone"}, titles(w.apply()))
	fill(7)
	w.apply()
	clear(w.records)
	assert.Empty(t, w.apply(), "it is muted")
	fill(7)
	w.apply()
	clear(w.records)
	assert.Equal(t, []string{"7 agents are gone"}, titles(w.apply()))
}
