import { SifonError } from "../index.ts";
import { reasonOf } from "./attempt.ts";

/** Go's strconv.ParseUint as far as object numbers go: decimal, `0x`, `0o`, `0b`, a leading 0 for octal. */
export function parseUint(text: string): number {
  const value = parseInteger(text);
  if (value === undefined || value < 0) {
    throw new TypeError(`while converting id: strconv.ParseUint: parsing "${text}": invalid syntax`);
  }
  if (value > 0xffff_ffff) {
    throw new TypeError(`while converting id: strconv.ParseUint: parsing "${text}": value out of range`);
  }
  if (value === 0) throw new TypeError("invalid object ID");
  return value;
}

/** A whole number as Go writes them; undefined for anything else. */
export function parseInteger(text: string): number | undefined {
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^(-?\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)$/i.test(text) ? Number(text) : undefined;
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
    const { kind, path } = error.details;
    if (error.code === "NOT_A_FILE" && kind === "a directory")
      return `reading global header: read ${path}: is a directory: ${error.message}`;
    const phrase = PHRASES[error.code];
    return phrase === undefined ? error.message : `${phrase}: ${error.message}`;
  }
  return reasonOf(error);
}
