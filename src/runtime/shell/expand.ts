import { hasPattern, type PatternPart, patternRegExp, patternSource } from "./pattern.ts";
import type { ShellState } from "./state.ts";
import {
  type Alteration,
  type Arithmetic,
  NAME,
  type Operation,
  ShellUnsupported,
  type Word,
  type WordPart,
} from "./syntax.ts";

/** An expanded piece: `split` where it came from an unquoted parameter, `quoted` where nothing of it is active. */
interface Piece {
  readonly text: string;
  readonly quoted: boolean;
  readonly split: boolean;
  /** Ends a field: between the parameters of "$@". */
  readonly breaks?: boolean;
}

/** Of one word: what a program gets would be too much for the kernel by far. */
const MAX_FIELDS = 50_000;
/** Characters that a replacement may come to, were each of the text's replaced. */
const MAX_REPLACED = 16 * 1024 * 1024;

/** `${NAME?word}` of a name without a value ends the script. */
export class ParameterError extends Error {}

/** One text: as the value of an assignment, in `case`, behind a redirection. Nothing is split or looked up. */
export async function expandText(word: Word, state: ShellState): Promise<string> {
  return (await expand(word, state)).map(({ text, breaks }) => (breaks === true ? " " : text)).join("");
}

/** A pattern for `case`, `#` and `%`. */
export async function expandPattern(word: Word, state: ShellState): Promise<PatternPart[]> {
  const parts = (await expand(word, state)).map(({ text, quoted }) => ({ text, literal: quoted }));
  if (parts.some(({ text }) => text.includes("[:"))) throw new ShellUnsupported("a class of characters ([:…:])", 0);
  return parts;
}

/** The fields of a command's word: split by IFS, then matched against file names. */
export async function expandFields(word: Word, state: ShellState): Promise<string[]> {
  const fields: string[] = [];
  const split = splitFields(await expand(word, state), state.get("IFS") ?? " \t\n");
  if (split.length > MAX_FIELDS) throw new ShellUnsupported(`more than ${MAX_FIELDS} words`, 0);
  for (const field of split) {
    const parts = field.map(({ text, quoted }) => ({ text, literal: quoted }));
    const text = parts.map((part) => part.text).join("");
    const found = hasPattern(parts) ? await matchPaths(parts, state) : [];
    if (found.length === 0) fields.push(text);
    else for (const path of found) fields.push(path);
  }
  return fields;
}

async function expand(word: Word, state: ShellState): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for (const part of word) for (const piece of await expandPart(part, state)) pieces.push(piece);
  return pieces;
}

async function expandPart(part: WordPart, state: ShellState): Promise<Piece[]> {
  switch (part.kind) {
    case "text":
      return [{ text: part.text, quoted: part.quoted, split: false }];
    case "home": {
      const home = state.get("HOME");
      if (home === undefined) throw new ShellUnsupported("~ without HOME", 0);
      return [{ text: home, quoted: true, split: false }];
    }
    case "length": {
      if (part.name === "@" || part.name === "*") throw new ShellUnsupported(`\${#${part.name}}`, 0);
      // Characters count, as `?` matches one of them, whatever the locale: so does Apptainer's interpreter.
      const value = Array.from(parameterValue(part.name, state) ?? "");
      return [active(String(value.length), part.quoted)];
    }
    case "arithmetic":
      return [active(String(await evaluateArithmetic(part.expression, state)), part.quoted)];
    case "substitution": {
      if (state.substitute === undefined) throw new ShellUnsupported("the output of a command ($(…))", part.line);
      return [active((await state.substitute(part.text, part.line)).replace(/\n+$/, ""), part.quoted)];
    }
    case "indirect": {
      const name = parameterValue(part.name, state) ?? "";
      if (!NAME.test(name)) throw new ShellUnsupported(`\${!${part.name}}`, 0);
      return [active(parameterValue(name, state) ?? "", part.quoted)];
    }
    case "altered":
      return [active(await alter(parameterValue(part.name, state) ?? "", part.alteration, state), part.quoted)];
    case "unsupported":
      throw new ShellUnsupported(part.what, part.line);
    case "parameter":
      return expandParameter(part, state);
  }
}

/** The value of an expression, which may assign. */
export function evaluateArithmetic(expression: Arithmetic, state: ShellState): Promise<bigint> {
  return expression({
    value: (name) => parameterValue(name, state),
    assign: (name, value) => {
      if (state.readOnly.has(name)) throw new ShellUnsupported(`an assignment to ${name}`, 0);
      state.set(name, value);
    },
    expand: (word) => expandText(word, state),
  });
}

