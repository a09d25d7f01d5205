/**
 * What Go's encoding/json can be given: a Map is Go's map (keys come out sorted), a plain object is a
 * struct (members come out in their order), bytes are a string that need not be UTF-8.
 */
export type GoValue =
  | string
  | Uint8Array
  | number
  | boolean
  | readonly GoValue[]
  | ReadonlyMap<string, GoValue>
  | { readonly [member: string]: GoValue };

/**
 * JSON exactly as Go's json.Marshal writes it, or json.MarshalIndent when an indent is given: HTML
 * characters escaped, maps sorted bytewise. Lone surrogates come out as U+FFFD, as Go reads them.
 */
export function goJson(value: GoValue, options: { readonly indent?: string } = {}): string {
  return encode(value, options.indent, "\n");
}

function encode(value: GoValue, indent: string | undefined, newline: string): string {
  if (typeof value === "string") return quote(value);
  if (value instanceof Uint8Array) return quoteBytes(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const inner = indent === undefined ? "" : newline + indent;
  const outer = indent === undefined ? "" : newline;
  const colon = indent === undefined ? ":" : ": ";
  if (isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${inner}${value.map((item) => encode(item, indent, inner)).join(`,${inner}`)}${outer}]`;
  }
  const members = isMap(value) ? [...value].sort(([a], [b]) => compareUtf8(a, b)) : Object.entries(value);
  if (members.length === 0) return "{}";
  const lines = members.map(([key, member]) => `${quote(key)}${colon}${encode(member, indent, inner)}`);
  return `{${inner}${lines.join(`,${inner}`)}${outer}}`;
}

const isArray = (value: GoValue): value is readonly GoValue[] => Array.isArray(value);
const isMap = (value: GoValue): value is ReadonlyMap<string, GoValue> => value instanceof Map;

/** Order of Go strings: by bytes of UTF-8, which differs from UTF-16 order above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
}

// encoding/json with its default EscapeHTML: these, and control characters, are escaped; DEL is not.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
const ESCAPED = /["\\<>&\u0000-\u001f\u2028\u2029]/g;

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function quote(text: string): string {
  const wellFormed = Buffer.from(text, "utf8").toString("utf8");
  const escaped = (char: string): string => SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `"${wellFormed.replace(ESCAPED, escaped)}"`;
}

/** A run of whole UTF-8 sequences, or one byte that begins none (Unicode 15, table 3-7); over bytes as latin1. */
const UTF8_RUN =
  /((?:[^\x80-\xff]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+)|./gs;

/** Go writes an escaped U+FFFD for each byte that is not UTF-8. */
function quoteBytes(bytes: Uint8Array): string {
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const parts = stored.replace(UTF8_RUN, (_, run: string | undefined) =>
    run === undefined ? "\\ufffd" : quote(Buffer.from(run, "latin1").toString("utf8")).slice(1, -1),
  );
  return `"${parts}"`;
}
