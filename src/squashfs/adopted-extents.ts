import type { DataArea, SquashfsImage } from "./reader/image.ts";
import type { FileInode } from "./reader/inode.ts";

/** Files whose data are wanted; of several names of an inode one is enough. */
export type AdoptedFiles = () => AsyncIterable<FileInode>;

/** What of an image's data some of its files have. */
export interface LiveData {
  /** In rising order, apart from each other. */
  readonly extents: readonly DataArea[];
  usesFragment(index: number): boolean;
}

/**
 * Finds the stretches of the data area in which the files' blocks stand. Nothing of the data is read; of files
 * that share blocks, or claim to, each byte counts once.
 * @throws SquashfsReadError where a block list or a fragment's number is damaged
 */
export async function liveExtents(image: SquashfsImage, files: AdoptedFiles): Promise<LiveData> {
  const found: DataArea[] = [];
  const fragments = new Uint8Array(image.header.fragmentCount);
  for await (const file of files()) {
    let start = -1;
    let end = -1;
    for await (const batch of image.fileBlocks(file)) {
      for (const block of batch) {
        if (block.kind === "hole") continue;
        if (start < 0) start = file.blocksStart;
        end = block.offset + block.diskSize;
      }
    }
    if (start >= 0) found.push({ start, end });
    if (file.fragment === undefined || file.size % image.header.blockSize === 0) continue;
    const { index } = file.fragment;
    const block = await image.fragmentBlock(index);
    if (fragments[index] === 1) continue;
    fragments[index] = 1;
    found.push({ start: block.offset, end: block.offset + block.diskSize });
  }
  return { extents: joined(found), usesFragment: (index) => fragments[index] === 1 };
}

/** Stretches that touch or overlap become one. */
function joined(extents: DataArea[]): DataArea[] {
  extents.sort((a, b) => a.start - b.start);
  const result: DataArea[] = [];
  for (const { start, end } of extents) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end)
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, end) };
    else result.push({ start, end });
  }
  return result;
}
