package visualize_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"s1graph/gotest"
	"s1graph/graph"
	"s1graph/graph/jsonstore"
	"s1graph/model"
	"s1graph/s1/s1test"
	"s1graph/steps"
	"s1graph/visualize"
	"s1graph/visualize/chromium"
)

// TestThePage shows the page to a real browser, one for all parts, a tab each.
func TestThePage(t *testing.T) {
	browser, stop, err := chromium.Start(t.Context(), profile(t))
	if errors.Is(err, chromium.ErrNone) {
		gotest.Missing(t, err)
	}
	require.NoError(t, err)
	defer stop()
	acme := recorded(t, "acme", "acme-next-day")
	for name, test := range map[string]func(*testing.T, *tab){
		"shows types and changes before anything is chosen":        firstScreen,
		"finds by name, address, and hash":                         searches,
		"leads from a user to a threat":                            clicks,
		"leaves out what the filters say":                          filters,
		"marks what changed in the last run":                       marks,
		"shows the properties of relationships":                    details,
		"keeps headings, and leads on from each figure":            headings,
		"can be used with the keyboard alone":                      keyboard,
		"shows what was chosen, however many columns there are":    inView,
		"fits on a phone":                                          phone,
		"is light or dark as the system is, or as the person says": themes,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, browser, acme, "")) })
	}
	small := written(t, office(t))
	for name, test := range map[string]func(*testing.T, *tab){
		"says what needs attention, and leads to it":      attention,
		"sorts lists by each column":                      sorts,
		"narrows lists, and counts follow":                narrows,
		"saves as CSV what is filtered, without formulas": savesCSV,
		"knows state in search and on cards":              states,
		"shows what weighs more first":                    weighs,
		"counts the fleet, whatever changed":              ofTheFleet,
		"marks the device of an infected agent":           infectedDevice,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, browser, small, "")) })
	}
	t.Run("says whether nothing changed or there was nothing to compare with", func(t *testing.T) { withoutChanges(t, browser) })
	t.Run("says where and what a machine without relationships was", func(t *testing.T) { former(t, browser) })
	t.Run("shows what was reopened, and what is gone", func(t *testing.T) { reopens(t, browser) })
	t.Run("has a place for a class that is new", func(t *testing.T) { newClass(t, browser) })
	t.Run("shows vulnerabilities, the worst first, and leads to the NVD", func(t *testing.T) { vulnerabilities(t, browser) })
	t.Run("shows several instances", func(t *testing.T) { several(t, browser) })
	t.Run("fits at each width, in light and dark", func(t *testing.T) { fits(t, browser) })
	t.Run("takes hostile names as text", func(t *testing.T) { hostile(t, browser) })
	t.Run("shows the hostile recording", func(t *testing.T) {
		page := recorded(t, "hostile")
		for _, typeName := range []string{"agent", "application", "group", "threat"} {
			p := open(t, browser, page, "type=sentinelone_"+typeName)
			p.until(`document.querySelectorAll("main .row").length > 10`)
			assert.Empty(t, p.list("main script, main img, main b i"), "names are text")
		}
	})
	t.Run("says that a graph is empty", func(t *testing.T) { empty(t, browser) })
}

// changed is how many entities of the recorded company the last run says that it changed.
func (p *tab) changed() (n int) {
	p.Helper()
	run, err := jsonstore.OpenLast(filepath.Join(filepath.Dir(p.text(`location.pathname`)), "graph"))
	require.NoError(p, err)
	for line, err := range run.Changes(p.Context) {
		require.NoError(p, err)
		if line.Op != graph.Touched && slices.ContainsFunc(steps.Entities(), func(d *model.Description) bool { return d.Name == line.Type }) {
			n++
		}
	}
	return n
}

