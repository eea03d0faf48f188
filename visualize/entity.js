// An entity and what is around it.

function showEntity(focus) {
  if (drawnFor !== focus) more.clear();
  drawnFor = focus;
  const reached = surroundings(focus, isShownLink, more);
  const elements = new Map();
  const sections = [];
  for (const kind of inOrder.filter(isHere)) {
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
      lines.push({ from: element, to: elements.get(other), op, title: `${nameOf(id)} ${link.class} ${nameOf(other)}${op ? ` (${marks[op]?.word ?? op})` : ""}` });
    }, isShownLink);
  }
  draw(picture);
  hoverable(picture, elements);
  showPanel(focus);
  main.scrollLeft += Math.max(0, elements.get(focus).getBoundingClientRect().right + 8 - main.getBoundingClientRect().right); // where it is too narrow for all columns
  document.title = visible(`${nameOf(focus)} – ${about.instances[current].name} – s1graph`);
}

// isSaidBetween says whether a line past a column, or past sites, may be left out, because two lines by way of these say the
// same: that an account has a group is seen from its having the site that has the group.
function isSaidBetween(from, to, elements) {
  if (kindOf(from).class !== "Account" && columnOf(kindOf(to).class) - columnOf(kindOf(from).class) !== 2) return false;
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
