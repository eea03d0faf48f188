// The first screen: how the fleet is, what somebody should look into, the types, and what changed. Of several instances it
// is a table with a row each.

function showOverview() {
  if (current < 0) return showInstances();
  const instance = about.instances[current];
  const elements = new Map();
  const sections = inOrder.filter((kind) => isHere(kind) && isShownKind(kind)).map((kind) => {
    const element = el("a", { class: "card type", href: listHref(kind), "data-class": kind.class, "data-type": kind.type, title: kind.type },
      el("span", { class: "line" }, el("span", { class: "name" }, label(kind)), el("span", { class: "total" }, count(shownCount(kind)))),
      el("span", { class: "line detail" }, el("span", { class: "value" }, kind.class)), el("span", { class: "marks" }, opBadges(kind.changes)));
    elements.set(kind.index, element);
    return { className: kind.class, element };
  });
  const picture = el("div", { class: "picture overview" }, drawColumns(sections));
  const [things, joins] = [kinds, links].map((list) => list.filter(isHere).reduce((n, x) => n + x.count, 0));
  main.replaceChildren(
    el("div", { class: "intro" },
      el("h1", {}, el("bdi", {}, visible(instance.name))),
      el("p", {}, `${plural(things, "entity", "entities")}, ${plural(joins, "relationship")}`,
        instance.at ? ` · as of ${when(instance.at)}` : "", instance.run ? el("span", { class: "run" }, ` · run ${instance.run}`) : "")),
    things ? drawAttention(instance) : "",
    things ? drawFleet(instance) : "",
    things ? el("section", { class: "block" }, el("h2", {}, "Types"), picture) : notice("The graph is empty.", "Nothing was read from the tenant yet."),
    isReady ? changeSummary(instance) : "",
  );
  lines = links.filter((l) => l.from >= 0 && l.count > 0 && isShownLink(l) && elements.has(l.from) && elements.has(l.to)).map((l) => ({
    from: elements.get(l.from), to: elements.get(l.to), text: l.class, title: `${l.type}: ${count(l.count)}`,
  }));
  if (things) draw(picture);
}

// valueOfFigure is what a figure comes to; undefined where it is not known, or its type is left out. It is that of the whole
// fleet, whatever changed: beside it stands how it was before.
const valueOfFigure = (instance, f) => (hidden.kinds.has(f.type) ? undefined : instance.figures?.[f.name]);

// figureLink leads to the list of what a figure counts; where nothing is counted, it is no link.
function figureLink(instance, f, value, attributes, ...children) {
  const type = f.line === "licenses" ? "sentinelone_site" : f.type;
  const kind = kinds.find((k) => about.instances[k.instance] === instance && k.type === type);
  if (kind && value) return el("a", { ...attributes, href: listHref(kind, wordOf(f) && f.type ? { is: f.name } : {}), title: f.doc, "data-figure": f.name }, children);
  return el("span", { ...attributes, title: f.doc, "data-figure": f.name }, children);
}

function drawAttention(instance) {
  const all = about.attention.map((name) => [figure(name), valueOfFigure(instance, figure(name))]);
  if (all.every(([, value]) => value === undefined)) return "";
  const tiles = all.filter(([, value]) => value > 0).map(([f, value]) =>
    figureLink(instance, f, value, { class: "tile" + (urgency(f.name) < 3 ? " alarm" : "") },
      el("span", { class: "line" }, el("span", { class: "total" }, count(value)), delta(instance, f.name)),
      el("span", { class: "word" }, f.word), el("span", { class: "line" }, el("span", { class: "of" }, thingsOf(f)), sparkline(instance, f.name))));
  return el("section", { class: "block attention" }, el("h2", {}, "Needs attention"),
    tiles.length ? el("div", { class: "tiles" }, tiles) : el("p", { class: "empty" }, hidden.kinds.size ? "Nothing that the filters let through." : `Nothing: no ${all.filter(([, value]) => value !== undefined).map(([f]) => phrase(f)).join(", no ")}.`));
}

// drawFleet draws all figures, a line for each kind of thing.
function drawFleet(instance) {
  const rows = new Map();
  for (const f of about.figures) {
    const value = valueOfFigure(instance, f);
    if (value === undefined || (f.word && !value && !instance.change?.[f.name])) continue;
    const row = rows.get(f.line) ?? { figures: [], trend: sparkline(instance, f.name) }; // of the first figure: the others are parts of it
    rows.set(f.line, row);
    if (f.word) row.figures.push(figureLink(instance, f, value, { class: "figure" }, el("span", { class: "total" }, count(value)), " ", f.word, delta(instance, f.name)));
    else row.total = figureLink(instance, f, value, { class: "total" }, count(value), wordOf(f) && el("span", { class: "of" }, " " + wordOf(f)), delta(instance, f.name));
  }
  if (!rows.size) return "";
  return el("section", { class: "block fleet" }, el("h2", {}, "The fleet"), el("dl", {}, [...rows].map(([line, { total, trend, figures }]) =>
    el("div", {}, el("dt", {}, line), el("dd", { class: "sum" }, total, trend), el("dd", { class: "figures" }, figures)))));
}

