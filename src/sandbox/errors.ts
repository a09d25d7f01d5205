import { displayBytes } from "../bytes/byte-string.ts";
import { quote } from "../bytes/printable.ts";
import { systemReason } from "../bytes/system-reason.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Why a sandbox cannot be written or read. */
export type SandboxErrorCode =
  | "OUTPUT_EXISTS"
  | "WRITE_FAILED"
  | "READ_FAILED"
  | "FILE_CHANGED"
  | "TEMPORARY_FOLDER_FAILED";

const at = (d: ErrorDetails): string => (d.path === undefined ? "" : ` at "${displayBytes(String(d.path))}"`);

const MESSAGES: MessageTable<SandboxErrorCode> = {
  OUTPUT_EXISTS: (d) => `Cannot write the sandbox "${d.target}": it already exists.`,
  WRITE_FAILED: (d) => `Cannot write the sandbox "${d.target}"${at(d)}: ${systemReason(d.cause)}.`,
  READ_FAILED: (d) => `Cannot read the sandbox "${d.source}"${at(d)}: ${systemReason(d.cause)}.`,
  FILE_CHANGED: (d) =>
    `Cannot read the sandbox "${d.source}"${at(d)}: the file had ${d.limit} bytes, now it has ${d.seen}. Something else is writing to it.`,
  TEMPORARY_FOLDER_FAILED: (d) =>
    `Cannot make a folder for temporary files in ${quote(d.path)}: ${systemReason(d.cause)}. Let TMPDIR name a directory that is there, that you may write to, and that has space.`,
};

/** A sandbox that cannot be read or written. `details`: `source` or `target`, `path` inside, `cause`. */
export class SandboxError extends SifonError {
  constructor(code: SandboxErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
