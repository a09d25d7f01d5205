import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Why a definition cannot be built. */
export type BuildErrorCode = "SCRIPT_FAILED" | "CHANGES_UNREADABLE";

/** What Apptainer says of each section's failure. */
const FAILURES: Readonly<Record<string, string>> = {
  pre: "failed to run %pre script",
  setup: "failed to run %setup script",
  post: "while running engine: while running %post section",
  test: "failed to execute %test script",
};

const MESSAGES: MessageTable<BuildErrorCode> = {
  SCRIPT_FAILED: (d) => `${FAILURES[String(d.section)]}: ${d.status}`,
  CHANGES_UNREADABLE: (d) =>
    `Cannot read what the scripts changed in the container: tar said ${JSON.stringify(d.seen)}. GNU tar 1.28 or later is needed (Debian's package: tar); programs that a script leaves running must not write any more.`,
};

/** A definition that cannot be built. `details`: `name` of the definition, what the code's message tells. */
export class BuildError extends SifonError {
  declare readonly code: BuildErrorCode;

  constructor(code: BuildErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
