/** A line of a definition, and where in the file it stands; what build arguments put in keeps its line's number. */
export interface SourceLine {
  /** Without its end. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/**
 * Cuts a text into lines. The end of the last one may be missing; a carriage return in front of an end goes, as
 * everywhere in Apptainer's parser.
 */
export function splitLines(text: string, firstLine = 1): SourceLine[] {
  if (text === "") return [];
  const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
  return lines.map((line, index) => ({
    text: line.endsWith("\r") ? line.slice(0, -1) : line,
    line: firstLine + index,
  }));
}

/** Whether nothing is said on a line: it is blank or a comment. */
export function isSilent({ text }: SourceLine): boolean {
  return /^\s*(?:#|$)/.test(text);
}
