// Command visualize measures the page that `s1graph visualize` writes of a large tenant: how long it takes to write
// and how large it is, and in Chromium when it first shows something, when it is whole, and how long a search and a
// click take. docs/performance.md keeps what it prints.
//
//	go run ./bench/visualize
package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"

	"s1graph/config"
	"s1graph/connector"
	"s1graph/s1/s1test"
	"s1graph/visualize/chromium"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/visualize:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "s1graph-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "s1graph")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	graph := filepath.Join(dir, "graph")
	if err := collect(ctx, graph); err != nil {
		return err
	}
	page := filepath.Join(dir, "page.html")
	c := exec.CommandContext(ctx, program, "visualize", graph, "--output", page)
	started := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	info, err := os.Stat(page)
	if err != nil {
		return err
	}
	fmt.Printf("write: %.1f s, peak %d MiB, %.1f MB\n", time.Since(started).Seconds(), c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss/1024, float64(info.Size())/1e6)
	for round := range 3 {
		if err := measure(ctx, filepath.Join(dir, fmt.Sprint("profile", round)), page); err != nil {
			return err
		}
	}
	return nil
}

func collect(ctx context.Context, dir string) error {
	server := httptest.NewServer(s1test.New(s1test.Large(10_000, 60)))
	defer server.Close()
	settings := config.Default()
	settings.URL, settings.Token = server.URL, config.NewSecret(s1test.DefaultToken)
	settings.Instance, settings.Dir = "bench", dir
	_, err := connector.Sync(ctx, connector.Options{Config: &settings})
	return err
}

// typed measures, in the page, from a key's event to the frame after the results are there.
const typed = `(async (query) => {
	const input = document.querySelector("#search");
	let most = 0;
	for (let n = 1; n <= query.length; n++) {
		const started = performance.now();
		input.value = query.slice(0, n);
		input.dispatchEvent(new Event("input"));
		await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
		most = Math.max(most, performance.now() - started);
	}
	return most;
})`

// opened measures, in the page, from a change of the address to the frame after the picture and the properties are there.
const opened = `(async (key) => {
	const started = performance.now();
	location.hash = encodeURIComponent(key);
	do await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
	while (!document.querySelector("aside dl"));
	return performance.now() - started;
})`

func measure(ctx context.Context, profile, page string) error {
	tab, stop, err := chromium.Start(ctx, profile)
	if err != nil {
		return err
	}
	defer stop()
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1440, 900), chromedp.Navigate("file://"+page)); err != nil {
		return err
	}
	if ok, err := chromium.Until(tab, chromium.Ready); err != nil || !ok {
		return fmt.Errorf("the page did not get ready: %w", err)
	}
	number := func(expression string) string {
		if err != nil {
			return ""
		}
		var ms float64
		ms, err = chromedp.Run(tab, chromedp.Evaluate[float64](expression, chromedp.EvalAwaitPromise))
		return fmt.Sprintf("%.0f", ms)
	}
	facts := []string{
		"first paint", number(`performance.getEntriesByName("first-contentful-paint")[0].startTime`),
		"whole", number(`readyAt`),
		"search, the slowest key of each:",
		`"globex-ws-01"`, number(typed + `("globex-ws-01")`),
		`"e" (all there is)`, number(typed + `("e")`),
		"a mail address", number(typed + `("felix.oduya7@globex")`),
		"nothing found", number(typed + `("qqzzyx")`),
		"click: device", number(opened + `(keyOf(kinds.find((k) => k.class === "Device").base + 4711))`),
		"account", number(opened + `(keyOf(kinds.find((k) => k.class === "Account").base))`),
		"application", number(opened + `(keyOf(kinds.find((k) => k.class === "Application").base + 17))`),
		"heap MB", number(`performance.memory.usedJSHeapSize / 1e6`),
	}
	fmt.Println(strings.Join(facts, "  "), "(milliseconds)")
	return err
}
