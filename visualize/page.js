// The page: what is shown for which address (#, #type=…, #changes, #KEY, of several instances behind @NAME/), and the keyboard.

// What the address says.

let isReady = false, isSearchReady = false;
let readyAt = 0; // when, for measurements

function show() {
  const [, named, raw] = /^(?:@([^/]*)\/)?(.*)$/s.exec(location.hash.slice(1));
  const before = current;
  current = about.instances.length === 1 ? 0 : named === undefined ? -1 : about.instances.findIndex((i) => i.name === decode(named));
  if (current !== before) drawFilters();
  drawTop();
  const address = decode(raw);
  document.body.classList.toggle("only-changed", isOnlyChanged());
  panel.hidden = true;
  panel.replaceChildren();
  lines = [];
  if (current < 0 || address === "" || address === "main") return showOverview();
  if (!isReady) return main.replaceChildren(notice("Unpacking the graph…"));
  if (address === "changes") return showChanges();
  if (raw.startsWith("type=")) {
    const params = new URLSearchParams(raw);
    const kind = kinds.find((k) => isHere(k) && k.type === params.get("type"));
    if (kind) return showList(kind, params);
  }
  const id = findKey(address);
  if (id >= 0) return showEntity(id);
  main.replaceChildren(notice("This is not in the graph.", "It may have been deleted before the last run. ", el("a", { href: addressOf(current, "") }, "Back to the overview")));
}

// drawTop draws what the head of the page says of the instance that is looked at.
function drawTop() {
  const name = current < 0 ? "All instances" : about.instances[current].name;
  document.title = `${visible(name)} – s1graph`;
  const of = current < 0 ? 0 : changes.filter((c) => isHere(kindOf(c.id))).length;
  $("changes").hidden = !of;
  $("changes").textContent = plural(of, "change");
  if (of) $("changes").href = addressOf(current, "changes");
  $("here").hidden = about.instances.length < 2 || current < 0;
  $("here").textContent = visible(name);
  if (current >= 0) $("here").href = addressOf(current, "");
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// The keyboard.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, textarea, select");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape") {
    const menu = document.querySelector("details.types[open]");
    if (menu) menu.open = false;
    else if (isTyping && event.target.value) (event.target.value = ""), event.target.dispatchEvent(new Event(event.target.matches("select") ? "change" : "input"));
    else location.hash = current < 0 || about.instances.length === 1 || location.hash === addressOf(current, "") ? "" : addressOf(current, "");
  } else if (event.key.startsWith("Arrow") && !isTyping && !event.target.closest(".menu, [role=tablist], aside")) {
    if (move(event.key)) event.preventDefault();
  }
});

// move puts the focus on the next card or row in a direction.
function move(key) {
  const all = [...main.querySelectorAll("a.card, a.row, tr.row a.name, a.tile, a.figure, .fleet a.total, button.more:not([hidden])")];
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
    if (along <= 1) continue;
    const isBeside = vertical && across > Math.max(here.width, there.width) / 2; // only where there is nothing below, or above
    const distance = along * (vertical ? 1 : 3) + across + (isBeside ? 100_000 : 0);
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
  const hadFocus = document.activeElement;
  scrollTo(0, 0);
  main.scrollTo(0, 0);
  show();
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
  $("status").textContent = about.noDetails?.length ? `Without the properties of ${about.noDetails.map((type) => type.slice(type.indexOf("_") + 1)).join(", ")}: there are too many.` : "";
  drawFilters();
  show();
  document.documentElement.dataset.state = "ready";
  readyAt = performance.now();
}

start();
