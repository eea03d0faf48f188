package s1test

import "strconv"

// writeAgent writes a row of /agents.
func (w *world) writeAgent(o *object, ref rowRef) {
	a := w.agent(ref.n)
	if ref.moved && a.site != nowhere {
		a.group = w.anotherGroup(&a)
	}
	n, m := a.n, w.machine(a.n)
	active := w.isActive(&a)
	inside, outside := w.addresses(&a, m)
	times := w.agentTimes(&a, active)
	if ref.moved {
		times.updated += day
	}
	o.nulls, o.novel, o.full, o.ascii = w.odd(n, NullAgent), w.odd(n, NovelAgent), w.odd(n, PodAgent), n%2 == 1
	defer o.plain()

	o.begin()
	o.id("accountId", w.id(accountIDs, w.account(&a)))
	o.text("accountName", w.accountName(w.account(&a)))
	w.writeDirectory(o, &a)
	o.texts("activeProtection", "edr")
	o.number("activeThreats", activeThreats(&a))
	o.text("agentVersion", w.agentVersion(&a))
	o.flag("allowRemoteShell", m.kind == "server")
	o.enum("appsVulnerabilityStatus", []string{"patch_required", "up_to_date"}[n%2])
	w.writeCloud(o, &a)
	o.text("computerName", w.computerName(&a))
	o.enum("consoleMigrationStatus", "N/A")
	if m.kind == "kubernetes pod" && o.open("containerizedWorkloadCounts") {
		o.number("containersCount", 14)
		o.number("podsCount", 9)
		o.number("tasksCount", 0)
		o.end()
	} else if m.kind != "kubernetes pod" {
		o.null("containerizedWorkloadCounts")
	}
	cores := int64(4 + n%4*4)
	if m.os == legacy {
		cores = 1
	}
	o.number("coreCount", cores)
	o.number("cpuCount", int64(1+n%2))
	o.text("cpuId", processors[m.os])
	o.time("createdAt", times.registered)
	o.text("detectionState", detectionState(&a))
	o.text("domain", w.domain())
	o.flag("encryptedApplications", w.isEncrypted(n, m))
	o.text("externalId", "")
	o.text("externalIp", outside)
	o.flag("firewallEnabled", !a.exposed)
	o.time("firstFullModeTime", 0)
	o.time("fullDiskScanLastUpdatedAt", times.scanFinished)
	w.writeGroupOf(o, &a)
	o.text("groupIp", outside[:len(outside)-len(lastPart(outside))]+"x")
	o.time("groupUpdatedAt", dayZero-40*day+moment(a.regrouped)*day)
	o.flag("hasContainerizedWorkload", m.kind == "kubernetes pod")
	o.id("id", w.id(agentIDs, n))
	o.flag("inRemoteShellSession", false)
	o.flag("infected", a.infected)
	o.enum("installerType", installerTypes[m.os])
	o.flag("isActive", active)
	o.flag("isDecommissioned", a.decommissioned)
	o.flag("isPendingUninstall", w.isPendingUninstall(n))
	o.flag("isUninstalled", a.uninstalled)
	o.flag("isUpToDate", a.upgrades > 0 || w.agentVersion(&a) == agentVersions[m.os][1])
	o.time("lastActiveDate", times.active)
	o.text("lastIpToMgmt", inside)
	o.text("lastLoggedInUserName", w.lastUser(&a))
	o.time("lastSuccessfulScanDate", times.scanFinished)
	o.text("licenseKey", SecretLicenseKey)
	o.flag("locationEnabled", true)
	w.writeLocation(o, &a, m)
	if m.os == windows {
		o.text("machineSid", "S-1-5-21-"+strconv.Itoa(1000000000+n)+"-2087258618-1984987930")
	} else {
		o.null("machineSid")
	}
	o.enum("machineType", m.kind)
	if m.os == macos && n%3 == 0 {
		o.texts("missingPermissions", "user_action_needed_fda", "user_action_needed_network")
	} else {
		o.texts("missingPermissions")
	}
	o.enum("mitigationMode", mitigationMode(&a))
	o.enum("mitigationModeSuspicious", "detect")
	o.text("modelName", w.model(m))
	w.writeInterfaces(o, &a, m, inside)
	o.flag("networkQuarantineEnabled", false)
	o.enum("networkStatus", networkStatus(&a))
	if o.novel {
		o.b = append(o.b, `"novelField":{"nested":["`+SecretPrefix+`novel",{"deeper":1.5e3}]},`...)
	}
	o.text("operationalState", "na")
	o.time("operationalStateExpiration", 0)
	if m.os == macos {
		o.enum("osArch", "ARM64")
	} else if m.os == legacy {
		o.enum("osArch", "32 bit")
	} else {
		o.enum("osArch", "64 bit")
	}
	name, revision := w.osName(n, m)
	o.text("osName", name)
	o.text("osRevision", revision)
	o.time("osStartTime", times.started)
	o.enum("osType", m.os.String())
	o.null("osUsername")
	o.time("policyUpdatedAt", dayZero-30*day)
	if o.open("proxyStates") {
		o.flag("console", false)
		o.flag("deepVisibility", false)
		o.end()
	}
	o.enum("rangerStatus", "Enabled")
	o.text("rangerVersion", "24.1.0.21")
	o.time("registeredAt", times.registered)
	o.text("remoteProfilingState", "disabled")
	o.time("remoteProfilingStateExpiration", 0)
	o.time("scanAbortedAt", 0)
	o.time("scanFinishedAt", times.scanFinished)
	o.time("scanStartedAt", times.scanStarted)
	o.enum("scanStatus", times.scanStatus())
	o.textOrNull("serialNumber", w.serialNumber(&a))
	o.flag("showAlertIcon", false)
	w.writeSiteOf(o, &a)
	o.null("storageName")
	o.null("storageType")
	w.writeTags(o, &a)
	o.flag("threatRebootRequired", false)
	o.number("totalMemory", cores*4096-300)
	o.time("updatedAt", times.updated)
	if n%50 == 21 {
		o.texts("userActionsNeeded", "reboot_needed")
	} else {
		o.texts("userActionsNeeded")
	}
	o.key("uuid")
	o.b = append(o.b, '"')
	o.b = w.appendUUID(o.b, n)
	o.b = append(o.b, '"', ',')
	o.end()
}

