import type { ByteString } from "../bytes/byte-string.ts";
import { TarError } from "./errors.ts";
import { parseNumber } from "./number.ts";

/** Bytes of a header block; contents are padded to whole ones. */
export const BLOCK_SIZE = 512;

/** Typeflags: POSIX.1 pax §"ustar Interchange Format"; capitals are GNU's and Solaris's. */
export const TypeFlag = {
  oldFile: 0,
  file: 0x30, // "0"
  hardlink: 0x31,
  symlink: 0x32,
  charDevice: 0x33,
  blockDevice: 0x34,
  directory: 0x35,
  fifo: 0x36,
  contiguous: 0x37,
  dumpDirectory: 0x44, // "D"
  longLink: 0x4b, // "K"
  longName: 0x4c, // "L"
  multiVolume: 0x4d, // "M"
  oldLongName: 0x4e, // "N"
  sparse: 0x53, // "S"
  volumeLabel: 0x56, // "V"
  solarisPax: 0x58, // "X"
  paxGlobal: 0x67, // "g"
  pax: 0x78, // "x"
} as const;

/** A header block's fields, as they stand; extended headers may override them. */
export interface Header {
  readonly typeFlag: number;
  /** Name, with the prefix of the dialects that have one. */
  readonly path: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSec: number;
  readonly linkName: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

const MAGIC = 257;
const CHECKSUM = 148;
const CHECKSUM_SIZE = 8;

/** Where an error is found: the layer's name and the offset of the header block. */
export interface Place {
  readonly name: string;
  readonly offset: number;
}

/**
 * Decodes one header block of any dialect: v7, ustar, GNU, star. Throws `TarError` TAR_CHECKSUM_INVALID or
 * TAR_NUMBER_INVALID.
 */
export function parseHeader(block: Buffer, place: Place): Header {
  const seen = parseNumber(block, CHECKSUM, CHECKSUM_SIZE);
  if (!checksumHolds(block, seen))
    throw new TarError("TAR_CHECKSUM_INVALID", { ...place, seen, expected: unsignedSum(block) });
  const typeFlag = block[156]!;
  const path = prefixOf(block) + text(block, 0, 100);
  const number = (field: string, start: number, size: number): number => {
    const value = parseNumber(block, start, size);
    if (Number.isNaN(value))
      throw new TarError("TAR_NUMBER_INVALID", {
        ...place,
        field,
        path,
        seen: block.toString("latin1", start, start + size),
      });
    return value;
  };
  // v7 has no device fields, and some writers leave noise in those of other entries.
  const isDevice = typeFlag === TypeFlag.charDevice || typeFlag === TypeFlag.blockDevice;
  return {
    typeFlag,
    path,
    mode: number("mode", 100, 8),
    uid: number("uid", 108, 8),
    gid: number("gid", 116, 8),
    size: number("size", 124, 12),
    mtimeSec: number("modification time", 136, 12),
    linkName: block[157] === 0 ? "" : text(block, 157, 100),
    deviceMajor: isDevice ? number("device major number", 329, 8) : 0,
    deviceMinor: isDevice ? number("device minor number", 337, 8) : 0,
  };
}

/** Whether a block would pass as an entry header; for telling data from headers. */
export function looksLikeHeader(block: Uint8Array): boolean {
  return (
    block.length === BLOCK_SIZE && !isZero(block) && checksumHolds(block, parseNumber(block, CHECKSUM, CHECKSUM_SIZE))
  );
}

/** Whether all bytes are zero: two such blocks end an archive. */
export function isZero(block: Uint8Array): boolean {
  for (let i = 0; i < block.length; i++) if (block[i] !== 0) return false;
  return true;
}

/** The sum of the bytes with the checksum field as spaces, unsigned as POSIX says, or signed as old tars summed. */
function checksumHolds(block: Uint8Array, seen: number): boolean {
  const unsigned = unsignedSum(block);
  if (unsigned === seen) return true;
  let high = 0;
  for (let i = 0; i < BLOCK_SIZE; i++) {
    if (block[i]! >= 0x80 && (i < CHECKSUM || i >= CHECKSUM + CHECKSUM_SIZE)) high++;
  }
  return unsigned - 256 * high === seen;
}

function unsignedSum(block: Uint8Array): number {
  let sum = 0x20 * CHECKSUM_SIZE;
  for (let i = 0; i < CHECKSUM; i++) sum += block[i]!;
  for (let i = CHECKSUM + CHECKSUM_SIZE; i < BLOCK_SIZE; i++) sum += block[i]!;
  return sum;
}

/** The prefix with its slash; "" where the dialect has none or it is empty. */
function prefixOf(block: Buffer): ByteString {
  const start = 345;
  if (block[start] === 0 || block.toString("latin1", MAGIC, MAGIC + 5) !== "ustar") return "";
  // GNU ("ustar  \0") keeps access and change times here.
  if (block[MAGIC + 5] !== 0) return gnuPrefix(block);
  // star ("tar\0" at the end) keeps the two times behind a shorter prefix.
  const isStar = block.toString("latin1", 508, 512) === "tar\0";
  const prefix = text(block, start, isStar ? 131 : 155);
  return `${prefix}/`;
}

/**
 * Docker built with Go before 1.8 wrote GNU headers with a prefix (golang/go#15786); such layers are still in
 * registries. It is told by times that are no numbers.
 */
function gnuPrefix(block: Buffer): ByteString {
  const isTime = (start: number) => block[start] === 0 || !Number.isNaN(parseNumber(block, start, 12));
  if (isTime(345) && isTime(357)) return "";
  const prefix = text(block, 345, 155);
  return /^[\x20-\x7e]+$/.test(prefix) ? `${prefix}/` : "";
}

function text(block: Buffer, start: number, size: number): ByteString {
  const end = start + size;
  let stop = start;
  while (stop < end && block[stop] !== 0) stop++;
  return block.toString("latin1", start, stop);
}
