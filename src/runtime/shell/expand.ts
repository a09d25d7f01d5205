import { hasPattern, type PatternPart, patternRegExp, patternSource } from "./pattern.ts";
import type { ShellState } from "./state.ts";
import { type Operation, ShellUnsupported, type Word, type WordPart } from "./syntax.ts";

/** An expanded piece: `split` where it came from an unquoted parameter, `quoted` where nothing of it is active. */
interface Piece {
  readonly text: string;
  readonly quoted: boolean;
  readonly split: boolean;
  /** Ends a field: between the parameters of "$@". */
  readonly breaks?: boolean;
}

/** `${NAME?word}` of a name without a value ends the script. */
export class ParameterError extends Error {}

/** One text: as the value of an assignment, in `case`, behind a redirection. Nothing is split or looked up. */
export function expandText(word: Word, state: ShellState): string {
  return expand(word, state)
    .map(({ text, breaks }) => (breaks === true ? " " : text))
    .join("");
}

/** A pattern for `case`, `#` and `%`. */
export function expandPattern(word: Word, state: ShellState): PatternPart[] {
  const parts = expand(word, state).map(({ text, quoted }) => ({ text, literal: quoted }));
  if (parts.some(({ text }) => text.includes("[:"))) throw new ShellUnsupported("a class of characters ([:…:])", 0);
  return parts;
}

/** The fields of a command's word: split by IFS, then matched against file names. */
export async function expandFields(word: Word, state: ShellState): Promise<string[]> {
  const fields: string[] = [];
  for (const field of splitFields(expand(word, state), state.get("IFS") ?? " \t\n")) {
    const parts = field.map(({ text, quoted }) => ({ text, literal: quoted }));
    const text = parts.map((part) => part.text).join("");
    const found = hasPattern(parts) ? await matchPaths(parts, state) : [];
    fields.push(...(found.length > 0 ? found : [text]));
  }
  return fields;
}

function expand(word: Word, state: ShellState): Piece[] {
  return word.flatMap((part) => expandPart(part, state));
}

function expandPart(part: WordPart, state: ShellState): Piece[] {
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
    case "unsupported":
      throw new ShellUnsupported(part.what, part.line);
    case "parameter":
      return expandParameter(part, state);
  }
}

const active = (text: string, quoted: boolean): Piece => ({ text, quoted, split: !quoted });

function expandParameter(part: WordPart & { kind: "parameter" }, state: ShellState): Piece[] {
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
      const text = expandText(operation.word, state);
      state.set(name, text);
      return [active(text, quoted)];
    }
    case "?":
      if (missing)
        throw new ParameterError(`${name}: ${expandText(operation.word, state) || "parameter null or not set"}`);
      return [active(value, quoted)];
    default:
      if (isAll) throw new ShellUnsupported(`a pattern on $${name}`, 0);
      return [active(cut(value ?? "", operation, state), quoted)];
  }
}

/** The word of an operation; what is unquoted in it is split like the parameter itself. */
function inside({ word }: Operation, quoted: boolean, state: ShellState): Piece[] {
  const pieces = expand(word, state);
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
  return state.get(name);
}

function cut(value: string, operation: Operation, state: ShellState): string {
  const pattern = expandPattern(operation.word, state);
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
