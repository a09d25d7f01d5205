import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type BytesErrorCode = "UNEXPECTED_END" | "SOURCE_TRUNCATED" | "NOT_A_FILE" | "FILE_TOO_LARGE";

/** What to do, other than to read from there. */
const instead = (kind: unknown): string =>
  kind === "a directory"
    ? "Name a file in it."
    : "An image is read at many places: copy the bytes into a file, and name that.";

const MESSAGES: MessageTable<BytesErrorCode> = {
  UNEXPECTED_END: (d) =>
    `Cannot read ${d.name} past byte ${d.offset}: it ends there, but ${d.needed} more bytes belong to it. It is cut short; fetch it again.`,
  SOURCE_TRUNCATED: (d) =>
    `Cannot read "${d.source}" at byte ${d.offset}: the file ended at ${d.seen}, ${d.limit} when it was opened. Something else is writing to it.`,
  NOT_A_FILE: (d) => `Cannot read "${d.path}": it is ${d.kind}, not an image file. ${instead(d.kind)}`,
  FILE_TOO_LARGE: (d) => `Cannot read "${d.path}": it has more than ${d.limit} bytes. Name the file that is meant.`,
};

/** Bytes that are not there: a stream ends before its contents do, a file has shrunk since it was opened, there is no file, or too large a one. */
export class BytesError extends SifonError {
  declare readonly code: BytesErrorCode;

  constructor(code: BytesErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
