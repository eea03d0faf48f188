// The panel.

async function showPanel(id) {
  const kind = kindOf(id), change = changeOf.get(id);
  const body = el("div", { class: "tab-body", tabindex: "-1" });
  const tabs = [["Properties", () => drawProperties(id, body)], ["Relationships", () => drawRelationships(id, body)]].map(([name, open], i) =>
    el("button", { type: "button", role: "tab", "aria-selected": String(i === 0), onclick: (event) => {
      for (const tab of tabs) tab.setAttribute("aria-selected", String(tab === event.currentTarget));
      panel.classList.add("open");
      open();
    } }, name));
  panel.hidden = false;
  panel.classList.remove("open");
  panel.replaceChildren(
    el("div", { class: "head", "data-class": kind.class },
      el("p", { class: "kind" }, el("span", { class: "dot" }), kind.class, el("span", { class: "type" }, kind.type), change && badge(change.op, true),
        el("button", { type: "button", class: "grip", "aria-label": "Open or close the properties", onclick: () => panel.classList.toggle("open") }, "▴")),
      el("h2", {}, el("bdi", {}, visible(nameOf(id)))),
      statesOf(id).length ? el("p", { class: "states" }, statesOf(id).map(state)) : null,
      el("p", { class: "key" }, visible(keyOf(id)))),
    change && (change.op === "updated" || change.op === "rekeyed")
      ? el("div", { class: "changed" }, el("h3", {}, "Changed in the last run"), differencesOf(change).map((d) =>
          el("div", { class: "change" }, el("span", { class: "prop" }, d.title), el("del", {}, d.was), el("span", { class: "arrow", "aria-label": "became" }, "→"), el("ins", {}, d.is))))
      : change ? el("div", { class: "changed" }, el("p", {}, change.op === "created" ? "Created in the last run." : "Deleted in the last run. This is how it was.")) : "",
    el("div", { class: "tabs", role: "tablist" }, tabs),
    body,
  );
  await drawProperties(id, body);
}

async function drawProperties(id, body) {
  const of = await properties(id);
  if (drawnFor !== id || !panel.contains(body)) return;
  const changed = new Set(changeOf.get(id)?.changed);
  const volatile = new Set(kindOf(id).volatile);
  const names = Object.keys(of).filter((name) => !isNothing(of[name]));
  const list = el("dl", {}, names.map((name) =>
    el("div", { class: (changed.has(name) ? "is-changed" : "") + (volatile.has(name) ? " volatile" : ""), title: volatile.has(name) ? "moved by the vendor; a difference is no change" : false },
      el("dt", {}, name), el("dd", {}, valueOf(of[name], name)))));
  const filter = el("input", { type: "search", class: "filter", placeholder: `Filter ${count(names.length)} properties`, "aria-label": "Filter the properties" });
  const none = el("p", { class: "empty", hidden: true }, "No property matches.");
  filter.addEventListener("input", () => {
    const words = fold(filter.value);
    let left = 0;
    for (const item of list.children) {
      item.hidden = !fold(item.textContent).includes(words);
      left += item.hidden ? 0 : 1;
    }
    none.hidden = left > 0;
  });
  body.replaceChildren(names.length > 12 ? filter : "", names.length ? list : el("p", { class: "empty" }, "It has no properties."), none);
}

const isNothing = (value) => value === "" || (Array.isArray(value) && !value.length);

// plain is a value as text, on one line.
function plain(value, name) {
  if (Array.isArray(value)) return value.length ? value.map(visible).join(", ") : "none";
  if (typeof value === "number") return number(value, name);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (name === "analystVerdict" && value === "undefined") return "no verdict";
  return value === "" ? "empty" : visible(value);
}

function valueOf(value, name) {
  if (Array.isArray(value)) return value.map((v) => el("bdi", { class: "item" }, visible(v)));
  const text = el("bdi", {}, plain(value, name));
  return name === "webLink" && isWebLink(value) ? el("a", { href: value, target: "_blank", rel: "noopener noreferrer" }, text) : text;
}

// isWebLink says whether a link leads to a web site and nothing else: a graph may hold other text there.
const isWebLink = (value) => URL.canParse(value) && new URL(value).protocol === "https:" && !/[@\\\s]/.test(value);

const isTime = (name) => /(At|On|Date|Time|xpiration|LastSeen)$/.test(name);

// number shows times and sizes as such. That a property is a time is told by its name, and by being one of this age.
function number(value, name) {
  if (value > 1e11 && value < 4.2e12 && isTime(name)) return when(value);
  if (/size$/i.test(name) && value >= 1024) {
    const unit = Math.min(4, Math.floor(Math.log2(value) / 10));
    return `${(value / 1024 ** unit).toFixed(1)} ${["", "KiB", "MiB", "GiB", "TiB"][unit]} (${count(value)})`;
  }
  return Math.abs(value) < 1e9 ? count(value) : String(value);
}

function drawRelationships(id, body) {
  const groups = new Map();
  neighbours(id, (other, link, place, direction) => {
    const name = `${link.index} ${direction}`;
    if (!groups.has(name)) groups.set(name, { link, direction, ends: [] });
    groups.get(name).ends.push({ other, place });
  });
  if (!groups.size) return body.replaceChildren(el("p", { class: "empty" }, "It has no relationships."));
  body.replaceChildren(...[...groups.values()].map(({ link, direction, ends }) => {
    ends.sort((a, b) => byInterest(a.other, b.other));
    const rows = el("div", { class: "ends" });
    const rest = el("button", { type: "button", class: "more" });
    const grow = () => {
      const at = rows.childElementCount;
      rows.append(...ends.slice(at, at + 20).map((e) => relationshipRow(e, link)));
      rest.hidden = rows.childElementCount >= ends.length;
      rest.textContent = `Show more of ${count(ends.length)}`;
    };
    rest.addEventListener("click", grow);
    grow();
    const other = label(kinds[direction ? link.from : link.to]);
    return el("section", { class: "relationship" }, el("h3", {}, el("span", {}, direction ? `${other} ` : "", el("b", {}, link.class), direction ? " it" : ` ${other}`), el("span", { class: "count" }, count(ends.length))), rows, rest);
  }));
}

// relationshipRow names the other end; opened, it shows the relationship's own properties.
function relationshipRow({ other, place }, link) {
  const op = place >= link.known ? "deleted" : linkChange(link, place)?.op;
  const to = el("a", { href: href(other), "data-class": kindOf(other).class }, el("span", { class: "dot" }), el("bdi", { class: "name" }, visible(nameOf(other))), op && badge(op));
  if (place >= link.known || !$(`d${link.index}.${Math.floor(place / about.relationshipsPerBlock)}`)) return el("div", { class: "end" }, to);
  const facts = el("dl", {});
  const details = el("details", {}, el("summary", { "aria-label": "Properties of the relationship" }), facts);
  details.addEventListener("toggle", async () => {
    if (!details.open || facts.childElementCount) return;
    const of = await linkProperties(link, place);
    facts.replaceChildren(...Object.keys(of).map((name) => el("div", {}, el("dt", {}, name), el("dd", {}, valueOf(of[name], name)))));
  });
  return el("div", { class: "end" }, to, details);
}
