// Figures: how the fleet is. What each of them counts is said once, where the page is written: each entity comes with the
// figures that it counts in, one bit each in the column _states.

const figure = (name) => about.figures.find((f) => f.name === name);
for (const kind of kinds) kind.figures = about.figures.filter((f) => f.type === kind.type);
// That a threat was reopened is said by a change: its bit follows those that the entities come with.
const reopened = { ...figure("threatsReopened"), type: "sentinelone_threat" };
about.figures[about.figures.findIndex((f) => f.name === reopened.name)] = reopened;
for (const kind of kinds) if (kind.type === reopened.type) kind.figures.push(reopened);

function markReopened(change) {
  const kind = kindOf(change.id), number = change.id - kind.base;
  if (kind.type !== reopened.type || number >= kind.count || change.before?.open !== false || change.after?.open !== true) return;
  const states = (kind.blocks[Math.floor(number / about.entitiesPerBlock)]._states ??= []);
  states[number % about.entitiesPerBlock] |= 1 << kind.figures.indexOf(reopened);
}

// wordOf is what a figure is called beside others of its line, and phrase what it is called alone: infected agents.
const wordOf = (f) => f.word || (f.name === "agents" ? "in service" : "");
const thingsOf = (f) => (["threats", "vulnerabilities"].includes(f.line) && f.word !== "open" && f !== reopened ? "open " + f.line : f.line);
const phrase = (f) => (/ /.test(wordOf(f)) ? `${thingsOf(f)} ${wordOf(f)}` : `${wordOf(f)} ${thingsOf(f)}`.trim());

const urgency = (name) => about.attention.indexOf(name); // -1: not urgent

const countsIn = (id, name) => {
  const place = kindOf(id).figures.findIndex((f) => f.name === name);
  return place < 0 ? figuresOf(id).some((f) => f.name === name) : Boolean((column(id, "_states") >> place) & 1);
};

// alsoOfDevice are the figures of agents that say as much of the device that the agent protects.
const alsoOfDevice = ["agentsInfected", "agentsIsolated"].map(figure);

// figuresOf are the figures that an entity counts in, and of a device those of its agents.
function figuresOf(id) {
  const kind = kindOf(id), own = figuresIn(kind, column(id, "_states") ?? 0);
  if (kind.class !== "Device") return own;
  const agents = [];
  neighbours(id, (agent, link, place) => place < link.known && agents.push(agent), (link) => link.class === "PROTECTS");
  return alsoOfDevice.filter((f) => agents.some((agent) => countsIn(agent, f.name))).concat(own);
}

const figuresIn = (kind, mask) => (mask ? kind.figures.filter((f, place) => (mask >> place) & 1) : []);

// statesOf are those of them that say something beside what the entity's own properties do.
function statesOf(id) {
  return figuresOf(id).filter((f) => f.word && isState(f) && f.name !== "agentsOnline");
}
const isState = (f) => f.line === "agents" || f.line === "devices" || f === reopened;

// mostUrgent is the most urgent figure that an entity counts in, or undefined.
function mostUrgent(id) {
  const urgent = figuresOf(id).filter((f) => urgency(f.name) >= 0);
  return urgent.sort((a, b) => urgency(a.name) - urgency(b.name))[0];
}

// isAlarming says whether an entity should catch the eye.
const isAlarming = (id) => ["agentsInfected", "threatsCritical"].includes(mostUrgent(id)?.name);

const state = (f) => el("span", { class: "state" + (urgency(f.name) < 0 ? "" : urgency(f.name) < 3 ? " alarm" : " warning"), title: f.doc }, f.word);

const signed = (n) => (n > 0 ? "+" : "−") + count(Math.abs(n));

// delta says by how much a figure differs from the run before.
const delta = (instance, name) => instance.change?.[name] ? el("span", { class: "delta", title: "since the run before" }, signed(instance.change[name])) : null;

// sparkline draws how a figure was in earlier runs; null where there are no two of them.
function sparkline(instance, name) {
  const trend = instance.trend, values = trend?.figures[name];
  const points = (values ?? []).map((value, i) => [trend.at[i], value]).filter(([, value]) => value !== null);
  if (points.length < 2) return null;
  const width = 52, height = 18, edge = 2;
  const [from, to] = [points[0][0], points.at(-1)[0]];
  const most = Math.max(...points.map(([, v]) => v)), least = Math.min(...points.map(([, v]) => v));
  const x = (at) => (to > from ? ((at - from) / (to - from)) * (width - 2 * edge) + edge : edge);
  const y = (v) => (most > least ? height - edge - ((v - least) / (most - least)) * (height - 2 * edge) : height / 2);
  const canvas = svg("svg", { class: "sparkline", viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  const title = svg("title", {}, `${count(points[0][1])} on ${day(from)}, ${count(points.at(-1)[1])} on ${day(to)}; lowest ${count(least)}, highest ${count(most)}`);
  canvas.append(title, svg("polyline", { points: points.map(([at, v]) => `${x(at).toFixed(1)},${y(v).toFixed(1)}`).join(" ") }),
    svg("circle", { cx: x(to), cy: y(points.at(-1)[1]), r: 2 }));
  return canvas;
}

const day = (ms) => new Date(ms).toISOString().slice(0, 10);

// weight puts changes into their order: what makes an entity urgent first, and what is only called differently last.
function weight(c) {
  const rank = { Finding: 4, Device: 3, User: 2, HostAgent: 1 }[kindOf(c.id).class] ?? 0;
  const severity = levels[column(c.id, "severity")] ?? 0;
  const urgent = mostUrgent(c.id);
  if (urgent && (c.isState || c.op === "created")) return 1000 - 10 * urgency(urgent.name) + severity;
  if (c.isState) return 500 + rank + severity;
  return { created: 300, deleted: 200, updated: 100, rekeyed: 0 }[c.op] + rank * 2 + severity;
}

const byWeight = (list) => list.map((c) => [weight(c), c]).sort((a, b) => b[0] - a[0]).map(([, c]) => c);