async function alter(value: string, alteration: Alteration, state: ShellState): Promise<string> {
  const chars = Array.from(value);
  switch (alteration.kind) {
    case "part": {
      const offset = Number(await evaluateArithmetic(alteration.offset, state));
      const start = offset < 0 ? chars.length + offset : offset;
      const length = alteration.length && Number(await evaluateArithmetic(alteration.length, state));
      if (start < 0 || (length ?? 0) < 0) throw new ShellUnsupported("a part in front of a text", 0);
      return chars.slice(start, length === undefined ? undefined : start + length).join("");
    }
    case "case": {
      const change = (text: string) => (alteration.upper ? text.toUpperCase() : text.toLowerCase());
      // What has no one letter for it (ß) is no matter of shells.
      if (/\P{ASCII}/u.test(value)) throw new ShellUnsupported("the case of letters beyond ASCII", 0);
      return alteration.all ? change(value) : change(value.slice(0, 1)) + value.slice(1);
    }
    case "replace": {
      const pattern = await expandPattern(alteration.pattern, state);
      const first = pattern[0];
      // `#` and `%` in front tie it to an end, and `&` stands for what matched, in some shells only.
      if (first !== undefined && !first.literal && /^[#%]/.test(first.text))
        throw new ShellUnsupported("a replacement that is tied to an end", 0);
      const by = await expandPattern(alteration.by, state);
      if (by.some(({ text, literal }) => !literal && text.includes("&")))
        throw new ShellUnsupported("& in a replacement", 0);
      const source = patternSource(pattern, { slashes: true });
      if (source === "") return value;
      if (value.length * by.reduce((sum, { text }) => sum + text.length, 1) > MAX_REPLACED)
        throw new ShellUnsupported("a replacement in so long a text", 0);
      const matcher = new RegExp(source, alteration.all ? "gsu" : "su");
      if (new RegExp(`^(?:${source})$`, "su").test("")) throw new ShellUnsupported("a pattern that matches nothing", 0);
      return value.replace(matcher, () => by.map(({ text }) => text).join(""));
    }
  }
}

const active = (text: string, quoted: boolean): Piece => ({ text, quoted, split: !quoted });

async function expandParameter(part: WordPart & { kind: "parameter" }, state: ShellState): Promise<Piece[]> {
  const { name, quoted, operation } = part;
  const isAll = name === "@" || name === "*";
  if (operation === undefined)
    return isAll ? expandAll(name, quoted, state) : [active(parameterValue(name, state) ?? "", quoted)];
  const value = isAll
    ? state.positional.length === 0
      ? undefined
      : state.positional.join(" ")
    : parameterValue(name, state);
  const missing = value === undefined || (operation.colon && value === "");
  switch (operation.operator) {
    case "+":
      return missing ? [active("", quoted)] : inside(operation, quoted, state);
    case "-":
      if (missing) return inside(operation, quoted, state);
      return isAll ? expandAll(name, quoted, state) : [active(value, quoted)];
    case "=": {
      if (!missing) return [active(value, quoted)];
      if (!/^[A-Za-z_]/.test(name) || state.readOnly.has(name))
        throw new ShellUnsupported(`an assignment to ${name}`, 0);
      const text = await expandText(operation.word, state);
      state.set(name, text);
      return [active(text, quoted)];
    }
    case "?":
      if (missing)
        throw new ParameterError(
          `${name}: ${(await expandText(operation.word, state)) || "parameter null or not set"}`,
        );
      return [active(value, quoted)];
    default:
      if (isAll) throw new ShellUnsupported(`a pattern on $${name}`, 0);
      return [active(await cut(value ?? "", operation, state), quoted)];
  }
}

/** The word of an operation; what is unquoted in it is split like the parameter itself. */
async function inside({ word }: Operation, quoted: boolean, state: ShellState): Promise<Piece[]> {
  const pieces = await expand(word, state);
  if (pieces.length === 0) return [active("", quoted)];
  return pieces.map((piece) =>
    quoted || piece.quoted ? { ...piece, quoted: true, split: false } : { ...piece, split: true },
  );
}

/** `$*` in quotes is one field; `$@` in quotes a field for each, `$@` and `$*` without quotes split on. */
function expandAll(name: "@" | "*" | string, quoted: boolean, state: ShellState): Piece[] {
  const { positional } = state;
  if (quoted && name === "*") {
    const separator = (state.get("IFS") ?? " ").slice(0, 1);
    return [active(positional.join(separator), true)];
  }
  const pieces: Piece[] = [];
  for (const [index, text] of positional.entries()) {
    if (index > 0) pieces.push({ text: "", quoted: true, split: false, breaks: true });
    pieces.push(active(text, quoted));
  }
  return pieces;
}

function parameterValue(name: string, state: ShellState): string | undefined {
  if (/^\d+$/.test(name)) return name === "0" ? state.scriptName : state.positional[Number(name) - 1];
  if (name === "#") return String(state.positional.length);
  if (name === "?") return String(state.status);
  if (name === "$") {
    if (state.pid === undefined) throw new ShellUnsupported("the number of the shell's process ($$)", 0);
    return String(state.pid);
  }
  if (name === "LINENO") return state.get(name) ?? String(state.line);
  return state.get(name);
}

async function cut(value: string, operation: Operation, state: ShellState): Promise<string> {
  const pattern = await expandPattern(operation.word, state);
  const front = operation.operator.startsWith("#");
  const longest = operation.operator.length === 2;
  if (front) {
    const source = patternSource(pattern, { slashes: true, lazy: !longest });
    return value.replace(new RegExp(`^(?:${source})`, "su"), "");
  }
  // From the end: the shortest or longest tail that matches as a whole.
  const whole = patternRegExp(pattern, { slashes: true });
  const chars = Array.from(value);
  for (let taken = 0; taken <= chars.length; taken++) {
    const start = longest ? taken : chars.length - taken;
    if (whole.test(chars.slice(start).join(""))) return chars.slice(0, start).join("");
  }
  return value;
}

/** POSIX.1-2017, XCU 2.6.5. A field that is quoted stays, even empty. */
function splitFields(pieces: readonly Piece[], separators: string): Piece[][] {
  const fields: Piece[][] = [];
  let field: Piece[] | undefined;
  const end = () => {
    if (field !== undefined) fields.push(field);
    field = undefined;
  };
  const add = (piece: Piece) => {
    field ??= [];
    field.push(piece);
  };
  const blank = (char: string) => separators.includes(char) && /[ \t\n]/.test(char);
  for (const piece of pieces) {
    if (piece.breaks === true) {
      end();
    } else if (!piece.split) {
      if (piece.text !== "" || piece.quoted) add(piece);
    } else {
      let text = "";
      let justSplit = false;
      for (const char of piece.text) {
        if (!separators.includes(char)) {
          text += char;
          justSplit = false;
          continue;
        }
        if (text !== "") add({ ...piece, text });
        text = "";
        if (blank(char)) {
          if (field !== undefined) {
            end();
            justSplit = true;
          }
        } else if (justSplit) {
          justSplit = false;
        } else {
          field ??= [{ ...piece, text: "", quoted: true }];
          end();
        }
      }
      if (text !== "") add({ ...piece, text });
    }
  }
  end();
  return fields;
}

/** Paths that match, in byte order; leading dots have to be matched by a dot. */
async function matchPaths(parts: readonly PatternPart[], state: ShellState): Promise<string[]> {
  if (parts.some(({ text }) => text.includes("[:"))) throw new ShellUnsupported("a class of characters ([:…:])", 0);
  const steps: PatternPart[][] = [[]];
  for (const { text, literal } of parts) {
    for (const [index, piece] of text.split("/").entries()) {
      if (index > 0) steps.push([]);
      if (piece !== "") steps.at(-1)?.push({ text: piece, literal });
    }
  }
  if (steps[0]?.length !== 0) throw new ShellUnsupported("a pattern of file names in the working directory", 0);
  let paths = [""];
  for (const [index, step] of steps.slice(1).entries()) {
    const last = index === steps.length - 2;
    const plain = step.map(({ text }) => text).join("");
    const next: string[] = [];
    for (const path of paths) {
      if (!hasPattern(step)) {
        const full = `${path}/${plain}`;
        if (!last || plain === "" || (await state.view.look(full)) !== undefined) next.push(full);
        continue;
      }
      const matcher = patternRegExp(step, { slashes: false });
      const names = await state.view.list(path === "" ? "/" : path);
      const found = names.filter((name) => matcher.test(name) && (!name.startsWith(".") || plain.startsWith(".")));
      next.push(...found.map((name) => `${path}/${name}`));
    }
    paths = next;
  }
  return paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
