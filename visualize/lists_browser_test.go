package visualize_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/graph"
	"s1graph/harmless"
	"s1graph/overview"
	"s1graph/s1/s1test"
	"s1graph/visualize"
	"s1graph/visualize/chromium"
)

// formula is a name that a spreadsheet would run.
const formula = `=cmd|' /C calc'!A0`

// office is a small fleet: PC-1 is infected, PC-2 isolated, nobody protects PC-4, and the agent of PC-10 was renamed.
func office(t *testing.T) visualize.Instance {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	site := func(id, name string) record { return entity("sentinelone_site", "Site", id, name, nil) }
	berlin, paris := site("1", "Berlin"), site("2", "Paris")
	desks := entity("sentinelone_group", "Group", "1", "Desks", record{"siteId": "1"})
	labs := entity("sentinelone_group", "Group", "2", "Labs", record{"siteId": "2"})
	entities := []record{berlin, paris, desks, labs}
	relationships := []record{relationship("sentinelone_site_has_group", "HAS", berlin, desks, nil), relationship("sentinelone_site_has_group", "HAS", paris, labs, nil)}
	agents := map[string]record{}
	for i, of := range []struct {
		name, os, site, group string
		infected              bool
		network               string
	}{
		{"PC-1", "Windows 11", "Berlin", "Desks", true, "connected"},
		{"PC-2", "macOS", "Paris", "Labs", false, "disconnected"},
		{"PC-10", "Windows 11", "Paris", "Labs", false, "connected"},
		{formula, "Linux", "Berlin", "Desks", false, "connected"},
	} {
		id := fmt.Sprint(i + 1)
		agent := entity("sentinelone_agent", "HostAgent", id, of.name, record{
			"osName": of.os, "siteName": of.site, "groupName": of.group, "infected": of.infected, "networkStatus": of.network, "isActive": true,
			"mitigationMode": "protect", "operationalState": "na", "isUpToDate": true, "lastSeenOn": at.Add(-time.Hour).UnixMilli(),
		})
		device := entity("sentinelone_device", "Device", id, of.name, nil)
		user := entity("sentinelone_user", "User", id, "Owner of "+of.name, nil)
		group := map[string]record{"Desks": desks, "Labs": labs}[of.group]
		agents[of.name] = agent
		entities = append(entities, agent, device, user)
		relationships = append(relationships, relationship("sentinelone_group_has_agent", "HAS", group, agent, nil),
			relationship("sentinelone_agent_protects_device", "PROTECTS", agent, device, nil), relationship("sentinelone_user_owns_device", "OWNS", user, device, nil))
	}
	entities = append(entities, entity("sentinelone_device", "Device", "9", "PC-4", nil))
	for i, of := range []struct {
		name, severity, agent string
		days                  int
	}{{"old.exe", "high", "PC-2", 9}, {"new.exe", "high", "PC-10", 2}, {"worst.exe", "critical", "PC-1", 5}, {"adware", "low", formula, 1}} {
		threat := entity("sentinelone_threat", "Finding", fmt.Sprint(i), of.name, record{
			"severity": of.severity, "open": true, "agentOsType": map[string]string{"PC-1": "windows", "PC-2": "macos", "PC-10": "windows", formula: "linux"}[of.agent], "mitigationStatus": "not_mitigated", "incidentStatus": "unresolved", "siteName": agents[of.agent]["siteName"], "groupName": agents[of.agent]["groupName"],
			"identifiedAt": at.AddDate(0, 0, -of.days).UnixMilli(),
		})
		entities = append(entities, threat)
		relationships = append(relationships, relationship("sentinelone_agent_has_threat", "HAS", agents[of.agent], threat, nil))
	}
	of := visualize.Instance{
		Graph: folder(t, entities, relationships), Name: "office", Run: "2", At: at,
		ReadAt: func(*graph.Type, string) (time.Time, bool) { return at, true },
		Changes: changeLines(`{"op":"updated","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:3","displayName":"PC-10","changed":["groupId","name"],"before":{"name":"PC-9","groupId":"1"},"after":{"name":"PC-10","groupId":"2"}}
{"op":"updated","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:1","displayName":"PC-1","changed":["infected"],"before":{"infected":false},"after":{"infected":true}}
`),
		Trend: points(visualize.Point{At: at.AddDate(0, 0, -2), Figures: map[string]int64{"agentsInfected": 3}},
			visualize.Point{At: at.AddDate(0, 0, -1), Figures: map[string]int64{"agentsInfected": 0}},
			visualize.Point{At: at, Figures: map[string]int64{"agentsInfected": 1}}),
	}
	var err error
	of.Overview, err = overview.Of(t.Context(), of.Graph, of.ReadAt)
	require.NoError(t, err)
	of.Overview.Compare(map[string]int64{"agentsInfected": 0})
	return of
}

