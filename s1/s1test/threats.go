package s1test

import "strconv"

// threat is what is true of a threat on a day and does not follow from its number.
type threat struct {
	n, agent      int
	born, touched int  // days
	status        int  // in incidentStatuses
	active        bool // of a Story tenant: it was not stopped
}

const (
	unresolved = iota
	inProgress
	resolved
)

var incidentStatuses = []string{"unresolved", "in_progress", "resolved"}

// neverWas is the number of an agent that no day has.
const neverWas = 9_000_000

func (w *world) threat(n int) threat {
	if t, ok := w.changedThreats[n]; ok {
		return t
	}
	if w.Story {
		return w.storyThreat(n)
	}
	t := threat{n: n, agent: int(w.dice(aboutThreatAgent, n, 0) % uint64(w.Agents))}
	switch d := w.dice(aboutIncident, n, 0) % 100; {
	case d < 25:
		t.status = unresolved
	case d < 40:
		t.status = inProgress
	default:
		t.status = resolved
	}
	if w.Awkward {
		switch n {
		case GhostThreat:
			t.agent = GhostAgent
		case OrphanThreat:
			t.agent = neverWas
		case HostileThreat:
			t.agent = HostileAgent + 8
		case FullThreat:
			t.agent, t.status = PodAgent, resolved
		}
	}
	return t
}

func (w *world) writeThreat(o *object, ref rowRef) {
	t := w.threat(ref.n)
	a := w.agent(t.agent)
	if w.Awkward && t.n == NullThreat {
		w.writeNullThreat(o, &t, &a, ref)
		return
	}
	o.begin()
	o.novel, o.full = w.Awkward && t.n == NovelThreat, w.Awkward && t.n == FullThreat
	o.ascii = t.n%2 == 1
	defer o.plain()
	w.writeDetection(o, &t, &a)
	w.writeRealtime(o, &a)
	w.writeContainer(o, &a)
	o.id("id", w.id(threatIDs, t.n))
	w.writeIndicators(o, &t)
	w.writeMitigation(o, &t)
	if o.novel {
		o.b = append(o.b, `"novelField":["`+SecretPrefix+`novel"],`...)
	}
	o.open("threatInfo")
	w.writeThreatInfo(o, &t, &a, ref)
	o.end()
	if w.machine(a.n).os == windows {
		o.texts("whiteningOptions", "hash", "path", "certificate")
	} else {
		o.texts("whiteningOptions", "hash", "path")
	}
	o.end()
}

// writeNullThreat writes a threat with nothing but its ID and its agent's.
func (w *world) writeNullThreat(o *object, t *threat, a *agent, ref rowRef) {
	o.begin()
	for _, name := range []string{"agentDetectionInfo", "containerInfo", "ecsInfo", "indicators", "kubernetesInfo", "mitigationStatus", "whiteningOptions"} {
		o.null(name)
	}
	o.open("agentRealtimeInfo")
	o.id("agentId", w.id(agentIDs, a.n))
	o.null("agentComputerName")
	o.end()
	o.id("id", w.id(threatIDs, t.n))
	o.open("threatInfo")
	o.nulls = true
	w.writeThreatInfo(o, t, a, ref)
	o.plain()
	o.end()
	o.end()
}

