import type { ByteString } from "../bytes/byte-string.ts";
import { TarError } from "./errors.ts";
import type { Place } from "./header.ts";
import { decodeXattr } from "./pax-xattr.ts";

/** What extended headers say, gathered over one entry's `x` headers or the archive's `g` headers. */
export interface PaxRecords {
  /** The last value of each keyword; "" takes the keyword back. Without extended attributes and sparse pairs. */
  readonly values: Map<string, ByteString>;
  /** By attribute name. */
  readonly xattrs: Map<ByteString, Uint8Array>;
  /** GNU.sparse.offset and .numbytes of format 0.0, which repeat: alternating, in their order. */
  readonly sparsePairs: ByteString[];
}

export function emptyPax(): PaxRecords {
  return { values: new Map(), xattrs: new Map(), sparsePairs: [] };
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/**
 * Adds the records of one extended header (POSIX.1 pax, "pax Extended Header": `LENGTH KEYWORD=VALUE\n`, the
 * length counting itself). Values are bytes and may hold anything, also NUL and newline.
 * Throws `TarError` TAR_PAX_INVALID; `place` is where the header block stands.
 */
export function parsePax(data: Buffer, into: PaxRecords, place: Place): void {
  let start = 0;
  while (start < data.length) {
    // Some writers pad the records with NULs (star does, to whole blocks).
    if (data[start] === 0 && data.subarray(start).every((byte) => byte === 0)) return;
    let i = start;
    let length = 0;
    for (; i < data.length && i - start < 10 && data[i] !== SPACE; i++) {
      const digit = data[i]! - 0x30;
      if (digit < 0 || digit > 9)
        throw invalid(place, `a record at byte ${start} of it does not begin with its length`);
      length = length * 10 + digit;
    }
    const end = start + length;
    if (data[i] !== SPACE || end > data.length || end <= i + 1 || data[end - 1] !== NEWLINE)
      throw invalid(place, `the length of the record at byte ${start} of it does not fit`);
    const equals = data.indexOf(EQUALS, i + 1);
    if (equals < 0 || equals >= end - 1 || equals === i + 1)
      throw invalid(place, `the record at byte ${start} of it has no keyword`);
    addRecord(data.toString("latin1", i + 1, equals), data.subarray(equals + 1, end - 1), into, place);
    start = end;
  }
}

function addRecord(keyword: string, value: Buffer, into: PaxRecords, place: Place): void {
  if (decodeXattr(keyword, value, into.xattrs)) return;
  const text = value.toString("latin1", 0, value.length);
  if (keyword === "GNU.sparse.offset" || keyword === "GNU.sparse.numbytes") {
    const isOffset = into.sparsePairs.length % 2 === 0;
    if (isOffset !== (keyword === "GNU.sparse.offset"))
      throw invalid(place, "sparse offsets and sizes do not alternate");
    into.sparsePairs.push(text);
    return;
  }
  if ((keyword === "path" || keyword === "linkpath" || keyword === "GNU.sparse.name") && text.includes("\0"))
    throw invalid(place, `the ${keyword} has a NUL in it`);
  into.values.set(keyword, text);
}

function invalid(place: Place, problem: string): TarError {
  return new TarError("TAR_PAX_INVALID", { ...place, problem });
}

/** Looks a keyword up in an entry's records, then in the global ones; undefined where absent or taken back. */
export function paxValue(
  keyword: string,
  own: PaxRecords | undefined,
  global: PaxRecords | undefined,
): ByteString | undefined {
  // POSIX.1 pax: an empty value deletes what a global header said.
  const value = own?.values.get(keyword) ?? global?.values.get(keyword);
  return value === "" ? undefined : value;
}

/** A decimal integer ≥ 0 of a record. Throws `TarError` TAR_PAX_INVALID, for a negative one TAR_SIZE_NEGATIVE. */
export function paxInteger(keyword: string, text: ByteString, place: Place): number {
  if (/^\d{1,20}$/.test(text)) return Number(text);
  if (/^-\d{1,20}$/.test(text)) throw new TarError("TAR_SIZE_NEGATIVE", { ...place, field: keyword, seen: text });
  throw invalid(place, `${keyword} is ${JSON.stringify(text.slice(0, 32))}, not a number`);
}

/** A time in seconds with an optional fraction and sign, rounded down (POSIX.1 pax, "pax Extended Header File Times"). */
export function paxTime(keyword: string, text: ByteString, place: Place): number {
  if (/^-?\d{1,20}(\.\d*)?$/.test(text)) return Math.floor(Number(text));
  throw invalid(place, `${keyword} is ${JSON.stringify(text.slice(0, 32))}, not a time`);
}
