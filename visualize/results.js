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
    const narrowed = hidden.kinds.size || isOnlyChanged();
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
  return el("a", { role: "option", id: "option" + i, class: "row" + (op ? " " + op : "") + (isAlarming(id) ? " alarm" : ""), href: href(id), tabindex: "-1", "aria-selected": "false", "data-id": id, "data-class": kindOf(id).class, onclick: () => closeResults(true) },
    el("span", { class: "dot" }), el("bdi", { class: "name" }, visible(nameOf(id))),
    el("span", { class: "detail" }, reason ? [el("span", { class: "value" }, reason.column + " "), el("bdi", {}, visible(reason.value))] : detail(id)),
    op && badge(op), el("span", { class: "of" }, current < 0 ? visible(about.instances[kindOf(id).instance].name) : singular(kindOf(id))));
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
