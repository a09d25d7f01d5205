import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type TreeErrorCode = "NAMES_TOO_LARGE";

const MESSAGES: MessageTable<TreeErrorCode> = {
  NAMES_TOO_LARGE: (d) =>
    `Cannot hold the image's file tree: its names, symlinks' targets or attributes take more than ${d.limit} bytes. Split the image.`,
};

/** A file tree that is larger than can be kept. Details: `limit`, in bytes. */
export class TreeError extends SifonError {
  declare readonly code: TreeErrorCode;

  constructor(code: TreeErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
