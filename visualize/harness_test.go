package visualize_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/visualize/chromium"
)

// profile is a directory for the browser, which may still write to it for a moment after its end.
func profile(t *testing.T) string {
	dir, err := os.MkdirTemp(t.TempDir(), "profile-")
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, 5*time.Minute, 50*time.Millisecond)
	})
	return dir
}

// tab is a page in the browser. What goes wrong in it fails the test.
type tab struct {
	*testing.T
	context.Context

	mu       sync.Mutex
	faults   []string // exceptions, violations of the policy, dialogs
	requests []string
}

// open opens a file at an address within it, and waits until all of it is there.
func open(t *testing.T, browser context.Context, file, at string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext()) // which remembers nothing of the other tests
	t.Cleanup(cancel)
	p := &tab{T: t, Context: ctx}
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900)))
	require.NoError(t, chromedp.Listen(ctx, p.note))
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(ctx, cdplog.Enable, struct{}{}); return err },
		func() error { _, err := chromedp.Call(ctx, runtime.Enable, struct{}{}); return err },
		func() error { _, err := chromedp.Call(ctx, page.Enable, page.EnableParams{}); return err },
		func() error { _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); return err },
		func() error { return chromium.Prefer(ctx, "light") },
	} {
		require.NoError(t, enable())
	}
	address := url.URL{Scheme: "file", Path: file, Fragment: at}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(address.String())))
	p.until(chromium.Ready)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		assert.Empty(t, p.faults)
		assert.Len(t, p.requests, 1, "the page itself and nothing else is loaded")
	})
	return p
}

func (p *tab) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *cdplog.EventEntryAdded:
		p.faults = append(p.faults, e.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		p.faults = append(p.faults, "dialog: "+e.Message)
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

func (p *tab) until(expression string) {
	p.Helper()
	ok, err := chromium.Until(p.Context, expression)
	require.NoError(p, err, expression)
	require.True(p, ok, expression)
}

// text is what an expression of JavaScript is.
func (p *tab) text(expression string) string { return value[string](p, expression) }

func (p *tab) number(expression string) int { return value[int](p, expression) }

func (p *tab) is(expression string) bool { return value[bool](p, expression) }

func value[T any](p *tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.Context, chromedp.Evaluate[T](expression))
	require.NoError(p, err, expression)
	return v
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context, 5*time.Minute)
	defer cancel()
	require.NoError(p, chromedp.Do(ctx, actions...))
}

// click clicks what a selector selects, once more where the page was drawn anew after it was found.
func (p *tab) click(selector string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context, 5*time.Minute)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector)))
		if err == nil || !strings.Contains(err.Error(), "Could not find node with given id") {
			require.NoError(p, err, selector)
			return
		}
	}
}

// list is the texts of the elements that a selector selects, a line each.
func (p *tab) list(selector string) []string {
	p.Helper()
	return value[[]string](p, `[...document.querySelectorAll(`+quote(selector)+`)].map((e) => e.textContent)`)
}

func quote(s string) string {
	return "`" + strings.NewReplacer("`", "\\`", `\`, `\\`, "${", "\\${", "\r", `\r`).Replace(s) + "`"
}

func (p *tab) search(query string) {
	p.Helper()
	p.is(`document.querySelector("#search").value = ""; true`)
	p.do(chromedp.SendKeys(chromedp.CSS("#search"), query))
	p.until(`!document.querySelector("#results").hidden`)
}

// shot writes a picture for a person to look at, where S1GRAPH_SHOTS names a folder.
func (p *tab) shot(name string) {
	folder := os.Getenv("S1GRAPH_SHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(p.Context, chromedp.CaptureScreenshot())
	require.NoError(p, err)
	require.NoError(p, os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600))
}