func (t *Tenant) isPendingUninstall(n int) bool { return !t.isAwkward(n) && n%97 == 13 }

func (t *Tenant) isEncrypted(n int, m machine) bool {
	if t.Story {
		return n%9 != 0
	}
	return m.kind == "laptop" && n%5 != 0
}

func activeThreats(a *agent) int64 {
	if a.infected {
		return int64(1 + a.n%3)
	}
	return 0
}

func detectionState(a *agent) string {
	if a.detecting {
		return "detect_only"
	}
	return "full_mode"
}

func mitigationMode(a *agent) string {
	if a.detecting {
		return "detect"
	}
	return "protect"
}

// agentTimes are the moments of a row. All but registered move from day to day.
type agentTimes struct {
	registered, active, updated, started, scanStarted, scanFinished moment
}

func (t *agentTimes) scanStatus() string {
	if t.scanStarted > t.scanFinished {
		return "started"
	}
	return "finished"
}

func (w *world) agentTimes(a *agent, active bool) agentTimes {
	today, state := w.day, w.dice(aboutState, a.n, 1)
	if !a.isThere() {
		today = a.touched // nothing moves any more
	}
	if a.silent > 0 {
		today = -a.silent
	}
	now := dayZero + moment(today)*day
	d := w.dice(aboutDay, a.n, today+1000)
	t := agentTimes{
		registered: ago(dayZero, state, 20*day, 900*day),
		updated:    ago(now, d, 1, hour),
		started:    ago(now, d>>8, minute, 9*hour).whole(),
	}
	if w.odd(a.n, ReinstallAgent) {
		t.registered = dayZero - 10*day // its predecessor came earlier
	}
	if a.born > 0 {
		t.registered = ago(now-moment(today-a.born)*day, state, 10*hour, 20*hour)
	}
	switch {
	case active:
		t.active = ago(now, d>>16, 1, 10*minute)
	case a.isThere():
		t.active = ago(now, d>>16, hour, 20*hour)
	default:
		t.active = ago(now, state>>16, 1*day, 60*day)
	}
	for back := 0; back < 6 && w.dice(aboutDay, a.n, today-back+2000)%3 != 0; back++ {
		t.started -= day
	}
	// Every machine is scanned once a week, and some are at it when one looks.
	scanned := now - moment((today+a.n+700)%7)*day - 3*hour + moment(w.dice(aboutScan, a.n, 0)%uint64(hour))
	t.scanStarted, t.scanFinished = scanned, scanned+40*minute
	if (today+a.n+700)%7 == 0 && a.n%3 == 0 {
		t.scanFinished -= 7 * day
	}
	if w.odd(a.n, WholeSecondsAgent) {
		for _, m := range []*moment{&t.registered, &t.active, &t.updated, &t.started, &t.scanStarted, &t.scanFinished} {
			*m = m.whole()
		}
	}
	return t
}

