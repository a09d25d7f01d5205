import { dirname } from "node:path";
import { quote } from "../bytes/printable.ts";
import { systemReason } from "../bytes/system-reason.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type SinkErrorCode =
  | "OUTPUT_EXISTS"
  | "OUTPUT_IS_DIRECTORY"
  | "OUTPUT_IS_TERMINAL"
  | "OUTPUT_NOT_A_FILE"
  | "OPEN_FAILED"
  | "DISK_FULL"
  | "SPACE_TOO_SMALL"
  | "FILE_TOO_LARGE"
  | "WRITE_FAILED"
  | "CLOSED_OUTPUT";

/** The output: in our words (`what`), or by its path. */
const output = (d: ErrorDetails) => (d.what === undefined ? quote(d.path) : String(d.what));

function openAdvice(d: ErrorDetails): string {
  if (d.openAdvice !== undefined) return String(d.openAdvice);
  switch ((d.cause as NodeJS.ErrnoException | undefined)?.code) {
    case "ENOENT":
    case "ENOTDIR":
      return `The directory ${quote(dirname(String(d.path)))} is not there: make it first, or name another place.`;
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "Name a place that you may write to.";
    case "ENAMETOOLONG":
      return "Choose a shorter name.";
    default:
      return "Name another place.";
  }
}

const mebibytes = (bytes: unknown) => `${(Number(bytes) / 2 ** 20).toFixed(1)} MiB`;

const MESSAGES: MessageTable<SinkErrorCode> = {
  OUTPUT_EXISTS: (d) => `Cannot write ${output(d)}: the file already exists.`,
  OUTPUT_IS_DIRECTORY: (d) => `Cannot write ${output(d)}: it is a directory. Name a file.`,
  OUTPUT_IS_TERMINAL: () =>
    "Cannot write the image to a terminal. Redirect the standard output to a file or a pipe, or name a file.",
  OUTPUT_NOT_A_FILE: (d) =>
    `Cannot write ${output(d)}: it is a ${d.kind}, which an image does not replace. Name a file, a named pipe, or - for the standard output.`,
  OPEN_FAILED: (d) => `Cannot open ${output(d)} for writing: ${systemReason(d.cause)}. ${openAdvice(d)}`,
  DISK_FULL: (d) =>
    `Cannot write ${output(d)} at byte ${d.offset}: ${systemReason(d.cause)}. Free some space, or ${d.advice ?? "write to another file system"}.`,
  SPACE_TOO_SMALL: (d) =>
    `Not enough space in ${quote(d.path)}: ${mebibytes(d.free)} are free, the image will need about ${mebibytes(d.likely)} and hardly less than ${mebibytes(d.least)}. Free some space, or write to another file system.`,
  FILE_TOO_LARGE: (d) =>
    `Cannot write ${output(d)} at byte ${d.offset}: the file system or a limit (ulimit -f) allows no larger file.`,
  WRITE_FAILED: (d) => `Cannot write ${output(d)} at byte ${d.offset}: ${systemReason(d.cause)}.`,
  CLOSED_OUTPUT: (d) =>
    `Cannot write ${output(d)} at byte ${d.offset}: whoever reads it closed it early. Look for an error of that command.`,
};

/** Output that cannot be written. `details`: `path` (or `what`, where it has none), `offset` (bytes from the sink's start), `cause`. */
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
export function toOpenError(cause: unknown, details: ErrorDetails): SinkError {
  const isFull = CODES.get((cause as NodeJS.ErrnoException).code) === "DISK_FULL";
  return new SinkError(isFull ? "DISK_FULL" : "OPEN_FAILED", { ...details, offset: 0, cause });
}

const CODES: ReadonlyMap<string | undefined, SinkErrorCode> = new Map([
  ["ENOSPC", "DISK_FULL"],
  ["EDQUOT", "DISK_FULL"],
  ["EFBIG", "FILE_TOO_LARGE"],
  ["EPIPE", "CLOSED_OUTPUT"],
  ["ECONNRESET", "CLOSED_OUTPUT"],
]);
