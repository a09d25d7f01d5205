import { canAdopt } from "../squashfs/adopt-data.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { SquashfsWriter } from "../squashfs/writer.ts";
import type { Watch } from "./container-source.ts";
import type { Encoding } from "./encoding.ts";
import type { RootTarget } from "./root.ts";

/**
 * A file system that is being written, as what a root is filled into.
 * @param source the image that alone the root is read from, where that is so
 */
export function squashfsTarget(
  writer: SquashfsWriter,
  { compression, blockSize, layerThreads }: Pick<Encoding, "compression" | "blockSize" | "layerThreads">,
  { signal, onProgress }: Watch,
  source?: SquashfsImage,
): RootTarget {
  const adopts = (image: SquashfsImage): boolean => canAdopt(image, compression, blockSize);
  return {
    ...{ contents: writer.contents, layerThreads, signal, onProgress },
    adopt: async (image, files) => (adopts(image) ? writer.adopt(image, files) : undefined),
    ...(source !== undefined && adopts(source) ? { adoptWhile: (image, use) => writer.adoptWhile(image, use) } : {}),
    beginShare: (share) => writer.beginShare(share),
  };
}
