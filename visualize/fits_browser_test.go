package visualize_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/overview"
	"s1graph/visualize"
	"s1graph/visualize/chromium"
)

// unfit gives what does not fit: a page wider than the window, a word of a heading that is broken, and a heading that is cut.
const unfit = `(async () => {
	await new Promise((next) => requestAnimationFrame(() => setTimeout(next))); // the picture follows a change of the window
	const found = [];
	if (document.documentElement.scrollWidth > innerWidth) found.push("the page is " + document.documentElement.scrollWidth + " wide");
	for (const box of document.querySelectorAll("main, .across, .tile, .card, aside, .fleet dl, .tools, header")) {
		if (box.checkVisibility() && box.scrollWidth > box.clientWidth + 1) found.push(box.className + " " + box.tagName + " overflows: " + box.textContent.slice(0, 40));
	}
	for (const heading of document.querySelectorAll("h1, h2, h3, th, dt, .card.type .name, .card .name, .tile .word, .tile .total, .figure, .chip, .edge-label, :is(.card, .row:nth-child(-n + 20), .head) :is(.state, .badge, .level)")) {
		if (!heading.checkVisibility()) continue;
		const box = heading.closest(".detail, .card, .tile");
		if (heading.getBoundingClientRect().right > (box ? box.getBoundingClientRect().right : innerWidth) + 1) found.push("off its place: " + heading.textContent);
		if (heading.scrollWidth > heading.clientWidth + 1 && getComputedStyle(heading).display !== "inline") found.push("cut: " + heading.textContent);
		const walker = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
		for (let text; (text = walker.nextNode()); ) {
			for (const word of text.data.matchAll(/[^\s-]+/g)) {
				const range = document.createRange();
				range.setStart(text, word.index);
				range.setEnd(text, word.index + word[0].length);
				if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) found.push("broken: " + word[0]);
			}
		}
	}
	return found.join("; ");
})()`

// dim gives the texts that have too little contrast to what is behind them: less than 4.5, as WCAG 2 asks for.
const dim = `(() => {
	const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
	const colour = (css) => { pixel.clearRect(0, 0, 1, 1); pixel.fillStyle = css; pixel.fillRect(0, 0, 1, 1); return [...pixel.getImageData(0, 0, 1, 1).data]; };
	const light = (css) => colour(css).slice(0, 3).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const style = getComputedStyle(e), [image] = style.backgroundImage.match(/(rgba?|oklch|color)\([^)]*\)/) ?? [];
			if (image) return image;
			if (colour(style.backgroundColor)[3] === 255) return style.backgroundColor;
		}
	};
	const found = new Set();
	for (const e of document.querySelectorAll("header *, .filters *, main *, aside *, footer *")) {
		if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.matches("svg *, .unseen, option, .row:nth-child(n + 20) *")) continue;
		const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => x - y);
		if ((b + 0.05) / (a + 0.05) < 4.5) found.add(e.tagName + "." + e.className);
	}
	return [...found].join();
})()`

