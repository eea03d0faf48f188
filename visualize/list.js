// Lists: the entities of a type as a table, which is sorted by a column, narrowed by filters, and saved as CSV. The address
// says how: #type=TYPE&is=FIGURE&COLUMN=VALUE&q=WORDS&sort=-COLUMN.

const rowsAtOnce = 200, mostChoices = 500;

// columnsOf are the columns of a type's list. Each has the values of all entities, in their order.
function columnsOf(kind) {
  if (kind.columns) return kind.columns;
  const ids = Array.from({ length: kind.total }, (_, i) => kind.base + i);
  const of = (name, title, shape, valueOf) => ({ name, title, shape, values: ids.map(valueOf) });
  const columns = [of("name", "Name", "main", nameOf)];
  if (kind.figures.some(isState)) columns.push(of("state", "State", "states", statesOf));
  for (const declared of kind.list) {
    const isFilter = declared.startsWith("?"), name = declared.replace("?", ""), target = name.replace("#", "");
    const path = kinds.some((k) => k.type === target) ? pathTo(kind, target) : undefined;
    if (path === null) continue; // nothing leads there
    if (!path) columns.push({ ...of(name, titleOf(name), shapeOf(name), (id) => column(id, name)), isFilter });
    else {
      const title = path.at(-1)[0].class === "OWNS" && path.at(-1)[1] === 1 ? "Owner" : titleOf(target);
      columns.push(name === target ? of(name, title, "names", (id) => leadingTo(id, path, target)) : of(name, title + "s", "number", (id) => follow(id, path).length));
    }
  }
  if (kind.changes && sum(kind.changes)) columns.push(of("change", "Change", "change", (id) => marks[changeOf.get(id)?.op]?.word));
  for (const c of columns) {
    c.isEmpty = c.values.every((value) => value === undefined || isNothing(value));
    if (c.shape === "value" && !c.isEmpty && c.values.every((value) => value === undefined || typeof value === "number")) c.shape = "number";
    c.choices = choicesOf(c);
  }
  return (kind.columns = columns);
}

function titleOf(name) {
  if (/^(active|total)Licenses$/.test(name)) return name === "activeLicenses" ? "Licenses used" : "Licenses bought"; // as on the overview
  const words = name.replace(/^.*_/, "").replace(/(?<=.)(At|On|Name|Level)$/, "").replace(/[A-Z]/g, (c) => " " + c.toLowerCase()).replace(/\bos\b/, "OS");
  return words[0].toUpperCase() + words.slice(1);
}

const shapeOf = (name) => (name === "severity" || name === "riskLevel" ? "level" : isTime(name) ? "time" : "value");

// pathTo is the shortest way from a type to another over relationships; each step is a relationship and its direction.
function pathTo(kind, type) {
  const seen = new Set([kind.index]);
  for (let paths = [[kind, []]]; paths.length; ) {
    const next = [];
    for (const [at, path] of paths) {
      for (const [link, direction] of at.ends) {
        const other = kinds[direction ? link.from : link.to], longer = [...path, [link, direction]];
        if (other.type === type) return longer;
        if (!seen.has(other.index)) next.push([other, longer]);
        seen.add(other.index);
      }
    }
    paths = next;
  }
  return null;
}

// leadingTo gives the entities at the end of a path. Where there are none, it gives those to which a device's former agents lead,
// or of a threat's machine the name alone.
function leadingTo(id, path, type) {
  const found = follow(id, path);
  if (found.length) return found;
  if (type === "sentinelone_device") return [column(id, "agentComputerName") || []].flat();
  if (path[0][0].class !== "PROTECTS") return [];
  const former = (column(id, "formerAgentIds") ?? []).map((agent) => findKey(`sentinelone_agent:${agent}`)).filter((agent) => agent >= 0);
  return [...new Set(former.flatMap((agent) => follow(agent, path.slice(1))))];
}

const called = (one) => (typeof one === "string" ? one : nameOf(one));

// follow gives the entities at the end of a path; of what is gone, those to which it led.
function follow(id, path) {
  const gone = isGone(id);
  let at = [id];
  for (const [link, direction] of path) {
    const next = new Set();
    for (const from of at) neighbours(from, (other, l, place, d) => d === direction && (gone || place < link.known) && next.add(other), (l) => l === link);
    at = [...next];
  }
  return at;
}

