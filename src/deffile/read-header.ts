import type { HeaderValue } from "./definition.ts";
import { type DefinitionProblem, quoted } from "./errors.ts";
import { isSilent, type SourceLine } from "./source-lines.ts";

/** All keywords that a header may have, whatever agent uses them. `otherurl` takes digits behind it. */
const KEYWORDS: ReadonlySet<string> = new Set([
  "bootstrap",
  "from",
  "includecmd",
  "mirrorurl",
  "updateurl",
  "osversion",
  "include",
  "library",
  "registry",
  "namespace",
  "stage",
  "product",
  "user",
  "regcode",
  "productpgp",
  "registerurl",
  "modules",
  "otherurl",
  "fingerprints",
  "confurl",
  "setopt",
]);

/** Reads `Key: value` lines. Keywords come out in lower case; one that comes twice has its last value. */
export function readHeader(
  lines: readonly SourceLine[],
  onProblem: (problem: DefinitionProblem) => void,
): Map<string, HeaderValue> {
  const header = new Map<string, HeaderValue>();
  for (const { text, line } of joinContinued(lines)) {
    const colon = text.indexOf(":");
    const keyword = (colon < 0 ? text : text.slice(0, colon)).trim().toLowerCase();
    if (colon < 0) {
      onProblem({ line, seen: `header key ${quoted(text)} had no val`, expected: `"Keyword: value", or a section` });
    } else if (!KEYWORDS.has(keyword.replace(/^(otherurl)\d+$/, "$1"))) {
      const known = [...KEYWORDS].join(", ");
      onProblem({ line, seen: `invalid header keyword found: ${quoted(keyword)}`, expected: `one of ${known}` });
    } else {
      header.set(keyword, { value: text.slice(colon + 1).trim(), line });
    }
  }
  return header;
}

/**
 * A line that ends in `\` goes on with the next one; `\n\` breaks the line within the value. Comments go, on
 * lines of their own and behind values.
 */
function joinContinued(lines: readonly SourceLine[]): SourceLine[] {
  const joined: SourceLine[] = [];
  let open: { text: string; readonly line: number } | undefined;
  for (const line of lines) {
    if (isSilent(line)) continue;
    const text = (line.text.split("#", 1)[0] as string).trim();
    const goesOn = text.endsWith("\\");
    const part = goesOn ? text.slice(0, -1).replace(/\\n$/, "\n") : text;
    if (open === undefined) open = { text: part, line: line.line };
    else open.text += part;
    if (goesOn) continue;
    joined.push(open);
    open = undefined;
  }
  if (open !== undefined) joined.push(open);
  return joined;
}
