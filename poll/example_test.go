package poll_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/poll"
)

// A service is made of a configuration, and runs until its context ends.
func Example() {
	dir, err := os.MkdirTemp("", "s1graph-example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	settings := config.Default()
	settings.Instance, settings.Dir, settings.URL = "acme", dir, "https://acme.sentinelone.net"
	if settings.Interval, err = config.ParseSchedule("30m"); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	service, err := poll.New(poll.Config{
		Settings: &config.Service{Instances: []*config.Config{&settings}, AtOnce: 1},
		Sync: func(context.Context, connector.Options) (connector.Summary, error) {
			cancel() // one is enough here
			return connector.Summary{Instance: "acme", Run: "000001-a", Status: connector.Complete}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	if err := service.Run(ctx); err != nil {
		panic(err)
	}
	answer := httptest.NewRecorder()
	service.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "http://127.0.0.1:8338/healthz", nil))
	fmt.Print(answer.Body, service.Status().Instances[0].LastGoodRun.Status)
	// Output:
	// ok
	// complete
}
