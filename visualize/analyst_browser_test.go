package visualize_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

// reopens shows a threat that was resolved, and an agent that is gone.
func reopens(t *testing.T, browser context.Context) {
	of := office(t)
	of.Changes = changeLines(`{"op":"updated","type":"sentinelone_threat","class":"Finding","key":"sentinelone_threat:0","displayName":"old.exe","changed":["open"],"before":{"open":false},"after":{"open":true}}
{"op":"deleted","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:99","displayName":"PC-99","before":{"displayName":"PC-99","siteName":"Paris"}}
`)
	of.Overview.Figures["threatsReopened"] = 1
	p := open(t, browser, written(t, of), "")
	p.click(".tile[data-figure=threatsReopened]")
	p.untilList(names, "old.exe")
	assert.Equal(t, []string{"reopened"}, p.list("main [data-column=state] .state"))
	assert.Contains(t, p.list("[data-filter=is] option"), "reopened (1)")
	assert.Contains(t, p.list("[data-filter=is] option"), "open, high (2)", "not every threat of a severity is open")
	p.search("reopened")
	assert.Equal(t, []string{"old.exe"}, p.list("#results .name"))
	p.do(chromedp.KeyEvent(kb.Escape))

	p.is(`(location.hash = "type=sentinelone_agent&siteName=Paris", true)`)
	p.untilList(names, "PC-2", "PC-10", "PC-99")
	assert.Equal(t, "Agents 2 of 4 + 1 deleted", p.text(`document.querySelector("main h1").textContent`))
	assert.Contains(t, p.list("[data-filter=siteName] option"), "Paris (2)", "as the heading says")
	p.is(`(document.querySelector("[data-filter=siteName]").focus(), true)`)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.untilList(names, "PC-1", "PC-2", formula, "PC-10", "PC-99")
}

// ofTheFleet shows figures that no filter for what changed makes smaller.
func ofTheFleet(t *testing.T, p *tab) {
	figures := `[...document.querySelectorAll(".tile, .fleet dl > div")].map((e) => e.textContent).join("\n")`
	before := p.text(figures)
	assert.Contains(t, before, "agents4 in service")
	p.click(".filters .only")
	p.until(`document.querySelector(".overview [data-type=sentinelone_agent] .total").textContent === "2"`)
	assert.Equal(t, before, p.text(figures))
	p.click(".filters .only")
	p.click(".fleet [data-figure=agents]")
	p.until(`document.querySelector("[data-filter=is]")?.value === "agents"`)
}

// infectedDevice looks as its agent does.
func infectedDevice(t *testing.T, p *tab) {
	p.click("[data-type=sentinelone_device]")
	p.untilList("tr.row.alarm .name", "PC-1")
	assert.Subset(t, p.list("[data-filter=is] option"), []string{"infected (1)", "isolated (1)", "unprotected (1)"})
	choose(p, "is", "agentsIsolated")
	p.untilList(names, "PC-2")
	p.search("PC-1")
	p.until(`document.querySelectorAll("#results .row.alarm").length === 2`)
}
