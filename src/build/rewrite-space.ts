import type { LocalImage } from "../image/local-image.ts";
import { checkSpace, estimateRewritten, type SpaceNeeds } from "../space.ts";
import { SuperblockFlag } from "../squashfs/format.ts";
import type { Compression } from "../wasm/compression.ts";
import type { Watch } from "./container-source.ts";
import { unpackedSize } from "./unpacked-size.ts";

export interface RewriteSpace extends Pick<SpaceNeeds, "directory" | "onProgress"> {
  readonly compression: Compression["kind"];
  /** Whether its compressed blocks are taken over as they are. */
  readonly adopted?: boolean;
  readonly ignore: boolean | undefined;
}

/**
 * Tells what an image on this machine will take when it is written anew, and refuses where there is too little room.
 * A sandbox's size is known only when all of its files have been looked at, which is not done twice.
 * @throws SinkError SPACE_TOO_SMALL
 */
export async function checkRewriteSpace(image: LocalImage, options: RewriteSpace): Promise<void> {
  if (image.kind === "sandbox") return;
  const { compression: to, adopted = false, ignore = false, directory, onProgress } = options;
  const { header } = image.squashfs;
  // Tables hardly count.
  const { start, end } = await image.squashfs.dataArea();
  const from = (header.flags & SuperblockFlag.uncompressedData) !== 0 ? "none" : header.compressor;
  await checkSpace({ size: estimateRewritten(end - start, { from, to, adopted }), directory, ignore, onProgress });
}

/**
 * The same for a sandbox, whose files lie there as they are: their sizes are known.
 * @throws SinkError SPACE_TOO_SMALL; SquashfsReadError where the image is damaged
 */
export async function checkSandboxSpace(
  image: LocalImage,
  { directory, ignore, onProgress, signal }: Omit<RewriteSpace, "compression" | "adopted"> & Watch,
): Promise<void> {
  if (image.kind === "sandbox") return;
  const size = await unpackedSize(image.squashfs, { signal });
  await checkSpace({ size: { likely: size, least: size }, directory, ignore: ignore ?? false, onProgress });
}