// writeDetection writes what the agent was when the threat was found.
func (w *world) writeDetection(o *object, t *threat, a *agent) {
	m, home := w.machine(a.n), w.home(a.n)
	inside, outside := w.officeAddresses(&home)
	o.open("agentDetectionInfo")
	o.id("accountId", w.id(accountIDs, w.account(a)))
	o.text("accountName", w.accountName(w.account(a)))
	o.text("agentDetectionState", detectionState(&home))
	o.text("agentDomain", w.domain())
	o.text("agentIpV4", inside)
	o.text("agentIpV6", "fe80::"+strconv.Itoa(a.n%9999))
	if w.hasOwner(a.n) {
		p := w.owner(&home)
		o.text("agentLastLoggedInUpn", p.mail)
		o.text("agentLastLoggedInUserMail", p.mail)
		o.text("agentLastLoggedInUserName", p.login)
	} else {
		o.null("agentLastLoggedInUpn")
		o.null("agentLastLoggedInUserMail")
		o.text("agentLastLoggedInUserName", "root")
	}
	o.enum("agentMitigationMode", "protect")
	name, revision := w.osName(a.n, m)
	o.text("agentOsName", name)
	o.text("agentOsRevision", revision)
	o.time("agentRegisteredAt", w.agentTimes(&home, false).registered)
	o.text("agentUuid", w.uuid(a.n))
	o.text("agentVersion", w.agentVersion(&home))
	o.open("cloudProviders")
	o.end()
	o.text("externalIp", outside)
	w.writeGroupOf(o, &home)
	w.writeSiteOf(o, &home)
	o.end()
}

// writeRealtime writes what the agent is now.
func (w *world) writeRealtime(o *object, a *agent) {
	m, active := w.machine(a.n), w.isActive(a)
	inside, _ := w.addresses(a, m)
	times := w.agentTimes(a, active)
	o.open("agentRealtimeInfo")
	o.id("accountId", w.id(accountIDs, w.account(a)))
	o.text("accountName", w.accountName(w.account(a)))
	o.number("activeThreats", activeThreats(a))
	o.text("agentComputerName", w.computerName(a))
	o.flag("agentDecommissionedAt", a.decommissioned)
	o.text("agentDomain", w.domain())
	o.id("agentId", w.id(agentIDs, a.n))
	o.flag("agentInfected", a.infected)
	o.flag("agentIsActive", active)
	o.flag("agentIsDecommissioned", a.decommissioned)
	o.enum("agentMachineType", m.kind)
	o.enum("agentMitigationMode", mitigationMode(a))
	o.enum("agentNetworkStatus", networkStatus(a))
	name, revision := w.osName(a.n, m)
	o.text("agentOsName", name)
	o.text("agentOsRevision", revision)
	o.enum("agentOsType", m.os.String())
	o.text("agentUuid", w.uuid(a.n))
	o.text("agentVersion", w.agentVersion(a))
	w.writeGroupOf(o, a)
	o.openList("networkInterfaces")
	o.begin()
	o.id("id", w.id(tagIDs, a.n*8))
	o.texts("inet", inside)
	o.texts("inet6")
	o.text("name", "eth0")
	o.text("physical", mac(a.n, 0))
	o.end()
	o.endList()
	o.text("operationalState", "na")
	o.flag("rebootRequired", false)
	o.time("scanAbortedAt", 0)
	o.time("scanFinishedAt", times.scanFinished)
	o.time("scanStartedAt", times.scanStarted)
	o.enum("scanStatus", times.scanStatus())
	w.writeSiteOf(o, a)
	o.null("storageName")
	o.null("storageType")
	o.texts("userActionsNeeded")
	o.end()
}

func (w *world) writeIndicators(o *object, t *threat) {
	o.openList("indicators")
	for i := range t.n % 4 {
		k := techniques[(t.n+i+1)%len(techniques)]
		o.begin()
		o.text("category", k.category)
		o.number("categoryId", int64(i+1))
		o.text("description", k.description)
		o.key("ids")
		o.b = append(o.b, "[37,38],"...)
		o.openList("tactics")
		if k.tactic != "" {
			o.begin()
			o.text("name", k.tactic)
			o.text("source", "MITRE")
			o.openList("techniques")
			o.begin()
			o.text("link", "https://attack.mitre.org/techniques/"+k.id+"/")
			o.text("name", k.name)
			o.end()
			o.endList()
			o.end()
		}
		o.endList()
		o.end()
	}
	o.endList()
}

