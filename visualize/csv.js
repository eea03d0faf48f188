// CSV, as RFC 4180 has it. A cell is one line of printable text that no spreadsheet takes for a formula, as harmless.Cell makes
// it for s1graph query --csv: who names a computer must not be able to run something on the analyst's.

const formula = /(^|[;|])([\t\n\f\r \p{Z}"'\u200c\u200d]*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]|[\t\n\f\r \p{Z}]*[\t\r])/gu;
const named = { 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r" };

function csvCell(value) {
  let text = String(value ?? "");
  if (typeof value !== "number") text = text.replace(formula, "$1'$2");
  text = text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} \u200c\u200d]|\ufffd/gu, (c) => {
    const code = c.codePointAt(0), digits = code.toString(16);
    return named[code] ?? (code < 128 ? "\\x" + digits.padStart(2, "0") : code < 65536 ? "\\u" + digits.padStart(4, "0") : "\\U" + digits.padStart(8, "0"));
  });
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function saveCSV(kind, columns, numbers) {
  const valueOf = (c, number) => {
    const value = c.values[number];
    if (c.shape === "time") return value ? new Date(value).toISOString() : "";
    return typeof value === "number" ? value : textsOf(c, value).join("; ");
  };
  const lines = [["key", ...columns.map((c) => c.title)], ...numbers.map((number) => [keyOf(kind.base + number), ...columns.map((c) => valueOf(c, number))])];
  const blob = new Blob(lines.map((line) => line.map(csvCell).join(",") + "\r\n"), { type: "text/csv;charset=utf-8" });
  const link = el("a", { href: URL.createObjectURL(blob), download: `${about.instances[kind.instance].name.replace(/[^\w.-]+/g, "_")}-${label(kind).toLowerCase()}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