func firstScreen(t *testing.T, p *tab) {
	assert.Len(t, p.list(".overview .card"), len(steps.Entities()))
	names, totals := p.list(".overview .card .name"), p.list(".overview .card .total")
	last := -1
	for _, of := range [][2]string{{"Accounts", "2"}, {"Sites", "7"}, {"Groups", "28"}, {"Agents", "152"}, {"Devices", "152"}, {"Threats", "61"}, {"Users", "100"}, {"Applications", "221"}} {
		at := slices.Index(names, of[0])
		require.Greater(t, at, last, "%s, from the outside in", of[0])
		assert.Equal(t, of[1], totals[at], of[0])
		last = at
	}
	assert.Equal(t, []string{"+3", "~21", "−1"}, p.list(`.overview [data-type=sentinelone_agent] .badge`))
	assert.Equal(t, fmt.Sprintf("%d changes", p.changed()), p.text(`document.querySelector("#changes").textContent`))
	assert.Equal(t, len(steps.Relationships()), p.number(`document.querySelectorAll(".overview path").length`), "a line for each type of relationship")
	p.shot("overview")
	assert.Empty(t, p.text(`about.figures.filter((f) => f.type && f.name in about.instances[0].figures).map((f) => {
		let n = 0;
		for (const kind of kinds) if (kind.type === f.type) for (let id = kind.base; id < kind.base + kind.total; id++) n += countsIn(id, f.name);
		return n === about.instances[0].figures[f.name] ? "" : f.name + ": " + n;
	}).join("")`), "a list has as many rows as the run counted")

	p.click(`[data-type=sentinelone_threat]`)
	p.until(`document.querySelectorAll("main .row").length === 61`)
	assert.Equal(t, "#type=sentinelone_threat", p.text(`location.hash`))
	p.shot("list")

	p.click("#home")
	p.until(`document.querySelector(".overview")`)
}

func searches(t *testing.T, p *tab) {
	p.search("acme-lt-0060")
	assert.Equal(t, []string{"ACME-LT-0060", "ACME-LT-0060"}, p.list("#results .name"))
	p.shot("search")

	p.search("IRMA.oduya@acme") // not her name
	assert.Contains(t, p.list("#results .name"), "Irma Oduya")
	assert.Contains(t, p.text(`document.querySelector("#results [data-class=User] .detail").textContent`), "email irma.oduya@acme.example")

	p.search("16.0.2110 outlook")
	assert.NotEmpty(t, p.list("#results .name"), "words need not stand beside each other")

	p.search("no such thing")
	assert.Empty(t, p.list("#results .row"))
	assert.Contains(t, p.list("#results .empty")[0], "Nothing is called “no such thing”")

	p.search("a")
	assert.Len(t, p.list("#results .row"), 50)
	assert.Regexp(t, `^50 of [\d,]+\. Type more`, p.list("#results .rest")[0])
	p.do(chromedp.KeyEvent(kb.Escape))
	p.until(`document.querySelector("#results").hidden && document.querySelector("#search").value === ""`)
}

func clicks(t *testing.T, p *tab) {
	p.search("Irma Oduya")
	p.click("#results [data-class=User]")
	p.until(`document.querySelector(".card.focus .name")?.textContent === "Irma Oduya"`)
	p.until(`document.querySelector("aside dl")`)
	assert.Subset(t, p.list(".of-type h2"), []string{"Accounts1", "Sites1", "Groups1", "Agents1", "Devices1", "Threats2", "Users", "Applications10"})
	assert.Equal(t, []string{"ACME-LT-0060"}, p.list(".card[data-class=Device] .name"))
	assert.Equal(t, []string{"invoice_2026-11.pdf.exe", "PDFConverter_setup.exe"}, p.list(".card[data-class=Finding] .name"), "the more serious one first")
	assert.Contains(t, p.list("path title"), "Irma Oduya OWNS ACME-LT-0060")
	assert.Contains(t, p.list("path title"), "ACME-LT-0060 HAS PDFConverter_setup.exe")
	p.shot("user")

	p.click(".card[data-class=Finding]:last-of-type")
	p.until(`document.querySelector("aside h2")?.textContent === "PDFConverter_setup.exe" && document.querySelector("aside dl")`)
	assert.Equal(t, []string{"Irma Oduya"}, p.list(".card[data-class=User] .name"), "who is concerned is still in the picture")
	assert.True(t, p.is(`decodeURIComponent(location.hash).startsWith("#sentinelone_threat:")`))
	properties := p.list("aside dl > div")
	assert.Contains(t, properties, "severitylow")
	assert.Contains(t, properties, "createdAt"+p.text(`[...document.querySelectorAll("aside dt")].find((e) => e.textContent === "createdAt").nextSibling.textContent`))
	assert.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, p.text(`[...document.querySelectorAll("aside dt")].find((e) => e.textContent === "createdAt").nextSibling.textContent`))
	p.shot("threat")

	p.do(chromedp.SendKeys(chromedp.CSS("aside .filter"), "mitre"))
	p.until(`[...document.querySelectorAll("aside dl > div")].filter((e) => !e.hidden).length < 5`)

	p.do(chromedp.NavigateBack())
	p.until(`document.querySelector(".card.focus .name")?.textContent === "Irma Oduya"`)
}