func (w *world) writeMitigation(o *object, t *threat) {
	o.openList("mitigationStatus")
	if w.isMitigated(t) {
		for i, action := range []string{"kill", "quarantine"} {
			at := w.identifiedAt(t) + moment(2+i)*second
			o.begin()
			o.enum("action", action)
			o.open("actionsCounters")
			o.number("failed", 0)
			o.number("notFound", 0)
			o.number("pendingReboot", 0)
			o.number("success", 1)
			o.number("total", 1)
			o.end()
			o.flag("agentSupportsReport", true)
			o.flag("groupNotFound", false)
			o.time("lastUpdate", at+second)
			o.text("latestReport", "/threats/mitigation-report/"+w.idString(threatIDs, t.n))
			o.time("mitigationEndedAt", at+second)
			o.time("mitigationStartedAt", at)
			o.text("reportId", w.idString(filterIDs, t.n))
			o.enum("status", "success")
			o.end()
		}
	}
	o.endList()
}

func (w *world) isMitigated(t *threat) bool { return w.Story && !t.active || t.status == resolved }

func (w *world) identifiedAt(t *threat) moment {
	if t.born > 0 && w.Story {
		return ago(dayZero+moment(t.born)*day, w.dice(aboutThreat, t.n, 0), 2*hour, 6*hour)
	}
	if t.born > 0 {
		return ago(dayZero+moment(t.born)*day, w.dice(aboutThreat, t.n, 0), minute, 20*hour)
	}
	if w.Story {
		return ago(dayZero-moment(w.Threats-t.n)*36*hour, w.dice(aboutThreat, t.n, 0), 1, 10*hour) + 24*hour // the later the higher the number
	}
	return ago(dayZero, w.dice(aboutThreat, t.n, 0), 2*hour, 90*day)
}

