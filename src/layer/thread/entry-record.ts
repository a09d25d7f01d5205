import type { ByteString } from "../../bytes/byte-string.ts";
import type { Xattr } from "../../bytes/file-body.ts";
import type { Hash128 } from "../../bytes/hash128.ts";
import { type EntryFields, EntryKind } from "../../tar/entry.ts";

// An entry on its way from a layer's thread: words in the machine's order, then path, link name and extended attributes.
// Limits of the tar reader (src/tar/limits.ts) are what makes all of it fit.
/** Bytes of the record, whole words. */
const SIZE = 0;
/** Kind, mode, whether the content comes in parts, and whether its hash is there. */
const TYPE = 1;
const UID = 2;
const GID = 3;
const MTIME = 4;
/** Two words each: the low one, the high one. */
const CONTENT_SIZE = 5;
const OFFSET = 7;
const PATH_SIZE = 9;
const LINK_NAME_SIZE = 10;
/** Major and minor number, 12 and 20 bits. */
const DEVICE = 11;
const XATTR_COUNT = 12;
/** Four words. */
const HASH = 13;
const WORDS = 17;

/** Bytes of a record before its strings; the first word is the size of the whole. */
export const RECORD_HEADER_SIZE: number = 4 * WORDS;

const KINDS: readonly EntryKind[] = Object.values(EntryKind);
const KIND_BITS = 3;
const MODE_BITS = 12;
const IN_PARTS: number = 1 << (KIND_BITS + MODE_BITS);
const HASHED: number = IN_PARTS << 1;
const MINOR_BITS = 20;
const TWO_TO_32 = 2 ** 32;
const NO_XATTRS: readonly Xattr[] = [];

/** Sizes of name and value stand before both, 32 bits each, the low byte first: they need not begin a word. */
const XATTR_HEADER_SIZE = 8;

/** Before each part of a content that comes in parts stands its size, and whether it is a hole: if not, bytes follow. */
export const PART_HEADER_SIZE = 8;
/** In the high word. */
const HOLE: number = 1 << 31;

/** Memory that records are written into or read from. */
export interface RecordMemory {
  readonly bytes: Buffer;
  /** The same memory. */
  readonly words: Uint32Array;
}

export function recordMemory(memory: ArrayBufferLike): RecordMemory {
  return { bytes: Buffer.from(memory), words: new Uint32Array(memory) };
}

/** Bytes, rounded up to whole words. */
export function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** Bytes of an entry's record. */
export function recordSize({ path, linkName, xattrs }: EntryFields): number {
  let size = RECORD_HEADER_SIZE + path.length + linkName.length;
  for (const { name, value } of xattrs) size += XATTR_HEADER_SIZE + name.length + value.length;
  return padded(size);
}

/** Writes an entry's record, of the size that `recordSize` says, at a byte that begins a word. */
export function writeRecord({ bytes, words }: RecordMemory, start: number, entry: EntryFields, size: number): void {
  const { path, linkName, xattrs } = entry;
  const at = start / 4;
  words[at + SIZE] = size;
  words[at + TYPE] = KINDS.indexOf(entry.kind) | (entry.mode << KIND_BITS);
  words[at + UID] = entry.uid;
  words[at + GID] = entry.gid;
  words[at + MTIME] = entry.mtimeSec;
  writeNumber(words, at + CONTENT_SIZE, entry.size);
  writeNumber(words, at + OFFSET, entry.offset);
  words[at + PATH_SIZE] = path.length;
  words[at + LINK_NAME_SIZE] = linkName.length;
  words[at + DEVICE] = (entry.deviceMajor << MINOR_BITS) | entry.deviceMinor;
  words[at + XATTR_COUNT] = xattrs.length;
  let end = start + RECORD_HEADER_SIZE;
  end += bytes.write(path, end, "latin1");
  if (linkName !== "") end += bytes.write(linkName, end, "latin1");
  for (const { name, value } of xattrs) {
    end = bytes.writeUInt32LE(name.length, end);
    end = bytes.writeUInt32LE(value.length, end);
    end += bytes.write(name, end, "latin1");
    bytes.set(value, end);
    end += value.length;
  }
}

/** Says of the record at `start` that its entry's content comes in parts; else the whole stands behind the record. */
export function setInParts({ words }: RecordMemory, start: number): void {
  words[start / 4 + TYPE] = (words[start / 4 + TYPE] as number) | IN_PARTS;
}

