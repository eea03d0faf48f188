package events_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/events"
)

// refusing is a receiver that answers a body with a status and a text; 0: it takes it. took are the IDs of what it took.
func refusing(t *testing.T, answer func(body string) (status int, text string)) (r *receiver, took *[]string) {
	t.Helper()
	r, took = newReceiver(t), &[]string{}
	r.answer = func(w http.ResponseWriter, n int) {
		status, text := answer(r.bodies[n-1])
		if status != 0 {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
			return
		}
		*took = append(*took, idsIn(t, r.bodies[n-1])...)
	}
	return r, took
}

// idsIn are the IDs of the events in a batch of CloudEvents or of Splunk.
func idsIn(t *testing.T, body string) (ids []string) {
	t.Helper()
	type event struct{ ID string }
	var batch []event
	if strings.HasPrefix(body, "[") {
		require.NoError(t, json.Unmarshal([]byte(body), &batch))
	}
	for decoder := json.NewDecoder(strings.NewReader(body)); len(batch) == 0 && decoder.More() || strings.HasPrefix(body, "{") && decoder.More(); {
		var one struct{ Event event }
		require.NoError(t, decoder.Decode(&one))
		ids = append(ids, one.Event.ID)
	}
	for _, e := range batch {
		ids = append(ids, e.ID)
	}
	return ids
}

func numbered(n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprint("a", i))
	}
	return keys
}

// has says whether an event with the ID is in a body.
func has(body, id string) bool { return strings.Contains(body, `"id":"`+id+`"`) }

func TestAnEventThatAnAddressRefusesIsPassedOverAndAllOthersArePosted(t *testing.T) {
	for name, test := range map[string]struct {
		form   string
		answer func(body string) (int, string)
		most   int // requests
	}{
		"of another form": {events.CloudEvents, func(body string) (int, string) {
			if has(body, "000001-a417") {
				return 400, "no"
			}
			return 0, ""
		}, 2 + 2*10},
		"too large": {events.CloudEvents, func(body string) (int, string) {
			if has(body, "000001-a417") {
				return 413, "<html>413 Request Entity Too Large</html>"
			}
			return 0, ""
		}, 2 + 2*10},
		"named by Splunk": {events.Splunk, func(body string) (int, string) {
			if at := strings.Index(body, `"id":"000001-a417"`); at >= 0 {
				return 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, strings.Count(body[:at], "\n"))
			}
			return 0, ""
		}, 2 + 3},
		"named wrongly": {events.Splunk, func(body string) (int, string) {
			if has(body, "000001-a417") {
				return 400, `{"text":"Incorrect index","code":7,"invalid-event-number":1}`
			}
			return 0, ""
		}, 2 + 3 + 2*10},
	} {
		t.Run(name, func(t *testing.T) {
			r, took := refusing(t, test.answer)
			c, is := r.config(test.form)
			assert.Equal(t, events.Published{Events: 599, Refused: 1}, publish(t, open(t, c), run("000001", numbered(600)...)))
			assert.Equal(t, "000001", is.run)
			assert.Len(t, *took, 600)
			assert.Len(t, slices.Compact(slices.Sorted(slices.Values(*took))), 600, "each once")
			assert.NotContains(t, *took, "000001-a417")
			assert.Equal(t, "run-acme-000001", (*took)[599], "in their order")
			assert.LessOrEqual(t, len(r.got), test.most)
		})
	}
}

func TestAnAddressThatRefusesAllIsNotTakenForOneThatRefusesEach(t *testing.T) {
	r, took := refusing(t, func(string) (int, string) { return 400, "no" })
	c, is := r.config("")
	for _, changes := range []int{1, 5, 3000} {
		before := len(r.got)
		_, err := open(t, c).Publish(t.Context(), run("000001", numbered(changes)...))
		require.ErrorContains(t, err, "look whether it takes what events.form says")
		assert.Empty(t, is.run, "the next run begins here")
		assert.LessOrEqual(t, len(r.got)-before, 60)
	}
	assert.Empty(t, *took)
	assert.Equal(t, events.Published{NoEnd: true}, publish(t, open(t, c), run("000001")), "no change is lost of a run that has none")
}

func TestAnAddressThatRefusesManyIsAFault(t *testing.T) {
	r, _ := refusing(t, func(body string) (int, string) {
		if strings.Count(body, `"specversion"`) > 1 || !has(body, "000001-a0") {
			return 400, "no"
		}
		return 0, ""
	})
	c, is := r.config("")
	_, err := open(t, c).Publish(t.Context(), run("000001", numbered(3000)...))
	require.ErrorContains(t, err, "so it did to 101 events of the run 000001, each by itself")
	assert.Empty(t, is.run)
}

func TestNginxTakesABatchAsItComes(t *testing.T) {
	r, took := refusing(t, func(body string) (int, string) {
		if len(body) > 1<<20 { // client_max_body_size, as it is unless it is set
			return 413, ""
		}
		return 0, ""
	})
	c, _ := r.config("")
	var keys []string
	for i := range 3000 {
		keys = append(keys, fmt.Sprintf("a%d-%s", i, strings.Repeat("x", 700+i)))
	}
	publish(t, open(t, c), run("000001", keys...))
	assert.Len(t, *took, 3001)
	for _, body := range r.bodies {
		assert.LessOrEqual(t, len(body), 1<<20)
	}
}