func filters(t *testing.T, p *tab) {
	p.search("Irma Oduya")
	p.click("#results [data-class=User]")
	p.until(`document.querySelectorAll(".card[data-class=Finding]").length === 2`)
	p.click(".filters .chip[data-class=Finding]")
	p.until(`document.querySelectorAll(".card[data-class=Finding]").length === 0`)
	assert.Equal(t, 1, p.number(`document.querySelectorAll(".card[data-class=Device]").length`), "the others stay")
	p.search("PDFConverter_setup.exe")
	assert.Empty(t, p.list("#results [data-class=Finding]"))
	p.do(chromedp.KeyEvent(kb.Escape))
	p.click(".filters .chip[data-class=Finding]")
	p.until(`document.querySelectorAll(".card[data-class=Finding]").length === 2`)

	p.click(".filters .chip[data-class=PROTECTS]") // by class of relationship
	p.until(`document.querySelectorAll(".card[data-class=HostAgent]").length === 0`)
	p.click(".filters .chip[data-class=PROTECTS]")

	p.click(".filters .types summary") // one type of many
	var has []string
	for _, d := range steps.Relationships() {
		if d.Class == "HAS" {
			has = append(has, d.Name)
		}
	}
	p.until(fmt.Sprintf(`document.querySelectorAll(".menu label").length === %d`, len(has)))
	p.shot("filters")
	for _, name := range []string{"sentinelone_device_has_application", "sentinelone_application_has_vulnerability"} {
		p.click(fmt.Sprintf(".menu label:nth-child(%d)", 1+slices.Index(has, name)))
	}
	p.until(`document.querySelectorAll(".card[data-class=Application]").length === 0 && document.querySelectorAll(".card[data-class=Site]").length === 1`)
	p.click(".filters .types summary")

	p.click(".filters .only")
	p.click("#home")
	p.until(`document.querySelector(".overview")`)
	p.click(`[data-type=sentinelone_threat]`)
	p.until(`document.querySelectorAll("main .row").length === 2`)
}

func marks(t *testing.T, p *tab) {
	p.click("#changes")
	p.until(fmt.Sprintf(`document.querySelectorAll("main .row").length === %d`, p.changed()))
	assert.Contains(t, p.list("main .row.updated"), "ACME-DC-0006agentVersion: 23.4.6.347 → 24.1.4.257updated")
	p.shot("changes")

	p.search("ACME-LT-0041") // gone
	p.click("#results [data-class=HostAgent]")
	p.until(`document.querySelector("aside h2")?.textContent === "ACME-LT-0041" && document.querySelector("aside dl")`)
	assert.Contains(t, p.text(`document.querySelector("aside").textContent`), "Deleted in the last run.")
	assert.True(t, p.is(`document.querySelector(".card.focus").classList.contains("deleted")`))
	assert.NotEmpty(t, p.list("path.deleted"))
	p.shot("gone")

	p.search("ACME-LT-0057") // moved to another group
	p.click("#results [data-class=HostAgent]")
	p.until(`document.querySelector("aside h2")?.textContent === "ACME-LT-0057" && document.querySelector("aside dl")`)
	assert.Contains(t, p.list("path.created title"), "Laptops HAS ACME-LT-0057 (created)")
	assert.Contains(t, p.list("path.deleted title"), "Default Group HAS ACME-LT-0057 (deleted)")
	assert.Contains(t, p.list("aside .change .prop"), "group")
}

