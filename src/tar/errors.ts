import { displayBytes } from "../bytes/byte-string.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";
import type { TarLimit } from "./limits.ts";

export type TarErrorCode =
  | "TAR_TRUNCATED"
  | "TAR_CHECKSUM_INVALID"
  | "TAR_LONE_ZERO_BLOCK"
  | "TAR_NUMBER_INVALID"
  | "TAR_SIZE_NEGATIVE"
  | "TAR_PAX_INVALID"
  | "TAR_SPARSE_INVALID"
  | "TAR_LIMIT_EXCEEDED"
  | "TAR_MULTI_VOLUME";

const REMEDY = "The layer is damaged or was not written by a tar program; pull the image again, or have it built anew.";

const GO_READER =
  "Go's tar reader, and with it Docker, containerd and Apptainer, refuses such a layer, too; have the image built anew.";
const LINUX = "Linux knows no such number; have the image built anew.";

/** What a limit stands for, and what to do. */
const LIMIT_REASONS: Readonly<Record<TarLimit, string>> = {
  paxSize: GO_READER,
  longNameSize: GO_READER,
  sparseRegionCount: GO_READER,
  extendedHeaderCount: REMEDY,
  fileSize: "No ext4 holds such a file; have the image built anew.",
  id: LINUX,
  deviceMajor: LINUX,
  deviceMinor: LINUX,
};

const at = (d: ErrorDetails): string => `Cannot read the tar of layer ${d.name} at byte ${d.offset}`;
const entry = (d: ErrorDetails): string =>
  typeof d.path === "string" && d.path !== "" ? ` of "${displayBytes(d.path)}"` : "";

const MESSAGES: MessageTable<TarErrorCode> = {
  TAR_TRUNCATED: (d) =>
    `${at(d)}: the tar ends there, inside ${d.what}${entry(d)}${d.needed === undefined ? "" : `, ${d.needed} bytes early`}. The layer is cut short; pull the image again, or have it built anew.`,
  TAR_CHECKSUM_INVALID: (d) =>
    `${at(d)}: no entry header stands there; the checksum field says ${Number.isNaN(d.seen) ? "no number" : d.seen}, the bytes add up to ${d.expected}. ${REMEDY}`,
  TAR_LONE_ZERO_BLOCK: (d) =>
    `${at(d)}: a single block of zeros is followed by more data, where two end an archive. ${REMEDY}`,
  TAR_NUMBER_INVALID: (d) => `${at(d)}: the ${d.field}${entry(d)} is not a number, but ${quote(d.seen)}. ${REMEDY}`,
  TAR_SIZE_NEGATIVE: (d) => `${at(d)}: the ${d.field}${entry(d)} is ${d.seen}, below zero. ${REMEDY}`,
  TAR_PAX_INVALID: (d) => `${at(d)}: the extended header there is malformed: ${d.problem}. ${REMEDY}`,
  TAR_SPARSE_INVALID: (d) => `${at(d)}: the map of the sparse file${entry(d)} is wrong: ${d.problem}. ${REMEDY}`,
  TAR_LIMIT_EXCEEDED: (d) =>
    `${at(d)}: the ${d.field}${entry(d)} is ${d.seen}, over the limit of ${d.limit}. ${LIMIT_REASONS[d.limitName as TarLimit]}`,
  TAR_MULTI_VOLUME: (d) =>
    `${at(d)}: "${displayBytes(String(d.path))}" is continued from another volume. A layer is one whole tar; have the image built anew.`,
};

function quote(seen: unknown): string {
  return typeof seen === "string" ? JSON.stringify(seen.slice(0, 64)) : String(seen);
}

/** A layer's tar that breaks the format or a named limit. `offset` counts in the uncompressed tar. */
export class TarError extends SifonError {
  declare readonly code: TarErrorCode;

  constructor(code: TarErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
