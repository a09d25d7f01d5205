import { DecompressError } from "../decompressors/decompressor.ts";
import { DATA_STORED, SUPERBLOCK } from "../format.ts";
import { damaged, type ImageContext } from "./image-context.ts";

/** Where a data block or fragment block stands in the image. */
export interface DataBlock {
  /** Absolute. */
  readonly offset: number;
  /** Bytes on disk: at least 1. */
  readonly diskSize: number;
  /** True where the bytes on disk are the content itself. */
  readonly stored: boolean;
  /** Bytes of content; of a fragment block the most there can be. */
  readonly size: number;
}

/** Reads a block's size word, which is not 0 (bit 24: stored), and checks that the block lies between superblock and tables. */
export function dataBlock(
  context: ImageContext,
  dataEnd: number,
  offset: number,
  word: number,
  size: number,
): DataBlock {
  const diskSize = word & (DATA_STORED - 1);
  const block = { offset, diskSize, stored: (word & DATA_STORED) !== 0, size };
  if (word > 2 * DATA_STORED - 1)
    throw damaged(context, "BLOCK_INVALID", "data", { offset, rule: "a block's size has unknown bits", seen: word });
  if (diskSize === 0) throw damaged(context, "BLOCK_INVALID", "data", { offset, rule: "a stored block has no bytes" });
  const { blockSize } = context.header;
  if (diskSize > blockSize)
    throw damaged(context, "BLOCK_INVALID", "data", {
      offset,
      rule: "a block is too large",
      seen: diskSize,
      limit: blockSize,
    });
  if (offset < SUPERBLOCK.size || offset + diskSize > dataEnd)
    throw damaged(context, "BLOCK_INVALID", "data", {
      offset,
      rule: `a block of ${diskSize} bytes must be in ${SUPERBLOCK.size}…${dataEnd}`,
      seen: offset,
    });
  return block;
}

/** The content of a file's block, which has `block.size` bytes or is damaged. May alias `bytes` where stored. */
export function decodeDataBlock(context: ImageContext, block: DataBlock, bytes: Uint8Array): Uint8Array {
  const content = decodeFragmentBlock(context, block, bytes);
  checkContentSize(context, block, content.length);
  return content;
}

/** @throws SquashfsReadError where a file's block has not `block.size` bytes of content */
export function checkContentSize(context: ImageContext, block: DataBlock, size: number): void {
  if (size === block.size) return;
  throw damaged(context, "BLOCK_CORRUPT", "data", {
    offset: block.offset,
    rule: `a block must have ${block.size} bytes of content`,
    seen: size,
  });
}

/** The content of a fragment block: at most `block.size` bytes. */
export function decodeFragmentBlock(context: ImageContext, block: DataBlock, bytes: Uint8Array): Uint8Array {
  if (block.stored) return bytes;
  try {
    return context.decompressor.decompress(bytes, block.size);
  } catch (cause) {
    throw asDamage(context, block, cause);
  }
}

/** As {@link decodeFragmentBlock}, beside this thread where the decoder can. `bytes` must stay as they are until then. */
export async function decodeAside(context: ImageContext, block: DataBlock, bytes: Uint8Array): Promise<Uint8Array> {
  const { decompressor } = context;
  if (block.stored || decompressor.decompressAside === undefined) return decodeFragmentBlock(context, block, bytes);
  try {
    return await decompressor.decompressAside(bytes, block.size);
  } catch (cause) {
    throw asDamage(context, block, cause);
  }
}

function asDamage(context: ImageContext, block: DataBlock, cause: unknown): unknown {
  if (!(cause instanceof DecompressError)) return cause;
  return damaged(context, "BLOCK_CORRUPT", "data", {
    offset: block.offset,
    rule: `a block of ${block.diskSize} bytes does not decompress to at most ${block.size} (${cause.message})`,
    cause,
  });
}
