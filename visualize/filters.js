// The filters of the whole page: which types, which relationships, and whether only what changed.

const hidden = { kinds: new Set(), links: new Set(), unchanged: false }; // what the filters leave out, by type
const more = new Map(); // type -> how many more are shown than usual
let lines = [], drawnFor = null;

const isShownKind = (kind) => !hidden.kinds.has(kind.type);
const isShownLink = (link) => !hidden.links.has(link.type);
const isOnlyChanged = () => hidden.unchanged && current >= 0; // of all instances nothing is left out
const accepts = (id) => isShownKind(kindOf(id)) && (!isOnlyChanged() || changeOf.has(id));

function chip(text, title, n, isOn, set) {
  const button = el("button", { type: "button", class: "chip", "aria-pressed": String(isOn()), title, onclick: () => {
    set(!isOn());
    drawFilters();
    $("filters").querySelector(`.chip[data-class="${CSS.escape(button.dataset.class)}"]`)?.focus();
    closeResults();
    show();
  } }, el("span", { class: "dot" }), el("span", {}, text), n === undefined ? null : el("span", { class: "count" }, count(n)));
  return button;
}

// shownCount is how many entities or relationships of a type the filters let through.
const shownCount = (of) => (isOnlyChanged() ? sum(of.changes) : of.count);
const sum = (ops) => Object.entries(ops ?? {}).reduce((n, [op, k]) => (op === "touched" ? n : n + k), 0);

const setHidden = (set, type, isHidden) => (isHidden ? set.add(type) : set.delete(type));

// classFilter filters a class: its only type at once, of several each.
function classFilter(className, members, set, text) {
  const types = [...groupBy(members, (m) => m.type)].map(([type, of]) => ({ type, count: of.reduce((n, m) => n + shownCount(m), 0) }));
  const isOn = () => types.some((t) => !set.has(t.type));
  const setAll = (on) => types.forEach((t) => setHidden(set, t.type, !on));
  const all = chip(text, types.length > 1 ? `class ${className}, ${types.length} types` : `${types[0].type}, class ${className}`, types.reduce((n, t) => n + t.count, 0), isOn, setAll);
  all.dataset.class = className;
  if (types.length === 1) return all;
  const menu = el("details", { class: "types" }, el("summary", { "aria-label": `Types of ${className}`, title: `Types of ${className}` }, "▾"),
    el("div", { class: "menu" }, types.map((t) => {
      const box = el("input", { type: "checkbox", checked: !set.has(t.type) });
      box.addEventListener("change", () => {
        setHidden(set, t.type, !box.checked);
        all.setAttribute("aria-pressed", String(isOn()));
        closeResults();
        show();
      });
      return el("label", {}, box, el("span", {}, t.type), el("span", { class: "count" }, count(t.count)));
    })));
  return el("span", { class: "group" }, all, menu);
}

const byClass = (members) => [...groupBy(members, (m) => m.class)];

function drawFilters() {
  const things = byClass(inOrder.filter(isHere)).map(([name, members]) => classFilter(name, members, hidden.kinds, new Set(members.map((m) => m.type)).size === 1 ? label(members[0]) : name));
  const joins = byClass(links.filter(isHere)).map(([name, members]) => classFilter(name, members, hidden.links, name));
  const isChanged = current >= 0 && changes.length + links.reduce((n, l) => n + sum(l.changes), 0) !== 0;
  const changed = isChanged
    ? chip("Changed only", "Leave out of lists, types and search, and dim in the picture, what the last run did not change", undefined, () => hidden.unchanged, (on) => (hidden.unchanged = on)) : null;
  if (changed) {
    changed.classList.add("only");
    changed.dataset.class = "changed";
  }
  $("filters").replaceChildren(el("span", { class: "set" }, things), el("span", { class: "set links" }, joins), changed ?? "");
}