// fits looks at a tenant of 2,000 agents at all widths.
func fits(t *testing.T, browser context.Context) {
	of := office(t)
	account := entity("sentinelone_account", "Account", "1", "Acme Subsidiaries", nil)
	site := entity("sentinelone_site", "Site", "1", "Berlin Headquarters", record{"siteType": "Paid", "state": "active"})
	group := entity("sentinelone_group", "Group", "1", "Workstations", nil)
	entities := []record{account, site, group}
	relationships := []record{relationship("sentinelone_account_has_site", "HAS", account, site, nil), relationship("sentinelone_site_has_group", "HAS", site, group, nil)}
	for i := range 2000 {
		agent := entity("sentinelone_agent", "HostAgent", fmt.Sprint(i), fmt.Sprintf("GLOBEX-WS-%04d", i), record{
			"osName": "Windows Server 2022 Standard", "agentVersion": "24.1.4.257", "siteName": "Berlin Headquarters", "groupName": "Workstations of the second floor",
			"infected": i%99 == 0, "mitigationMode": "detect", "isUpToDate": false, "isActive": false, "networkStatus": "disconnected", "lastSeenOn": of.At.AddDate(0, -1, 0).UnixMilli(),
		})
		device := entity("sentinelone_device", "Device", fmt.Sprint(i), fmt.Sprintf("GLOBEX-WS-%04d", i), record{"modelName": "HP EliteBook 840 G10", "osName": "Windows Server 2022 Standard"})
		user := entity("sentinelone_user", "User", fmt.Sprint(i), "Maximiliane Featherstone-Cholmondeley", record{"email": []string{fmt.Sprintf("maximiliane%d@globex.example", i)}})
		publisher := []string{"Microsoft Corporation", strings.Repeat("Publisher of software ", 40)}[i%2]
		application := entity("sentinelone_application", "Application", fmt.Sprint(i), "Microsoft 365 Apps for enterprise - en-us 16.1.1037", record{"riskLevel": "critical", "publisher": publisher, "version": "16.1.1037"})
		threat := entity("sentinelone_threat", "Finding", fmt.Sprint(i), "suspicious powershell", record{
			"severity": "critical", "classification": "Ransomware", "open": true, "mitigationStatus": "not_mitigated", "incidentStatus": "in_progress", "siteName": "Berlin Headquarters", "groupName": "Workstations", "identifiedAt": of.At.UnixMilli(),
		})
		vulnerability := entity("sentinelone_vulnerability", "Vulnerability", fmt.Sprintf("CVE-2026-%d", 10000+i), fmt.Sprintf("CVE-2026-%d", 10000+i), record{
			"severity": "critical", "score": 9.8, "open": true, "exploitCodeMaturity": "Proof of Concept", "remediationLevel": "Official Fix", "publishedOn": of.At.UnixMilli(),
			"webLink": fmt.Sprintf("https://nvd.nist.gov/vuln/detail/CVE-2026-%d", 10000+i),
		})
		entities = append(entities, agent, device, user, application, vulnerability)
		if i == 0 {
			threat["groupName"] = strings.Repeat("x", 3000)
		}
		if i < 9 {
			relationships = append(relationships, relationship("sentinelone_group_has_agent", "HAS", group, agent, nil))
		}
		if i < 30 {
			entities = append(entities, threat)
		}
		relationships = append(relationships, relationship("sentinelone_agent_protects_device", "PROTECTS", agent, device, nil), relationship("sentinelone_user_owns_device", "OWNS", user, device, nil),
			relationship("sentinelone_device_has_application", "HAS", device, application, nil),
			relationship("sentinelone_device_has_vulnerability", "HAS", device, vulnerability, nil), relationship("sentinelone_application_has_vulnerability", "HAS", application, vulnerability, nil),
			relationship("sentinelone_agent_has_threat", "HAS", agent, threat, nil))
	}
	of.Graph = folder(t, entities, relationships)
	of.Changes = changeLines(`{"op":"updated","type":"sentinelone_site","class":"Site","key":"sentinelone_site:1","displayName":"Berlin Headquarters","changed":["state"],"before":{"state":"expired"},"after":{"state":"active"}}` + "\n")
	var err error
	of.Overview, err = overview.Of(t.Context(), of.Graph, of.ReadAt)
	require.NoError(t, err)
	before := map[string]int64{}
	for name := range of.Overview.Figures {
		before[name] = 1000
	}
	of.Overview.Compare(before)
	of.Trend = points(visualize.Point{At: of.At.AddDate(-1, 0, 0), Figures: before}, visualize.Point{At: of.At, Figures: of.Overview.Figures})
	other := of
	other.Name, other.Changes = "the other one", nil
	pages := map[string][]string{
		written(t, of):        {"", "type=sentinelone_agent&is=agentsInfected", "type=sentinelone_threat", "type=sentinelone_vulnerability", "sentinelone_agent:7", "sentinelone_vulnerability:CVE-2026-10007", "changes", "type=sentinelone_application"},
		written(t, of, other): {"", "@office/type=sentinelone_device&q=0007"},
	}
	for file, addresses := range pages {
		p := open(t, browser, file, "")
		for _, width := range []int64{360, 768, 1280, 1440, 2560} {
			options := []chromedp.EmulateViewportOption{}
			if width < 500 {
				options = append(options, chromedp.EmulateMobile)
			}
			p.do(chromedp.EmulateViewport(width, 900, options...))
			for _, address := range addresses {
				if address == "type=sentinelone_application" && width != 360 {
					continue // there its filters are too long
				}
				p.is(`(location.hash = ` + quote(address) + `, true)`)
				p.until(`!document.querySelector("main .notice") && (document.querySelector("main h1, main .card.focus") !== null)`)
				for _, scheme := range []string{"light", "dark"} {
					require.NoError(t, chromium.Prefer(p.Context, scheme))
					found, err := chromedp.Run(p.Context, chromedp.Evaluate[string](unfit, chromedp.EvalAwaitPromise))
					require.NoError(t, err)
					assert.Empty(t, found, "#%s at %d, %s", address, width, scheme)
					if values := `new Set([...document.querySelectorAll(".instances td[data-label]")].map((td) => { const r = document.createRange(); r.selectNodeContents(td); return Math.round(r.getBoundingClientRect().left); })).size`; width == 360 {
						assert.LessOrEqual(t, p.number(values), 1, "values of all labels begin at one place")
					}
					if width == 1440 {
						assert.Empty(t, p.text(dim), "#%s, %s", address, scheme)
					}
					p.shot(fmt.Sprintf("fit-%d-%s-%s-%s", len(addresses), strings.NewReplacer("/", "", ":", "-", "=", "-", "&", "-").Replace(address), fmt.Sprint(width), scheme))
				}
			}
		}
	}
}