// written writes a page to a file.
func written(t *testing.T, of ...visualize.Instance) string {
	file := filepath.Join(t.TempDir(), "page.html")
	content, _ := write(t, of...)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

const names = "main tbody .name"

// untilList waits until the elements that a selector selects have these texts.
func (p *tab) untilList(selector string, want ...string) {
	p.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll(%s)].map((e) => e.textContent).join("\n") === %s`, quote(selector), quote(strings.Join(want, "\n"))))
}

func attention(t *testing.T, p *tab) {
	assert.Equal(t, []string{"agentsInfected", "threatsCritical", "threatsHigh", "agentsIsolated", "devicesUnprotected"},
		value[[]string](p, `[...document.querySelectorAll(".tile")].map((e) => e.dataset.figure)`), "the most urgent first, and nothing of which there is none")
	assert.Equal(t, "1+1", p.text(`document.querySelector("[data-figure=agentsInfected].tile .line").textContent`), "with the difference to the run before")
	assert.Equal(t, "3 on 2026-11-20, 1 on 2026-11-22; lowest 0, highest 3", p.text(`document.querySelector("[data-figure=agentsInfected].tile .sparkline title").textContent`))
	for figure, want := range map[string][]string{
		"agentsInfected": {"PC-1"}, "agentsIsolated": {"PC-2"}, "devicesUnprotected": {"PC-4"}, "threatsCritical": {"worst.exe"}, "threatsHigh": {"new.exe", "old.exe"},
	} {
		p.click(".tile[data-figure=" + figure + "]")
		p.untilList(names, want...)
		p.click("#home")
		p.until(`document.querySelector(".tiles")`)
	}
}

func sorts(t *testing.T, p *tab) {
	p.click("[data-type=sentinelone_threat]")
	p.untilList(names, "worst.exe", "new.exe", "old.exe", "adware") // by severity, and of one severity the latest first
	assert.Equal(t, []string{"severity"}, value[[]string](p, `[...document.querySelectorAll("th[aria-sort=descending] button")].map((e) => e.dataset.sort)`), "and says so")
	assert.Equal(t, []string{"PC-1", "PC-10", "PC-2", formula}, p.list("main [data-column=sentinelone_device]"))
	assert.NotContains(t, p.list("th"), "Agent OS type")
	choose(p, "agentOsType", "windows")
	p.untilList(names, "worst.exe", "new.exe")
	p.click(".clear")
	assert.Equal(t, "Owner of PC-1", p.text(`document.querySelector("main [data-column=sentinelone_user]").textContent`))

	p.click(`[data-sort=sentinelone_device]`)
	p.untilList("main [data-column=sentinelone_device]", formula, "PC-1", "PC-2", "PC-10") // numbers as numbers
	p.click(`[data-sort=sentinelone_device]`)
	p.untilList("main [data-column=sentinelone_device]", "PC-10", "PC-2", "PC-1", formula)
	assert.Equal(t, "sentinelone_device", p.text(`document.activeElement.dataset.sort`), "the keyboard stays where it is")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.untilList("main [data-column=sentinelone_device]", formula, "PC-1", "PC-2", "PC-10")
	p.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown))
	p.until(`document.activeElement.textContent === "worst.exe" && ` + seen)
}

func choose(p *tab, filter, value string) {
	p.Helper()
	p.is(`(() => { const s = document.querySelector("[data-filter=` + filter + `]"); s.value = ` + quote(value) + `; s.dispatchEvent(new Event("change")); return s.value === ` + quote(value) + `; })()`)
}

func narrows(t *testing.T, p *tab) {
	p.click("[data-type=sentinelone_agent]")
	p.untilList(names, "PC-1", "PC-2", formula, "PC-10") // what is urgent first
	assert.Equal(t, "Agents 4", p.text(`document.querySelector("main h1").textContent`))
	assert.Equal(t, []string{"State: any", "in service (4)", "infected (1)", "isolated (1)", "online (4)"}, p.list("[data-filter=is] option"))
	choose(p, "siteName", "Paris")
	p.untilList(names, "PC-2", "PC-10")
	assert.Equal(t, "Agents 2 of 4", p.text(`document.querySelector("main h1").textContent`), "counts follow the filters")
	assert.Equal(t, []string{"OS: any", "macOS (1)", "Windows 11 (1)"}, p.list("[data-filter=osName] option"))
	choose(p, "osName", "macOS")
	p.untilList(names, "PC-2")

	p.do(chromedp.Reload()) // the address says it
	p.until(chromium.Ready)
	p.untilList(names, "PC-2")
	p.mu.Lock()
	p.requests = p.requests[1:]
	p.mu.Unlock()

	p.click(".clear")
	p.untilList(names, "PC-1", "PC-2", formula, "PC-10")
	choose(p, "change", "updated")
	p.untilList(names, "PC-1", "PC-10")
	p.click(".filters .only")
	p.until(`document.querySelector(".chip[data-class=HostAgent] .count").textContent === "2"`)
	p.click(".clear")
	p.untilList(names, "PC-1", "PC-10")
	p.click(".filters .only")
	p.do(chromedp.SendKeys(chromedp.CSS(".tools .filter"), "pc-1"))
	p.untilList(names, "PC-1", "PC-10")
}

func savesCSV(t *testing.T, p *tab) {
	dir := t.TempDir()
	_, err := chromedp.Call(p.Context, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: chromedp.FromContext(p.Context).BrowserContextID,
	})
	require.NoError(t, err)
	p.click("[data-type=sentinelone_agent]")
	p.until(`document.querySelector("[data-filter=siteName]")`)
	choose(p, "siteName", "Berlin")
	p.untilList(names, "PC-1", formula)
	p.click(".save")
	var content []byte
	require.Eventually(t, func() bool {
		content, err = os.ReadFile(filepath.Join(dir, "office-agents.csv"))
		return err == nil && strings.Count(string(content), "\n") == 3
	}, 5*time.Minute, 10*time.Millisecond)
	assert.Equal(t, "key,Name,State,OS,Agent version,Site,Group,Owner,Last seen,Change\r\n"+
		"sentinelone_agent:1,PC-1,infected,Windows 11,,Berlin,Desks,Owner of PC-1,2026-11-22T11:00:00.000Z,updated\r\n"+
		"sentinelone_agent:4,'"+formula+",,Linux,,Berlin,Desks,Owner of "+formula+",2026-11-22T11:00:00.000Z,\r\n", string(content))
	for _, name := range append([]string{
		"=1", "+1", "-1", "@a", " =1", "\u00a0=1", "a;=1", "a; =1", "a|=1", "\t=1", "\tname", "\rname", "a;\tname", "a\n=1", "a,b", `"=1`, "＝1", "﹦1", "\u200d=1",
		"\u202ea", "\U000e0041", "Müller 日本 🦊", "\ufffd", "\x7f", "\a\b\f\v",
	}, s1test.HostileNames...) {
		cell, err := csv.NewReader(strings.NewReader(p.text("csvCell(" + quote(name) + ")"))).Read()
		require.NoError(t, err, "%q", name)
		assert.Equal(t, []string{harmless.Cell(name)}, cell, "%q", name)
	}
	assert.Equal(t, "-1", p.text(`csvCell(-1)`), "a number is none")
}