func details(t *testing.T, p *tab) {
	p.search("ACME-LT-0060")
	p.click("#results [data-class=Device]")
	p.until(`document.querySelector("aside dl")`)
	p.click("aside [role=tab]:last-of-type")
	p.until(`document.querySelectorAll("aside .relationship").length === 4`)
	assert.Equal(t, []string{"Agents PROTECTS it1", "HAS Applications10", "HAS Vulnerabilities4", "Users OWNS it1"}, p.list("aside .relationship h3"))
	p.click("aside .end summary")
	p.until(`document.querySelector("aside .end dl > div")`)
	assert.Contains(t, p.list("aside .end dt"), "installedAt")
	assert.Regexp(t, `MiB|KiB|GiB`, strings.Join(p.list("aside .end dd"), " "))
	p.shot("relationships")
}

// slash presses the key as a keyboard does: what the page prevents is not typed.
func (p *tab) slash() {
	p.Helper()
	for _, event := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Code: "Slash", Text: "/", WindowsVirtualKeyCode: 191},
		{Type: input.DispatchKeyEventTypeKeyUp, Key: "/", Code: "Slash", WindowsVirtualKeyCode: 191},
	} {
		_, err := chromedp.Call(p.Context, input.DispatchKeyEvent, event)
		require.NoError(p, err)
	}
}

// seen says whether what has the keyboard's focus shows it.
const seen = `(document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle !== "none")`

