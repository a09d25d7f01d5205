import { displayBytes } from "../bytes/byte-string.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Why a file cannot be used as an image. */
export type ImageFileErrorCode =
  /** The file system does not give the file: `problem`. */
  | "IMAGE_UNREADABLE"
  /** Neither a SIF nor a SquashFS image. */
  | "IMAGE_FORMAT_UNKNOWN"
  /** The root partition is of a kind that is not read: `seen`. */
  | "PARTITION_UNSUPPORTED"
  /** Two objects of a SIF share bytes. */
  | "OBJECTS_OVERLAP"
  /** Two objects of a SIF have one ID: `id`, their descriptors' numbers from 1 `firstSlot` and `slot`. */
  | "OBJECT_ID_SHARED"
  /** An object that should be JSON is not: `problem`. */
  | "OBJECT_NOT_JSON"
  /** The image does not hold what its build recorded: `what`, `seen`, `recorded`. */
  | "COUNT_MISMATCH"
  /** A path that does not lead to what was asked for. */
  | "PATH_UNSUITABLE";

const DAMAGED = "The file is damaged; fetch or build it again.";

const MESSAGES: MessageTable<ImageFileErrorCode> = {
  IMAGE_UNREADABLE: (d) => `Cannot open image "${d["path"]}": ${d["problem"]}.`,
  IMAGE_FORMAT_UNKNOWN: (d) =>
    `Cannot open image "${d["path"]}": image format not recognized; it is neither a SIF nor a SquashFS file.`,
  PARTITION_UNSUPPORTED: (d) =>
    `Cannot read object ${d["id"]} of "${d["path"]}": it is a partition of the kind ${d["seen"]}, only Squashfs can be read.`,
  OBJECTS_OVERLAP: (d) =>
    `Objects ${d["first"]} and ${d["id"]} of "${d["path"]}" share bytes: one ends at ${d["end"]}, the other begins at ${d["offset"]}. ${DAMAGED}`,
  OBJECT_ID_SHARED: (d) =>
    `Two objects of "${d["path"]}" have the ID ${d["id"]}: descriptors ${d["firstSlot"]} (bytes ${d["firstOffset"]} to ${d["firstEnd"]}) and ${d["slot"]} (bytes ${d["offset"]} to ${d["end"]}) of its table. ${DAMAGED}`,
  OBJECT_NOT_JSON: (d) =>
    `Object ${d["id"]} of "${d["path"]}" at byte ${d["offset"]} is not JSON: ${d["problem"]}. ${DAMAGED}`,
  COUNT_MISMATCH: (d) =>
    `Object ${d["id"]} of "${d["path"]}" at byte ${d["offset"]} does not hold what its build recorded: ${d["what"]} is ${d["seen"]}, recorded ${d["recorded"]}. ${DAMAGED}`,
  PATH_UNSUITABLE: (d) => `"${displayBytes(String(d["name"]))}" in "${d["path"]}" ${d["problem"]}.`,
};

/** An image file that cannot be opened, or that is not what its build made. */
export class ImageFileError extends SifonError {
  declare readonly code: ImageFileErrorCode;

  constructor(code: ImageFileErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
