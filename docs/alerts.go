package docs

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"s1graph/alerts"
	"s1graph/alerts/delivery"
)

// WriteAlerts writes docs/alerts.md, in Markdown, in one call of w.Write: what rules can say, the ready-made ones, and
// how alerts are delivered.
func WriteAlerts(w io.Writer) error {
	var d document
	described := alerts.Describe()
	d.introduceAlerts()
	d.describeRules(&described)
	d.describeConditions(&described)
	d.describeTemplates(&described)
	d.listReadyRules()
	d.describePosture()
	d.describeTelling(&described)
	d.describeDestinations()
	d.describeWebhook(&described)
	d.describeDelivery()
	_, err := w.Write(d.Bytes())
	return err
}

// code writes a block of code.
func (d *document) code(language, text string) {
	fmt.Fprintf(d, "```%s\n%s\n```\n\n", language, strings.TrimSpace(text))
}

func (d *document) introduceAlerts() {
	d.line("<!-- Made by `s1graph document` from alerts/ and docs/alerts.go. Change it there. -->")
	d.line("# Alerts")
	d.line("A rule looks at what a run found, and tells destinations of it. `s1graph poll` and `s1graph run` heed the rules of the " +
		"configuration file, `s1graph.yaml`:")
	d.code("yaml", `
alerts:
  destinations:
    soc: {url_file: slack.url}
    hook: {url: "https://hooks.example.net/s1graph", format: json, secret_file: hook.secret}
  rules:
    - use: device infected
    - use: agent silent
      days: 30
      ended: true
    - name: protection switched off
      when: >-
        change.op == "updated" && change.type == "sentinelone_agent" &&
        change.before.mitigationMode == "protect" && change.after.mitigationMode != "protect"
      severity: high
      title: "{{.Name}} is no longer protected"
      text: "It is in the group {{.Group.displayName}}."
      to: [soc]
`)
	d.line("Rules are checked when the configuration is read: a property that the data model does not have, or a destination that is not " +
		"understood, is a fault with its line. What a rule would have said of the last changes, and whether it arrives:")
	d.code("sh", `
s1graph alerts test "protection switched off"
s1graph alerts test "protection switched off" --send
`)
	d.line("Types, classes and properties are those of [data-model.md](data-model.md).")
}

// ruleSettings are what a rule can say in the configuration file: name and meaning.
func ruleSettings() [][]string {
	return [][]string{
		{"`use`", "Name of a [ready-made rule](#ready-made-rules). All below replace what that one says."},
		{"`name`", "Name of the rule; without it, that of `use`."},
		{"`when`", "[Condition](#conditions), in CEL."},
		{"`severity`", "`info`, `low`, `medium`, `high` or `critical`; `medium` if it is not given."},
		{"`title`", "[Template](#templates) of one line."},
		{"`text`", "Template of what stands below it."},
		{"`to`", "Names of destinations; all if it is not given."},
		{"`at_least`", "One alert, if so many match in one run, in place of one for each."},
		{"`mute`", "For how long a key that was told of is not told of again, such as `168h`. With `at_least` it is the rule that is silent."},
		{"`ended`", "`true`: the end of a state is told too."},
		{"`days`", "The number of days of the ready-made rules that have one."},
	}
}

func (d *document) describeRules(a *alerts.Description) {
	d.line("## Rules")
	d.table([]string{"in a rule", "what it says"}, ruleSettings())
	d.line("There are three kinds of rules. The variable that the condition uses says which it is.")
	d.table([]string{"variable", "looked at", "raised"}, [][]string{
		{"`change`", "each change of a run, as in `changes.jsonl`; not what only [volatile](data-model.md) properties did", "for each that matches"},
		{"`entity`", "each entity of the graph, on every run", "when an entity begins to match; with `ended`, also when it ends to"},
		{"`run`", "how a run went, failed ones too", "when it matches"},
	})
	d.line("- Rules on changes and states look at committed runs only, each once and in their order. What a killed process left not evaluated is evaluated " +
		"when the next one starts.\n" +
		"- **Baselines raise nothing.** The first run, a type that is collected for the first time, a wider scope and a new version that maps " +
		"differently make no change. The first run with alerts, and the first of a rule on a state, or of one whose condition was changed, " +
		"remember what is in that state, and tell nobody.\n" +
		"- **States** are remembered in `alerts.db`, beside the graph. A type that was not read whole is not evaluated: nobody begins or ends " +
		"anything because a list failed. An entity that is gone is in no state any more. One that was rekeyed goes on under its new key.\n" +
		"- **Now is when the run began**, so that a run which is evaluated again says the same.")
}

