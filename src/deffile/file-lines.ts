import type { FileTransfer } from "./definition.ts";
import { type DefinitionProblem, quoted } from "./errors.ts";
import { isSilent, type SourceLine } from "./source-lines.ts";

/** Words may be quoted in parts, as in a shell; a backslash stays, since it protects a wildcard. */
const WORD = /(?:"[^"]*"|'[^']*'|\\.|[^\s"'\\])+/gs;

/** Reads the lines of %files and %appfiles: a source, and where it goes. */
export function readFileLines(
  lines: readonly SourceLine[],
  onProblem: (problem: DefinitionProblem) => void,
): FileTransfer[] {
  const transfers: FileTransfer[] = [];
  for (const line of lines) {
    if (isSilent(line)) continue;
    const text = line.text.trim();
    const words = text.match(WORD) ?? [];
    const [source, destination = ""] = words.map(withoutQuotes);
    if (text.replace(WORD, "").trim() !== "") {
      onProblem({
        line: line.line,
        seen: `a quote without its end in ${quoted(text)}`,
        expected: "the same quote again",
      });
    } else if (words.length > 2) {
      onProblem({
        line: line.line,
        seen: `${words.length} words in ${quoted(text)}`,
        expected: 'a source and, after a blank, a destination; names with blanks in quotes: "a b"',
      });
    } else if (source === undefined || source === "") {
      onProblem({ line: line.line, seen: `an empty source in ${quoted(text)}`, expected: "the name of a file" });
    } else {
      transfers.push({ source, destination, line: line.line });
    }
  }
  return transfers;
}

function withoutQuotes(word: string): string {
  return word.replace(/"([^"]*)"|'([^']*)'/g, (_, double: string | undefined, single: string | undefined) =>
    double === undefined ? (single as string) : double,
  );
}