// textsOf are the words by which a value is filtered and sorted.
function textsOf(column, value) {
  if (value === undefined || value === "") return [];
  if (column.shape === "states") return value.map((f) => f.word);
  if (column.shape === "names") return value.map(called);
  return Array.isArray(value) ? value.map(String) : [plain(value, column.name)];
}

// choicesOf are the values by which a column can be filtered; null where there are too many, or one alone.
function choicesOf(column) {
  if (["main", "number", "time", "states"].includes(column.shape)) return null;
  const choices = new Map();
  let filled = 0;
  column.texts = column.values.map((value) => textsOf(column, value));
  for (const texts of column.texts) {
    filled += texts.length ? 1 : 0;
    for (const text of texts) choices.set(text, (choices.get(text) ?? 0) + 1);
    if (choices.size > mostChoices) return null;
  }
  if (!choices.size || (choices.size === 1 && filled === column.values.length) || (choices.size > 20 && choices.size > filled / 2)) return null;
  const order = column.shape === "level" ? (a, b) => (levels[b] ?? 0) - (levels[a] ?? 0) : new Intl.Collator("en", { numeric: true }).compare;
  return [...choices.keys()].sort(order);
}

// ranksOf are numbers by which a column is sorted; NaN comes last, whatever the direction.
function ranksOf(column) {
  if (column.ranks) return column.ranks;
  const { shape, values } = column;
  if (shape === "level") return (column.ranks = values.map((v) => levels[v] ?? 0));
  if (shape === "states") return (column.ranks = values.map((states) => (states.length ? -Math.min(...states.map((f) => (urgency(f.name) < 0 ? 50 : urgency(f.name)))) : -100)));
  if (shape === "number" || shape === "time") return (column.ranks = values.map((v) => (v ? v : shape === "time" || v === undefined ? NaN : v)));
  const texts = values.map((value) => textsOf(column, value)[0]);
  const all = [...new Set(texts)].filter((text) => text !== undefined);
  all.length > 50_000 ? all.sort() : all.sort(new Intl.Collator("en", { numeric: true }).compare);
  const places = new Map(all.map((text, i) => [text, i]));
  return (column.ranks = texts.map((text) => places.get(text) ?? NaN));
}

// defaultSort is by severity, by what is urgent, or by name.
const defaultSort = (columns) => {
  const first = columns.find((c) => c.shape === "level") ?? columns.find((c) => c.shape === "states");
  return first ? "-" + first.name : "name";
};

function sorted(kind, columns, sort, numbers) {
  const down = sort.startsWith("-"), by = columns.find((c) => c.name === sort.replace(/^-/, "")) ?? columns[0];
  const ranks = ranksOf(by), names = ranksOf(columns[0]), then = columns.find((c) => c.name === "score") ?? columns.find((c) => c.shape === "time");
  const worst = by.shape === "level" && then ? ranksOf(then) : null;
  const compare = (x, y, sign) => (Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y) : (x - y) * sign);
  return numbers.sort((a, b) => (a >= kind.count) - (b >= kind.count) || compare(ranks[a], ranks[b], down ? -1 : 1) ||
    (worst && compare(worst[a], worst[b], -1)) || compare(names[a], names[b], 1) || a - b);
}

// filterOf is the parameter by which a column is filtered. "type" says which list it is.
const filterOf = (column) => (column.name === "type" ? "type." : column.name);

// matching are the numbers of the entities that the filters let through; without is a column whose filter does not count.
function matching(kind, columns, params, without) {
  const words = fold(params.get("q") ?? "").split(/\s+/).filter(Boolean);
  const chosen = columns.filter((c) => c.texts && filterOf(c) !== without && params.get(filterOf(c))).map((c) => [c.texts, params.get(filterOf(c))]);
  const is = without === "is" ? null : params.get("is");
  const numbers = [];
  for (let number = 0; number < kind.total; number++) {
    const id = kind.base + number;
    if (isOnlyChanged() && !changeOf.has(id)) continue;
    if (is && !countsIn(id, is)) continue;
    if (!chosen.every(([texts, value]) => texts[number].includes(value))) continue;
    if (words.length && !words.every((word) => lineOf(id).includes(word))) continue;
    numbers.push(number);
  }
  return numbers;
}