/** Adds the hash of its content to the record at `start`. */
export function setHash({ words }: RecordMemory, start: number, hash: Hash128): void {
  const at = start / 4;
  words[at + TYPE] = (words[at + TYPE] as number) | HASHED;
  words.set(hash, at + HASH);
}

/** Bytes of the record at `start`. */
export function sizeOfRecord({ words }: RecordMemory, start: number): number {
  return words[start / 4] as number;
}

/** An entry as its record says it; nothing of the record's memory is kept. */
export class RecordedEntry implements EntryFields {
  readonly path: ByteString;
  readonly kind: EntryKind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly size: number;
  readonly linkName: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly Xattr[];
  readonly offset: number;
  readonly contentHash: Hash128 | undefined;
  /** Whether the content comes in parts. */
  readonly isInParts: boolean;

  constructor({ bytes, words }: RecordMemory, start: number) {
    const at = start / 4;
    const type = words[at + TYPE] as number;
    const device = words[at + DEVICE] as number;
    const pathStart = start + RECORD_HEADER_SIZE;
    const linkStart = pathStart + (words[at + PATH_SIZE] as number);
    const linkEnd = linkStart + (words[at + LINK_NAME_SIZE] as number);
    const xattrCount = words[at + XATTR_COUNT] as number;
    this.path = bytes.toString("latin1", pathStart, linkStart);
    this.kind = KINDS[type & ((1 << KIND_BITS) - 1)] as EntryKind;
    this.mode = (type >>> KIND_BITS) & ((1 << MODE_BITS) - 1);
    this.uid = words[at + UID] as number;
    this.gid = words[at + GID] as number;
    this.mtimeSec = words[at + MTIME] as number;
    this.size = readNumber(words, at + CONTENT_SIZE);
    this.linkName = linkStart === linkEnd ? "" : bytes.toString("latin1", linkStart, linkEnd);
    this.deviceMajor = device >>> MINOR_BITS;
    this.deviceMinor = device & ((1 << MINOR_BITS) - 1);
    this.xattrs = xattrCount === 0 ? NO_XATTRS : readXattrs(bytes, linkEnd, xattrCount);
    this.offset = readNumber(words, at + OFFSET);
    this.contentHash = (type & HASHED) === 0 ? undefined : readHash(words, at + HASH);
    this.isInParts = (type & IN_PARTS) !== 0;
  }
}

/** Writes what stands before a part of a content: so many bytes, which follow. */
export function writePart({ words }: RecordMemory, start: number, size: number): void {
  writeNumber(words, start / 4, size);
}

/** The same for a hole of so many zeros, behind which the next part stands. */
export function writeHole(memory: RecordMemory, start: number, size: number): void {
  writePart(memory, start, size);
  const { words } = memory;
  words[start / 4 + 1] = (words[start / 4 + 1] as number) | HOLE;
}

/** Bytes of the part that begins at `start`. */
export function sizeOfPart({ words }: RecordMemory, start: number): number {
  return ((words[start / 4 + 1] as number) & ~HOLE) * TWO_TO_32 + (words[start / 4] as number);
}

/** Whether the part that begins at `start` is a hole. */
export function isHole({ words }: RecordMemory, start: number): boolean {
  return ((words[start / 4 + 1] as number) & HOLE) !== 0;
}

function readHash(words: Uint32Array, at: number): Hash128 {
  return [words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number];
}

function readXattrs(bytes: Buffer, start: number, count: number): readonly Xattr[] {
  const xattrs: Xattr[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    const nameStart = at + XATTR_HEADER_SIZE;
    const valueStart = nameStart + bytes.readUInt32LE(at);
    const end = valueStart + bytes.readUInt32LE(at + 4);
    const name = bytes.toString("latin1", nameStart, valueStart);
    xattrs.push({ name, value: Uint8Array.from(bytes.subarray(valueStart, end)) });
    at = end;
  }
  return xattrs;
}

function writeNumber(words: Uint32Array, at: number, value: number): void {
  words[at] = value % TWO_TO_32;
  words[at + 1] = Math.floor(value / TWO_TO_32);
}

function readNumber(words: Uint32Array, at: number): number {
  return (words[at + 1] as number) * TWO_TO_32 + (words[at] as number);
}
