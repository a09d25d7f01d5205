import type { ContentId } from "../fstree/content.ts";
import type { Compression } from "../wasm/compression.ts";
import { compressorOf } from "./compressor.ts";
import type { Contents } from "./contents.ts";
import type { DataArea } from "./data-area.ts";
import { Compressor, SuperblockFlag } from "./format.ts";
import type { FragmentWriter } from "./fragment-writer.ts";
import type { SquashfsImage } from "./reader/image.ts";
import type { FileInode } from "./reader/inode.ts";
import { sizeWordOnDisk } from "./size-word.ts";

/** Bytes copied at a time: large enough that system calls do not count. */
const COPY_SIZE = 1 << 20;

/** The data of another image, now in this one. */
export interface AdoptedData {
  /** The content of a file of that image; ask once for each inode. */
  add(file: FileInode): Promise<ContentId>;
}

export interface AdoptTarget {
  readonly area: DataArea;
  readonly contents: Contents;
  readonly fragments: FragmentWriter;
  readonly signal?: AbortSignal | undefined;
}

/** Whether blocks of an image may stand in one that is written with these options. */
export function canAdopt(image: SquashfsImage, compression: Compression, blockSize: number): boolean {
  const { header } = image;
  const isStored = (header.flags & SuperblockFlag.uncompressedData) !== 0;
  return (
    Compressor[header.compressor] === compressorOf(compression) &&
    header.blockSize === blockSize &&
    isStored === (compression.kind === "none")
  );
}

/**
 * Copies the whole data area: what files share stays shared, and a damaged image whose files all claim the same
 * blocks makes no larger one. Block places move by one distance, as the compressor's options may differ in size.
 */
export async function adoptData(image: SquashfsImage, target: AdoptTarget): Promise<AdoptedData> {
  const { area, contents, fragments, signal } = target;
  await area.begin();
  const { start, end } = await image.dataArea();
  const distance = area.position - start;
  let next = image.readRaw(start, Math.min(COPY_SIZE, end - start));
  for (let at = start; at < end; ) {
    signal?.throwIfAborted();
    const piece = await next;
    at += piece.length;
    // The next piece is read while this one is written.
    next = image.readRaw(at, Math.min(COPY_SIZE, end - at));
    next.catch(() => {});
    await area.write(piece);
  }
  await next;
  for (let index = 0; index < image.header.fragmentCount; index++) {
    const block = await image.fragmentBlock(index);
    fragments.adopt(block.offset + distance, sizeWordOnDisk(block));
  }
  return { add: (file) => addFile(image, file, contents, distance) };
}

async function addFile(
  image: SquashfsImage,
  file: FileInode,
  contents: Contents,
  distance: number,
): Promise<ContentId> {
  if (file.size === 0) return 0;
  const { lists } = contents;
  const { blockSize } = image.header;
  const list = lists.length;
  let holes = 0;
  let hasBlocks = false;
  for await (const batch of image.fileBlocks(file)) {
    for (const block of batch) {
      if (block.kind === "hole") {
        lists.pushHoles(Math.ceil(block.size / blockSize));
        holes += block.size;
      } else {
        lists.push(sizeWordOnDisk(block));
        hasBlocks = true;
      }
    }
  }
  const count = lists.length - list;
  const content = contents.reserve();
  const start = hasBlocks ? file.blocksStart + distance : 0;
  contents.setRun(content, file.size, count === 0 ? 0 : contents.addRun(start, list, count, holes));
  const tail = file.fragment === undefined ? 0 : file.size % blockSize;
  if (file.fragment !== undefined && tail > 0) {
    // Checks that there is such a block.
    await image.fragmentBlock(file.fragment.index);
    contents.setFragment(content, file.fragment.index, file.fragment.offset);
  }
  return content;
}
