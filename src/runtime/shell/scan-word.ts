import { type Operation, ShellSyntaxError, ShellUnsupported, type Word, type WordPart } from "./syntax.ts";

/** What ends an unquoted word (POSIX.1-2017, XCU 2.3). */
const META = new Set(" \t\n;&|<>()");
const NAME_START = /[A-Za-z_]/;
const NAME_PART = /[A-Za-z0-9_]/;
const OPERATORS = ["-", "=", "?", "+"] as const;

/** A place in a script. */
export class Cursor {
  readonly text: string;
  at = 0;
  line = 1;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  peek(ahead = 0): string {
    return this.text[this.at + ahead] ?? "";
  }

  next(): string {
    const char = this.peek();
    this.at += 1;
    if (char === "\n") this.line += 1;
    return char;
  }

  /** Takes `text` if it comes next. */
  take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    for (let i = 0; i < text.length; i++) this.next();
    return true;
  }
}

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
    else if (char === "`") parts.push(skipBackquotes(cursor));
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
  else if (char === "(") parts.push(skipParentheses(cursor, line));
  else if (NAME_START.test(char)) parts.push({ kind: "parameter", name: scanName(cursor), quoted });
  else if (/[0-9@*#?]/.test(char)) parts.push({ kind: "parameter", name: cursor.next(), quoted });
  else if (/[$!-]/.test(char)) parts.push({ kind: "unsupported", what: `the parameter $${cursor.next()}`, line });
  else if ((char === "'" || char === '"') && !quoted)
    parts.push({ kind: "unsupported", what: `the quotes $${cursor.next()}`, line });
  else parts.add("$", quoted);
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
  const operation = name === "" || length ? undefined : scanOperation(cursor, quoted);
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

/** In quotes, too, `\}` inside `${…}` is a brace: there it has no other way to be one. */
function closingBraces(parts: readonly WordPart[]): Word {
  return parts.map((part) => (part.kind === "text" ? { ...part, text: part.text.replaceAll("\\}", "}") } : part));
}

/** `~` and `~/…` in front of a word; what names a user is not looked up. */
export function withHome(parts: readonly WordPart[]): Word {
  const first = parts[0];
  if (first?.kind !== "text" || first.quoted || !first.text.startsWith("~")) return parts;
  const rest = first.text.slice(1);
  const alone = rest === "" && parts.length === 1;
  if (!alone && !rest.startsWith("/") && !rest.startsWith(":")) return parts;
  return [{ kind: "home" }, ...(rest === "" ? [] : [{ ...first, text: rest }]), ...parts.slice(1)];
}

function skipBackquotes(cursor: Cursor): WordPart {
  const { line } = cursor;
  cursor.next();
  while (!cursor.done && cursor.peek() !== "`") if (cursor.next() === "\\") cursor.next();
  if (!cursor.take("`")) throw new ShellSyntaxError("reached EOF without closing quote `", line);
  return { kind: "unsupported", what: "the output of a command (`…`)", line };
}

function skipParentheses(cursor: Cursor, line: number): WordPart {
  const what = cursor.peek(1) === "(" ? "arithmetic ($((…)))" : "the output of a command ($(…))";
  let depth = 0;
  do {
    if (cursor.done) throw new ShellSyntaxError("reached EOF without matching ( with )", line);
    const char = cursor.next();
    if (char === "(") depth += 1;
    else if (char === ")") depth -= 1;
    else skipInner(char, cursor);
  } while (depth > 0);
  return { kind: "unsupported", what, line };
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

/** Splits `NAME=value` in front of a word; undefined where it is none. */
export function splitAssignment(word: Word): { readonly name: string; readonly value: Word } | undefined {
  const [first, ...rest] = word;
  if (first?.kind !== "text" || first.quoted) return undefined;
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(\+?)=/.exec(first.text);
  const name = match?.[1];
  if (match === null || name === undefined) return undefined;
  if (match[2] === "+") throw new ShellUnsupported("an assignment with +=", 0);
  const text = first.text.slice(match[0].length);
  return { name, value: withHome(text === "" ? rest : [{ ...first, text }, ...rest]) };
}