func lastPart(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '.' {
			return address[i+1:]
		}
	}
	return address
}

func (w *world) writeDirectory(o *object, a *agent) {
	if !o.open("activeDirectory") {
		return
	}
	n, m := a.n, w.machine(a.n)
	if m.os != windows {
		o.null("computerDistinguishedName")
		o.texts("computerMemberOf")
	} else {
		o.text("computerDistinguishedName", "CN="+w.computerName(a)+",OU="+m.kind+"s,DC="+w.Name+",DC=example")
		o.texts("computerMemberOf", "CN=Domain Computers,CN=Users,DC="+w.Name+",DC=example")
	}
	if !w.hasOwner(n) || w.localUser(n) != "" {
		o.null("lastUserDistinguishedName")
		o.texts("lastUserMemberOf")
		o.null("mail")
		o.null("userPrincipalName")
		o.end()
		return
	}
	p := w.owner(a)
	common := p.first + " " + p.last
	if hostile := w.hostile(n); hostile != "" {
		common = hostile
	}
	o.text("lastUserDistinguishedName", "CN="+common+",OU=People,DC="+w.Name+",DC=example")
	o.texts("lastUserMemberOf", "CN=VPN Users,OU=Groups,DC="+w.Name+",DC=example", "CN=All Staff,OU=Groups,DC="+w.Name+",DC=example")
	switch {
	case w.odd(n, NoMailAgent):
		o.null("mail")
		o.text("userPrincipalName", "")
	case w.odd(n, NoPrincipalAgent):
		o.text("mail", p.mail)
		o.null("userPrincipalName")
	default:
		o.text("mail", p.mail)
		o.text("userPrincipalName", p.mail)
	}
	o.end()
}

// localUser is the local account that was last logged in, where it is not the owner's.
func (w *world) localUser(n int) string {
	if w.isAwkward(n) {
		switch n {
		case AdministratorAgent:
			return "Administrator"
		case RootAgent:
			return "root"
		case SystemAgent:
			return "SYSTEM"
		case LocalServiceAgent:
			return "LOCAL SERVICE"
		case MbsetupAgent:
			return "_mbsetupuser"
		}
	}
	return ""
}

// lastUser is the last one logged in: the owner, and on servers whoever was there that day.
func (w *world) lastUser(a *agent) string {
	if local := w.localUser(a.n); local != "" {
		return local
	}
	if hostile := w.hostile(a.n); hostile != "" {
		return hostile
	}
	m := w.machine(a.n)
	switch {
	case m.kind != "laptop" && m.kind != "desktop" && m.os == linux:
		return []string{"root", ""}[w.dice(aboutLogin, a.n, w.day)%2]
	case m.kind != "laptop" && m.kind != "desktop":
		return []string{"Administrator", ""}[w.dice(aboutLogin, a.n, w.day)%2]
	default:
		return w.owner(a).login
	}
}

func (w *world) writeGroupOf(o *object, a *agent) {
	if a.group == nowhere {
		o.id("groupId", w.id(groupIDs, 900_000+a.n))
		o.text("groupName", "A group that is gone")
		return
	}
	o.id("groupId", w.id(groupIDs, a.group))
	o.text("groupName", w.groupName(a.group))
}

func (w *world) writeSiteOf(o *object, a *agent) {
	if a.site == nowhere {
		o.id("siteId", w.id(siteIDs, 900_000+a.n))
		o.text("siteName", "A site that is gone")
		return
	}
	o.id("siteId", w.id(siteIDs, a.site))
	o.text("siteName", w.siteName(a.site))
}

