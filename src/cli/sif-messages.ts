import { SifonError } from "../index.ts";
import { reasonOf } from "./attempt.ts";
import { parseGoInteger } from "./go-integer.ts";

/** An object's number on the command line: decimal, from 1; a TypeError in Apptainer's words for all else. */
export function parseObjectId(text: string): number {
  const id = parseGoInteger(text, { signed: false, bits: 32, base: 10 });
  if (typeof id === "string") throw new TypeError(`while converting id: ${id}`);
  if (id === 0n) throw new TypeError("invalid object ID");
  return Number(id);
}

/** Apptainer's words for what ours tell at length: scripts look for them. */
const PHRASES: Readonly<Record<string, string>> = {
  HEADER_TRUNCATED: "reading global header: unexpected EOF",
  MAGIC_INVALID: "invalid SIF magic",
  VERSION_UNSUPPORTED: "incompatible SIF version",
  DESCRIPTORS_TRUNCATED: "reading descriptors: unexpected EOF",
  OBJECT_NOT_FOUND: "object not found",
  OBJECT_NOT_PARTITION: "data object not a partition",
  PARTITION_NOT_SYSTEM: "data object not a system partition",
  PRIMARY_EXISTS: "image already contains a primary partition",
  DESCRIPTORS_FULL: "insufficient descriptor capacity to add data object(s) to image",
};

/** An error as `apptainer sif` would begin it, with ours behind it. */
export function goMessage(error: unknown): string {
  if (error instanceof SifonError) {
    const { kind, path, object } = error.details;
    if (error.code === "NOT_A_FILE" && kind === "a directory")
      return `reading global header: read ${path}: is a directory: ${error.message}`;
    if (error.code === "OBJECT_NOT_A_FILE" && kind === "a directory")
      return `read ${object}: is a directory: ${error.message}`;
    const phrase = PHRASES[error.code];
    return phrase === undefined ? error.message : `${phrase}: ${error.message}`;
  }
  return reasonOf(error);
}
