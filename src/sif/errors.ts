import { systemReason } from "../bytes/system-reason.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Why a SIF cannot be read, written or edited. */
export type SifErrorCode =
  | "HEADER_TRUNCATED"
  | "HEADER_DAMAGED"
  | "MAGIC_INVALID"
  | "VERSION_UNSUPPORTED"
  | "DESCRIPTORS_TRUNCATED"
  | "DESCRIPTORS_TOO_MANY"
  | "OBJECT_OUTSIDE_FILE"
  | "OBJECT_TOO_LARGE"
  | "OBJECT_NOT_FOUND"
  | "OBJECT_NOT_PARTITION"
  | "PARTITION_NOT_SYSTEM"
  | "PRIMARY_MISSING"
  | "PRIMARY_EXISTS"
  | "DESCRIPTORS_FULL"
  | "EDIT_NOT_UNDONE"
  | "OBJECT_IS_IMAGE"
  | "OBJECT_NOT_A_FILE"
  | "EXTRA_INVALID"
  | "TIME_INVALID";

const file = (d: ErrorDetails): string => (d.path === undefined ? "the SIF file" : `"${d.path}"`);

const MESSAGES: MessageTable<SifErrorCode> = {
  HEADER_TRUNCATED: (d) =>
    `Cannot read the header of ${file(d)}: it ends after ${d.seen} bytes, a SIF header has ${d.limit}. It is not a SIF file, or it is cut short; fetch it again.`,
  HEADER_DAMAGED: (d) => `Cannot read the header of ${file(d)}: ${d.reason}. The file is damaged; fetch it again.`,
  MAGIC_INVALID: (d) => `Cannot read ${file(d)}: byte 32 does not begin the SIF magic. It is not a SIF file.`,
  VERSION_UNSUPPORTED: (d) =>
    `Cannot read ${file(d)}: its SIF version is ${JSON.stringify(d.seen)}, only "01" is known. A newer Sifon may read it.`,
  DESCRIPTORS_TRUNCATED: (d) =>
    `Cannot read the descriptor table of ${file(d)} at byte ${d.offset}: ${d.needed} bytes are needed, ${d.seen} are there. The file is cut short or damaged; fetch it again.`,
  DESCRIPTORS_TOO_MANY: (d) =>
    `Cannot read the descriptor table of ${file(d)}: the header speaks of ${d.seen} descriptors, at most ${d.limit} are allowed. The header is damaged.`,
  OBJECT_OUTSIDE_FILE: (d) =>
    `Cannot read object ${d.id} of ${file(d)}: its descriptor says bytes ${d.offset} to ${d.end}, the file has ${d.limit}. The file is cut short or damaged; fetch it again.`,
  OBJECT_TOO_LARGE: (d) =>
    `Cannot read object ${d.id} of ${file(d)} whole: it has ${d.seen} bytes, at most ${d.limit} are read at once. "sif dump" writes it out.`,
  OBJECT_NOT_FOUND: (d) => `There is no object ${d.id} in ${file(d)}; "sif list" shows which there are.`,
  OBJECT_NOT_PARTITION: (d) => `Object ${d.id} of ${file(d)} is not a partition, but ${d.seen}.`,
  PARTITION_NOT_SYSTEM: (d) =>
    `Object ${d.id} of ${file(d)} cannot become the primary partition: it is a ${d.seen} partition, not a System one.`,
  PRIMARY_MISSING: (d) => `${file(d)} holds no primary system partition, so it has no root file system.`,
  PRIMARY_EXISTS: (d) => `${file(d)} already has a primary system partition (object ${d.id}); a SIF holds only one.`,
  DESCRIPTORS_FULL: (d) =>
    `Cannot add an object to ${file(d)}: all ${d.limit} descriptors are in use. Delete an object first.`,
  EDIT_NOT_UNDONE: (d) =>
    `Cannot give ${file(d)} back its former ${d.size} bytes after a change that failed (${systemReason(d.reason)}): ${systemReason(d.cause)}. "sif list" shows what it holds now.`,
  OBJECT_IS_IMAGE: (d) =>
    `Cannot add "${d.object}" to ${file(d)}: both are the same file, which would grow while it is read. Copy it first.`,
  OBJECT_NOT_A_FILE: (d) => `Cannot add "${d.object}" to ${file(d)}: it is ${d.kind}. Name a file; a pipe will do.`,
  EXTRA_INVALID: (d) => `Cannot describe the object: ${d.reason}.`,
  TIME_INVALID: (d) => `${d.what} is ${JSON.stringify(d.seen)}, which is not ${d.expected}.`,
};

/** A SIF file that breaks the format, or an operation on one that its state forbids. */
export class SifError extends SifonError {
  declare readonly code: SifErrorCode;

  constructor(code: SifErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