func keyboard(t *testing.T, p *tab) {
	p.slash()
	p.until(`document.activeElement.id === "search" && ` + seen)
	p.do(chromedp.KeyEvent("Irma Oduya"))
	p.until(`document.querySelectorAll("#results .row").length > 0`)
	p.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowUp))
	assert.Equal(t, "option0", p.text(`document.querySelector("#search").getAttribute("aria-activedescendant")`))
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(`document.activeElement.classList.contains("focus")`)
	p.do(chromedp.KeyEvent(kb.ArrowLeft))
	p.until(`document.activeElement.dataset.class === "Device" && ` + seen)
	p.do(chromedp.KeyEvent(kb.ArrowDown))
	p.until(`document.activeElement.dataset.class === "Finding" && ` + seen)
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelector(".card.focus")?.dataset.class === "Finding" && document.activeElement.classList.contains("focus")`)
	p.do(chromedp.KeyEvent(kb.Tab))
	p.until(`!document.activeElement.classList.contains("focus") && ` + seen)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.until(`document.querySelector(".overview")`)
}

func phone(t *testing.T, p *tab) {
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	fits := `document.documentElement.scrollWidth <= 390`
	p.until(fits)
	p.shot("phone-overview")
	p.search("Irma Oduya")
	p.click("#results [data-class=User]")
	p.until(`document.querySelectorAll(".card[data-class=Finding]").length === 2 && ` + fits)
	assert.True(t, p.is(`[...document.querySelectorAll(".card")].every((c) => c.getBoundingClientRect().width > 300)`), "one below the other")
	p.shot("phone")
	p.click(".grip")
	p.until(`document.querySelector("aside dl")?.getBoundingClientRect().height > 100`)
	p.shot("phone-properties")
}

func themes(t *testing.T, p *tab) {
	isDark := `(() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number); return r + g + b < 200; })()`
	assert.False(t, p.is(isDark))
	require.NoError(t, chromium.Prefer(p.Context, "dark"))
	p.until(isDark)
	p.search("Irma Oduya")
	p.click("#results [data-class=User]")
	p.until(`document.querySelector("aside dl")`)
	p.shot("dark")
	p.click("#theme")
	p.until(`!` + isDark)
	p.click("#theme")
	p.until(isDark)
}

func hostile(t *testing.T, browser context.Context) {
	names := append([]string{
		`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `javascript:alert(1)`,
		"{{script}}{{records}}", `${alert(1)}`, "$&$1", "__proto__", "constructor", "\u202egnp.exe", "line\nbreak", "tab\there",
	}, s1test.HostileNames...)
	var entities, relationships []record
	for i, name := range names {
		// Keys are printable ASCII, but what they say is not ours either.
		agent := entity("sentinelone_agent", "HostAgent", fmt.Sprintf(`"><script>alert(1)</script>%d`, i), name,
			record{"osName": name, "uuid": name, "tag.__proto__": name, "tags": []string{name}, "tag." + name: "x", "tag.exe\u202egnp": "x"})
		threat := entity("sentinelone_threat", "Finding", fmt.Sprint(i), name, record{"severity": name, "mitigationStatus": name})
		entities = append(entities, agent, threat)
		relationships = append(relationships, relationship("sentinelone_agent_has_threat", "HAS", agent, threat, record{"<b>note</b>": name}))
	}
	changes := `{"op":"deleted","type":"sentinelone_agent","class":"HostAgent","key":"sentinelone_agent:<b>gone</b>","displayName":"<b>gone</b>","before":{"<i>x</i>":"<img src=x onerror=alert(1)>","displayName":"<b>gone</b>"}}` + "\n"
	file := filepath.Join(t.TempDir(), "page.html")
	content, _ := write(t, visualize.Instance{Graph: folder(t, entities, relationships), Name: `<script>alert(1)</script>{{about}}`, Changes: changeLines(changes)})
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))

	p := open(t, browser, file, "")
	elements := `["img", "iframe", "object", "embed", "b i", "main script", "aside script", "svg svg", "form", "base", "link"].filter((s) => document.querySelector(s)).join()`
	// Names of properties are shown as values are: what has no shape of its own as its code. Those of types and classes are letters.
	unseen := `[...document.querySelectorAll("body *:not(script)")].flatMap((e) => [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).concat(["title", "aria-label", "placeholder"].map((a) => e.getAttribute(a) ?? ""))).concat(document.title).filter((s) => /[\u202e\u2028\x1b\ufeff]/.test(s)).join("|")`
	assert.Empty(t, p.text(unseen))
	assert.Equal(t, `<script>alert(1)</script>{{about}}`, p.text(`document.querySelector("h1").textContent`))
	p.click(`[data-type=sentinelone_agent]`)
	p.until(fmt.Sprintf(`document.querySelectorAll("main .row").length === %d`, len(names)+1))
	p.shot("hostile")
	assert.Subset(t, p.list("main .row .name"), []string{names[0], names[1], `<b>gone</b>`, `\u202egnp.exe`, `line\x0abreak`})
	assert.Empty(t, p.text(elements))
	for _, name := range []string{names[1], "__proto__", "<b>gone"} {
		p.search(name)
		p.until(`document.querySelectorAll("#results [data-class=HostAgent]").length > 0`)
		assert.Empty(t, p.text(elements))
		p.click("#results [data-class=HostAgent]")
		p.until(`document.querySelector("aside dl")?.textContent.includes(` + quote(name) + `)`)
		assert.Empty(t, p.text(elements))
		assert.Empty(t, p.text(unseen))
		assert.Equal(t, name != "<b>gone", p.is(`document.querySelector("aside dl").textContent.includes("tag.exe\\u202egnp")`))
		p.click("aside [role=tab]:last-of-type")
		p.until(`document.querySelector("aside .relationship, aside .tab-body .empty")`)
		assert.Empty(t, p.text(elements))
		assert.Empty(t, p.text(unseen))
	}
	assert.True(t, p.is(`({}).name === undefined && Object.prototype.displayName === undefined`), "no prototype was written to")

	// Should markup get in nevertheless, it does not run.
	assert.Equal(t, "refused", p.text(`(() => { try { document.body.innerHTML = "<img src=x onerror='window.owned = 1'>"; return "taken" } catch { return "refused" } })()`))
	assert.True(t, p.is(`window.owned === undefined`))
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Len(t, p.faults, 1, "that refusal, and no other: none of the names was taken for markup")
	assert.Contains(t, p.faults[0], "TrustedHTML")
	p.faults = nil
}

func empty(t *testing.T, browser context.Context) {
	file := filepath.Join(t.TempDir(), "page.html")
	content, _ := write(t, visualize.Instance{Graph: folder(t, nil, nil), Name: "nothing"})
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	p := open(t, browser, file, "sentinelone_agent:404")
	assert.Contains(t, p.text(`document.querySelector("main").textContent`), "This is not in the graph.")
	p.click("main a")
	p.until(`document.querySelector("main").textContent.includes("The graph is empty.")`)
}
