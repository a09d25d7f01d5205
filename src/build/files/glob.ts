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
          if (separator === "" || (await lister.list(front + name)) !== undefined) next.push(front + name + separator);
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

const TOKEN = /\\(.)|\[[!^]?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]|\*+|\?|./gsu;

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
  try {
    return new RegExp(`^${source}$`, "su");
  } catch {
    // A range that runs backwards, as in [z-a], matches nothing.
    return /(?!)/;
  }
}

function bracketSource(token: string): string {
  const negated = /^\[[!^]/.test(token);
  const inner = token.slice(negated ? 2 : 1, -1);
  const source = inner.replace(
    /\[:(\w+):\]|\\(.)|-|./gsu,
    (part, name: string | undefined, escaped: string | undefined) => {
      if (name !== undefined) return (Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined) ?? "";
      if (escaped !== undefined) return classLiteral(escaped);
      return part === "-" ? part : classLiteral(part);
    },
  );
  // A dash at an end stands for itself.
  const dashed = source.replace(/^-/, "\\-").replace(/-$/, "\\-");
  return `[${negated ? "^" : ""}${dashed}]`;
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
const classLiteral = (text: string): string =>
  text.replace(/[\\^\-[\]&|~!#$%*+,.:;<=>?@`{}()/]/g, (c) => (/[\\^\-[\]]/.test(c) ? `\\${c}` : c));
