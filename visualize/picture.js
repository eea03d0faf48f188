// The picture: columns by class, in the order in which a tenant is looked at from the outside in, and lines between
// them. Columns read better here than a layout by forces: what something is stands in its place, and the same
// neighbourhood looks the same each time.

const layout = [["Account", "Site"], ["Group"], ["HostAgent"], ["Device", "Finding"], ["User", "Application"], ["Vulnerability"]];
const classes = layout.flat();

// columnOf is the column of a class. A class that the layout does not have stands right of the first of those that its
// relationships come from, else left of one that they lead to, else last: a new class needs no place here.
function columnOf(className) {
  const placed = (name) => layout.findIndex((column) => column.includes(name));
  const at = placed(className);
  if (at >= 0) return at;
  const columns = (near, far) =>
    links.filter((l) => kinds[l[near]]?.class === className).map((l) => placed(kinds[l[far]]?.class)).filter((i) => i >= 0);
  const before = columns("to", "from"), after = columns("from", "to");
  if (before.length) return Math.min(...before) + 1;
  return after.length ? Math.max(0, Math.min(...after) - 1) : layout.length;
}

// inOrder are the types in the order of the layout.
const inOrder = kinds.toSorted((a, b) => {
  const place = (k) => (classes.indexOf(k.class) + classes.length + 1) % (classes.length + 1);
  return columnOf(a.class) - columnOf(b.class) || place(a) - place(b) || (a.type < b.type ? -1 : 1);
});

// levelOf shows how serious something is.
const levelOf = (value) => (/^(critical|high|medium|low)$/.test(value) ? el("span", { class: "level " + value }, value) : el("span", { class: "value" }, visible(value ?? "")));

// spoken is one of the vendor's words, such as not_mitigated, as people write it.
const spoken = (value) => (/^[a-z]+(_[a-z]+)+$/.test(value) ? value.replaceAll("_", " ") : visible(value));

// detail is the line below a name: the most urgent states, and what the type's cards show.
function detail(id) {
  const states = statesOf(id).filter((f) => urgency(f.name) >= 0).sort((a, b) => urgency(a.name) - urgency(b.name)).slice(0, 2).map(state);
  return states.concat(kindOf(id).card
    .map((name) => [name, column(id, name)])
    .flatMap(([name, value]) => (Array.isArray(value) ? value.slice(0, 1) : [value]).map((v) => [name, v]))
    .filter(([, value]) => value !== undefined && value !== "" && value !== "none")
    .map(([name, value]) => (shapeOf(name) === "level" ? levelOf(value) : el("span", { class: "value" }, spoken(value)))));
}

// addressOf is an address within the page: of several instances it names which.
const addressOf = (instance, rest) => "#" + (about.instances.length > 1 ? "@" + encodeURIComponent(about.instances[instance].name) + "/" : "") + rest;
const href = (id) => addressOf(kindOf(id).instance, encodeURIComponent(keyOf(id)));
const listHref = (kind, params) => addressOf(kind.instance, paramsText(new Map(Object.entries({ type: kind.type, ...params }))));

function card(id, extra) {
  const op = changeOf.get(id)?.op;
  const name = visible(nameOf(id));
  return el(
    "a",
    { class: "card" + (extra ? " " + extra : "") + (op ? " " + op : "") + (isAlarming(id) ? " alarm" : ""), href: href(id), "data-id": id, "data-class": kindOf(id).class, title: name },
    el("span", { class: "line" }, el("bdi", { class: "name" }, name), op && badge(op)),
    el("span", { class: "line detail" }, detail(id)),
  );
}

// surroundings finds what is around an entity, type by type: from each type to those that relationships lead to
// and that were not reached yet, so that it goes from a user to the devices, their agents, and the threats of these,
// but not on to the other agents of the groups. For each type: ids in order, those joined to what stands before first.
const nearby = 24, farther = 10, mostFollowed = 20_000;

