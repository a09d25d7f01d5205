import type { ByteString } from "../bytes/byte-string.ts";
import type { MergeResult } from "../layer/merge/contract.ts";
import { mergeLayers } from "../layer/merge/merge-layers.ts";
import { readLayerEntries } from "../layer/open-layer.ts";
import { LayerThreads } from "../layer/thread/layer-threads.ts";
import { withinMemory } from "../memory.ts";
import type { Image, ImageSource } from "../oci/image.ts";
import { formatPlatform } from "../oci/platform.ts";
import { imageTimeSec } from "../sif/identity.ts";
import type { ImageOrigin } from "../singularity-d/build-record.ts";
import { LAYER_THREAD } from "../source/thread/program.ts";
import { checkSpace, estimateSize, type SpaceNeeds } from "../space.ts";
import type { Compression } from "../wasm/compression.ts";
import type { Watch } from "./container-source.ts";
import type { RootTarget } from "./root.ts";

export interface FindImageOptions extends Watch {
  /** What is asked of the room before the first layer is; undefined asks nothing. */
  readonly space?: Pick<SpaceNeeds, "directory" | "ignore"> & { readonly compression: Compression["kind"] };
  /** Seconds since 1970 as text: image time in place of the image's own. */
  readonly sourceDateEpoch?: string | undefined;
}

/**
 * Finds the image of a source, which stays open, and tells of it; no layer is read.
 * @throws SinkError SPACE_TOO_SMALL; SifError TIME_INVALID; what the source throws
 */
export async function findImage(
  source: ImageSource,
  { signal, onProgress, space, sourceDateEpoch }: FindImageOptions,
): Promise<{ readonly image: Image; readonly timeSec: number }> {
  // A wrong SOURCE_DATE_EPOCH is told before anything is fetched.
  imageTimeSec(undefined, sourceDateEpoch);
  onProgress({ kind: "stage", stage: "fetch" });
  const image = await source.resolve({ signal });
  onProgress({
    kind: "image",
    reference: image.reference,
    digest: image.manifestDigest,
    platform: formatPlatform(image.platform),
    layerCount: image.layers.length,
    compressedSize: image.layers.reduce((sum, layer) => sum + layer.descriptor.size, 0),
  });
  const layers = image.layers.map(({ descriptor }) => descriptor);
  if (space !== undefined) {
    const { directory, ignore, compression } = space;
    const size = estimateSize(layers, compression);
    await checkSpace({ size, directory, ignore, sideCopy: image.sideCopy, onProgress });
  }
  return { image, timeSec: imageTimeSec(image.config.created, sourceDateEpoch) };
}

/** What the build's record says of an image. */
export function originOf(image: Image): ImageOrigin {
  const layers = image.layers.map(({ diffId, descriptor }) => diffId ?? descriptor.digest);
  return { manifest: image.manifestDigest, config: image.configDescriptor.digest, layers };
}

/** Reads an image's layers into a target; what comes after them is counted on its own. */
export async function mergeImage(
  image: Image,
  target: RootTarget,
  {
    timeSec,
    memory,
    capture,
  }: {
    readonly timeSec: number;
    /** Bytes that the process may have resident; beyond them the layers are refused. */
    readonly memory: number | undefined;
    /** Which files' contents are also returned. */
    readonly capture: ((path: ByteString) => boolean) | undefined;
  },
): Promise<MergeResult> {
  const { contents, layerThreads, signal, onProgress } = target;
  onProgress({ kind: "stage", stage: "merge" });
  const reading = { signal, onProgress };
  const threads =
    layerThreads === undefined
      ? undefined
      : new LayerThreads(image.layers, { ...reading, ...layerThreads, program: LAYER_THREAD });
  const layers = image.layers.map((layer, number) => ({
    name: layer.descriptor.digest,
    entries: () => {
      target.beginShare?.(number);
      return withinMemory(threads?.entries(number) ?? readLayerEntries(layer, reading), memory);
    },
  }));
  try {
    const merged = await mergeLayers(layers, {
      ...{ contents, signal, onProgress, implicitMtimeSec: timeSec },
      ...(capture === undefined ? {} : { capture }),
    });
    target.beginShare?.(image.layers.length);
    return merged;
  } finally {
    await threads?.close();
  }
}
