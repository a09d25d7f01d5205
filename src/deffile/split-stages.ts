import type { DefinitionProblem } from "./errors.ts";
import { isSilent, splitLines } from "./source-lines.ts";

/** A stage as it is written. */
export interface StageText {
  readonly text: string;
  /** Its first line in the file. */
  readonly line: number;
}

// Apptainer cuts before every line that begins with this, even within a section.
const STAGE_START = /^bootstrap:/gim;
const SECTION_START = /^[^\S\n]*%/m;

/**
 * Cuts a definition into its stages. Blank lines and comments in front of the first stage are no part of it.
 * A file with one `Bootstrap` may have other keywords in front of it.
 * Deviates: Apptainer refuses that, though its own older versions wrote such files. Shown by test/deffile/split-stages.test.ts.
 */
export function splitStages(text: string, onProblem: (problem: DefinitionProblem) => void): StageText[] {
  const starts = [...text.matchAll(STAGE_START)].map(({ index }) => index);
  const first = starts[0] ?? 0;
  const before = text.slice(0, first);
  const speaking = splitLines(before).find((line) => !isSilent(line));
  if (speaking !== undefined) {
    if (starts.length === 1 && !SECTION_START.test(before)) starts[0] = 0;
    else if (SECTION_START.test(before)) {
      onProblem({
        line: speaking.line,
        seen: "multiple stages detected, all must have headers: a section stands in front of the first Bootstrap",
        expected: "Bootstrap and the other header keywords first",
      });
    } else {
      onProblem({
        line: speaking.line,
        seen: "a header keyword in front of the first Bootstrap",
        expected: "Bootstrap as the first keyword of each stage",
      });
    }
  }
  if (starts.length === 0) {
    return splitLines(text).every(isSilent) ? [] : [{ text, line: 1 }];
  }
  return starts.map((start, index) => ({
    text: text.slice(start, starts[index + 1] ?? text.length),
    line: text.slice(0, start).split("\n").length,
  }));
}
