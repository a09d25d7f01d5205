import { displayBytes } from "../../bytes/byte-string.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../../errors.ts";

/** Parts of an image as errors name them. */
export type TableName =
  | "superblock"
  | "compressor options"
  | "inode table"
  | "directory table"
  | "fragment table"
  | "export table"
  | "id table"
  | "xattr table"
  | "xattr keys"
  | "data";

/** What is wrong with an image that is read. */
export type SquashfsReadErrorCode =
  /** No superblock here: another kind of file. */
  | "NOT_SQUASHFS"
  | "VERSION_UNSUPPORTED"
  | "COMPRESSOR_UNSUPPORTED"
  /** The superblock says what can not be: `field`, `seen`, `rule`. */
  | "SUPERBLOCK_INVALID"
  /** Fewer bytes than the superblock counts. */
  | "IMAGE_TRUNCATED"
  /** Tables overlap, stand in the wrong order or are not of the size that their counts ask for. */
  | "TABLE_MISPLACED"
  /** Something points outside its table. */
  | "REFERENCE_OUTSIDE"
  | "METADATA_OVERSIZE"
  | "METADATA_EMPTY"
  /** A metadata block or a record goes on past the end of its table. */
  | "METADATA_TRUNCATED"
  /** A metadata block that is not its table's last has fewer than 8192 bytes. */
  | "METADATA_SHORT"
  /** A metadata block does not decompress. */
  | "METADATA_CORRUPT"
  | "INODE_INVALID"
  | "DIRECTORY_INVALID"
  | "NAME_INVALID"
  /** A directory is reached twice: a cycle, or a directory with two names. */
  | "DIRECTORY_LOOP"
  | "XATTR_INVALID"
  /** A data block or fragment block has a size or a place that can not be. */
  | "BLOCK_INVALID"
  /** A data block or fragment block does not decompress, or to another size than its file says. */
  | "BLOCK_CORRUPT"
  /** Parts that read well disagree with each other; found by `verifyContent`. */
  | "CONTENT_MISMATCH"
  | "PATH_TOO_LONG"
  | "NOT_FOUND"
  | "NOT_A_DIRECTORY"
  | "NOT_A_FILE"
  | "NOT_A_SYMLINK"
  | "SYMLINK_LOOP"
  /** A file is larger than the caller allowed. */
  | "FILE_TOO_LARGE";

const DAMAGED = "The image is truncated or damaged; fetch or build it again.";

const source = (d: ErrorDetails): string => `"${d["source"] ?? "the image"}"`;
const path = (d: ErrorDetails): string => `"${displayBytes(String(d["path"] ?? ""))}" in ${source(d)}`;
const place = (d: ErrorDetails): string =>
  `Cannot read the ${d["table"]} of ${source(d)}${d["offset"] === undefined ? "" : ` at byte ${d["offset"]}`}`;
const fault = (d: ErrorDetails): string => `${place(d)}: ${d["rule"]}${seen(d)}. ${DAMAGED}`;
const seen = (d: ErrorDetails): string => {
  const found = d["seen"] === undefined ? "" : `, found ${d["seen"]}`;
  return d["limit"] === undefined ? found : `${found}, limit ${d["limit"]}`;
};

const MESSAGES: MessageTable<SquashfsReadErrorCode> = {
  NOT_SQUASHFS: (d) =>
    `Cannot read ${source(d)}: it is not a little-endian SquashFS image, whose first bytes are "hsqs".`,
  VERSION_UNSUPPORTED: (d) =>
    `Cannot read ${source(d)}: it is SquashFS ${d["seen"]}, only 4.0 is supported. Make it again with a current mksquashfs.`,
  COMPRESSOR_UNSUPPORTED: (d) =>
    `Cannot read ${source(d)}: it is compressed with ${d["compressor"]}, which Sifon has no decoder for. Make it again with gzip, lz4, xz or zstd.`,
  SUPERBLOCK_INVALID: (d) =>
    `Cannot read the superblock of ${source(d)}: ${d["field"]} is ${d["seen"]}, ${d["rule"]}. ${DAMAGED}`,
  IMAGE_TRUNCATED: (d) =>
    `Cannot read ${source(d)}: it ends at byte ${d["seen"]}, its superblock counts ${d["limit"]} bytes. Fetch or build it again.`,
  TABLE_MISPLACED: fault,
  REFERENCE_OUTSIDE: fault,
  METADATA_OVERSIZE: fault,
  METADATA_EMPTY: fault,
  METADATA_TRUNCATED: fault,
  METADATA_SHORT: fault,
  METADATA_CORRUPT: fault,
  INODE_INVALID: fault,
  DIRECTORY_INVALID: fault,
  NAME_INVALID: fault,
  DIRECTORY_LOOP: (d) => `${place(d)}: the directory ${path(d)} contains itself or has two names. ${DAMAGED}`,
  XATTR_INVALID: fault,
  BLOCK_INVALID: fault,
  BLOCK_CORRUPT: fault,
  CONTENT_MISMATCH: fault,
  PATH_TOO_LONG: (d) => `${place(d)}: a path is longer than ${d["limit"]} bytes. ${DAMAGED}`,
  NOT_FOUND: (d) => `There is no ${path(d)}.`,
  NOT_A_DIRECTORY: (d) => `${path(d)} is not a directory but a ${d["seen"]}.`,
  NOT_A_FILE: (d) => `${path(d)} is not a regular file but a ${d["seen"]}.`,
  NOT_A_SYMLINK: (d) => `${path(d)} is not a symlink but a ${d["seen"]}.`,
  SYMLINK_LOOP: (d) => `Cannot follow ${path(d)}: more than ${d["limit"]} symlinks lead to each other.`,
  FILE_TOO_LARGE: (d) => `Cannot read ${path(d)} whole: it has ${d["seen"]} bytes, limit ${d["limit"]}.`,
};

/**
 * What an image does not give: it is damaged, of a kind that is not supported, or lacks the path.
 * `details`: `source`; for damage `table`, `offset` (in the image), `rule`, `seen`, `limit`; else `path` (a byte string).
 */
export class SquashfsReadError extends SifonError {
  declare readonly code: SquashfsReadErrorCode;

  constructor(code: SquashfsReadErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
