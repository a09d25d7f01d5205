import { quote } from "../bytes/printable.ts";
import { systemReason } from "../bytes/system-reason.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Why a definition cannot be built. */
export type BuildErrorCode =
  | "SCRIPT_FAILED"
  | "CHANGES_UNREADABLE"
  | "COMMAND_IN_PATH"
  | "VARIABLE_UNSET"
  | "COPY_FAILED"
  | "BASE_UNVERIFIED"
  | "BASE_UNSIGNED";

/** What Apptainer says of each section's failure. */
const FAILURES: Readonly<Record<string, string>> = {
  pre: "failed to run %pre script",
  setup: "failed to run %setup script",
  post: "while running engine: while running %post section",
  test: "failed to execute %test script",
};

const reason = (d: ErrorDetails): string => (d.cause instanceof Error ? systemReason(d.cause) : String(d.reason));

const MESSAGES: MessageTable<BuildErrorCode> = {
  SCRIPT_FAILED: (d) => `${FAILURES[String(d.section)]}: ${d.status}`,
  CHANGES_UNREADABLE: (d) =>
    `Cannot read what the scripts changed in the container: tar said ${quote(d.seen)}. GNU tar 1.28 or later is needed (Debian's package: tar); programs that a script leaves running must not write any more.`,
  COMMAND_IN_PATH: (d) =>
    `the path ${quote(d.path)} has a command to run in it, which Sifon does not do there. Use a build argument for what differs from build to build.`,
  VARIABLE_UNSET: (d) =>
    `the path ${quote(d.path)} has the variable ${d.variable}, which is not set in the environment. Set it, or write \\$ for a dollar sign.`,
  BASE_UNVERIFIED: (d) => `conveyor failed to get: while checking fingerprint: ${d.reason}`,
  BASE_UNSIGNED: (d) =>
    `Cannot check who signed ${quote(d.path)}: it is a ${d.kind}, and only SIF files have signatures. Name a SIF file in From, or leave Fingerprints out.`,
  COPY_FAILED: (d) =>
    `unable to copy files ${d.stage === undefined ? "from host" : "from stage"} to container fs: ${d.name}:${d.line}: while copying ${quote(d.source)} to ${quote(d.destination)}: ${reason(d)}`,
};

/** A definition that cannot be built. `details`: `name` of the definition, what the code's message tells. */
export class BuildError extends SifonError {
  declare readonly code: BuildErrorCode;

  constructor(code: BuildErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
