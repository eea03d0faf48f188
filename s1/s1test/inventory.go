package s1test

import (
	"cmp"
	"slices"
	"strings"
)

// inventoryItem is a row of /application-management/inventory: all products of one name and vendor,
// of whatever OS and version, and how many agents have them.
type inventoryItem struct {
	name, vendor        string
	endpoints, versions int
}

// inventory counts the applications of the agents that a query means. Only agents that protect
// their machine are in it.
func (w *world) inventory(q *query) []inventoryItem {
	key := q.filters
	w.mu.Lock()
	items, ok := w.inventories[key]
	w.mu.Unlock()
	if ok {
		return items
	}

	agents := make([]int, len(w.catalog.products))
	versions := make([]map[int]bool, len(w.catalog.products))
	had := map[int]bool{}
	for a := range w.agentsOf(q, 0) {
		if !a.isThere() || !q.word("osTypes", w.machine(a.n).os.String()) {
			continue
		}
		clear(had)
		for slot := range w.slots(&a) {
			if !a.installed(slot) {
				continue
			}
			in := w.installation(&a, slot)
			if versions[in.product] == nil {
				versions[in.product] = map[int]bool{}
			}
			versions[in.product][in.variant] = true
			if !had[in.product] {
				had[in.product] = true
				agents[in.product]++
			}
		}
	}

	byName := map[[2]string]*inventoryItem{}
	for i, count := range agents {
		p := &w.catalog.products[i]
		if count == 0 || p.nothing {
			continue
		}
		id := [2]string{p.name, p.publisher}
		if byName[id] == nil {
			byName[id] = &inventoryItem{name: p.name, vendor: p.publisher}
		}
		byName[id].endpoints += count
		byName[id].versions += len(versions[i])
	}
	for _, item := range byName {
		items = append(items, *item)
	}
	slices.SortFunc(items, func(a, b inventoryItem) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.vendor, b.vendor))
	})
	w.mu.Lock()
	w.inventories[key] = items
	w.mu.Unlock()
	return items
}

func (i *inventoryItem) write(o *object) {
	o.begin()
	o.text("applicationName", i.name)
	o.text("applicationVendor", i.vendor)
	o.number("applicationVersionsCount", int64(i.versions))
	o.number("endpointsCount", int64(i.endpoints))
	o.flag("estimate", false)
	o.end()
}

// writeEndpoint writes a row of /application-management/inventory/endpoints.
func (w *world) writeEndpoint(o *object, ref rowRef) {
	a := w.agent(ref.n)
	m := w.machine(a.n)
	in := w.installation(&a, ref.slot)
	p := &w.catalog.products[in.product]
	d := w.dice(aboutInstallation, ref.n, ref.slot)
	osName, osVersion := w.osName(a.n, m)
	o.nulls, o.novel = w.odd(a.n, NullAgent), w.odd(a.n, NovelAgent)
	defer o.plain()
	o.begin()
	o.text("accountName", w.accountName(w.account(&a)))
	o.time("applicationInstallationDate", w.installedAt(&in, d))
	if m.os == windows {
		o.text("applicationInstallationPath", `C:\Program Files\`+p.name)
	} else {
		o.null("applicationInstallationPath")
	}
	o.key("applicationName")
	o.value(p.name)
	o.number("coreCount", int64(4+a.n%4*4))
	o.null("cpe")
	o.number("cpuCount", int64(1+a.n%2))
	detected := w.now - moment(d>>20%uint64(10*hour))
	if ref.moved {
		detected += day
	}
	o.time("detectionDate", detected)
	o.id("endpointId", w.id(agentIDs, a.n))
	o.text("endpointName", w.computerName(&a))
	o.enum("endpointType", m.kind)
	o.key("endpointUuid")
	o.value(w.uuid(a.n))
	o.number("fileSize", w.sizeOf(&in, d, ref.moved))
	o.text("groupName", w.agentGroupName(&a))
	o.id("id", w.id(installationIDs, ref.n*maxSlots+ref.slot))
	o.text("osArch", "64 bit")
	o.text("osName", osName)
	o.enum("osType", m.os.String())
	o.text("osVersion", osVersion)
	o.text("siteName", w.agentSiteName(&a))
	o.key("version")
	if p.versionless {
		o.value("")
	} else {
		o.value(in.version())
	}
	o.end()
}

func (w *world) agentGroupName(a *agent) string {
	if a.group == nowhere {
		return ""
	}
	return w.groupName(a.group)
}

func (w *world) agentSiteName(a *agent) string {
	if a.site == nowhere {
		return ""
	}
	return w.siteName(a.site)
}
