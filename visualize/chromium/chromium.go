// Package chromium starts a headless Chromium, as Debian's package chromium has it, for the tests, measurements and
// pictures of the page that visualize writes. The program itself needs none.
package chromium

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// ErrNone says that there is no Chromium on this machine.
var ErrNone = errors.New("there is no Chromium here; on Debian: apt-get install chromium")

// Start starts a browser with its profile in a directory, and gives the context that chromedp's actions run in: that
// of its first tab. stop ends the browser; so does the end of ctx.
func Start(ctx context.Context, profile string) (tab context.Context, stop context.CancelFunc, err error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, nil, ErrNone
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox does not work for root
	}
	allocated, end := chromedp.NewExecAllocator(ctx, options...)
	tab, endTab := chromedp.NewContext(allocated)
	stop = func() {
		endTab()
		end()
	}
	if err := chromedp.Do(tab); err != nil {
		stop()
		return nil, nil, err
	}
	return tab, stop, nil
}

// Prefer makes pages believe that the person prefers light or dark.
func Prefer(tab context.Context, scheme string) error {
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return err
}

// Until waits for a JavaScript expression to become true, a look each frame, and gives what it is then; it is false
// after five minutes, which a page takes that never gets there.
func Until(tab context.Context, expression string) (bool, error) {
	return chromedp.Run(tab, chromedp.Evaluate[bool](`(async () => {
		for (const end = Date.now() + 300000; Date.now() < end; await new Promise((next) => setTimeout(next, 10))) if (`+expression+`) return true;
		return false;
	})()`, chromedp.EvalAwaitPromise))
}

// Ready is true of the page once all of it is unpacked.
const Ready = `document.documentElement.dataset.state === "ready"`
