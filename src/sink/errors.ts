import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type SinkErrorCode =
  | "OUTPUT_EXISTS"
  | "OUTPUT_IS_DIRECTORY"
  | "OUTPUT_IS_TERMINAL"
  | "OPEN_FAILED"
  | "DISK_FULL"
  | "SPACE_TOO_SMALL"
  | "FILE_TOO_LARGE"
  | "WRITE_FAILED"
  | "CLOSED_OUTPUT";

const systemReason = (d: ErrorDetails) => (d.cause instanceof Error ? d.cause.message : String(d.cause ?? "unknown"));

const mebibytes = (bytes: unknown) => `${(Number(bytes) / 2 ** 20).toFixed(1)} MiB`;

const MESSAGES: MessageTable<SinkErrorCode> = {
  OUTPUT_EXISTS: (d) => `Cannot write "${d.path}": the file already exists. Use --force to overwrite it.`,
  OUTPUT_IS_DIRECTORY: (d) => `Cannot write "${d.path}": it is a directory. Name a file.`,
  OUTPUT_IS_TERMINAL: () =>
    "Cannot write the image to a terminal. Redirect the standard output to a file or a pipe, or name a file.",
  OPEN_FAILED: (d) => `Cannot open "${d.path}" for writing: ${systemReason(d)}.`,
  DISK_FULL: (d) =>
    `Cannot write "${d.path}" at byte ${d.offset}: no space is left there (${systemReason(d)}). Free some space, or ${d.advice ?? "write to another file system"}.`,
  SPACE_TOO_SMALL: (d) =>
    `Not enough space in "${d.path}": ${mebibytes(d.free)} are free, the image will need about ${mebibytes(d.likely)} and hardly less than ${mebibytes(d.least)}. Free some space, write to another file system, or give --ignore-space to try all the same.`,
  FILE_TOO_LARGE: (d) =>
    `Cannot write "${d.path}" at byte ${d.offset}: the file system or a limit (ulimit -f) allows no larger file.`,
  WRITE_FAILED: (d) => `Cannot write "${d.path}" at byte ${d.offset}: ${systemReason(d)}.`,
  CLOSED_OUTPUT: (d) =>
    `Cannot write ${d.path} at byte ${d.offset}: whoever reads it closed it early. Look for an error of that command.`,
};

/** Output that cannot be written. `details`: `path`, `offset` (bytes from the sink's start), `cause`. */
export class SinkError extends SifonError {
  declare readonly code: SinkErrorCode;

  constructor(code: SinkErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}

/** The error of the operating system as ours. */
export function toSinkError(cause: unknown, details: ErrorDetails): SinkError {
  const systemCode = (cause as NodeJS.ErrnoException | undefined)?.code;
  return new SinkError(CODES.get(systemCode) ?? "WRITE_FAILED", { ...details, cause });
}

/** Why a file cannot be opened for writing, as ours. */
export function toOpenError(cause: unknown, path: string, advice?: string): SinkError {
  const isFull = CODES.get((cause as NodeJS.ErrnoException).code) === "DISK_FULL";
  const details = { path, offset: 0, cause, ...(advice === undefined ? {} : { advice }) };
  return new SinkError(isFull ? "DISK_FULL" : "OPEN_FAILED", details);
}

const CODES: ReadonlyMap<string | undefined, SinkErrorCode> = new Map([
  ["ENOSPC", "DISK_FULL"],
  ["EDQUOT", "DISK_FULL"],
  ["EFBIG", "FILE_TOO_LARGE"],
  ["EPIPE", "CLOSED_OUTPUT"],
  ["ECONNRESET", "CLOSED_OUTPUT"],
]);
