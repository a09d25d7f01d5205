import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import { TarError } from "./errors.ts";
import { BLOCK_SIZE, type Place } from "./header.ts";
import { TAR_LIMITS } from "./limits.ts";
import { parseNumber } from "./number.ts";
import { type PaxRecords, paxInteger } from "./pax.ts";

/** Where a sparse file's stored bytes go: regions of data in ascending order; all between is holes. */
export interface SparseMap {
  /** Size of the file with its holes. */
  readonly size: number;
  /** Offset and size of each region, alternating. */
  readonly regions: readonly number[];
}

const PAIR_SIZE = 24;
const FIELD_SIZE = 12;
const ISEXTENDED_HEADER = 482;
const REALSIZE = 483;
const ISEXTENDED = 504;

/**
 * Old GNU format, typeflag `S` (GNU tar manual, "Old GNU Format"): four pairs in the header, then extension
 * blocks of 21 pairs for as long as the flag behind them says.
 */
export async function readGnuSparse(header: Uint8Array, reader: ByteReader, place: Place): Promise<SparseMap> {
  const regions: number[] = [];
  const size = parseNumber(header, REALSIZE, FIELD_SIZE);
  let extended = header[ISEXTENDED_HEADER] !== 0;
  takePairs(header, 386, 4, regions, place);
  // Blocks are counted as well as pairs: a chain of empty ones has no other end than the layer's.
  for (let blockCount = 1; extended; blockCount++) {
    checkCount(blockCount, place);
    const block = await reader.read(BLOCK_SIZE);
    takePairs(block, 0, 21, regions, place);
    extended = block[ISEXTENDED] !== 0;
  }
  return { size, regions };
}

function takePairs(block: Uint8Array, start: number, count: number, regions: number[], place: Place): void {
  for (let i = 0; i < count; i++) {
    const pair = start + i * PAIR_SIZE;
    if (block[pair] === 0) break;
    regions.push(parseNumber(block, pair, FIELD_SIZE), parseNumber(block, pair + FIELD_SIZE, FIELD_SIZE));
  }
  checkCount(regions.length / 2, place);
}

/** Whether an entry's records speak of PAX sparse format 0.0, 0.1 or 1.0 (GNU tar manual, "PAX Format"). */
export function paxSparseVersion(pax: PaxRecords, place: Place): "0.x" | "1.0" | undefined {
  const major = pax.values.get("GNU.sparse.major");
  const minor = pax.values.get("GNU.sparse.minor");
  if (major === "1" && minor === "0") return "1.0";
  if (major === undefined && minor === undefined) {
    const hasMap = pax.values.has("GNU.sparse.map") || pax.sparsePairs.length > 0 || pax.values.has("GNU.sparse.size");
    return hasMap ? "0.x" : undefined;
  }
  if (major === "0" && (minor === "0" || minor === "1")) return "0.x";
  throw new TarError("TAR_SPARSE_INVALID", { ...place, problem: `format ${major}.${minor} is not known` });
}

/** Formats 0.0 (pairs of records) and 0.1 (one record with commas): the map is in the extended header. */
export function paxSparseMap(pax: PaxRecords, place: Place): SparseMap {
  const map = pax.values.get("GNU.sparse.map");
  const numbers = map === undefined ? pax.sparsePairs : map === "" ? [] : map.split(",");
  const regions = numbers.map((text) => paxInteger("GNU.sparse.map", text, place));
  checkCount(regions.length / 2, place);
  return { size: sparseSize(pax, place), regions };
}

/**
 * Format 1.0: the map stands in front of the data, as decimal lines (count, then offset and size of each
 * region), filled up to whole blocks. Reads no further than `stored` bytes.
 */
export async function readPaxSparse(
  reader: ByteReader,
  stored: number,
  pax: PaxRecords,
  place: Place,
): Promise<SparseMap> {
  const regions: number[] = [];
  let expected: number | undefined;
  let line: ByteString = "";
  for (let left = stored; expected === undefined || regions.length < expected; left -= BLOCK_SIZE) {
    if (left < BLOCK_SIZE)
      throw new TarError("TAR_SPARSE_INVALID", { ...place, problem: "it does not end within the entry" });
    const block = await reader.read(BLOCK_SIZE);
    const lines = (line + block.toString("latin1", 0, BLOCK_SIZE)).split("\n");
    line = lines.pop() ?? "";
    for (const text of lines) {
      if (expected !== undefined && regions.length === expected) break;
      const value = paxInteger("GNU.sparse.map", text, place);
      if (expected === undefined) {
        checkCount(value, place);
        expected = 2 * value;
      } else {
        regions.push(value);
      }
    }
    if (line.length > BLOCK_SIZE)
      throw new TarError("TAR_SPARSE_INVALID", { ...place, problem: "a line of it does not end" });
  }
  return { size: sparseSize(pax, place), regions };
}

function sparseSize(pax: PaxRecords, place: Place): number {
  const text = pax.values.get("GNU.sparse.realsize") ?? pax.values.get("GNU.sparse.size");
  if (text === undefined)
    throw new TarError("TAR_SPARSE_INVALID", { ...place, problem: "the size of the file is missing" });
  return paxInteger("GNU.sparse.realsize", text, place);
}

/** Throws TAR_SPARSE_INVALID unless the regions ascend, end within the file, and add up to the bytes stored. */
export function checkSparseMap(map: SparseMap, stored: number, place: Place): void {
  const refuse = (problem: string) => new TarError("TAR_SPARSE_INVALID", { ...place, problem });
  if (map.regions.length % 2 !== 0) throw refuse("an offset lacks its size");
  let end = 0;
  let sum = 0;
  for (let i = 0; i < map.regions.length; i += 2) {
    const offset = map.regions[i]!;
    const size = map.regions[i + 1]!;
    // Written so that NaN, of a field that is no number, fails too.
    if (!(offset >= end && size >= 0)) throw refuse(`region ${i / 2} begins before the one in front of it ends`);
    end = offset + size;
    sum += size;
  }
  if (!(end <= map.size)) throw refuse(`its last region ends at ${end}, the file at ${map.size}`);
  if (sum !== stored) throw refuse(`its regions add up to ${sum} bytes, ${stored} are stored`);
}

function checkCount(count: number, place: Place): void {
  const limit = TAR_LIMITS.sparseRegionCount;
  if (count > limit)
    throw new TarError("TAR_LIMIT_EXCEEDED", {
      ...place,
      field: "number of regions of a sparse file",
      seen: count,
      limit,
      limitName: "sparseRegionCount",
    });
}
