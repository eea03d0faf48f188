// The page: what is shown for which address (#, #type=…, #changes, #KEY), filters, properties, keyboard.

const $ = (id) => document.getElementById(id);
const main = $("main"), panel = $("panel"), search = $("search"), results = $("results");

const hidden = { kinds: new Set(), links: new Set(), unchanged: false }; // what the filters leave out
const more = new Map(); // type -> how many more are shown than usual
let lines = [], drawnFor = null;

const isShownKind = (kind) => !hidden.kinds.has(kind.index);
const isShownLink = (link) => !hidden.links.has(link.index);
const accepts = (id) => isShownKind(kindOf(id)) && (!hidden.unchanged || changeOf.has(id));

const when = (ms) => new Date(ms).toISOString().replace("T", " ").replace(/(:\d\d)\.000Z$/, "$1 UTC").replace(/Z$/, " UTC");
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many ?? one + "s"}`;

// The filters.

function chip(text, title, n, isOn, set) {
  const button = el("button", { type: "button", class: "chip", "aria-pressed": String(isOn()), title, onclick: () => {
    set(!isOn());
    button.setAttribute("aria-pressed", String(isOn()));
    filtersChanged();
  } }, el("span", { class: "dot" }), el("span", {}, text), n === undefined ? null : el("span", { class: "count" }, count(n)));
  return button;
}

const setHidden = (set, index, isHidden) => (isHidden ? set.add(index) : set.delete(index));

// classFilter filters a class: its only type at once, of several each.
function classFilter(className, members, set, text) {
  const total = members.reduce((sum, m) => sum + m.count, 0);
  const isOn = () => members.some((m) => !set.has(m.index));
  const setAll = (on) => members.forEach((m) => setHidden(set, m.index, !on));
  const all = chip(text, members.length > 1 ? `class ${className}, ${members.length} types` : `${members[0].type}, class ${className}`, total, isOn, setAll);
  all.dataset.class = className;
  if (members.length === 1) return all;
  const menu = el("details", { class: "types" }, el("summary", { "aria-label": `Types of ${className}`, title: `Types of ${className}` }, "▾"),
    el("div", { class: "menu" }, members.map((m) => {
      const box = el("input", { type: "checkbox" });
      box.addEventListener("change", () => {
        setHidden(set, m.index, !box.checked);
        all.setAttribute("aria-pressed", String(isOn()));
        filtersChanged();
      });
      menuBoxes.push([box, () => !set.has(m.index)]);
      return el("label", {}, box, el("span", {}, m.type), el("span", { class: "count" }, count(m.count)));
    })));
  return el("span", { class: "group" }, all, menu);
}

const menuBoxes = [];
const syncMenus = () => menuBoxes.forEach(([box, isOn]) => (box.checked = isOn()));

function byClass(members) {
  const groups = new Map();
  for (const m of members) groups.set(m.class, [...(groups.get(m.class) ?? []), m]);
  return groups;
}

function drawFilters() {
  const things = [...byClass(inOrder)].map(([name, members]) => classFilter(name, members, hidden.kinds, members.length === 1 ? label(members[0]) : name));
  const joins = [...byClass(links)].map(([name, members]) => classFilter(name, members, hidden.links, name));
  const changed = about.hasChanges && changes.length + links.reduce((n, l) => n + sum(l.changes), 0) !== 0
    ? chip("Changed only", "Leave out of lists and search, and dim in the picture, what the last run did not change", undefined, () => hidden.unchanged, (on) => (hidden.unchanged = on)) : null;
  changed?.classList.add("only");
  $("filters").replaceChildren(el("span", { class: "set" }, things), el("span", { class: "set links" }, joins), changed ?? "");
  syncMenus();
}

const sum = (ops) => Object.entries(ops ?? {}).reduce((n, [op, k]) => (op === "touched" ? n : n + k), 0);

function filtersChanged() {
  syncMenus();
  closeResults();
  show();
}

// What the address says.

let isReady = false, isSearchReady = false;
let readyAt = 0; // when, for measurements

function show() {
  const address = decode(location.hash.slice(1));
  document.body.classList.toggle("only-changed", hidden.unchanged);
  panel.hidden = true;
  panel.replaceChildren();
  lines = [];
  if (address === "" || address === "main") return showOverview();
  if (!isReady) return main.replaceChildren(notice("Unpacking the graph…"));
  if (address === "changes") return showChanges();
  if (address.startsWith("type=")) {
    const kind = kinds.find((k) => k.type === address.slice(5));
    if (kind) return showList(kind);
  }
  const id = findKey(address);
  if (id >= 0) return showEntity(id);
  main.replaceChildren(notice("This is not in the graph.", "It may have gone before the last run. ", el("a", { href: "#" }, "Back to the overview")));
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const notice = (title, ...rest) => el("div", { class: "notice" }, el("p", { class: "title" }, title), rest.length ? el("p", {}, rest) : null);

// The overview.

function showOverview() {
  const elements = new Map();
  const sections = inOrder.filter(isShownKind).map((kind) => {
    const element = el("a", { class: "card type", href: "#type=" + kind.type, "data-class": kind.class, "data-type": kind.type, title: kind.type },
      el("span", { class: "line" }, el("span", { class: "name" }, label(kind)), el("span", { class: "total" }, count(kind.count))),
      el("span", { class: "line detail" }, el("span", { class: "value" }, kind.class)), el("span", { class: "marks" }, opBadges(kind.changes)));
    elements.set(kind.index, element);
    return { className: kind.class, element };
  });
  const picture = el("div", { class: "picture overview" }, drawColumns(sections));
  const total = (list) => list.reduce((n, x) => n + x.count, 0);
  main.replaceChildren(
    el("div", { class: "intro" },
      el("h1", {}, el("bdi", {}, visible(about.name))),
      el("p", {}, `${plural(total(kinds), "entity", "entities")}, ${plural(total(links), "relationship")}`,
        about.at ? ` · as of ${when(about.at)}` : "", about.run ? el("span", { class: "run" }, ` · run ${about.run}`) : "")),
    total(kinds) ? picture : notice("The graph is empty.", "Nothing was read from the tenant yet."),
    isReady ? changeSummary() : "",
  );
  lines = links.filter((l) => l.from >= 0 && l.count > 0 && isShownLink(l) && elements.has(l.from) && elements.has(l.to)).map((l) => ({
    from: elements.get(l.from), to: elements.get(l.to), text: l.class, title: `${l.type}: ${count(l.count)}`,
  }));
  draw(picture);
}

const opBadges = (ops) => ["created", "updated", "rekeyed", "deleted"].filter((op) => ops?.[op]).map((op) =>
  el("span", { class: "badge " + op, title: `${marks[op].word} in the last run` }, marks[op].sign + count(ops[op])));

function changeSummary() {
  if (!about.hasChanges) return "";
  const shown = changes.filter((c) => isShownKind(kindOf(c.id)));
  if (!shown.length) return el("section", { class: "list" }, el("h2", {}, "The last run"), el("p", { class: "empty" }, changes.length ? "The filters leave out all that changed." : "Nothing changed."));
  const first = shown.toSorted((a, b) => seriousness(b) - seriousness(a)).slice(0, 8);
  return el("section", { class: "list" }, el("h2", {}, "Changed in the last run"), first.map(changeRow),
    shown.length > first.length ? el("a", { class: "all", href: "#changes" }, `All ${plural(shown.length, "change")}`) : null);
}

// seriousness puts threats before people and machines, and what is only described differently last.
function seriousness(c) {
  const rank = { Finding: 4, User: 2, Device: 3, HostAgent: 1 }[kindOf(c.id).class] ?? 0;
  return (c.op === "updated" ? 0 : 10) + rank * 2 + (levels[column(c.id, "severity")] ?? 0);
}

// Lists.

const page = 200;

function showList(kind) {
  const ids = [];
  for (let id = kind.base; id < kind.base + kind.total; id++) if (!hidden.unchanged || changeOf.has(id)) ids.push(id);
  const order = new Intl.Collator("en", { numeric: true });
  const named = ids.map((id) => ({ id, name: nameOf(id), rank: isGone(id) ? 1 : 0 }));
  if (named.length <= 50_000) named.sort((a, b) => a.rank - b.rank || order.compare(a.name, b.name));
  const list = el("div", { class: "rows" });
  const rest = el("button", { type: "button", class: "more" });
  let at = 0;
  const grow = () => {
    list.append(...named.slice(at, at + page).map(({ id }) => row(id)));
    at += page;
    rest.hidden = at >= named.length;
    rest.textContent = `Show more of ${count(named.length)}`;
  };
  rest.addEventListener("click", grow);
  main.replaceChildren(
    el("section", { class: "list" }, el("h1", { "data-class": kind.class }, el("span", { class: "dot" }), label(kind), " ", el("span", { class: "count" }, count(kind.count))),
      el("p", { class: "sub" }, `${kind.type} · class ${kind.class}`),
      named.length ? list : el("p", { class: "empty" }, hidden.unchanged ? "None of them changed in the last run." : "There are none."), rest));
  grow();
}

function row(id, extra) {
  const op = changeOf.get(id)?.op;
  return el("a", { class: "row" + (op ? " " + op : ""), href: href(id), "data-id": id, "data-class": kindOf(id).class },
    el("span", { class: "dot" }), el("bdi", { class: "name" }, visible(nameOf(id))), el("span", { class: "detail" }, extra ?? detail(id)), op && badge(op, true));
}

function changeRow(c) {
  const what = c.op === "updated" || c.op === "rekeyed" ? differences(c, 1) : detail(c.id);
  return row(c.id, what);
}

const aliases = new Set(["displayName"]); // what says the same again as another property

function differences(c, most) {
  const names = (c.changed ?? []).filter((name, _, all) => !aliases.has(name) || all.length === 1);
  const shown = names.slice(0, most).map((name) => el("span", { class: "difference" }, `${name}: `, was(c.before?.[name], name), " → ", is(c.after?.[name], name)));
  if (names.length > most) shown.push(el("span", { class: "value" }, `and ${names.length - most} more`));
  return shown;
}

const was = (value, name) => el("del", {}, value === undefined ? "none" : plain(value, name));
const is = (value, name) => el("ins", {}, value === undefined ? "none" : plain(value, name));

function showChanges() {
  const shown = changes.filter((c) => isShownKind(kindOf(c.id)));
  const section = el("section", { class: "list" }, el("h1", {}, "Changed in the last run ", el("span", { class: "count" }, count(shown.length))),
    el("p", { class: "sub" }, about.at ? `As of ${when(about.at)}. ` : "", "What the vendor moves without anything having happened is left out."));
  if (!shown.length) section.append(el("p", { class: "empty" }, changes.length ? "The filters leave out all that changed." : about.hasChanges ? "Nothing changed." : "This is the first run: there was nothing to compare it with."));
  for (const kind of inOrder) {
    const of = shown.filter((c) => kindOf(c.id) === kind);
    if (!of.length) continue;
    const rows = el("div", { class: "rows" }, of.slice(0, page).map(changeRow));
    section.append(el("h2", {}, label(kind), " ", el("span", { class: "count" }, count(of.length))), rows);
    if (of.length > page) {
      const rest = el("button", { type: "button", class: "more", onclick: () => {
        rows.append(...of.slice(rows.childElementCount, rows.childElementCount + page).map(changeRow));
        rest.hidden = rows.childElementCount >= of.length;
      } }, `Show more of ${count(of.length)}`);
      section.append(rest);
    }
  }
  main.replaceChildren(section);
}

// An entity and what is around it.

function showEntity(focus) {
  if (drawnFor !== focus) more.clear();
  drawnFor = focus;
  const reached = surroundings(focus, isShownLink, more);
  const elements = new Map();
  const sections = [];
  for (const kind of inOrder) {
    const r = reached.get(kind.index);
    const isFocus = kind === kindOf(focus);
    if (!r || (!isShownKind(kind) && !isFocus)) continue;
    const cards = r.ids.map((id) => {
      const element = card(id, id === focus ? "focus" : "");
      if (id === focus) element.setAttribute("aria-current", "true");
      elements.set(id, element);
      return element;
    });
    const total = r.isMore ? `more than ${count(r.all.length)}` : count(r.all.length);
    const rest = r.all.length - r.ids.length;
    sections.push({ className: kind.class, element: el("section", { class: "of-type", "data-class": kind.class, "data-type": kind.type },
      el("h2", {}, el("span", { class: "dot" }), label(kind), isFocus ? null : el("span", { class: "count" }, rest > 0 ? `${r.ids.length} of ${total}` : total)),
      cards,
      rest > 0 ? el("button", { type: "button", class: "more", onclick: () => {
        more.set(kind.index, (more.get(kind.index) ?? 0) + 25);
        showEntity(focus);
        main.querySelectorAll(`[data-type="${CSS.escape(kind.type)}"] .card`)[r.ids.length]?.focus();
      } }, `${count(Math.min(rest, 25))} more`) : null) });
  }
  const picture = el("div", { class: "picture" }, drawColumns(sections));
  main.replaceChildren(picture, elements.size === 1 ? notice("Nothing is joined to it.", hidden.kinds.size + hidden.links.size ? "The filters may leave out what is." : "The graph has no relationship of it.") : "");
  lines = [];
  for (const [id, element] of elements) {
    neighbours(id, (other, link, place, direction) => {
      if (direction || !elements.has(other) || isSaidBetween(id, other, elements)) return;
      const op = place >= link.known ? "deleted" : linkChange(link, place)?.op;
      lines.push({ from: element, to: elements.get(other), op, title: `${visible(nameOf(id))} ${link.class} ${visible(nameOf(other))}${op ? ` (${marks[op]?.word ?? op})` : ""}` });
    }, isShownLink);
  }
  draw(picture);
  hoverable(picture, elements);
  showPanel(focus);
  document.title = `${visible(nameOf(focus))} – ${about.name} – s1graph`;
}

// isSaidBetween says whether a line past a column may be left out, because two lines by way of that column say the
// same: that an account has a group is seen from its having the site that has the group.
function isSaidBetween(from, to, elements) {
  if (columnOf(kindOf(to).class) - columnOf(kindOf(from).class) !== 2) return false;
  const between = new Set();
  neighbours(to, (other, link, place, direction) => direction && elements.has(other) && between.add(other), isShownLink);
  let found = false;
  neighbours(from, (other, link, place, direction) => (found ||= !direction && between.has(other)), isShownLink);
  return found;
}

// hoverable brings out the lines of the card that the pointer or the keyboard is on.
function hoverable(picture, elements) {
  const bring = (element) => {
    for (const l of lines) {
      const isOf = element && (l.from === element || l.to === element);
      l.path?.classList.toggle("on", Boolean(isOf));
    }
    picture.classList.toggle("hovered", Boolean(element));
  };
  for (const element of elements.values()) {
    element.addEventListener("pointerenter", () => bring(element));
    element.addEventListener("pointerleave", () => bring(null));
    element.addEventListener("focus", () => element.matches(":focus-visible:not(.focus)") && bring(element));
    element.addEventListener("blur", () => bring(null));
  }
}

const resized = new ResizeObserver(() => {
  const picture = main.querySelector(".picture");
  if (picture) drawLines(picture, lines);
});

function draw(picture) {
  resized.disconnect();
  drawLines(picture, lines);
  resized.observe(main);
  resized.observe(picture.firstElementChild.nextElementSibling ?? picture);
}

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
      el("p", { class: "key" }, visible(keyOf(id)))),
    change && (change.op === "updated" || change.op === "rekeyed")
      ? el("div", { class: "changed" }, el("h3", {}, "Changed in the last run"), (change.changed ?? []).map((name) =>
          el("div", { class: "change" }, el("span", { class: "prop" }, name), was(change.before?.[name], name), el("span", { class: "arrow", "aria-label": "became" }, "→"), is(change.after?.[name], name))))
      : change ? el("div", { class: "changed" }, el("p", {}, change.op === "created" ? "New in the last run." : "Gone with the last run. This is how it was.")) : "",
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
  return value === "" ? "empty" : visible(value);
}

function valueOf(value, name) {
  if (Array.isArray(value)) return value.map((v) => el("bdi", { class: "item" }, visible(v)));
  return el("bdi", {}, plain(value, name));
}

// number shows times and sizes as such. That a property is a time is told by its name, and by being one of this age.
function number(value, name) {
  if (value > 1e11 && value < 4.2e12 && /(At|On|Date|Time|xpiration|LastSeen)$/.test(name)) return when(value);
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

// Search.

const mostResults = 50;
let active = -1;

function drawResults() {
  const query = search.value.trim();
  active = -1;
  search.removeAttribute("aria-activedescendant");
  if (!query) return closeResults();
  if (!isSearchReady) {
    results.replaceChildren(el("p", { class: "empty" }, "Unpacking the names…"));
    return openResults();
  }
  const started = performance.now();
  const { found, total, isMore } = find(query, accepts);
  const shown = found.slice(0, mostResults);
  results.replaceChildren(...shown.map(({ id }, i) => option(id, i, query)));
  if (!shown.length) {
    const narrowed = hidden.kinds.size || hidden.unchanged;
    results.append(el("p", { class: "empty" }, `Nothing is called “${visible(query)}”, or has such an address, user or hash.`, narrowed ? " The filters leave some out." : ""));
  } else if (total > shown.length) {
    results.append(el("p", { class: "rest" }, `${count(shown.length)} of ${isMore ? "more than " : ""}${count(total)}. Type more to see the others.`));
  }
  openResults();
  results.scrollTop = 0;
  document.documentElement.dataset.searched = (performance.now() - started).toFixed(1); // milliseconds, for tests
}

function option(id, i, query) {
  const reason = reasonFor(id, query);
  const op = changeOf.get(id)?.op;
  return el("a", { role: "option", id: "option" + i, class: "row" + (op ? " " + op : ""), href: href(id), tabindex: "-1", "aria-selected": "false", "data-id": id, "data-class": kindOf(id).class, onclick: () => closeResults(true) },
    el("span", { class: "dot" }), el("bdi", { class: "name" }, visible(nameOf(id))),
    el("span", { class: "detail" }, reason ? [el("span", { class: "value" }, reason.column + " "), el("bdi", {}, visible(reason.value))] : detail(id)),
    op && badge(op), el("span", { class: "of" }, label(kindOf(id)).replace(/s$/, "")));
}

function openResults() {
  results.hidden = false;
  search.setAttribute("aria-expanded", "true");
}

function closeResults(empty) {
  results.hidden = true;
  results.replaceChildren();
  search.setAttribute("aria-expanded", "false");
  search.removeAttribute("aria-activedescendant");
  if (empty === true) search.value = "";
}

function activate(next) {
  const options = results.querySelectorAll("[role=option]");
  if (!options.length) return;
  options[active]?.setAttribute("aria-selected", "false");
  active = (next + options.length) % options.length;
  options[active].setAttribute("aria-selected", "true");
  options[active].scrollIntoView({ block: "nearest" });
  search.setAttribute("aria-activedescendant", options[active].id);
}

search.addEventListener("input", drawResults);
search.addEventListener("focus", () => search.value && drawResults());
search.addEventListener("keydown", (event) => {
  switch (event.key) {
    case "ArrowDown":
      event.preventDefault();
      return activate(active + 1);
    case "ArrowUp":
      event.preventDefault();
      return activate(active < 0 ? -1 : active - 1);
    case "Enter": {
      const chosen = results.querySelectorAll("[role=option]")[Math.max(0, active)];
      if (chosen) chosen.click();
      return;
    }
    case "Escape":
      event.preventDefault();
      event.stopPropagation();
      if (search.value) return closeResults(true);
      closeResults();
      search.blur();
  }
});
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".search")) closeResults();
  for (const menu of document.querySelectorAll("details.types[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// The keyboard.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, textarea");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape") {
    const menu = document.querySelector("details.types[open]");
    if (menu) menu.open = false;
    else if (isTyping && event.target.value) (event.target.value = ""), event.target.dispatchEvent(new Event("input"));
    else location.hash = "";
  } else if (event.key.startsWith("Arrow") && !isTyping && !event.target.closest(".menu, [role=tablist], aside")) {
    if (move(event.key)) event.preventDefault();
  }
});

// move puts the focus on the next card or row in a direction.
function move(key) {
  const all = [...main.querySelectorAll("a.card, a.row, button.more:not([hidden])")];
  if (!all.length) return false;
  const from = document.activeElement;
  if (!all.includes(from)) {
    (main.querySelector("a.focus") ?? all[0]).focus();
    return true;
  }
  const here = from.getBoundingClientRect();
  const vertical = key === "ArrowUp" || key === "ArrowDown";
  const sign = key === "ArrowUp" || key === "ArrowLeft" ? -1 : 1;
  let best = null, least = Infinity;
  for (const element of all) {
    if (element === from) continue;
    const there = element.getBoundingClientRect();
    const dx = there.left - here.left, dy = there.top - here.top;
    const along = (vertical ? dy : dx) * sign, across = Math.abs(vertical ? dx : dy);
    if (along <= 1 || (vertical && across > here.width / 2)) continue;
    const distance = along * (vertical ? 1 : 3) + across;
    if (distance < least) (least = distance), (best = element);
  }
  best?.focus();
  return Boolean(best);
}

// Light and dark.

const theme = $("theme");
function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  const isDark = name ? name === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme.textContent = isDark ? "☀" : "☾";
  theme.setAttribute("aria-pressed", String(isDark));
}
function storedTheme(name) {
  try {
    if (name) localStorage.setItem("s1graph-theme", name);
    return localStorage.getItem("s1graph-theme");
  } catch {
    return null; // a browser that keeps nothing for files
  }
}
theme.addEventListener("click", () => {
  const next = theme.getAttribute("aria-pressed") === "true" ? "light" : "dark";
  storedTheme(next);
  setTheme(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(document.documentElement.dataset.theme));

// The start.

addEventListener("hashchange", () => {
  closeResults(true);
  document.title = `${about.name} – s1graph`;
  const hadFocus = document.activeElement;
  show();
  scrollTo(0, 0);
  main.scrollTo(0, 0);
  if (!hadFocus?.isConnected || hadFocus === document.body || hadFocus === search) (main.querySelector("a.focus") ?? main).focus({ preventScroll: true });
});
$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

const nextFrame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
const wholePage = new Promise((done) => (document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", done, { once: true }) : done()));

async function start() {
  setTheme(storedTheme());
  drawFilters();
  show();
  document.documentElement.dataset.state = "painted";
  if (!("DecompressionStream" in window)) {
    main.prepend(notice("This browser is too old to unpack the graph.", "Chromium 103, Firefox 113, Safari 16.4 and later can."));
    return;
  }
  $("status").textContent = "Unpacking…";
  await wholePage;
  await nextFrame();
  await loadIndex();
  await loadChanges();
  await nextFrame();
  indexText();
  isSearchReady = true;
  if (document.activeElement === search && search.value) drawResults();
  await loadLinks();
  isReady = true;
  $("status").textContent = about.hasDetails ? "" : "Without the properties of relationships: there are too many.";
  $("changes").hidden = !changes.length;
  $("changes").textContent = plural(changes.length, "change");
  drawFilters();
  show();
  document.documentElement.dataset.state = "ready";
  readyAt = performance.now();
}

start();