async function showList(kind, params) {
  const address = location.hash;
  main.replaceChildren(notice("Unpacking the list…"));
  await loadList(kind);
  if (location.hash !== address) return;
  const columns = columnsOf(kind), filled = columns.filter((c) => !c.isFilter && (c.shape === "main" || !c.isEmpty));
  const total = el("span", { class: "count" }), sub = el("p", { class: "sub" }, `${kind.type} · class ${kind.class}`), tools = el("div", { class: "tools", role: "group", "aria-label": "Filters of the list" });
  const body = el("tbody", { role: "rowgroup" }), head = el("tr", { role: "row" }), rest = el("button", { type: "button", class: "more" }), none = el("p", { class: "empty" });
  let shown = [];
  const set = (name, value) => {
    value ? params.set(name, value) : params.delete(name);
    history.replaceState(null, "", addressOf(kind.instance, paramsText(params)));
    update(name);
  };
  const grow = () => {
    const at = body.childElementCount;
    body.append(...shown.slice(at, at + rowsAtOnce).map((number) => tableRow(kind.base + number, number, filled)));
    rest.hidden = body.childElementCount >= shown.length;
    rest.textContent = `Show more of ${count(shown.length)}`;
  };
  const selects = filtersOf(kind, columns).map(({ name, title, options }) => {
    const select = el("select", { "aria-label": title, "data-filter": name, onchange: () => set(name, select.value) });
    return { name, title, options, select };
  });
  const words = el("input", { type: "search", class: "filter", placeholder: `Filter ${label(kind).toLowerCase()}`, "aria-label": "Filter by words", value: params.get("q") ?? "" });
  let typing = 0;
  words.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => words.isConnected && set("q", words.value.trim()), shownAtOnce(kind) ? 0 : 200);
  });
  const clear = el("button", { type: "button", class: "quiet clear", onclick: () => {
    for (const name of [...params.keys()]) if (name !== "type" && name !== "sort") params.delete(name);
    words.value = "";
    set("q", "");
    words.focus();
  } }, "Clear");
  const save = el("button", { type: "button", class: "quiet save", onclick: () => saveCSV(kind, columns, shown) }, "Save as CSV");

  function update(changed) {
    const sort = params.get("sort") ?? defaultSort(columns);
    shown = sorted(kind, columns, sort, matching(kind, columns, params));
    const there = shown.filter((number) => number < kind.count).length;
    total.textContent = (there === kind.count ? count(there) : `${count(there)} of ${count(kind.count)}`) + (shown.length > there ? ` + ${count(shown.length - there)} deleted` : "");
    for (const { name, title, options, select } of selects) {
      const chosen = params.get(name) ?? "";
      if (changed !== name || !chosen) fillSelect(select, title, options(matching(kind, columns, params, name)), chosen);
      select.classList.toggle("on", chosen !== "");
    }
    clear.hidden = ![...params.keys()].some((name) => name !== "type" && name !== "sort");
    save.disabled = !shown.length;
    const focused = head.contains(document.activeElement) ? document.activeElement.dataset.sort : null;
    head.replaceChildren(...filled.map((c) => headCell(c, sort, (by) => set("sort", by))));
    if (focused) head.querySelector(`[data-sort="${CSS.escape(focused)}"]`)?.focus();
    body.replaceChildren();
    none.textContent = shown.length ? "" : kind.total ? "None that the filters let through." : "There are none.";
    grow();
  }
  rest.addEventListener("click", grow);
  main.replaceChildren(el("section", { class: "list wide" },
    el("h1", { "data-class": kind.class }, el("span", { class: "dot" }), label(kind), " ", total), sub,
    el("div", { class: "bar" }, tools, save), el("div", { class: "across" }, el("table", { class: "table" + (filled.length <= 7 ? " roomy" : ""), role: "table" }, el("thead", { role: "rowgroup" }, head), body)), none, rest));
  tools.append(words, ...selects.map((s) => s.select), clear);
  update();
}

