import { parseArithmetic } from "./arithmetic.ts";
import { Cursor } from "./cursor.ts";
import {
  type Alteration,
  type Arithmetic,
  type Assignment,
  type Operation,
  ShellSyntaxError,
  ShellUnsupported,
  type Word,
  type WordPart,
} from "./syntax.ts";

/** What ends an unquoted word (POSIX.1-2017, XCU 2.3). */
const META = new Set(" \t\n;&|<>()");
const NAME_START = /[A-Za-z_]/;
const NAME_PART = /[A-Za-z0-9_]/;
const OPERATORS = ["-", "=", "?", "+"] as const;

/** Gathers text by whether it was quoted. */
class Parts {
  readonly list: WordPart[] = [];
  #text = "";
  #quoted = false;
  #any = false;

  add(text: string, quoted: boolean): void {
    if (this.#any && this.#quoted !== quoted) this.flush();
    this.#any = true;
    this.#quoted = quoted;
    this.#text += text;
  }

  push(part: WordPart): void {
    this.flush();
    this.list.push(part);
  }

  flush(): void {
    if (this.#any) this.list.push({ kind: "text", text: this.#text, quoted: this.#quoted });
    this.#text = "";
    this.#any = false;
  }
}

/** Reads one word up to what ends it. */
export function scanWord(cursor: Cursor): Word {
  const parts = new Parts();
  scanParts(cursor, parts, { quoted: false, isEnd: (char) => META.has(char) });
  parts.flush();
  return withHome(parts.list);
}

/** A whole text as the inside of double quotes: what `"${text}"` would be. Throws where a quote in it would end them. */
export function scanQuoted(text: string): Word {
  const cursor = new Cursor(text);
  const parts = new Parts();
  parts.add("", true);
  scanParts(cursor, parts, { quoted: true, isEnd: (char) => char === '"' });
  if (!cursor.done) throw new ShellSyntaxError('a " ends the quotes', cursor.line);
  parts.flush();
  return parts.list;
}

interface ScanRules {
  /** Inside double quotes. */
  readonly quoted: boolean;
  readonly isEnd: (char: string) => boolean;
}

function scanParts(cursor: Cursor, parts: Parts, rules: ScanRules): void {
  const { quoted, isEnd } = rules;
  while (!cursor.done && !isEnd(cursor.peek())) {
    const char = cursor.peek();
    if (char === "\\") scanEscape(cursor, parts, quoted);
    else if (char === "$") scanDollar(cursor, parts, quoted);
    else if (char === "`") parts.push(scanBackquotes(cursor, quoted));
    else if (char === '"') scanDoubleQuotes(cursor, parts);
    else if (char === "'" && !quoted) scanSingleQuotes(cursor, parts);
    else parts.add(cursor.next(), quoted);
  }
}

function scanEscape(cursor: Cursor, parts: Parts, quoted: boolean): void {
  cursor.next();
  if (cursor.done) {
    parts.add("\\", true);
    return;
  }
  const char = cursor.next();
  // A backslash in front of a line's end joins the lines.
  if (char === "\n") return;
  if (quoted && !'$`"\\'.includes(char)) parts.add(`\\${char}`, true);
  else parts.add(char, true);
}

function scanSingleQuotes(cursor: Cursor, parts: Parts): void {
  const { line } = cursor;
  cursor.next();
  const end = cursor.text.indexOf("'", cursor.at);
  if (end < 0) throw new ShellSyntaxError("reached EOF without closing quote '", line);
  parts.add("", true);
  while (cursor.at < end) parts.add(cursor.next(), true);
  cursor.next();
}

function scanDoubleQuotes(cursor: Cursor, parts: Parts): void {
  const { line } = cursor;
  cursor.next();
  const start = cursor.at;
  scanParts(cursor, parts, { quoted: true, isEnd: (char) => char === '"' });
  // Nothing in quotes is an empty text, but "$@" without parameters is nothing at all.
  if (cursor.text.slice(start, cursor.at).replaceAll("\\\n", "") === "") parts.add("", true);
  if (!cursor.take('"')) throw new ShellSyntaxError('reached EOF without closing quote "', line);
}

function scanDollar(cursor: Cursor, parts: Parts, quoted: boolean): void {
  const { line } = cursor;
  cursor.next();
  const char = cursor.peek();
  if (char === "{") scanBraces(cursor, parts, quoted, line);
  else if (char === "(") parts.push(scanParentheses(cursor, quoted, line));
  else if (NAME_START.test(char)) parts.push({ kind: "parameter", name: scanName(cursor), quoted });
  else if (/[0-9@*#?$]/.test(char)) parts.push({ kind: "parameter", name: cursor.next(), quoted });
  else if (/[!-]/.test(char)) parts.push({ kind: "unsupported", what: `the parameter $${cursor.next()}`, line });
  else if (char === "'" && !quoted) parts.add(scanAnsiQuotes(cursor), true);
  // Only a translation of the text would make a difference.
  else if (char === '"' && !quoted) scanDoubleQuotes(cursor, parts);
  else parts.add("$", quoted);
}

/** One `$…` as a word of its own that is not split. */
function scanDollarWord(cursor: Cursor): Word {
  const parts = new Parts();
  scanDollar(cursor, parts, true);
  parts.flush();
  return parts.list;
}

const ANSI_ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", e: "\x1b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", "'": "'", '"': '"', "?": "?" },
};

/** `$'…'` (POSIX.1-2024, XCU 2.2.4), but for characters by their numbers. */
function scanAnsiQuotes(cursor: Cursor): string {
  const { line } = cursor;
  cursor.next();
  let text = "";
  while (!cursor.done && cursor.peek() !== "'") {
    const char = cursor.next();
    const letter = char === "\\" ? cursor.next() : undefined;
    const meant = letter === undefined ? char : ANSI_ESCAPES[letter];
    if (meant === undefined) throw new ShellUnsupported(`\\${letter} in $'…'`, line);
    text += meant;
  }
  if (!cursor.take("'")) throw new ShellSyntaxError("reached EOF without closing quote '", line);
  return text;
}

export function scanName(cursor: Cursor): string {
  let name = "";
  while (NAME_PART.test(cursor.peek())) name += cursor.next();
  return name;
}

function scanBraces(cursor: Cursor, parts: Parts, quoted: boolean, line: number): void {
  cursor.next();
  const length = cursor.peek() === "#" && cursor.peek(1) !== "}";
  if (length) cursor.next();
  const name = /[0-9]/.test(cursor.peek())
    ? scanName(cursor)
    : NAME_START.test(cursor.peek())
      ? scanName(cursor)
      : /[@*#?]/.test(cursor.peek())
        ? cursor.next()
        : "";
  if (cursor.take("}") && name !== "") {
    parts.push(length ? { kind: "length", name, quoted } : { kind: "parameter", name, quoted });
    return;
  }
  if (name === "" && cursor.match(/^![A-Za-z_]\w*\}/) !== null) {
    cursor.next();
    parts.push({ kind: "indirect", name: scanName(cursor), quoted });
    cursor.next();
    return;
  }
  const operation = name === "" || length ? undefined : scanOperation(cursor, quoted);
  const alteration = operation === undefined && !length && NAME_START.test(name) ? scanAlteration(cursor) : undefined;
  if (alteration !== undefined) {
    if (!cursor.take("}")) throw new ShellSyntaxError("reached EOF without matching ${ with }", line);
    parts.push({ kind: "altered", name, quoted, alteration });
    return;
  }
  if (operation === undefined) {
    skipBraces(cursor, line);
    parts.push({ kind: "unsupported", what: "an expansion that POSIX does not have", line });
    return;
  }
  if (!cursor.take("}")) throw new ShellSyntaxError("reached EOF without matching ${ with }", line);
  parts.push({ kind: "parameter", name, quoted, operation });
}

function scanOperation(cursor: Cursor, quoted: boolean): Operation | undefined {
  const colon = cursor.peek() === ":" && OPERATORS.some((operator) => operator === cursor.peek(1));
  if (colon) cursor.next();
  const simple = OPERATORS.find((operator) => operator === cursor.peek());
  const pattern = (["##", "#", "%%", "%"] as const).find((one) => cursor.text.startsWith(one, cursor.at));
  const operator = simple ?? pattern;
  if (operator === undefined) return undefined;
  cursor.take(operator);
  const parts = new Parts();
  // The word of a pattern is not in the quotes around it; that of the others is.
  const inner = quoted && simple !== undefined;
  scanParts(cursor, parts, { quoted: inner, isEnd: (char) => char === "}" });
  parts.flush();
  const list = inner ? closingBraces(parts.list) : withHome(parts.list);
  return { operator, colon, word: list };
}

/**
 * What bash adds to POSIX, of which Apptainer's interpreter has these: a part of the text, one by another, the case.
 * Undefined for all else.
 */
function scanAlteration(cursor: Cursor): Alteration | undefined {
  const letters = cursor.match(/^(\^\^?|,,?)\}/)?.[1];
  if (letters !== undefined) {
    cursor.take(letters);
    return { kind: "case", upper: letters.startsWith("^"), all: letters.length === 2 };
  }
  if (cursor.take(":")) {
    const offset = parseArithmetic(cursor, [":", "}"], scanDollarWord);
    const length = cursor.take(":") ? parseArithmetic(cursor, ["}"], scanDollarWord) : undefined;
    return { kind: "part", offset, length };
  }
  if (!cursor.take("/")) return undefined;
  const all = cursor.take("/");
  const scan = (isEnd: (char: string) => boolean): Word => {
    const parts = new Parts();
    scanParts(cursor, parts, { quoted: false, isEnd });
    parts.flush();
    return parts.list;
  };
  const pattern = scan((char) => char === "/" || char === "}");
  return { kind: "replace", all, pattern, by: cursor.take("/") ? scan((char) => char === "}") : [] };
}

/** In quotes, too, `\}` inside `${…}` is a brace: there it has no other way to be one. */
function closingBraces(parts: readonly WordPart[]): Word {
  return parts.map((part) => (part.kind === "text" ? { ...part, text: part.text.replaceAll("\\}", "}") } : part));
}

/** `~` and `~/…` in front of a word; what names a user has to be looked up by a shell. */
export function withHome(parts: readonly WordPart[]): Word {
  const first = parts[0];
  if (first?.kind !== "text" || first.quoted || !first.text.startsWith("~")) return parts;
  const rest = first.text.slice(1);
  const alone = rest === "" && parts.length === 1;
  if (/^[A-Za-z_][\w.-]*([/:]|$)/.test(rest) && (parts.length === 1 || /[/:]/.test(rest)))
    return [{ kind: "unsupported", what: "the home directory of a user (~NAME)", line: 0 }];
  if (!alone && !rest.startsWith("/") && !rest.startsWith(":")) return parts;
  return [{ kind: "home" }, ...(rest === "" ? [] : [{ ...first, text: rest }]), ...parts.slice(1)];
}

function scanBackquotes(cursor: Cursor, quoted: boolean): WordPart {
  const { line } = cursor;
  cursor.next();
  let text = "";
  while (!cursor.done && cursor.peek() !== "`") {
    const char = cursor.next();
    // POSIX.1-2017, XCU 2.6.3: there a backslash is one in front of these alone.
    if (char === "\\" && (/[$`\\]/.test(cursor.peek()) || (quoted && cursor.peek() === '"'))) text += cursor.next();
    else text += char;
  }
  if (!cursor.take("`")) throw new ShellSyntaxError("reached EOF without closing quote `", line);
  return { kind: "substitution", text, quoted, line };
}

function scanParentheses(cursor: Cursor, quoted: boolean, line: number): WordPart {
  const expression = cursor.peek(1) === "(" ? scanArithmetic(cursor) : undefined;
  if (expression !== undefined) return { kind: "arithmetic", expression, quoted, line };
  const start = cursor.at + 1;
  let depth = 0;
  do {
    if (cursor.done) throw new ShellSyntaxError("reached EOF without matching ( with )", line);
    const char = cursor.next();
    if (char === "(") depth += 1;
    else if (char === ")") depth -= 1;
    else skipInner(char, cursor);
  } while (depth > 0);
  return { kind: "substitution", text: cursor.text.slice(start, cursor.at - 1), quoted, line };
}

/** `((…))`; undefined, and nothing is taken, where it is none: two subshells in each other, perhaps. */
export function scanArithmetic(cursor: Cursor): Arithmetic | undefined {
  const { at, line } = cursor;
  try {
    cursor.take("((");
    const expression = parseArithmetic(cursor, ["))"], scanDollarWord);
    cursor.take("))");
    return expression;
  } catch (error) {
    if (!(error instanceof ShellSyntaxError)) throw error;
    cursor.at = at;
    cursor.line = line;
    return undefined;
  }
}

function skipBraces(cursor: Cursor, line: number): void {
  let depth = 1;
  while (depth > 0) {
    if (cursor.done) throw new ShellSyntaxError("reached EOF without matching ${ with }", line);
    const char = cursor.next();
    if (char === "{") depth += 1;
    else if (char === "}") depth -= 1;
    else skipInner(char, cursor);
  }
}

/** Escaped and quoted characters inside something that is skipped. */
function skipInner(char: string, cursor: Cursor): void {
  if (char === "\\") cursor.next();
  if (char !== "'" && char !== '"') return;
  while (!cursor.done && cursor.peek() !== char) if (cursor.next() === "\\" && char === '"') cursor.next();
  cursor.next();
}

/** A word that stands for exactly one text, as reserved words do; undefined where it is quoted or has expansions. */
export function plainText(word: Word): string | undefined {
  const [part, more] = word;
  return part?.kind === "text" && !part.quoted && more === undefined ? part.text : undefined;
}

/** Splits `NAME=value` and `NAME+=value` in front of a word; undefined where it is none. */
export function splitAssignment(word: Word): Assignment | undefined {
  const [first, ...rest] = word;
  if (first?.kind !== "text" || first.quoted) return undefined;
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(\+?)=/.exec(first.text);
  const name = match?.[1];
  if (match === null || name === undefined) return undefined;
  const text = first.text.slice(match[0].length);
  const value = withHome(text === "" ? rest : [{ ...first, text }, ...rest]);
  return { name, appends: match[2] === "+", value };
}
