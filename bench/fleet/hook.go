package main

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"

	"s1graph/graph"
)

// rules tell of each change of these; isTold says the same of a line of changes.
const rules = `
    - {name: agents, when: 'change.type == "sentinelone_agent" && change.op in ["created", "updated", "deleted"]', title: "{{.Key}}"}
    - {name: threats, when: 'change.type == "sentinelone_threat" && change.op in ["created", "updated", "deleted"]', title: "{{.Key}}"}
`

func isTold(c *graph.ChangeLine) bool {
	return (c.Type == "sentinelone_agent" || c.Type == "sentinelone_threat") && (c.Op == graph.Created || c.Op == graph.Updated || c.Op == graph.Deleted)
}

// hook is a webhook that counts what it is told.
type hook struct {
	mu       sync.Mutex
	messages map[string]int    // how often each came, by ID
	told     map[string]string // ID of the message that told of an event
	faults   []string
}

func newHook() *hook { return &hook{messages: map[string]int{}, told: map[string]string{}} }

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID     string `json:"id"`
		Event  string `json:"event"`
		Events []struct {
			ID string `json:"id"`
		} `json:"events"`
	}
	if json.UnmarshalRead(r.Body, &m) != nil || m.ID == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages[m.ID]++
	h.tell(m.Event, m.ID)
	for _, e := range m.Events { // of many that were told together
		h.tell(e.ID, m.ID)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *hook) tell(event, message string) {
	if other, told := h.told[event]; told && other != message {
		h.faults = append(h.faults, fmt.Sprintf("the event %s was told as %s and as %s", event, other, message))
	}
	h.told[event] = message
}

// missing are those of the events of committed runs that were not told.
func (h *hook) missing(runs []committed) (events []string, due int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, run := range runs {
		due += len(run.events)
		for _, event := range run.events {
			if h.told[event] == "" {
				events = append(events, fmt.Sprintf("%s of run %s by %s", event, run.id, run.worker))
			}
		}
	}
	return events, due
}

// repeated is how many messages came, and how many of them had come before.
func (h *hook) repeated() (messages, again int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, times := range h.messages {
		messages += times
		again += times - 1
	}
	return messages, again
}
