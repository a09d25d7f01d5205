import type { DefinitionLabel } from "./definition.ts";
import { isSilent, type SourceLine } from "./source-lines.ts";

/** Reads the lines of %labels and %applabels, and those that scripts leave: a key, and behind a blank its value. */
export function readLabelLines(lines: readonly SourceLine[]): DefinitionLabel[] {
  return lines
    .filter((line) => !isSilent(line))
    .map(({ text, line }) => {
      const [, key = "", value = ""] = /^\s*(\S+)\s*(.*?)\s*$/s.exec(text) ?? [];
      return { key, value, line };
    });
}