func (w *world) writeThreatInfo(o *object, t *threat, a *agent, ref rowRef) {
	d := w.dice(aboutThreat, t.n, 1)
	kind := malware[d%uint64(len(malware))]
	if w.Story {
		kind = w.storyMalwareOf(t)
	}
	user := w.processUser(a.n)
	name, file, process := kind.name, kind.path, kind.process
	if i := len(file); i > 0 {
		file = replaceUser(file, user)
	}
	if w.Awkward && t.n == HostileThreat {
		name, user, file, process = HostileNames[8], HostileNames[5], HostileNames[6], HostileNames[9]
	}
	identified := w.identifiedAt(t)
	confidence, verdict := w.opinions(t, kind)
	mitigation := "not_mitigated"
	if w.isMitigated(t) {
		mitigation = "mitigated"
		if verdict == "false_positive" {
			mitigation = "marked_as_benign"
		}
	}
	o.enum("analystVerdict", verdict)
	o.text("analystVerdictDescription", verdict)
	o.flag("automaticallyResolved", false)
	o.null("browserType")
	o.text("certificateId", "")
	o.text("classification", kind.classification)
	o.enum("classificationSource", []string{"Cloud", "Behavioral", "Static", "Engine"}[d>>16%4])
	o.text("cloudFilesHashVerdict", "black")
	o.text("collectionId", w.idString(filterIDs, t.n))
	o.enum("confidenceLevel", confidence)
	o.time("createdAt", identified+second+1)
	if o.openList("detectionEngines") {
		o.begin()
		o.text("key", "on_write")
		o.text("title", "On-Write Static AI")
		o.end()
		o.endList()
	}
	o.enum("detectionType", []string{"static", "dynamic"}[d>>32%2])
	o.texts("engines", "On-Write DFI", "Intrusion Detection")
	o.flag("externalTicketExists", d%9 == 0)
	if d%9 == 0 {
		o.text("externalTicketId", "SEC-"+strconv.Itoa(1000+t.n))
	} else {
		o.null("externalTicketId")
	}
	o.flag("failedActions", false)
	o.text("fileExtension", kind.file)
	o.text("fileExtensionType", "Executable")
	o.text("filePath", file)
	o.number("fileSize", int64(d>>40%9_000_000))
	o.text("fileVerificationType", "NotSigned")
	o.time("identifiedAt", identified)
	o.enum("incidentStatus", incidentStatuses[t.status])
	o.text("incidentStatusDescription", incidentStatuses[t.status])
	o.enum("initiatedBy", "agent_policy")
	o.text("initiatedByDescription", "Agent Policy")
	o.null("initiatingUserId")
	o.null("initiatingUsername")
	o.flag("isFileless", kind.path == "")
	o.flag("isValidCertificate", false)
	if o.openList("macroModules") {
		o.endList()
	}
	o.text("maliciousProcessArguments", SecretArguments)
	if t.n%3 == 0 {
		o.text("md5", w.hash(t.n, 1, 32))
	} else {
		o.null("md5")
	}
	o.flag("mitigatedPreemptively", false)
	o.enum("mitigationStatus", mitigation)
	o.text("mitigationStatusDescription", mitigation)
	o.text("originatorProcess", process)
	o.flag("pendingActions", false)
	o.text("processUser", w.domain()+`\`+user)
	o.text("publisherName", "")
	o.flag("reachedEventsLimit", false)
	o.flag("rebootRequired", false)
	if w.hasOwner(a.n) {
		o.text("rootProcessUpn", w.owner(new(w.home(a.n))).mail)
	} else {
		o.null("rootProcessUpn")
	}
	o.text("sha1", w.hash(t.n, 2, 40))
	if t.n%2 == 0 {
		o.text("sha256", w.hash(t.n, 3, 64))
	} else {
		o.null("sha256")
	}
	o.text("storyline", w.hash(t.n, 4, 16))
	o.text("threatId", w.idString(threatIDs, t.n))
	o.text("threatName", name)
	updated := w.threatUpdatedAt(t, identified)
	if ref.moved {
		updated += day
	}
	o.time("updatedAt", updated)
}

// opinions are what the engine and an analyst say of a threat.
func (w *world) opinions(t *threat, kind malwareKind) (confidence, verdict string) {
	d := w.dice(aboutThreat, t.n, 1)
	if !w.Story {
		confidence = []string{"malicious", "malicious", "suspicious", "n/a"}[d>>24%4]
		verdict = []string{"undefined", "undefined", "true_positive", "false_positive", "suspicious"}[d>>8%5]
	} else {
		confidence, verdict = "malicious", "true_positive"
		if kind.classification == "PUA" || kind.classification == "Adware" {
			confidence, verdict = "suspicious", []string{"suspicious", "false_positive"}[d>>8%2]
		}
	}
	if t.status == unresolved {
		verdict = "undefined"
	}
	return confidence, verdict
}

// threatUpdatedAt moves every day until a threat is resolved.
func (w *world) threatUpdatedAt(t *threat, identified moment) moment {
	last := w.day
	if t.status == resolved {
		if t.touched == 0 {
			return identified + 5*minute + 1
		}
		last = t.touched
	}
	return dayZero + moment(last)*day - moment(w.dice(aboutThreat, t.n, last+10)%uint64(hour))
}

// processUser is who ran what a threat was found in.
func (w *world) processUser(agent int) string {
	m := w.machine(agent)
	switch {
	case m.kind == "laptop" || m.kind == "desktop":
		home := w.home(agent)
		return w.owner(&home).login
	case m.os == linux:
		return "root"
	default:
		return "Administrator"
	}
}

// hash is so many hex digits; every third threat is of the same file as the one before.
func (w *world) hash(threat, kind, digits int) string {
	b := make([]byte, 0, 64)
	for i := 0; len(b) < digits; i++ {
		b = appendHex(b, w.dice(aboutHash, threat-threat%3/2, 100*kind+i), min(16, digits-len(b)))
	}
	return string(b)
}

func replaceUser(path, user string) string {
	for i := 0; i+1 < len(path); i++ {
		if path[i] == '%' && path[i+1] == 's' {
			return path[:i] + user + path[i+2:]
		}
	}
	return path
}
