// What changed in the last run, the weightiest first.

function row(id, extra) {
  const op = changeOf.get(id)?.op;
  return el("a", { class: "row" + (op ? " " + op : "") + (isAlarming(id) ? " alarm" : ""), href: href(id), "data-id": id, "data-class": kindOf(id).class },
    el("span", { class: "dot" }), el("bdi", { class: "name" }, visible(nameOf(id))), el("span", { class: "detail" }, extra ?? detail(id)), op && badge(op, true));
}

function changeRow(c) {
  return row(c.id, c.op === "updated" || c.op === "rekeyed" ? differences(c, 2) : undefined);
}

const aliases = new Set(["displayName"]); // what says the same again as another property
const places = ["accountId", "siteId", "groupId"];
const weighty = ["infected", "networkStatus", "malwareProtected", "open", "severity", "mitigationStatus", "mitigationMode", "operationalState", "name", "move"];

// differencesOf are the differences of a change, the weightiest first. A move is one of them, with the names of the places.
function differencesOf(c) {
  const names = (c.changed ?? []).filter((name, _, all) => !aliases.has(name) || all.length === 1);
  const moved = places.filter((name) => names.includes(name));
  const placesIn = (of) => moved.map((name) => said(of?.[name], name)).join(" / ");
  const all = names.filter((name) => !moved.includes(name)).map((name) => ({ name, title: name, was: said(c.before?.[name], name), is: said(c.after?.[name], name) }));
  if (moved.length) all.push({ name: "move", title: moved.at(-1).replace("Id", ""), was: placesIn(c.before), is: placesIn(c.after) });
  const rank = ({ name }) => (weighty.indexOf(name) + weighty.length + 1) % (weighty.length + 1);
  return all.sort((a, b) => rank(a) - rank(b));
}

function differences(c, most) {
  const all = differencesOf(c);
  const shown = all.slice(0, most).map((d) => el("span", { class: "difference" }, `${d.title}: `, el("del", {}, d.was), " → ", el("ins", {}, d.is)));
  if (all.length > most) shown.push(el("span", { class: "value" }, `and ${all.length - most} more`));
  return shown;
}

// said is a value that changed: of the ID of an account, site or group its name, where the graph has it.
function said(value, name) {
  if (value === undefined) return "none";
  if (name === "networkStatus" && value === "disconnected") return "isolated";
  const [, of] = /^(account|site|group)Id$/.exec(name) ?? [];
  const id = of ? findKey(`sentinelone_${of}:${value}`) : -1;
  return id < 0 ? plain(value, name) : visible(nameOf(id));
}

function showChanges() {
  const instance = about.instances[current];
  const shown = changes.filter((c) => isHere(kindOf(c.id)) && isShownKind(kindOf(c.id)));
  const section = el("section", { class: "list" }, el("h1", {}, "Changed in the last run ", el("span", { class: "count" }, count(shown.length))),
    el("p", { class: "sub" }, instance.at ? `As of ${when(instance.at)}. ` : "", "Routine updates such as last seen are not shown."));
  section.append(baselines() ?? "");
  if (!shown.length) section.append(el("p", { class: "empty" }, withoutChanges(instance)));
  const groups = [...groupBy(byWeight(shown), (c) => kindOf(c.id))]; // the type of the weightiest change first
  for (const [kind, of] of groups) {
    const rows = el("div", { class: "rows" }, of.slice(0, rowsAtOnce).map(changeRow));
    section.append(el("h2", {}, label(kind), " ", el("span", { class: "count" }, count(of.length))), rows);
    if (of.length > rowsAtOnce) {
      const rest = el("button", { type: "button", class: "more", onclick: () => {
        rows.append(...of.slice(rows.childElementCount, rows.childElementCount + rowsAtOnce).map(changeRow));
        rest.hidden = rows.childElementCount >= of.length;
      } }, `Show more of ${count(of.length)}`);
      section.append(rest);
    }
  }
  main.replaceChildren(section);
}
