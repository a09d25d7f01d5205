import { displayBytes } from "../bytes/byte-string.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Codes of what cannot be written. */
export type SquashfsErrorCode =
  | "TOO_MANY_IDS"
  | "TABLE_TOO_LARGE"
  | "NAME_TOO_LONG"
  | "TARGET_TOO_LONG"
  | "DEVICE_OUT_OF_RANGE"
  | "FILE_TOO_LARGE"
  | "XATTR_TOO_LARGE";

const at = (d: ErrorDetails) => `"${displayBytes(String(d.path ?? ""))}"`;

const MESSAGES: MessageTable<SquashfsErrorCode> = {
  TOO_MANY_IDS: (d) =>
    `Cannot store the owner of ${at(d)}: the image has more than ${d.limit} different user and group ids, the most that SquashFS holds. Give the files fewer owners, or all of them to root.`,
  TABLE_TOO_LARGE: (d) =>
    `Cannot write the ${d.table} table: it is larger than ${d.limit} bytes, the most that SquashFS can address. The image has too many files.`,
  NAME_TOO_LONG: (d) =>
    `Cannot store ${at(d)}: its name is ${d.seen} bytes, SquashFS and Linux allow 1 to ${d.limit}. Rename it in the image.`,
  TARGET_TOO_LONG: (d) =>
    `Cannot store the symlink ${at(d)}: its target is ${d.seen} bytes, Linux allows 1 to ${d.limit}.`,
  DEVICE_OUT_OF_RANGE: (d) =>
    `Cannot store the device ${at(d)}: number ${d.major}:${d.minor} is outside 0…4095:0…1048575.`,
  FILE_TOO_LARGE: (d) => `Cannot store a file of ${d.seen} bytes: the limit is ${d.limit}.`,
  XATTR_TOO_LARGE: (d) =>
    `Cannot store the extended attribute "${displayBytes(String(d.name))}" of ${at(d)}: its ${d.what} is ${d.seen} bytes, Linux allows ${d.limit}.`,
};

/** What a SquashFS image cannot hold. `details.path` is a byte string. */
export class SquashfsError extends SifonError {
  declare readonly code: SquashfsErrorCode;

  constructor(code: SquashfsErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
