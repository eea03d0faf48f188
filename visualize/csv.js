// CSV, as RFC 4180 has it. A cell is one line of printable text that no spreadsheet takes for a formula, by the same rules as
// those of s1graph query --csv: who names a computer must not be able to run something on the analyst's.

const formula = /(^|;)([\s"']*)([=+\-@\t\r\uff1d\uff0b\uff0d\uff20])/g;

function csvCell(value) {
  let text = String(value ?? "");
  if (typeof value !== "number") text = /^[\t\r]/.test(text) ? "'" + text : text.replace(formula, "$1'$2$3");
  text = text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} \u200c\u200d]/gu, (c) => {
    const code = c.codePointAt(0);
    return code < 128 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
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