// writeLocation writes where the machine is. It follows the machine, as its addresses do.
func (w *world) writeLocation(o *object, a *agent, m machine) {
	kind, location, name := "fallback", 0, "Fallback"
	if !w.isAway(a.n, m) {
		kind, location, name = "specific", 1+max(a.site, 0), "Office network"
	}
	o.enum("locationType", kind)
	if o.openList("locations") {
		o.begin()
		o.id("id", w.id(locationIDs, location))
		o.text("name", name)
		o.enum("scope", "global")
		o.end()
		o.endList()
	}
}

func (w *world) writeInterfaces(o *object, a *agent, m machine, inside string) {
	n := a.n
	gateway := gatewayMAC(a.site)
	if !o.openList("networkInterfaces") {
		return
	}
	face := func(i int, name, physical string, inet, inet6 []string) {
		o.begin()
		o.text("gatewayIp", inside[:len(inside)-len(lastPart(inside))]+"1")
		o.text("gatewayMacAddress", gateway)
		o.id("id", w.id(tagIDs, n*8+i))
		o.texts("inet", inet...)
		o.texts("inet6", inet6...)
		o.text("name", name)
		o.text("physical", physical)
		o.end()
	}
	names := [4]string{"Ethernet", "en0", "eth0", "Local Area Connection"}
	switch {
	case w.odd(n, MACAgent):
		face(0, "Ethernet", "0A-1B-2C-3D-4E-5F", []string{inside}, nil)
		face(1, "Wi-Fi", "0A:1B:2C:3D:4E:60", []string{inside}, nil)
		face(2, "Bridge", "0a:1b:2c:3d:4e:5f", nil, nil)
		face(3, "Loopback", "00:00:00:00:00:00", []string{"127.0.0.1"}, nil)
		face(4, "Tunnel", gateway, nil, nil)
		face(5, "Odd", "0A1B2C3D4E61", nil, nil)
		face(6, "None", "", nil, nil)
	case w.odd(n, AddressAgent):
		face(0, "Ethernet", mac(n, 0),
			[]string{"10.1.2.3", "10.1.2.3", "999.1.2.3", "not an address", "", "127.0.0.1", "8.8.4.4", "169.254.7.7", "10.1.2.4/24"},
			[]string{"fe80::1%eth0", "fe80::1%12", "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "::1", "fd00::7", "::ffff:10.1.2.9", "zzzz::1"})
	default:
		face(0, names[m.os], mac(n, 0), []string{inside}, []string{"fe80::" + mac(n, 0)[9:11] + ":" + mac(n, 0)[12:14] + mac(n, 0)[15:]})
		if m.kind == "laptop" {
			face(1, "Wi-Fi", mac(n, 1), nil, nil)
		}
	}
	o.endList()
}

func (w *world) writeTags(o *object, a *agent) {
	if !o.open("tags") {
		return
	}
	if !o.openList("sentinelone") {
		return
	}
	n := a.n
	tag := func(key, value string) {
		o.begin()
		o.time("assignedAt", dayZero-90*day)
		o.text("assignedBy", "Mara Lindqvist")
		o.id("assignedById", w.id(userIDs, 1))
		o.id("id", w.id(tagIDs, len(key)*100+len(value)))
		o.text("key", key)
		o.text("value", value)
		o.end()
	}
	switch {
	case w.odd(n, ManyTagsAgent):
		tag("owner", "finance")
		tag("owner", "accounting")
		tag("owner", "finance")
		tag("stage", "production")
	case w.odd(n, OddTagsAgent):
		tag("cost:center", "4711")
		tag("team/lead", "Mara")
		tag("a.b", "dotted")
		tag("Größe", "groß")
		tag("场所", "柏林")
		tag("", "a key of nothing")
		tag("empty", "")
		tag("__proto__", HostileNames[8])
		tag("team_lead", "Tomas")
		tag(HostileNames[6], HostileNames[5])
	default:
		if d := w.dice(aboutTags, n, 0); d%4 == 0 {
			tag("environment", []string{"production", "staging", "office"}[d>>8%3])
			if d>>16%2 == 0 {
				tag("department", []string{"Finance", "Engineering", "Sales", "Operations"}[d>>24%4])
			}
		}
	}
	o.endList()
	o.end()
}
