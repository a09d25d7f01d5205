/** A piece of a pattern: text whose special characters count, or not. */
export interface PatternPart {
  readonly text: string;
  readonly literal: boolean;
}

/** Shell patterns (POSIX.1-2017, XCU 2.13) as a regular expression for a whole text; `slashes`: `*` and `?` match them. */
export function patternRegExp(parts: readonly PatternPart[], options: { readonly slashes: boolean }): RegExp {
  return new RegExp(`^${patternSource(parts, options)}$`, "su");
}

/** The same without anchors. */
export function patternSource(
  parts: readonly PatternPart[],
  { slashes, lazy = false }: { readonly slashes: boolean; readonly lazy?: boolean },
): string {
  const any = slashes ? "." : "[^/]";
  const chars = parts.flatMap(({ text, literal }) => Array.from(text).map((char) => ({ char, literal })));
  let source = "";
  for (let i = 0; i < chars.length; i++) {
    const { char, literal } = chars[i] as { char: string; literal: boolean };
    if (!literal && char === "*") source += `${any}*${lazy ? "?" : ""}`;
    else if (!literal && char === "?") source += any;
    else if (!literal && char === "[") {
      const end = bracketEnd(chars, i);
      if (end < 0) source += "\\[";
      else {
        source += bracket(chars.slice(i + 1, end));
        i = end;
      }
    } else source += escapeForRegExp(char);
  }
  return source;
}

interface PatternChar {
  readonly char: string;
  readonly literal: boolean;
}

/** A `]` right behind `[` or `[!` stands for itself. */
function bracketEnd(chars: readonly PatternChar[], start: number): number {
  let i = start + 1;
  if (chars[i]?.char === "!" || chars[i]?.char === "^") i += 1;
  if (chars[i]?.char === "]") i += 1;
  while (i < chars.length && !(chars[i]?.char === "]" && chars[i]?.literal === false)) i += 1;
  return i < chars.length ? i : -1;
}

function bracket(chars: readonly PatternChar[]): string {
  const first = chars[0];
  const negated = first !== undefined && !first.literal && (first.char === "!" || first.char === "^");
  const members = (negated ? chars.slice(1) : chars).map(({ char, literal }) =>
    char === "-" && literal ? "\\-" : char === "-" ? "-" : escapeForRegExp(char),
  );
  return `[${negated ? "^" : ""}${members.join("")}]`;
}

function escapeForRegExp(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

/** Whether a text has unquoted characters of a pattern. */
export function hasPattern(parts: readonly PatternPart[]): boolean {
  // A bracket alone, as the name of `test`, is a bracket.
  return parts.some(({ text, literal }) => !literal && /[*?]|\[.*\]/s.test(text));
}
