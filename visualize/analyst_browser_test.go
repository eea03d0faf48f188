package visualize_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/overview"
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

// former shows what is said of a machine that no agent protects any more, and how it is told that it came to that.
func former(t *testing.T, browser context.Context) {
	austin, haifa := entity("sentinelone_site", "Site", "1", "Austin", nil), entity("sentinelone_site", "Site", "2", "Haifa", nil)
	ofAustin := entity("sentinelone_group", "Group", "1", "Default Group", nil)
	ofHaifa := entity("sentinelone_group", "Group", "2", "Servers", nil)
	gone := entity("sentinelone_agent", "HostAgent", "1", "SRV-1", record{"isDecommissioned": true})
	there := entity("sentinelone_agent", "HostAgent", "2", "SRV-2", record{"infected": true, "networkStatus": "disconnected", "lastIpToMgmt": "203.0.113.12", "webLink": "https://console.example/agents/2"})
	alike := entity("sentinelone_agent", "HostAgent", "3", "SRV-0", record{"lastIpToMgmt": "203.0.113.123", "webLink": "javascript:alert(1)"})
	devices := []record{
		entity("sentinelone_device", "Device", "1", "SRV-1", record{"formerAgentIds": []string{"1"}, "malwareProtected": false}),
		entity("sentinelone_device", "Device", "2", "SRV-2", record{"malwareProtected": true}),
	}
	threat := entity("sentinelone_threat", "Finding", "1", "bad.exe", record{"severity": "critical", "open": true, "classification": "Ransomware", "agentComputerName": "SRV-1"})
	other := entity("sentinelone_threat", "Finding", "2", "worse.exe", record{"severity": "critical", "open": true, "agentComputerName": "SRV-2"})
	of := office(t)
	of.Graph = folder(t, append(devices, entity("sentinelone_application", "Application", "1", "A", record{"riskLevel": "critical"}), austin, haifa, ofAustin, ofHaifa, gone, there, alike, threat, other), []record{
		relationship("sentinelone_site_has_group", "HAS", austin, ofAustin, nil), relationship("sentinelone_site_has_group", "HAS", haifa, ofHaifa, nil),
		relationship("sentinelone_group_has_agent", "HAS", ofAustin, gone, nil), relationship("sentinelone_group_has_agent", "HAS", ofHaifa, there, nil),
		relationship("sentinelone_agent_protects_device", "PROTECTS", there, devices[1], nil), relationship("sentinelone_agent_has_threat", "HAS", there, other, nil),
	})
	of.Changes = changeLines(`{"op":"updated","type":"sentinelone_device","class":"Device","key":"sentinelone_device:1","displayName":"SRV-1","changed":["formerAgentIds","malwareProtected"],"before":{"malwareProtected":true},"after":{"formerAgentIds":["1"],"malwareProtected":false}}
{"op":"updated","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:2","displayName":"SRV-2","changed":["agentVersion","groupId","infected","networkStatus","siteId"],"before":{"agentVersion":"23.4","groupId":"1","siteId":"1","infected":false,"networkStatus":"connected"},"after":{"agentVersion":"24.1","groupId":"2","siteId":"2","infected":true,"networkStatus":"disconnected"}}
`)
	p := open(t, browser, written(t, of), "changes")
	assert.Equal(t, []string{"infected: no → yes", "networkStatus: connected → isolated"}, p.list("[data-class=HostAgent] .difference"))
	assert.Equal(t, []string{"malwareProtected: yes → no", "formerAgentIds: none → 1"}, p.list("[data-class=Device] .difference"))
	p.click("a.row[data-class=HostAgent]")
	p.until(`document.querySelector("aside dl")`)
	assert.Equal(t, []string{"infectedno→yes", "networkStatusconnected→isolated", "groupAustin / Default Group→Haifa / Servers", "agentVersion23.4→24.1"}, p.list(".change"))
	assert.Equal(t, "https://console.example/agents/2 noopener noreferrer", p.text(`((a) => a.href + " " + a.rel)(document.querySelector("aside dd a"))`))

	for query, first := range map[string]string{"203.0.113.12": "SRV-2", "critical": "bad.exe"} {
		p.search(query)
		assert.Equal(t, first, p.list("#results .name")[0], query)
	}
	p.do(chromedp.KeyEvent(kb.Escape))
	p.is(`(location.hash = "sentinelone_agent:3", true)`)
	p.until(`document.querySelector("aside h2")?.textContent === "SRV-0" && document.querySelector("aside dl")`)
	assert.Empty(t, p.list("aside dd a"), "a link to anything but a web site is text")
	for _, link := range []string{"http://console.example/", "https://user@console.example/", " https://console.example/", "https:\\evil", "data:text/html,x"} {
		assert.False(t, p.is("isWebLink("+quote(link)+")"), link)
	}

	for typeName, cells := range map[string]map[string][]string{
		"device": {"sentinelone_site": {"Austin", "Haifa"}, "sentinelone_group": {"Default Group", "Servers"}},
		"threat": {"sentinelone_device": {"SRV-1", "SRV-2"}, "classification": {"Ransomware", ""}},
	} {
		p.is(`(location.hash = "type=sentinelone_` + typeName + `&sort=name", true)`)
		for column, want := range cells {
			p.untilList(fmt.Sprintf("main tbody [data-column=%s]", column), want...)
		}
	}
}

