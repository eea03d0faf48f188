package replay_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"s1graph/s1"
	"s1graph/s1/replay"
)

func Example() {
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"data":[{"id":"1","computerName":"ada","licenseKey":"secret"}],"pagination":{"totalItems":1}}`)
	}))
	defer console.Close()
	dir, err := os.MkdirTemp("", "recording")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	recorder, err := replay.NewRecorder(dir, replay.Meta{Instance: "acme", RecordedAt: time.Now()})
	if err != nil {
		fmt.Println(err)
		return
	}
	printNames(s1.Config{URL: console.URL, Token: s1.StaticToken("token"), Recorder: recorder})
	if err := recorder.Close(); err != nil {
		fmt.Println(err)
		return
	}

	recording, err := replay.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(recording.URL())
	printNames(s1.Config{URL: recording.URL(), Token: s1.StaticToken("any"), Transport: recording.Transport()})
	// Output:
	// ada
	// https://acme.sentinelone.example
	// ada
}

func printNames(cfg s1.Config) {
	client, err := s1.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	for agent, err := range s1.List(context.Background(), client, s1.Agents, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(agent.ComputerName)
	}
}
