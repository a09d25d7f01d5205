import type { RandomAccess } from "../../bytes/random-access.ts";
import { compressorName } from "../decompressors.ts";
import {
  type Compressor,
  MAX_BLOCK_SIZE,
  MIN_BLOCK_SIZE,
  NO_TABLE,
  SQUASHFS_MAGIC,
  SUPERBLOCK,
  type Superblock,
  VERSION_MAJOR,
  VERSION_MINOR,
} from "../format.ts";
import { SquashfsReadError } from "./errors.ts";

/** The superblock with what it says put into numbers, and checked. */
export interface ImageHeader {
  readonly inodeCount: number;
  /** When the image was made, by its own word. */
  readonly mtimeSec: number;
  readonly blockSize: number;
  readonly fragmentCount: number;
  readonly compressor: keyof typeof Compressor;
  /** `SuperblockFlag` bits. */
  readonly flags: number;
  readonly idCount: number;
  /** Ref of the root directory's inode. */
  readonly rootRef: number;
  /** Bytes of the image; what stands behind them is padding. */
  readonly bytesUsed: number;
  readonly inodeTableStart: number;
  readonly directoryTableStart: number;
  /** Of the table's index of metadata blocks, as in the superblock; `undefined` where there is no such table. */
  readonly fragmentTableStart: number | undefined;
  readonly exportTableStart: number | undefined;
  readonly idTableStart: number;
  readonly xattrTableStart: number | undefined;
}

/** Reads and checks the first 96 bytes; where the tables stand is checked when they are opened. */
export async function readSuperblock(source: RandomAccess): Promise<ImageHeader> {
  if (source.size < SUPERBLOCK.size) throw new SquashfsReadError("NOT_SQUASHFS", { source: source.name, offset: 0 });
  const raw = SUPERBLOCK.read(await source.read(0, SUPERBLOCK.size));
  if (raw.magic !== SQUASHFS_MAGIC) throw new SquashfsReadError("NOT_SQUASHFS", { source: source.name, offset: 0 });
  if (raw.versionMajor !== VERSION_MAJOR || raw.versionMinor !== VERSION_MINOR)
    throw new SquashfsReadError("VERSION_UNSUPPORTED", {
      source: source.name,
      seen: `${raw.versionMajor}.${raw.versionMinor}`,
    });
  return checkSuperblock(raw, source);
}

function checkSuperblock(raw: Superblock, source: RandomAccess): ImageHeader {
  const invalid = (field: keyof Superblock, rule: string): SquashfsReadError =>
    new SquashfsReadError("SUPERBLOCK_INVALID", {
      source: source.name,
      table: "superblock",
      offset: SUPERBLOCK.offsets[field],
      field,
      seen: raw[field],
      rule,
    });
  const { blockSize, blockLog } = raw;
  if (blockSize < MIN_BLOCK_SIZE || blockSize > MAX_BLOCK_SIZE || (blockSize & (blockSize - 1)) !== 0)
    throw invalid("blockSize", "must be a power of two, 4096 to 1048576");
  if (blockLog !== 31 - Math.clz32(blockSize)) throw invalid("blockLog", `must be the logarithm of ${blockSize}`);
  if (raw.idCount === 0) throw invalid("idCount", "must be at least 1");
  if (raw.inodeCount === 0) throw invalid("inodeCount", "must be at least 1");
  const compressor = compressorName(raw.compressor);
  if (compressor === undefined) throw invalid("compressor", "must be 1 to 6");

  // 2^53 bytes are more than any file: what is larger is damage, and need not be represented.
  const place = (field: "bytesUsed" | "idTableStart" | "inodeTableStart" | "directoryTableStart"): number => {
    if (raw[field] > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(field, "is past the end of any file");
    return Number(raw[field]);
  };
  const optionalPlace = (field: "xattrTableStart" | "exportTableStart" | "fragmentTableStart"): number | undefined => {
    if (raw[field] === NO_TABLE) return undefined;
    if (raw[field] > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(field, "is past the end of any file");
    return Number(raw[field]);
  };
  const bytesUsed = place("bytesUsed");
  if (bytesUsed < SUPERBLOCK.size) throw invalid("bytesUsed", "must be at least 96");
  if (bytesUsed > source.size)
    throw new SquashfsReadError("IMAGE_TRUNCATED", {
      source: source.name,
      table: "superblock",
      offset: source.size,
      seen: source.size,
      limit: bytesUsed,
    });
  if (raw.rootInode > 0xffff_ffff_ffffn) throw invalid("rootInode", "must have 48 bits");
  const fragmentCount = raw.fragmentCount;
  return {
    inodeCount: raw.inodeCount,
    mtimeSec: raw.mtimeSec,
    blockSize,
    fragmentCount,
    compressor,
    flags: raw.flags,
    idCount: raw.idCount,
    rootRef: Number(raw.rootInode),
    bytesUsed,
    inodeTableStart: place("inodeTableStart"),
    directoryTableStart: place("directoryTableStart"),
    // Without fragments Linux does not look at the start, and writers differ in what they put there.
    fragmentTableStart: fragmentCount === 0 ? undefined : optionalPlace("fragmentTableStart"),
    exportTableStart: optionalPlace("exportTableStart"),
    idTableStart: place("idTableStart"),
    xattrTableStart: optionalPlace("xattrTableStart"),
  };
}