func (d *document) fields(header string, fields []alerts.Field) {
	var rows [][]string
	for _, f := range fields {
		row := []string{"`" + f.Name + "`"}
		if f.Type != "" {
			row = append(row, f.Type)
		}
		rows = append(rows, append(row, f.Doc))
	}
	if fields[0].Type == "" {
		d.table([]string{header, "what it is"}, rows)
		return
	}
	d.table([]string{header, "type", "what it is"}, rows)
}

func (d *document) describeConditions(a *alerts.Description) {
	d.line("## Conditions")
	d.line("A condition is an expression in [CEL](https://cel.dev) that is true or false, of " + strconv.Itoa(a.ConditionSize) + " characters at most.")
	d.line("- What is absent makes each comparison false: `change.before.infected == false` is false where nobody knows. `has(change.before.infected)` " +
		"asks whether it is there. A flag by itself is as good as false where it is absent, and so is its negation: " +
		"`!(entity.infected == true)` is true there, `!entity.infected` is not.\n" +
		"- `change.before`, `change.after` and the related entities have the properties of their types; which those are follows from " +
		"`change.type == …`, `change.type in […]` or `change.class == …`. Without that they have the properties of all types.\n" +
		"- Times are milliseconds since 1970, as in the graph.\n" +
		"- A condition that cannot be evaluated, such as a division by zero, counts as not met, and the log says so.")
	d.line("Beside what CEL has, with its string functions and optional values, there is:")
	d.table([]string{"name", "type", "what it is"}, [][]string{
		{"`now`", "int", "When the run began, in milliseconds."},
		{"`instance`", "string", "Name of the tenant here."},
		{"`days(n)`", "int", "n days in milliseconds: `now - entity.lastSeenOn > days(14)`."},
		{"`hours(n)`", "int", "n hours in milliseconds."},
		{"`rank(word)`", "int", "The place of a severity or risk level: none and unknown words 0, info 1, low 2, medium 3, high 4, critical 5."},
	})
	d.line("### change")
	d.fields("change.…", a.Change)
	d.line("### entity")
	d.line("All properties of its type, and:")
	d.fields("entity.…", a.Entity)
	d.line("A device also has `entity.compliant` and `entity.nonCompliantReasons`, if its [posture](#posture) is evaluated.")
	d.line("### Related entities")
	d.line("`change` and `entity` also have what is related to theirs, as far as there is such a thing. What an alert is of stands there itself: of an agent " +
		"`change.agent` is that one.")
	d.fields("change.…, entity.…", a.Related)
	d.line("### run")
	d.fields("run.…", a.Run)
}

func (d *document) describeTemplates(a *alerts.Description) {
	d.line("## Templates")
	d.line("Titles and texts are templates of Go's [text/template](https://pkg.go.dev/text/template). All values are words, and what is absent is the empty " +
		"one: `{{or .Owner.displayName \"unknown\"}}`. Lists are joined with commas. `{{date .Entity.lastSeenOn}}` writes milliseconds as a " +
		"time. What a value prints is escaped for the destination; what stands in the template is not.")
	d.fields("in all rules", a.Words)
	d.fields("on changes", a.OfChange)
	d.fields("on states", a.OfState)
	d.line("Rules on changes and states also have the properties of the [related entities](#related-entities), with a capital: " +
		"`{{.Owner.displayName}}`, `{{.PreviousOwner.displayName}}`.")
	d.fields("on runs", a.OfRun)
	d.line(fmt.Sprintf("A title is cut after %d characters, a text after %d, a value in them after %d.", a.TitleAtMost, a.TextAtMost, a.ValueAtMost))
}

func (d *document) listReadyRules() {
	d.line("## Ready-made rules")
	d.line("Each is switched on by `use: NAME`, and none is on without.")
	var rows [][]string
	for _, r := range alerts.Ready() {
		rows = append(rows, []string{"[" + r.Name + "](#" + strings.ReplaceAll(r.Name, " ", "-") + ")", r.Doc, severityOf(&r)})
	}
	d.table([]string{"name", "tells of", "severity"}, rows)
	for _, r := range alerts.Ready() {
		d.line("### " + r.Name)
		d.line(r.Doc + also(&r))
		written := "when: >-\n  " + r.When
		if !isTemplate(r.Severity) { // those are for ready-made rules alone
			written += "\nseverity: " + r.Severity
		}
		d.code("yaml", written+"\ntitle: "+quoted(r.Title)+"\ntext: "+quoted(r.Text))
	}
}

// also is what a rule says beside its condition and its words.
func also(r *alerts.ReadyRule) string {
	var text string
	if r.AtLeast > 0 {
		text += fmt.Sprintf(" `at_least: %d`.", r.AtLeast)
	}
	if r.Ended {
		text += " `ended: true`."
	}
	if len(r.Days) > 0 {
		text += fmt.Sprintf(" `days` replaces %s.", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(r.Days)), ", "), "[]"))
	}
	return text
}

