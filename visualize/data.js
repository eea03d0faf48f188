"use strict";

// What the page holds. Entities have one number each throughout the page: their types follow one another, and in
// each type first what there is, in the order of the keys, and then what went with the last run. Records lie in
// blocks, deflated and in base64: of all entities what search and picture need is unpacked at the start, properties
// when they are looked at.

const about = JSON.parse(document.getElementById("about").textContent);

let entityCount = 0;
const kinds = about.entities.map((e, index) => {
  const kind = { ...e, index, base: entityCount, total: e.count + e.gone, blocks: [], former: [] }; // lists: see loadList
  entityCount += kind.total;
  return kind;
});
const links = about.relationships.map((r, index) => ({ ...r, index, known: 0 }));
for (const kind of kinds) { // the relationships of the type: those that start at it, and those that end at it
  kind.ends = links.flatMap((link) => (link.from < 0 ? [] : [0, 1].filter((direction) => (direction ? link.to : link.from) === kind.index).map((direction) => [link, direction])));
}

function groupBy(list, keyOf) {
  const groups = new Map();
  for (const item of list) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}

// Of several instances current is the one that is looked at; -1: all.
let current = about.instances.length > 1 ? -1 : 0;
const isHere = (of) => current < 0 || of.instance === current; // a kind or a link

const changeOf = new Map(); // entity -> change
const changes = []; // of entities, in the order of the file

// unpack gives the bytes of a block, or null where there is none of that name.
async function unpack(id) {
  const element = document.getElementById(id);
  if (!element) return null;
  const text = element.textContent;
  const packed = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpackJSON(id) {
  const bytes = await unpack(id);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}

async function loadIndex() {
  for (const kind of kinds) {
    for (let block; (block = await unpackJSON(`i${kind.index}.${kind.blocks.length}`)); ) kind.blocks.push(block);
  }
}

// loadList unpacks what the list of a type shows besides.
async function loadList(kind) {
  if (kind.lists) return;
  const lists = [];
  for (let block; lists.length < kind.blocks.length && (block = await unpackJSON(`l${kind.index}.${lists.length}`)); ) lists.push(block);
  kind.lists = lists;
}

// loadChanges says which relationships came and went, for loadLinks.
async function loadChanges() {
  for (const link of links) link.changeOf = new Map();
  for (let instance = 0, n = 0, block; instance < about.instances.length; ) {
    block = await unpackJSON(`c${instance}.${n++}`);
    if (!block) {
      instance++;
      n = 0;
      continue;
    }
    for (const change of block) {
      if ("entity" in change) {
        const kind = kinds[change.entity];
        const number = change.number ?? 0;
        change.id = kind.base + number;
        if (number >= kind.count) kind.former[number - kind.count] = change;
        changeOf.set(change.id, change);
        changes.push(change);
        markReopened(change);
      } else {
        const link = links[change.relationship];
        link.changeOf.set(pair(change.from ?? 0, change.to ?? 0), change);
      }
    }
  }
}

const pair = (from, to) => from * 2 ** 26 + to;

async function loadLinks() {
  for (const link of links) {
    if (link.from < 0) continue;
    const gone = [...link.changeOf.values()].filter((c) => c.op === "deleted");
    const from = new Uint32Array(link.count + gone.length);
    const to = new Uint32Array(link.count + gone.length);
    let n = 0;
    for (let number = 0, bytes; (bytes = await unpack(`e${link.index}.${number}`)); number++) {
      let at = 0, f = 0, t = 0;
      const varint = () => {
        let value = 0, shift = 1, b;
        do {
          b = bytes[at++];
          value += (b & 127) * shift;
          shift *= 128;
        } while (b > 127);
        return value % 2 ? -(value + 1) / 2 : value / 2;
      };
      while (at < bytes.length) {
        const step = varint();
        if (step) t = 0;
        f += step;
        t += varint();
        from[n] = f;
        to[n++] = t;
      }
    }
    link.known = n; // those that are there, before those that are gone
    for (const change of gone) {
      from[n] = change.from ?? 0;
      to[n++] = change.to ?? 0;
    }
    link.ends = [from.subarray(0, n), to.subarray(0, n)];
    link.sorted = [sortBy(link.ends[0], kinds[link.from].total), sortBy(link.ends[1], kinds[link.to].total)];
  }
}

// sortBy says which relationships have each entity at one of their ends: those at places start[n] to start[n+1].
function sortBy(ends, total) {
  const start = new Uint32Array(total + 1);
  for (const end of ends) start[end + 1]++;
  for (let i = 0; i < total; i++) start[i + 1] += start[i];
  const next = start.slice();
  const places = new Uint32Array(ends.length);
  for (let i = 0; i < ends.length; i++) places[next[ends[i]]++] = i;
  return { start, places };
}

const filled = kinds.filter((kind) => kind.total > 0);

function kindOf(id) {
  let low = 0, high = filled.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (filled[middle].base <= id) low = middle;
    else high = middle - 1;
  }
  return filled[low];
}

