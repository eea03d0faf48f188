// Search. Each block of entities has one text in lower case, a line an entity: its name, the values by which it is
// found as well, and its states, such as status:infected. A search looks for the longest of the words in these texts, and for the others in the lines that
// have it.

const mostFound = 5000; // of one type; that there are more is said

function fold(text) {
  return text.normalize("NFC").toLowerCase();
}

// line makes one line of a value.
const line = (value) => fold(String(value)).replaceAll("\n", " ");

function textOf(kind, block) {
  const names = Object.keys(block).filter((name) => name !== "displayName");
  const lines = [], starts = [];
  let at = 0;
  for (let i = 0; i < block._key.length; i++) {
    const parts = [line(block.displayName?.[i] ?? "")];
    for (const name of names) {
      const value = block[name][i];
      if (name !== "_states" && value !== undefined && value !== null) parts.push(line(value));
    }
    for (const f of figuresIn(kind, block._states?.[i] ?? 0)) if (f.word) parts.push("status:" + f.word);
    const l = parts.join("\t");
    starts.push(at);
    lines.push(l);
    at += l.length + 1;
  }
  return { text: lines.join("\n") + "\n", starts };
}

function indexText() {
  for (const kind of kinds) kind.texts = kind.blocks.map((block) => textOf(kind, block));
}

// lineOf is the line of an entity.
function lineOf(id) {
  const kind = kindOf(id), number = id - kind.base;
  if (number >= kind.count) return formerLine(kind.former[number - kind.count]);
  const { text, starts } = kind.texts[Math.floor(number / about.entitiesPerBlock)], i = number % about.entitiesPerBlock;
  return text.slice(starts[i], (starts[i + 1] ?? text.length) - 1);
}

const formerLine = (change) => line(change.name ?? "") + "\t" + line(change.key);

// find gives what matches, best first: {id, rank, name}. accepts says which entities count.
function find(query, accepts) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const found = [];
  let isMore = false;
  if (!words.length) return { found, isMore };
  const longest = words.reduce((a, b) => (b.length > a.length ? b : a));
  const whole = words.join(" ");
  for (const kind of kinds.filter(isHere)) {
    let count = 0;
    const take = (id, text) => {
      if (count >= mostFound) return (isMore = true);
      if (!words.every((word) => text.includes(word)) || !accepts(id)) return false;
      count++;
      found.push({ id, rank: rankOf(text, whole) });
      return false;
    };
    blocks: for (let n = 0; n < kind.texts.length; n++) {
      const { text, starts } = kind.texts[n];
      for (let at = text.indexOf(longest); at >= 0; ) {
        const i = lineAt(starts, at);
        const end = i + 1 < starts.length ? starts[i + 1] : text.length;
        if (take(kind.base + n * about.entitiesPerBlock + i, text.slice(starts[i], end - 1))) break blocks;
        at = text.indexOf(longest, end);
      }
    }
    kind.former.forEach((change, i) => take(kind.base + kind.count + i, formerLine(change)));
  }
  for (const f of found) f.name = nameOf(f.id);
  const order = new Intl.Collator("en", { numeric: true }).compare;
  if (found.length > 1000) {
    // Names of thousands are sorted only where they can still be among the first.
    const best = Math.min(...found.map((f) => f.rank));
    const first = found.filter((f) => f.rank === best).slice(0, 1000);
    const rest = found.filter((f) => f.rank !== best);
    return { found: first.sort((a, b) => order(a.name, b.name)).concat(rest), total: found.length, isMore };
  }
  found.sort((a, b) => a.rank - b.rank || order(a.name, b.name) || a.id - b.id);
  return { found, total: found.length, isMore };
}

// lineAt gives the number of the line that has a place.
function lineAt(starts, at) {
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

// rankOf says how well a line matches: the name itself, a state or another value as a whole, the name's beginning, a word of it,
// some of it, something else.
function rankOf(text, query) {
  const tab = text.indexOf("\t");
  const name = tab < 0 ? text : text.slice(0, tab);
  if (name === query) return 0;
  let rank = 0;
  for (let at = text.indexOf(query, name.length); at >= 0; at = text.indexOf(query, at + 1)) {
    const isState = text.startsWith("\tstatus:", at - 8);
    if (!isState && !/[\t,]/.test(text[at - 1]) || !/^[\t,]?$/.test(text[at + query.length] ?? "")) continue;
    if (isState) return 0.4;
    rank = 0.5;
  }
  if (rank) return rank;
  const at = name.indexOf(query);
  if (at === 0) return 1;
  if (at > 0) return /[\s\-_.(]/.test(name[at - 1]) ? 2 : 3;
  return 4;
}

// reasonFor says by which value an entity was found, where that is not its name.
function reasonFor(id, query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const name = line(nameOf(id));
  if (words.every((word) => name.includes(word))) return null;
  const kind = kindOf(id), number = id - kind.base;
  const block = kind.blocks[Math.floor(number / about.entitiesPerBlock)];
  if (!block || number >= kind.count) return null;
  const state = figuresOf(id).find((f) => f.word && words.every((word) => ("status:" + f.word).includes(word)));
  if (state) return { column: "status", value: state.word };
  for (const column of Object.keys(block).sort()) {
    const value = block[column][number % about.entitiesPerBlock];
    if (column === "displayName" || column === "_states" || value === undefined || value === null) continue;
    for (const one of Array.isArray(value) ? value : [value]) {
      if (words.some((word) => !name.includes(word) && line(one).includes(word))) return { column: column === "_key" ? "key" : column, value: one };
    }
  }
  return null;
}