func severityOf(r *alerts.ReadyRule) string {
	if isTemplate(r.Severity) {
		return "as what it tells of"
	}
	return r.Severity
}

func isTemplate(text string) bool { return strings.Contains(text, "{{") }

// quoted is text as YAML has it, in which a quote within single quotes stands twice.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// postureSettings are what a policy can demand: name, property of the agent, and meaning.
func postureSettings() [][]string {
	return [][]string{
		{"`active_threats`", "`activeThreats`", "The most that are allowed."},
		{"`encrypted_applications`", "`encryptedApplications`", "`true` or `false`."},
		{"`firewall_enabled`", "`firewallEnabled`", "`true` or `false`."},
		{"`infected`", "`infected`", "`true` or `false`."},
		{"`is_active`", "`isActive`", "`true` or `false`."},
		{"`is_up_to_date`", "`isUpToDate`", "`true` or `false`."},
		{"`network_status`", "`networkStatus`", "The words that are allowed: `connected`, or else the console has cut the machine off, or is about to."},
		{"`operational_state`", "`operationalState`", "The words that are allowed."},
		{"`last_synced_interval`", "`lastActiveDate`", "The most hours since the agent was last heard of, 24 at least."},
	}
}

func (d *document) describePosture() {
	d.line("## Posture")
	d.line("Policies say what devices must be like, in the attributes that access products match on:")
	d.code("yaml", `
posture:
  - name: workstations
    groups: [225494730938493915]
    firewall_enabled: true
    infected: false
    last_synced_interval: 72
`)
	d.table([]string{"attribute", "property of the agent", "demand"}, postureSettings())
	d.line("- `groups` are IDs of groups; without it the policy is for all devices. What it leaves out is not looked at.\n" +
		"- A device is evaluated by the agent that protects it; of several, by the one that was last active. It must meet all policies of that agent's group. " +
		"What the agent does not say does not meet a demand. When what is demanded changes, that is a baseline: nothing has happened to any device.\n" +
		"- Each run evaluates anew, and keeps the verdicts in `current/" + "posture.jsonl`. `s1graph posture` prints them. In Neo4j they are `compliant` and " +
		"`nonCompliantReasons` of the device, for `s1graph query noncompliant-devices`. They make no change.\n" +
		"- Falling out and coming back are told by `use: device not compliant`.")
}

func (d *document) describeTelling(a *alerts.Description) {
	d.line("## How much is told")
	d.line(fmt.Sprintf("- **Floods.** More than %d matches of a rule in one run are one message, with their number and the first %d names.\n", a.AloneAtMost, a.NamedAtMost) +
		"- **at_least** makes one message of them as well, and none of fewer.\n" +
		"- **mute** leaves out what was told of the same key by the same rule so long ago at most. What was left out when it began is not told when it ends; " +
		"what was told is told when it ends, muted or not.\n" +
		"- **Severity** of several together is that of the worst of them.")
}

func (d *document) describeDestinations() {
	d.line("## Destinations")
	d.table([]string{"in a destination", "what it says"}, destinationSettings())
	d.line("Without `format: json` the URL is one of [shoutrrr](https://shoutrrr.nickfedor.com)'s:")
	var rows, others, remarks = [][]string{}, []string{}, []string{}
	for _, s := range delivery.Services() {
		if s.Remark != "" {
			remarks = append(remarks, s.Remark)
		}
		if s.URL == "" {
			others = append(others, "`"+s.Name+"`")
			continue
		}
		var forms []string
		for form := range strings.SplitSeq(s.URL, ", or ") {
			forms = append(forms, "`"+form+"`")
		}
		rows = append(rows, []string{s.Name, strings.Join(forms, " or ")})
	}
	d.table([]string{"service", "URL"}, rows)
	d.line("And " + strings.Join(others, ", ") + ", as shoutrrr's documentation says.")
	d.line(strings.Join(remarks, " "))
	d.line("`s1graph check` says whether each destination can be reached. URLs and secrets appear in no log, error or metric.")
}

// destinationSettings are what a destination can say in the configuration file.
func destinationSettings() [][]string {
	return [][]string{
		{"`url`", "Where it is. A URL with a password or token in it makes the configuration file one to keep at mode 0600."},
		{"`url_file`", "In place of `url`: a file of mode 0600 that holds it."},
		{"`format`", "`json`: a JSON document is posted to the URL, which must be https, but for this machine itself."},
		{"`secret_file`", "With `format: json`: a file of mode 0600 with the secret that documents are signed with."},
	}
}

