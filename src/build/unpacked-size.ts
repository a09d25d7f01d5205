import type { SquashfsImage } from "../squashfs/reader/image.ts";
import { NumberSet } from "../squashfs/reader/number-set.ts";

/**
 * Bytes that an image's files take once they lie unpacked: hard links once, holes not at all. What files share in the
 * image each of them has then, so that a small image may come to terabytes.
 */
export async function unpackedSize(
  image: SquashfsImage,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const linked = new NumberSet();
  let size = 0;
  for await (const { inode } of image.walk("", options)) {
    if (inode.kind !== "file") continue;
    if (inode.linkCount > 1 && !linked.add(inode.inodeNumber)) continue;
    size += Math.max(0, inode.size - inode.sparseSize);
  }
  return size;
}
