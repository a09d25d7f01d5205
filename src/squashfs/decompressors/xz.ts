import { crc32 } from "node:zlib";
import { BRANCH_FILTERS, type BranchFilter } from "./branch-filters.ts";
import { DecompressError, type Decompressor } from "./decompressor.ts";
import { decodeLzma2 } from "./lzma2.ts";

/**
 * The .xz format (xz-file-format.txt 1.1.0) as SquashFS uses it: one stream, LZMA2 with or without a branch
 * filter, checked by CRC-32. What Linux's decoder for SquashFS leaves out is left out here too.
 */
export const xzDecompressor: Decompressor = {
  decompress(input, limit) {
    const output = new Uint8Array(limit);
    const checkSize = readStreamHeader(input);
    let next = STREAM_HEADER_SIZE;
    let size = 0;
    // A size byte of 0 is not a block but the index; it says again what the blocks said.
    while (input[next] !== 0) {
      const header = readBlockHeader(input, next);
      const target = output.subarray(size);
      const decoded = decodeLzma2(input, header.nextOffset, target);
      const content = target.subarray(0, decoded.size);
      for (const { undo, start } of header.filters) undo(content, start);
      const padded = header.nextOffset + align4(decoded.nextOffset - header.nextOffset);
      next = padded + checkSize;
      if (next >= input.length) throw new DecompressError("xz: ends before its index");
      if (checkSize === CRC32_SIZE && readU32(input, padded) !== crc32(content))
        throw new DecompressError("xz: the content's checksum is wrong");
      size += decoded.size;
    }
    return output.subarray(0, size);
  },
};

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
/** §2.1.1: magic, two bytes of flags, CRC-32 of those. */
const STREAM_HEADER_SIZE = 12;
const CRC32_SIZE = 4;
const CHECK_NONE = 0;
const CHECK_CRC32 = 1;
const LZMA2_FILTER = 0x21;

/** Gives the size of the check behind each block. */
function readStreamHeader(input: Uint8Array): number {
  if (input.length < STREAM_HEADER_SIZE || MAGIC.some((byte, i) => input[i] !== byte))
    throw new DecompressError("xz: no stream header");
  if (readU32(input, 8) !== crc32(input.subarray(6, 8))) throw new DecompressError("xz: damaged stream header");
  const check = input[7] as number;
  if (input[6] !== 0 || (check !== CHECK_NONE && check !== CHECK_CRC32))
    throw new DecompressError(`xz: check ${check} is not supported`);
  return check === CHECK_CRC32 ? CRC32_SIZE : 0;
}

interface BlockHeader {
  /** Where the compressed data begins. */
  readonly nextOffset: number;
  /** To be undone in this order. */
  readonly filters: readonly { readonly undo: BranchFilter; readonly start: number }[];
}

/** §3.1 */
function readBlockHeader(input: Uint8Array, offset: number): BlockHeader {
  const sizeByte = input[offset];
  if (sizeByte === undefined) throw new DecompressError("xz: ends before a block");
  const end = offset + (sizeByte + 1) * 4;
  if (end > input.length) throw new DecompressError("xz: ends inside a block header");
  const crcOffset = end - CRC32_SIZE;
  if (readU32(input, crcOffset) !== crc32(input.subarray(offset, crcOffset)))
    throw new DecompressError("xz: damaged block header");
  const flags = input[offset + 1] as number;
  let next = offset + 2;
  // §1.2: seven bits a byte, the lowest first. Sizes are said again by the data itself.
  const integer = (): number => {
    let value = 0;
    for (let i = 0; i < 9; i++) {
      const byte = next < crcOffset ? (input[next++] as number) : undefined;
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new DecompressError("xz: damaged block header");
  };
  if ((flags & 0x40) !== 0) integer();
  if ((flags & 0x80) !== 0) integer();
  const filters: { undo: BranchFilter; start: number }[] = [];
  const filterCount = (flags & 3) + 1;
  for (let i = 0; i < filterCount; i++) {
    const id = integer();
    const propertySize = integer();
    if (next + propertySize > crcOffset) throw new DecompressError("xz: damaged block header");
    const start = propertySize === 4 ? readU32(input, next) : 0;
    next += propertySize;
    const isLast = i === filterCount - 1;
    if (isLast !== (id === LZMA2_FILTER)) throw new DecompressError("xz: LZMA2 must be the last filter");
    if (isLast) break;
    const undo = BRANCH_FILTERS.get(id);
    if (undo === undefined) throw new DecompressError(`xz: filter ${id} is not supported`);
    filters.unshift({ undo, start });
  }
  return { nextOffset: end, filters };
}

function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function readU32(bytes: Uint8Array, offset: number): number {
  if (offset + 4 > bytes.length) throw new DecompressError("xz: ends too early");
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, true);
}