func states(t *testing.T, p *tab) {
	for _, query := range []string{"infected", "status:infected", "INFECTED pc"} {
		p.search(query)
		assert.Equal(t, []string{"PC-1"}, p.list("#results .name"), query)
	}
	p.search("status:infected")
	assert.Equal(t, "status infected", p.text(`document.querySelector("#results .detail").textContent`))
	p.search("isolated")
	assert.Equal(t, []string{"PC-2"}, p.list("#results .name"))
	p.search("unprotected")
	assert.Equal(t, []string{"PC-4"}, p.list("#results .name"))
	p.search("PC-1")
	p.click("#results [data-class=HostAgent]")
	p.until(`document.querySelector("aside dl")`)
	assert.True(t, p.is(`document.querySelector(".card.focus.alarm .state.alarm").textContent === "infected"`), "an infected agent looks infected")
	assert.True(t, p.is(`Boolean(document.querySelector(".card[data-class=Device].alarm .state.alarm"))`), "and so does its device")
}

func weighs(t *testing.T, p *tab) {
	assert.Equal(t, []string{"PC-1", "PC-10"}, p.list(".list a.row .name"), "infected comes before renamed")
	p.click("#changes")
	p.untilList(".list a.row .name", "PC-1", "PC-10")
	p.click(".list a.row:last-of-type")
	p.untilList(".change", "namePC-9→PC-10", "groupDesks→Labs") // names of groups, in place of their IDs
}

