// Elements, and the words and signs in them.

const $ = (id) => document.getElementById(id);
const main = $("main"), panel = $("panel"), search = $("search"), results = $("results");

const when = (ms) => new Date(ms).toISOString().replace("T", " ").replace(/\.\d*Z$/, " UTC");
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many ?? one + "s"}`;

// el makes an element. Children that are no elements become visible text: nothing here makes markup of a string.
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : ["title", "aria-label", "placeholder"].includes(name) ? visible(value) : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false).map((child) => (child instanceof Node ? child : visible(child))));
  return element;
}

function svg(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = visible(text);
  return element;
}

// visible shows what has no shape of its own, or turns the direction of writing, as its code.
function visible(text) {
  return String(text).replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu, (c) => {
    const code = c.codePointAt(0);
    return code < 256 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16);
  });
}

const count = (n) => n.toLocaleString("en-US");

// label is what the things of a type are called: Applications of sentinelone_application; singular is what one is.
const label = (kind) => (singular(kind) + "s").replace(/([^aeiou])ys$/, "$1ies");
function singular(kind) {
  const words = kind.type.slice(kind.type.indexOf("_") + 1).replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

const marks = {
  created: { sign: "+", word: "created" },
  updated: { sign: "~", word: "updated" },
  rekeyed: { sign: "›", word: "renamed" },
  deleted: { sign: "−", word: "deleted" },
};

// badge marks what changed in the last run.
function badge(op, withWord) {
  const mark = marks[op];
  return mark && el("span", { class: "badge " + op, title: `${mark.word} in the last run` }, withWord ? mark.word : mark.sign, withWord ? null : el("span", { class: "unseen" }, " " + mark.word));
}

const notice = (title, ...rest) => el("div", { class: "notice" }, el("p", { class: "title" }, title), rest.length ? el("p", {}, rest) : null);