func (d *document) describeWebhook(a *alerts.Description) {
	d.line("## The webhook")
	d.line("With `format: json` each alert is a POST of one JSON document. Any status from 200 to 299 takes it. Redirects are not followed.")
	d.table([]string{"header", "what it is"}, [][]string{
		{"`X-S1graph-Id`", "The alert's `id`."},
		{"`X-S1graph-Timestamp`", "When it was sent: seconds since 1970."},
		{"`X-S1graph-Signature`", "`sha256=` and, in hexadecimal digits, the HMAC-SHA256 of the timestamp, a dot and the body, under the secret. Not there without `secret_file`."},
	})
	d.fields("in the document", a.Document)
	d.line("What is empty is left out. An alert, whole:")
	d.code("json", sampleDocument)
	d.line("A receiver checks the signature over the bytes of the body as they came, refuses what was sent long ago, and takes each `id` once. In Python, " +
		"with the secret in `hook.secret`:")
	d.code("python", receiver)
}

const sampleDocument = `
{
  "id": "b789bfa83d808251065db5af156172ae",
  "event": "74f3b2500fd5cd3dd6d1ec831cdb37e6",
  "instance": "acme",
  "run": "000002-20261122T223818Z-87ed",
  "at": "2026-11-22T22:38:18.716912418Z",
  "rule": "device infected",
  "severity": "high",
  "op": "updated",
  "type": "sentinelone_agent",
  "class": "HostAgent",
  "key": "sentinelone_agent:1100042000007645217",
  "displayName": "ACME-WS-0073",
  "title": "ACME-WS-0073 is infected",
  "text": "Threats that are not mitigated: 2. Owner: Carla Brandt. Site: Austin Office, group: Default Group.",
  "count": 1,
  "changed": ["infected"],
  "before": {"infected": false},
  "after": {"infected": true},
  "related": {
    "agent": {"key": "sentinelone_agent:1100042000007645217", "displayName": "ACME-WS-0073"},
    "owner": {"key": "sentinelone_user:24739420a7927362227af066f8bbb82f", "displayName": "Carla Brandt"}
  }
}`

// receiver is run by a test, against what delivery sends.
const receiver = `
import hashlib, hmac, http.server, json, sys, time

SECRET = open("hook.secret", "rb").read().strip()
seen = set()

class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = self.headers["X-S1graph-Timestamp"]
        signature = "sha256=" + hmac.new(SECRET, sent.encode() + b"." + body, hashlib.sha256).hexdigest()
        genuine = hmac.compare_digest(signature, self.headers.get("X-S1graph-Signature", ""))
        if genuine and abs(time.time() - int(sent)) > 300:
            genuine = False  # somebody repeats what he has overheard
        if genuine:
            alert = json.loads(body)
            if alert["id"] not in seen:
                seen.add(alert["id"])
                print(alert["severity"], alert["title"], flush=True)
        self.send_response(204 if genuine else 401)
        self.end_headers()

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
http.server.HTTPServer(("127.0.0.1", port), Hook).serve_forever()`

func (d *document) describeDelivery() {
	d.line("## Delivery")
	d.line("- What a run raises is queued in `alerts.db` in one transaction with what the rules remember: killed at any moment, nothing is lost and nothing is " +
		"queued twice. `s1graph poll` delivers at once; `s1graph run` for 30 s at most, and leaves the rest for the next run.\n" +
		"- **At least once.** A process that is killed between sending and noting it sends again, with the same `id`.\n" +
		"- **In order per key.** A message waits for the one before it to the same destination about the same entity. Nothing else waits, and no destination waits for " +
		"another.\n" +
		fmt.Sprintf("- **Again.** A send has %s. What fails is tried again after %s, then twice as long each time, up to %s; `Retry-After` is obeyed. ",
			spell(delivery.SendTimeout), spell(delivery.FirstPause), spell(delivery.MostPause)) +
		fmt.Sprintf("What is refused (a status of 400 to 499 but 408 and 429, or a redirect), or has failed for %s, is given up and kept.", spell(delivery.GiveUpAfter)))
	d.code("sh", `
s1graph alerts list            # what waits, and what was given up and why; --dead, --to DESTINATION, --json
s1graph alerts retry           # let what was given up wait again; or --to DESTINATION, or IDs
`)
	d.line("`/metrics` of `s1graph poll` counts alerts by rule, destination and status (`s1graph_alerts_total`), and those that wait or were given up " +
		"(`s1graph_alerts_queued`, `s1graph_alerts_dead`).")
}

func spell(t time.Duration) string {
	switch {
	case t >= time.Hour:
		return fmt.Sprintf("%d hours", t/time.Hour)
	case t >= time.Minute:
		return fmt.Sprintf("%d minutes", t/time.Minute)
	}
	return fmt.Sprintf("%d seconds", t/time.Second)
}