const opBadges = (ops) => ["created", "updated", "rekeyed", "deleted"].filter((op) => ops?.[op]).map((op) =>
  el("span", { class: "badge " + op, title: `${marks[op].word} in the last run` }, marks[op].sign + count(ops[op])));

function changeSummary(instance) {
  const shown = changes.filter((c) => isHere(kindOf(c.id)) && isShownKind(kindOf(c.id)));
  if (!shown.length) return el("section", { class: "list" }, el("h2", {}, "Changes"), el("p", { class: "empty" }, withoutChanges(instance)), baselines());
  const first = byWeight(shown).slice(0, 8);
  return el("section", { class: "list" }, el("h2", {}, "Changed in the last run"), first.map(changeRow),
    shown.length > first.length ? el("a", { class: "all", href: addressOf(current, "changes") }, `All ${plural(shown.length, "change")}`) : null, baselines());
}

// withoutChanges says why there are no changes to show.
function withoutChanges(instance) {
  if (instance.isFirst) return "This is the first run: there is no earlier one to compare it with.";
  if (!instance.hasChanges) return "The folder does not say what changed: a copy of a graph has no earlier run to compare it with.";
  const all = changes.some((c) => isHere(kindOf(c.id)));
  return all ? "The filters leave out all that changed." : "Nothing changed since the run before.";
}

// baselines names the types that had nothing to compare with; null where there are none.
function baselines() {
  const names = kinds.filter((kind) => isHere(kind) && kind.isBaseline).map((kind) => label(kind).toLowerCase());
  return names.length ? el("p", { class: "baselines" }, `Not compared: ${names.join(", ")}. This run was the first to read them as they are read now.`) : null;
}

let instancesSort = ""; // the name of a column, behind - where the greatest comes first; at first by what is urgent

// showInstances has a row for each instance, those first that have most that is urgent.
function showInstances() {
  const shown = ["agents", ...about.attention, "threatsOpen"].map(figure).filter((f) => !hidden.kinds.has(f.type) && about.instances.some((i) => i.figures?.[f.name] > 0));
  const urgent = (i) => about.attention.map((name) => i.figures?.[name] ?? 0);
  const by = instancesSort.replace(/^-/, "");
  const columns = [{ name: "name", title: "Instance", shape: "main" }, ...shown.map((f) => ({ name: f.name, title: phrase(f), shape: "number" })), { name: "at", title: "As of", shape: "value" }];
  const sort = (next) => {
    instancesSort = next;
    showInstances();
    main.querySelector(`[data-sort="${next.replace(/^-/, "")}"]`).focus();
  };
  const latest = Math.max(...about.instances.map((i) => i.at ?? 0));
  const order = about.instances.map((instance, place) => ({ instance, place })).sort((a, b) => {
    if (instancesSort) {
      const [u, v] = [a, b].map(({ instance }) => instance[by] ?? instance.figures?.[by]);
      if (u !== v) return u === undefined ? 1 : v === undefined ? -1 : (u < v ? -1 : 1) * (instancesSort.startsWith("-") ? -1 : 1);
    }
    const [x, y] = [urgent(a.instance), urgent(b.instance)];
    const differs = x.findIndex((n, i) => n !== y[i]);
    return differs < 0 ? a.place - b.place : y[differs] - x[differs];
  });
  main.replaceChildren(
    el("div", { class: "intro" }, el("h1", {}, "All instances"), el("p", {}, plural(about.instances.length, "instance"))),
    el("div", { class: "across" }, el("table", { class: "table instances" },
      el("thead", {}, el("tr", {}, columns.map((c) => headCell(c, instancesSort, sort)))),
      el("tbody", {}, order.map(({ instance, place }) => el("tr", { class: "row", "data-instance": instance.name },
        el("td", { class: "main" }, el("a", { class: "name", href: addressOf(place, "") }, el("bdi", {}, visible(instance.name)))),
        shown.map((f) => {
          const value = instance.figures?.[f.name];
          return el("td", { class: "as-number" + (value && urgency(f.name) >= 0 && urgency(f.name) < 3 ? " alarm" : ""), "data-label": phrase(f) },
            value === undefined ? el("span", { class: "unknown" }, "unknown") : figureLink(instance, f, value, {}, count(value)), delta(instance, f.name));
        }),
        el("td", { "data-label": "As of" }, instance.at ? when(instance.at) : "unknown", behind(latest - instance.at))))))));
}

// behind warns of data that are a day older than the latest on the page, or more.
function behind(ms) {
  const days = Math.floor(ms / 86_400_000);
  return days >= 1 ? el("span", { class: "state warning", title: "than the latest data on this page" }, `${plural(days, "day")} older`) : null;
}