// shownAtOnce says whether a list is short enough to follow each key.
const shownAtOnce = (kind) => kind.total < 20_000;

const paramsText = (params) => [...params].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");

// filtersOf are what a list can be narrowed by: options gives, for the numbers of entities, each choice with how many have it,
// those that are gone left out, as in the heading.
function filtersOf(kind, columns) {
  const filters = columns.filter((c) => c.choices).map((c) => ({ name: filterOf(c), title: c.title, options: (numbers) => {
    const counts = new Map(c.choices.map((choice) => [choice, 0]));
    for (const number of numbers) if (number < kind.count || c.shape === "change") for (const text of c.texts[number]) counts.set(text, counts.get(text) + 1);
    return [...counts].map(([text, n]) => [text, text, n]);
  } }));
  const figures = (kind.class === "Device" ? alsoOfDevice : []).concat(kind.figures.filter(wordOf));
  if (figures.length) filters.unshift({ name: "is", title: "State", options: (numbers) => figures.map((f) => [f.name, thingsOf(f).startsWith("open ") ? `open, ${f.word}` : wordOf(f), numbers.filter((number) => countsIn(kind.base + number, f.name)).length]) });
  return filters;
}

function fillSelect(select, title, options, chosen) {
  select.replaceChildren(el("option", { value: "" }, `${title}: any`), ...options.filter(([value, , n]) => n > 0 || value === chosen).map(([value, text, n]) =>
    el("option", { value, selected: value === chosen }, `${visible(text.length > 60 ? text.slice(0, 59) + "…" : text).replaceAll("_", " ")} (${count(n)})`)));
  select.value = chosen;
}

function headCell(column, sort, set) {
  const isBy = sort.replace(/^-/, "") === column.name, down = sort.startsWith("-");
  const startsDown = ["level", "states", "time", "number"].includes(column.shape);
  const next = isBy ? (down ? column.name : "-" + column.name) : (startsDown ? "-" : "") + column.name;
  return el("th", { scope: "col", role: "columnheader", class: "as-" + column.shape, "aria-sort": isBy ? (down ? "descending" : "ascending") : "none" },
    el("button", { type: "button", "data-sort": column.name, onclick: () => set(next) }, column.title, column.shape === "time" && " (UTC)", isBy && el("span", { class: "order", "aria-hidden": "true" }, down ? "▾" : "▴")));
}

function tableRow(id, number, columns) {
  const op = changeOf.get(id)?.op;
  return el("tr", { role: "row", class: "row" + (op ? " " + op : "") + (isAlarming(id) ? " alarm" : ""), "data-id": id, "data-class": kindOf(id).class }, columns.map((c) =>
    c.shape === "main"
      ? el("td", { role: "cell", class: "main" }, el("a", { class: "cell name", href: href(id) }, el("bdi", {}, visible(c.values[number]))))
      : el("td", { role: "cell", class: "as-" + c.shape, "data-label": c.title, "data-column": c.name }, filledCell(cell(id, c, c.values[number])))));
}

// filledCell is empty where there is nothing to show: a card has no line for it then.
const filledCell = (content) => (content === null || content.length === 0 ? null : el("div", { class: "cell" }, content));

function cell(id, column, value) {
  switch (column.shape) {
    case "states": return value.length ? el("span", { class: "states" }, value.map(state)) : null;
    case "change": return changeOf.has(id) ? badge(changeOf.get(id).op, true) : null;
    case "names": return value.slice(0, 3).map((other, i) => [i ? ", " : "", typeof other === "string" ? el("bdi", {}, visible(other)) : el("a", { href: href(other) }, el("bdi", {}, visible(nameOf(other))))]).flat().concat(value.length > 3 ? ` and ${count(value.length - 3)} more` : []);
    case "number": return value === undefined ? null : count(value);
    case "time": return value ? el("time", { title: when(value) }, el("span", {}, day(value)), " ", el("span", {}, when(value).slice(11, 16))) : null;
    case "level": return levelOf(value);
  }
  return value === undefined || isNothing(value) ? null : el("bdi", {}, spoken(plain(value, column.name)));
}