// withoutChanges shows why a page has no changes.
func withoutChanges(t *testing.T, browser context.Context) {
	pc := folder(t, []record{entity("sentinelone_agent", "HostAgent", "1", "PC", nil)}, nil)
	for want, of := range map[string]visualize.Instance{
		"Nothing changed since the run before.":                                                          {Changes: changeLines("")},
		"This is the first run: there is no earlier one to compare it with.":                             {IsFirst: true},
		"The folder does not say what changed: a copy of a graph has no earlier run to compare it with.": {},
	} {
		of.Graph, of.Name = pc, "x"
		assert.Equal(t, want, open(t, browser, written(t, of), "").text(`document.querySelector(".list .empty").textContent`))
	}
	of := visualize.Instance{Graph: pc, Name: "x", Changes: changeLines(""), IsBaseline: func(typeName string) bool { return typeName == "sentinelone_agent" }}
	p := open(t, browser, written(t, of), "")
	of.Overview.Figures = map[string]int64{"agents": 1, "agentsInfected": 0, "agentsIsolated": 0}
	assert.Equal(t, "Nothing: no infected agents, no isolated agents.", open(t, browser, written(t, of), "").text(`document.querySelector(".attention .empty").textContent`), "of threats nothing is known")
	assert.Equal(t, []string{"Not compared: agents. This run was the first to read them as they are read now."}, p.list(".baselines"))
}

// newClass shows types that the page has not been told of, and what one of them and many are called.
func newClass(t *testing.T, browser context.Context) {
	site := entity("sentinelone_site", "Site", "1", "Berlin", nil)
	gateway := entity("sentinelone_gateway", "Gateway", "1", "LAN", nil)
	policy := entity("sentinelone_policy", "ControlPolicy", "1", "Strict", nil)
	agent := entity("sentinelone_agent", "HostAgent", "1", "PC", nil)
	edges := []record{
		relationship("sentinelone_site_has_gateway", "HAS", site, gateway, nil),
		relationship("sentinelone_agent_assigned_policy", "ASSIGNED", agent, policy, nil),
	}
	p := open(t, browser, written(t, visualize.Instance{Graph: folder(t, []record{site, gateway, policy, agent}, edges), Name: "x"}), "")
	names := p.list(".overview .card .name")
	for _, of := range [][2]string{{"Sites", "Gateways"}, {"Agents", "Policies"}} {
		assert.Greater(t, slices.Index(names, of[1]), slices.Index(names, of[0]), "%v: it stands right of what it belongs to", names)
	}
	p.search("strict")
	assert.Equal(t, []string{"Policy"}, p.list("#results .of"))
}

// several shows a page of two instances, whose keys are the same.
func several(t *testing.T, browser context.Context) {
	lab := office(t)
	lab.Name, lab.Changes, lab.IsFirst = "lab/2", nil, true
	lab.Graph = folder(t, []record{entity("sentinelone_agent", "HostAgent", "1", "LAB-1", record{"isActive": false})}, nil)
	lab.At = lab.At.AddDate(0, 0, -9)
	lab.Overview, _ = overview.Of(t.Context(), lab.Graph, lab.ReadAt)
	p := open(t, browser, written(t, lab, office(t)), "")
	assert.Equal(t, []string{"office", "lab/2"}, p.list("main tbody .name"), "what is most urgent first")
	assert.Equal(t, []string{"9 days older"}, p.list("tr[data-instance='lab/2'] .state"))
	assert.Empty(t, p.list("tr[data-instance=office] .state"))
	p.click("[data-sort=name]")
	p.untilList("main tbody .name", "lab/2", "office")
	p.click("[data-sort=agents]")
	p.untilList("main tbody .name", "office", "lab/2")
	assert.Contains(t, p.list("thead th"), "infected agents")
	p.search("-1")
	assert.Subset(t, p.list("#results .name"), []string{"LAB-1", "PC-1"}, "all are searched")
	p.click("[data-instance='lab/2'] .name")
	p.until(`document.querySelector("h1").textContent === "lab/2"`)
	p.search("-1")
	assert.Equal(t, []string{"LAB-1"}, p.list("#results .name"))
	p.click("#results .row")
	p.until(`document.querySelector("aside h2")?.textContent === "LAB-1"`)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.until(`document.querySelector("h1")?.textContent === "lab/2"`)
	p.click("#home")
	p.until(`document.querySelectorAll("main tbody tr").length === 2`)
	p.click("[data-instance=office] [data-figure=agentsInfected]")
	p.untilList(names, "PC-1")
}

func points(all ...visualize.Point) iter.Seq2[visualize.Point, error] {
	return func(yield func(visualize.Point, error) bool) {
		for _, p := range all {
			if !yield(p, nil) {
				return
			}
		}
	}
}