// column gives an entity's value in one of the columns that are unpacked from the start.
function column(id, name) {
  const kind = kindOf(id), number = id - kind.base;
  if (number >= kind.count) {
    const change = kind.former[number - kind.count];
    if (name === "_key") return change.key.startsWith(kind.type + ":") ? change.key.slice(kind.type.length + 1) : change.key;
    return change.before?.[name];
  }
  const block = Math.floor(number / about.entitiesPerBlock), place = number % about.entitiesPerBlock;
  return kind.blocks[block]?.[name]?.[place] ?? kind.lists?.[block]?.[name]?.[place] ?? undefined;
}

// nameOf gives the name, or the key where the name is blank.
function nameOf(id) {
  const name = column(id, "displayName") ?? "";
  return /\S/.test(name) ? name : column(id, "_key");
}

// keyOf gives the key; keys begin with their type, which is left out where they are kept.
const keyOf = (id) => kindOf(id).type + ":" + column(id, "_key");

const isGone = (id) => changeOf.get(id)?.op === "deleted";

// findKey gives the entity of the current instance with a key, or -1.
function findKey(key) {
  const colon = key.indexOf(":");
  const kind = kinds.find((k) => isHere(k) && k.type === key.slice(0, colon));
  if (!kind) return -1;
  const rest = key.slice(colon + 1);
  for (let n = 0; n < kind.blocks.length; n++) {
    const i = kind.blocks[n]._key.indexOf(rest);
    if (i >= 0) return kind.base + n * about.entitiesPerBlock + i;
  }
  const former = kind.former.findIndex((c) => c.key === key);
  return former >= 0 ? kind.base + kind.count + former : -1;
}

// neighbours visits the relationships that an entity has: visit(other, link, place, direction), where direction is 0
// if the entity is where the relationship starts.
function neighbours(id, visit, only) {
  const kind = kindOf(id), number = id - kind.base;
  for (const [link, direction] of kind.ends) {
    if (!link.ends || (only && !only(link))) continue;
    const { start, places } = link.sorted[direction];
    const base = kinds[direction ? link.from : link.to].base;
    for (let i = start[number]; i < start[number + 1]; i++) visit(base + link.ends[1 - direction][places[i]], link, places[i], direction);
  }
}

// linkChange is what the last run changed in a relationship.
const linkChange = (link, place) =>
  link.changeOf.size ? link.changeOf.get(pair(link.ends[0][place], link.ends[1][place])) : undefined;

const unpacked = new Map(); // the blocks that were looked at last
function recent(id) {
  let block = unpacked.get(id);
  unpacked.delete(id);
  unpacked.set(id, (block ??= unpackJSON(id)));
  if (unpacked.size > 40) unpacked.delete(unpacked.keys().next().value);
  return block;
}

// properties gives all properties of an entity.
async function properties(id) {
  const kind = kindOf(id), number = id - kind.base;
  if (number >= kind.count) return kind.former[number - kind.count].before ?? {};
  const block = await recent(`p${kind.index}.${Math.floor(number / about.entitiesPerBlock)}`);
  return pick(block, number % about.entitiesPerBlock);
}

// linkProperties gives the properties of a relationship, none where the page was written without.
async function linkProperties(link, place) {
  if (place >= link.known) return {};
  const block = await recent(`d${link.index}.${Math.floor(place / about.relationshipsPerBlock)}`);
  return block ? pick(block, place % about.relationshipsPerBlock) : {};
}

function pick(block, i) {
  const record = {};
  for (const name of Object.keys(block).sort()) {
    const value = block[name][i];
    if (value !== undefined && value !== null) Object.defineProperty(record, name, { value, enumerable: true }); // __proto__ too
  }
  return record;
}
