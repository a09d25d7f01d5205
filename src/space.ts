import { stat, statfs } from "node:fs/promises";
import type { Descriptor } from "./oci/descriptor.ts";
import type { SideCopy } from "./oci/image.ts";
import { bareMediaType, layerCompression } from "./oci/media-types.ts";
import type { OnProgress } from "./progress.ts";
import { SinkError } from "./sink/errors.ts";
import type { Compression } from "./wasm/compression.ts";

/** Bytes that an image's SIF will have, by what its manifest tells. */
export interface SizeEstimate {
  /** What to expect. */
  readonly likely: number;
  /** A size that hardly any image stays under. */
  readonly least: number;
}

/**
 * A SIF relative to the gzip-ed layers: the same contents in blocks of their own with equal files stored once
 * (gzip), in a weaker format (lz4), or as they are (none).
 */
const LIKELY: Readonly<Record<Compression["kind"], number>> = { gzip: 1, lz4: 1.5, none: 2.7 };
/** What compressing brings to a layer that is stored as a plain tar. */
const PLAIN_TAR = 0.4;
/** Lower layers may be hidden by higher ones, and a layer may hold the same bytes many times: both are rare. */
const LEAST_OF_ALL = 1 / 4;
const LEAST_OF_ONE = 1 / 2;

/** The size of a SIF is known only when it is written: nobody can tell what hides what before. */
export function estimateSize(layers: readonly Descriptor[], compression: Compression["kind"]): SizeEstimate {
  let sum = 0;
  let likely = 0;
  let largest = 0;
  for (const { size, mediaType } of layers) {
    // An unpacked layer may be all holes: it promises nothing.
    const plain = layerCompression(bareMediaType(mediaType)) === "none";
    likely += size * (plain ? PLAIN_TAR : 1);
    if (plain) continue;
    sum += size;
    largest = Math.max(largest, size);
  }
  return {
    likely: Math.ceil(likely * LIKELY[compression]),
    least: Math.floor(Math.max(sum * LEAST_OF_ALL, largest * LEAST_OF_ONE)),
  };
}

/** How large the same contents come out, gzip being 1; xz and lzo are read only. */
const RELATIVE_SIZE: Readonly<Record<string, number>> = { ...LIKELY, zstd: 0.95, xz: 0.85, lzma: 0.85, lzo: 1.3 };

/**
 * The same for contents that lie here compressed, in blocks.
 * @param from name of their compressor, or `none`
 * @param adopted their blocks are taken over as they are
 */
export function estimateRewritten(
  size: number,
  { from, to, adopted }: { readonly from: string; readonly to: Compression["kind"]; readonly adopted: boolean },
): SizeEstimate {
  if (adopted) return { likely: size, least: size };
  const likely = Math.ceil((size * LIKELY[to]) / (RELATIVE_SIZE[from] ?? 1));
  return { likely, least: Math.floor(likely * LEAST_OF_ONE) };
}

/** A file system's state; undefined where it does not tell. */
export interface FreeSpace {
  readonly free: number;
  /** Equal for two directories on one file system. */
  readonly fileSystem: string;
}

export interface SpaceNeeds {
  readonly size: SizeEstimate;
  /** Where the SIF, or the spool before it, is written; undefined where it is not a file of ours. */
  readonly directory: string | undefined;
  readonly sideCopy?: SideCopy | undefined;
  /** Does not refuse: quotas, compressing file systems and unusual images are the user's to know. */
  readonly ignore: boolean;
  readonly onProgress: OnProgress;
  /** For tests; statfs(2) by default. */
  readonly askFreeSpace?: (directory: string) => Promise<FreeSpace | undefined>;
}

/**
 * Tells what will be written and where, before it is. Where there is too little room for a copy into the
 * cache, the copy is given up; where there is too little for the image, it is refused.
 *
 * Throws `SinkError` SPACE_TOO_SMALL.
 */
export async function checkSpace(needs: SpaceNeeds): Promise<void> {
  const { size, directory, sideCopy, ignore, onProgress, askFreeSpace = freeSpace } = needs;
  const { likely, least } = size;
  const target = directory === undefined ? undefined : await askFreeSpace(directory);
  if (directory !== undefined) {
    onProgress({ kind: "space", use: "image", path: directory, size: likely, free: target?.free });
    if (target !== undefined && target.free < least && !ignore) {
      throw new SinkError("SPACE_TOO_SMALL", { path: directory, free: target.free, least, likely });
    }
  }
  if (sideCopy === undefined || sideCopy.size === 0) return;
  const { path } = sideCopy;
  const cache = await askFreeSpace(path);
  onProgress({ kind: "space", use: "cache", path, size: sideCopy.size, free: cache?.free });
  if (cache === undefined) return;
  // The image comes first where both share the room.
  const needed = sideCopy.size + (cache.fileSystem === target?.fileSystem ? likely : 0);
  if (cache.free < needed) {
    sideCopy.skip(`${cache.free} bytes are free at ${path}, this image needs ${needed}.`);
  }
}

async function freeSpace(directory: string): Promise<FreeSpace | undefined> {
  try {
    const [figures, { dev }] = await Promise.all([statfs(directory), stat(directory)]);
    // Some file systems (FUSE) tell nothing at all.
    return figures.blocks === 0 ? undefined : { free: figures.bavail * figures.bsize, fileSystem: String(dev) };
  } catch {
    return undefined;
  }
}