// headings stay where a long list is scrolled, and the keyboard leads on from each tile and figure.
func headings(t *testing.T, p *tab) {
	for _, figure := range []string{".tile[data-figure=threatsCritical]", ".tile:last-child", ".fleet a.figure:last-child", ".card[data-type=sentinelone_site]"} {
		p.is(`(document.querySelector(` + quote(figure) + `).focus(), true)`)
		p.do(chromedp.KeyEvent(kb.ArrowDown))
		assert.True(t, p.is(`!document.activeElement.matches(`+quote(figure)+`) && document.activeElement.matches(".figure, .total, .card, .row")`), figure)
	}
	p.click(".fleet [data-figure=agents]")
	p.until(`document.querySelectorAll("main tbody tr").length > 100`)
	p.is(`(document.querySelector("main").scrollTo(0, 2000), true)`)
	p.until(`Math.abs(document.querySelector("main th").getBoundingClientRect().top - document.querySelector("main").getBoundingClientRect().top) < 2`)
	assert.Contains(t, p.list("main th"), "Last seen (UTC)")
}

// vulnerabilities shows those of a small fleet, two of which have an address that is not the NVD's.
func vulnerabilities(t *testing.T, browser context.Context) {
	of := office(t)
	account := entity("sentinelone_account", "Account", "1", "Acme", nil)
	device := entity("sentinelone_device", "Device", "1", "PC-1", nil)
	entities, relationships := []record{account, device}, []record{}
	for _, v := range []struct {
		id, severity string
		score        float64
		open         bool
		published    int
		link         string
	}{
		{"CVE-2026-1000", "high", 8.9, true, 1, "javascript:alert(1)"},
		{"CVE-2026-2000", "critical", 9.1, true, 2, "https://nvd.nist.gov/vuln/detail/CVE-2026-2000"},
		{"CVE-2026-3000", "critical", 9.8, true, 300, "https://nvd.nist.gov@evil.example/\"><b>"},
		{"CVE-2026-4000", "critical", 10, false, 4, ""},
	} {
		vulnerability := entity("sentinelone_vulnerability", "Vulnerability", v.id, v.id, record{
			"severity": v.severity, "score": v.score, "open": v.open, "publishedOn": of.At.AddDate(0, 0, -v.published).UnixMilli(), "webLink": v.link, "remediationLevel": "Official Fix",
		})
		entities = append(entities, vulnerability)
		relationships = append(relationships, relationship("sentinelone_device_has_vulnerability", "HAS", device, vulnerability, nil))
	}
	of.Graph = folder(t, entities, relationships)
	var err error
	of.Overview, err = overview.Of(t.Context(), of.Graph, of.ReadAt)
	require.NoError(t, err)
	p := open(t, browser, written(t, of), "")
	assert.Contains(t, p.text(`document.querySelector(".tile[data-figure=vulnerabilitiesCritical]").textContent`), "2criticalopen vulnerabilities")
	p.click(".tile[data-figure=vulnerabilitiesCritical]")
	p.untilList(names, "CVE-2026-3000", "CVE-2026-2000") // of one severity the highest score first
	assert.Contains(t, p.list("[data-filter=is] option"), "open, critical (2)")
	p.click(".clear")
	p.untilList(names, "CVE-2026-4000", "CVE-2026-3000", "CVE-2026-2000", "CVE-2026-1000")
	choose(p, "severity", "high")
	p.untilList(names, "CVE-2026-1000")
	p.click(".clear")
	choose(p, "open", "yes")
	p.untilList(names, "CVE-2026-3000", "CVE-2026-2000", "CVE-2026-1000")
	p.click("[data-sort=score]")
	p.untilList(names, "CVE-2026-3000", "CVE-2026-2000", "CVE-2026-1000")
	p.click("[data-sort=score]")
	p.untilList(names, "CVE-2026-1000", "CVE-2026-2000", "CVE-2026-3000")
	for _, v := range []struct {
		id    string
		links []string
	}{
		{"CVE-2026-1000", []string{}},
		{"CVE-2026-2000", []string{"https://nvd.nist.gov/vuln/detail/CVE-2026-2000 _blank noopener noreferrer"}},
		{"CVE-2026-3000", []string{}},
	} {
		p.is(`(location.hash = "sentinelone_vulnerability:` + v.id + `", true)`)
		p.until(`document.querySelector("#panel h2")?.textContent === "` + v.id + `" && document.querySelector("#panel dl")`)
		assert.Equal(t, v.links, value[[]string](p, `[...document.querySelectorAll("#panel dd a")].map((a) => [a.href, a.target, a.rel].join(" "))`), v.id)
	}
	assert.Contains(t, p.text(`document.querySelector("#panel dl").textContent`), `https://nvd.nist.gov@evil.example/"><b>`, "what is no link to the NVD is text")
}

// inView is what is there to see of the card in the middle, on a window that is too narrow for all columns.
func inView(t *testing.T, p *tab) {
	p.do(chromedp.EmulateViewport(1100, 700))
	p.is(`(location.hash = "sentinelone_vulnerability:" + [...kinds.find((k) => k.class === "Vulnerability").blocks[0]._key][0], true)`)
	p.until(`document.querySelector("main .card.focus")`)
	p.until(`(() => { const card = document.querySelector("main .card.focus").getBoundingClientRect(), room = document.querySelector("main").getBoundingClientRect(); return card.left >= room.left - 1 && card.right <= room.right + 4; })()`)
}
