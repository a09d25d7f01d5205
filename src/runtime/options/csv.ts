/**
 * One record as Go's encoding/csv reads it: fields between commas, quoted ones with `""` for a quote. Throws an
 * `Error` with Go's words, `column` counted from 1 in bytes.
 */
export function parseCsvRecord(text: string): string[] {
  const line = text.split(/\r?\n/, 1)[0] ?? "";
  if (text.trim() === "") throw new Error("EOF");
  const fields: string[] = [];
  const column = (at: number) => Buffer.byteLength(text.slice(0, at)) + 1;
  let at = 0;
  for (;;) {
    if (text[at] !== '"') {
      const comma = line.indexOf(",", at);
      const field = line.slice(at, comma < 0 ? undefined : comma);
      const quote = field.indexOf('"');
      if (quote >= 0)
        throw new Error(`parse error on line 1, column ${column(at + quote)}: bare " in non-quoted-field`);
      fields.push(field);
      if (comma < 0) return fields;
      at = comma + 1;
      continue;
    }
    let field = "";
    at += 1;
    for (;;) {
      const quote = text.indexOf('"', at);
      if (quote < 0)
        throw new Error(
          `parse error on line 1, column ${column(text.length)}: extraneous or missing " in quoted-field`,
        );
      field += text.slice(at, quote);
      at = quote + 1;
      if (text[at] !== '"') break;
      field += '"';
      at += 1;
    }
    fields.push(field);
    if (at >= text.length || text[at] === "\n") return fields;
    if (text[at] !== ",")
      throw new Error(`parse error on line 1, column ${column(at - 1)}: extraneous or missing " in quoted-field`);
    at += 1;
  }
}
