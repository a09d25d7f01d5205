import { type ByteString, displayBytes, toByteString } from "../../bytes/byte-string.ts";

/** Where files are looked for. */
export interface PathLister {
  /** Names in a directory, links followed; undefined where the path leads to none. */
  list(directory: ByteString): Promise<readonly ByteString[] | undefined>;
  /** Whether there is something of that name, be it a link that leads nowhere. */
  exists(path: ByteString): Promise<boolean>;
}

/**
 * Finds the paths that a pattern stands for, by the rules of bash without its options: `*`, `?` and `[…]` within a
 * name, no leading dot unless it is written, a backslash takes the meaning from what follows. In the order of bytes. A
 * pattern that matches nothing, or has no wildcard, stands for itself, backslashes taken off.
 */
export async function expandGlob(pattern: string, lister: PathLister): Promise<ByteString[]> {
  const itself = [toByteString(withoutBackslashes(pattern))];
  if (!hasWildcard(pattern)) return itself;
  const [, slashes = "", rest = ""] = /^(\/*)(.*)$/s.exec(pattern) ?? [];
  let found: ByteString[] = [slashes];
  const segments = rest.split(/(\/+)/);
  for (let at = 0; at < segments.length; at += 2) {
    const segment = segments[at] as string;
    const separator = segments[at + 1] ?? "";
    const next: ByteString[] = [];
    for (const front of found) {
      if (segment === "") next.push(front);
      else if (!hasWildcard(segment)) next.push(front + toByteString(withoutBackslashes(segment)) + separator);
      else {
        const names = await matching(segment, front, lister);
        for (const name of names) {
          // Bash makes one of several slashes behind a wildcard.
          const end = separator === "" ? "" : "/";
          if (separator === "" || (await lister.list(front + name)) !== undefined) next.push(front + name + end);
        }
      }
    }
    found = next;
  }
  const there: ByteString[] = [];
  for (const path of found) if (await lister.exists(path)) there.push(path);
  return there.length === 0 ? itself : there;
}

async function matching(segment: string, directory: ByteString, lister: PathLister): Promise<ByteString[]> {
  const regExp = segmentRegExp(segment);
  const names = (await lister.list(directory === "" ? "." : directory)) ?? [];
  const seesDots = segment.startsWith(".") || segment.startsWith("\\.");
  return names.filter((name) => (seesDots || !name.startsWith(".")) && regExp.test(displayBytes(name))).sort();
}

function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern.replace(/\\./gs, ""));
}

function withoutBackslashes(pattern: string): string {
  return pattern.replace(/\\(.)/gs, "$1");
}

/** In brackets: a class is one even where that leaves them open, and a bracket that comes first closes nothing. */
const MEMBER = String.raw`\[:\w+:\]|\\.|(?!\[:\w+:\])[^\]\\]`;
const TOKEN = new RegExp(String.raw`\\(.)|\[(?:[!^]|(?![!^]))(?:\]|${MEMBER})(?:${MEMBER})*\]|\*+|\?|.`, "gsu");

/** POSIX character classes in the terms of regular expressions. */
const CLASSES: Readonly<Record<string, string>> = {
  alnum: "\\p{L}\\p{N}",
  alpha: "\\p{L}",
  blank: " \\t",
  cntrl: "\\p{Cc}",
  digit: "0-9",
  lower: "\\p{Ll}",
  punct: "\\p{P}\\p{S}",
  space: "\\s",
  upper: "\\p{Lu}",
  xdigit: "0-9A-Fa-f",
};

function segmentRegExp(segment: string): RegExp {
  const source = segment.replace(TOKEN, (token, escaped: string | undefined) => {
    if (escaped !== undefined) return literal(escaped);
    if (token.startsWith("*")) return ".*";
    if (token === "?") return ".";
    return token.length > 1 && token.startsWith("[") ? bracketSource(token) : literal(token);
  });
  return new RegExp(`^${source}$`, "su");
}

function bracketSource(token: string): string {
  const isNegated = /^\[[!^]/.test(token);
  const inner = token.slice(isNegated ? 2 : 1, -1);
  const members = [...inner.matchAll(/\[:(\w+):\]|\\?(.)/gsu)];
  let source = "";
  for (let at = 0; at < members.length; at++) {
    const [, name, from = ""] = members[at] as RegExpExecArray;
    const [dash] = members[at + 1] ?? [];
    const [, , to] = members[at + 2] ?? [];
    if (name !== undefined) source += (Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined) ?? "";
    else if (dash === "-" && to !== undefined) {
      at += 2;
      // A range that runs backwards, as in [z-a], has nothing in it. Strings compare otherwise: by halves of pairs.
      if (codePoint(from) <= codePoint(to)) source += `${classLiteral(from)}-${classLiteral(to)}`;
    } else source += classLiteral(from);
  }
  return `[${isNegated ? "^" : ""}${source}]`;
}

const codePoint = (character: string): number => character.codePointAt(0) as number;
const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
const classLiteral = (text: string): string =>
  text.replace(/[\\^\-[\]&|~!#$%*+,.:;<=>?@`{}()/]/g, (c) => (/[\\^\-[\]]/.test(c) ? `\\${c}` : c));
