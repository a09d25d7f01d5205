import { quote } from "../bytes/printable.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** One thing that is wrong in a definition file. */
export interface DefinitionProblem {
  /** From 1; 0 where the file as a whole is meant. */
  readonly line: number;
  /** What was seen, untrusted text in quotes. */
  readonly seen: string;
  /** What belongs there, or what to do. */
  readonly expected: string;
}

/** Why a definition cannot be read, or not be built as asked for. */
export type DeffileErrorCode =
  | "DEFINITION_INVALID"
  | "BUILD_ARGUMENT_INVALID"
  | "BUILD_ARGUMENT_UNUSED"
  | "SECTION_UNKNOWN";

const MESSAGES: MessageTable<DeffileErrorCode> = {
  DEFINITION_INVALID: (d) => {
    const problems = d.problems as readonly DefinitionProblem[];
    const [first] = problems;
    const more = problems.length - 1;
    return `${first === undefined ? d.name : formatProblem(String(d.name), first)}${more > 0 ? ` (and ${more} more)` : ""}`;
  },
  BUILD_ARGUMENT_INVALID: (d) =>
    `Cannot use ${d.origin}: ${quote(d.seen)} is not a key=value pair. Write NAME=VALUE, where NAME has letters, digits and underscores.`,
  BUILD_ARGUMENT_UNUSED: (d) =>
    `unused build args: ${(d.names as readonly string[]).join(" ")}. Use option --warn-unused-build-args to show a warning instead of a fatal message`,
  SECTION_UNKNOWN: (d) => `section specification error: ${d.problem}`,
};

/** A definition that says nothing that can be built. `details`: `name` of the file, `problems`. */
export class DeffileError extends SifonError {
  declare readonly code: DeffileErrorCode;

  constructor(code: DeffileErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}

/** `app.def:3: invalid header keyword found: "foo"; expected one of …` */
export function formatProblem(name: string, { line, seen, expected }: DefinitionProblem): string {
  return `${name}${line === 0 ? "" : `:${line}`}: ${seen}; expected ${expected}`;
}

/** Text of the file in a message: in quotes, not longer than a line. */
export function quoted(text: string): string {
  return quote(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