function surroundings(focus, isShown, more) {
  const reached = new Map([[kindOf(focus).index, { ids: [focus], all: [focus], distance: 0 }]]);
  let frontier = [kindOf(focus).index];
  for (let distance = 1; frontier.length; distance++) {
    const next = new Map(); // type -> {ids in order, seen, complete}
    for (const index of frontier) {
      const { ids, all } = reached.get(index);
      const parents = new Set(ids);
      const follow = (id) => {
        const others = new Map();
        neighbours(id, (other) => {
          const kind = kindOf(other);
          if (reached.has(kind.index)) return;
          if (!others.has(kind.index)) others.set(kind.index, []);
          others.get(kind.index).push(other);
        }, isShown);
        for (const [kind, list] of others) {
          if (!next.has(kind)) next.set(kind, { all: [], seen: new Set(), isMore: false });
          const n = next.get(kind);
          if (parents.has(id)) list.sort(byInterest);
          for (const other of list) if (!n.seen.has(other)) n.seen.add(other), n.all.push(other);
        }
      };
      for (const id of ids) follow(id);
      let followed = 0;
      for (const id of all) {
        if (parents.has(id)) continue;
        if (++followed > mostFollowed) {
          for (const n of next.values()) n.isMore = true;
          break;
        }
        follow(id);
      }
    }
    for (const [kind, n] of next) {
      const most = (distance === 1 ? nearby : farther) + (more.get(kind) ?? 0);
      reached.set(kind, { all: n.all, ids: n.all.slice(0, most), isMore: n.isMore, distance });
    }
    frontier = [...next.keys()];
  }
  return reached;
}

// byInterest puts what changed first, then what is serious.
const levels = { critical: 4, high: 3, medium: 2, low: 1 };
function byInterest(a, b) {
  return interest(b) - interest(a) || a - b;
}
function interest(id) {
  const level = kindOf(id).class === "Finding" ? column(id, "severity") : column(id, "riskLevel");
  return (changeOf.has(id) ? 10 : 0) + (levels[level] ?? 0);
}

// drawColumns puts sections into columns: each is {className, element}.
function drawColumns(sections) {
  const columns = [];
  for (const section of sections) (columns[columnOf(section.className)] ??= []).push(section.element);
  return el("div", { class: "columns" }, columns.filter(Boolean).map((sections) => el("div", { class: "column" }, sections)));
}

// drawLines draws the lines between elements: each is {from, to, op, title, text}. It is called anew whenever the
// elements have moved.
function drawLines(picture, lines) {
  picture.querySelector("svg")?.remove();
  const box = picture.getBoundingClientRect();
  const canvas = svg("svg", { width: picture.scrollWidth, height: picture.scrollHeight, "aria-hidden": "true" });
  for (const l of lines) {
    const a = l.from.getBoundingClientRect(), b = l.to.getBoundingClientRect();
    const [left, right] = a.left <= b.left ? [a, b] : [b, a];
    const x1 = left.right - box.left, x2 = right.left - box.left;
    const y1 = (left.top + left.bottom) / 2 - box.top, y2 = (right.top + right.bottom) / 2 - box.top;
    const isBelow = Math.abs(a.left - b.left) < 1;
    const path = svg("path", { d: isBelow ? bow(a.left - box.left, y1, y2) : curve(x1, y1, x2, y2, left.height), class: "edge" + (l.op ? " " + l.op : "") });
    l.path = path;
    path.append(svg("title", {}, l.title));
    canvas.append(path);
    if (l.text && !isBelow) {
      const dips = isLong(x1, x2) && Math.abs(y1 - y2) < 20;
      const y = dips ? y1 + left.height * 0.75 + 14 : (y1 + y2) / 2;
      canvas.append(svg("text", { x: (x1 + x2) / 2, y: y - 6, class: "edge-label" }, l.text));
    }
  }
  picture.prepend(canvas);
}

// bow leads from one card to another below it, left of both.
const bow = (x, y1, y2) => `M${x},${y1} C${x - 16},${y1} ${x - 16},${y2} ${x},${y2}`;

const isLong = (x1, x2) => x2 - x1 > 160;

// curve leads from one column to another; past what stands between them it goes below.
function curve(x1, y1, x2, y2, height) {
  if (isLong(x1, x2) && Math.abs(y1 - y2) < 20) {
    const y = y1 + height;
    return `M${x1},${y1} C${x1 + 30},${y1} ${x1 + 10},${y} ${x1 + 50},${y} L${x2 - 50},${y} C${x2 - 10},${y} ${x2 - 30},${y2} ${x2},${y2}`;
  }
  const bend = Math.max(18, Math.min(70, (x2 - x1) / 2));
  return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
}
