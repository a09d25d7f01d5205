import type { SourceLine } from "./source-lines.ts";

/** A section as it is written. */
export interface RawSection {
  /** In lower case, without its `%`. */
  readonly name: string;
  /** What follows the name on its line, blanks around it taken off. */
  readonly rest: string;
  /** Of the name. */
  readonly line: number;
  readonly body: readonly SourceLine[];
}

/** A stage's lines by what they belong to. */
export interface StageParts {
  readonly header: readonly SourceLine[];
  readonly sections: readonly RawSection[];
}

/** Groups the lines of a stage: a line whose first word begins with `%` begins a section, wherever it stands. */
export function splitSections(lines: readonly SourceLine[]): StageParts {
  const header: SourceLine[] = [];
  const sections: (RawSection & { readonly body: SourceLine[] })[] = [];
  for (const line of lines) {
    const start = /^\s*%+(\S*)\s*(.*)$/.exec(line.text);
    if (start !== null) {
      const [, name = "", rest = ""] = start;
      sections.push({ name: name.toLowerCase(), rest: rest.trim(), line: line.line, body: [] });
    } else {
      (sections.at(-1)?.body ?? header).push(line);
    }
  }
  return { header, sections };
}
