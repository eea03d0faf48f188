// What changed in the last run, the weightiest first.

function row(id, extra) {
  const op = changeOf.get(id)?.op;
  return el("a", { class: "row" + (op ? " " + op : "") + (isAlarming(id) ? " alarm" : ""), href: href(id), "data-id": id, "data-class": kindOf(id).class },
    el("span", { class: "dot" }), el("bdi", { class: "name" }, visible(nameOf(id))), el("span", { class: "detail" }, extra ?? detail(id)), op && badge(op, true));
}

function changeRow(c) {
  return row(c.id, c.op === "updated" || c.op === "rekeyed" ? differences(c, 1) : undefined);
}

const aliases = new Set(["displayName"]); // what says the same again as another property

function differences(c, most) {
  const names = (c.changed ?? []).filter((name, _, all) => !aliases.has(name) || all.length === 1);
  const first = ["infected", "networkStatus", "open", "severity", "mitigationStatus", "mitigationMode", "operationalState", "name", "groupId"].find((name) => names.includes(name));
  if (first) names.unshift(...names.splice(names.indexOf(first), 1));
  const shown = names.slice(0, most).map((name) => el("span", { class: "difference" }, `${name}: `, was(c.before?.[name], name), " → ", is(c.after?.[name], name)));
  if (names.length > most) shown.push(el("span", { class: "value" }, `and ${names.length - most} more`));
  return shown;
}

const was = (value, name) => el("del", {}, said(value, name));
const is = (value, name) => el("ins", {}, said(value, name));

// said is a value that changed: of the ID of an account, site or group its name, where the graph has it.
function said(value, name) {
  if (value === undefined) return "none";
  const [, of] = /^(account|site|group)Id$/.exec(name) ?? [];
  const id = of ? findKey(`sentinelone_${of}:${value}`) : -1;
  return id < 0 ? plain(value, name) : visible(nameOf(id));
}

function showChanges() {
  const instance = about.instances[current];
  const shown = changes.filter((c) => isHere(kindOf(c.id)) && isShownKind(kindOf(c.id)));
  const section = el("section", { class: "list" }, el("h1", {}, "Changed in the last run ", el("span", { class: "count" }, count(shown.length))),
    el("p", { class: "sub" }, instance.at ? `As of ${when(instance.at)}. ` : "", "Differences in only volatile properties are left out."));
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
