/**
 * Most values, and names of members, in one document. V8 takes 20 to 100 bytes for each, and two bytes of text are
 * enough for one; what images say of themselves has dozens.
 */
export const MAX_JSON_VALUES = 100_000;

/**
 * JSON of an image, which anybody may have written: its size is for the caller to bound.
 * @throws SyntaxError where it is no JSON, or has too many values
 */
export function parseJson(text: string): unknown {
  if (countValues(text) > MAX_JSON_VALUES) throw new SyntaxError(`JSON with more than ${MAX_JSON_VALUES} values`);
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `,` `:` `[` `{`: in front of all values but the first. */
const OPENING: ReadonlySet<number> = new Set([0x2c, 0x3a, 0x5b, 0x7b]);

function countValues(text: string): number {
  let count = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    else if (OPENING.has(code)) count++;
  }
  return count;
}

/** Where the quote stands that ends a string; the text's end where none does. */
function endOfString(text: string, start: number): number {
  for (let at = start; ; at++) {
    const end = text.indexOf('"', at);
    if (end < 0) return text.length;
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH && end - 1 - escapes >= start) escapes++;
    if (escapes % 2 === 0) return end;
    at = end;
  }
}
