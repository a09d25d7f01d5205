import type { ContentId } from "../fstree/content.ts";
import type { Compression } from "../wasm/compression.ts";
import { type AdoptedFiles, type LiveData, liveExtents } from "./adopted-extents.ts";
import { compressorOf } from "./compressor.ts";
import type { Contents } from "./contents.ts";
import type { DataArea } from "./data-area.ts";
import { Compressor, SuperblockFlag } from "./format.ts";
import type { FragmentWriter } from "./fragment-writer.ts";
import { blockCount } from "./reader/block-list.ts";
import type { SquashfsImage } from "./reader/image.ts";
import type { FileInode } from "./reader/inode.ts";
import { sizeWordOnDisk } from "./size-word.ts";

/** Bytes copied at a time, in two buffers: large enough that system calls and turns of the event loop do not count. */
const COPY_SIZE = 2 << 20;

/** The data of another image, which come to stand in this one. */
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
 * Copies the data area, or what of it the given files have: what files share stays shared, and a damaged image
 * whose files all claim the same blocks makes no larger one. A fragment block is taken whole.
 * @param use asks for the files' contents, while their data are on the way
 * @param files whose data are wanted; the whole data area without them
 */
export async function adoptData<T>(
  image: SquashfsImage,
  target: AdoptTarget,
  use: (data: AdoptedData) => Promise<T>,
  files?: AdoptedFiles,
): Promise<T> {
  const { area, contents, fragments } = target;
  await area.begin();
  const live: LiveData =
    files === undefined
      ? { extents: [await image.dataArea()], usesFragment: () => true }
      : await liveExtents(image, files);
  const places = new Places();
  let position = area.position;
  for (const { start, end } of live.extents) {
    places.add(start, position);
    position += end - start;
  }
  const indexes: number[] = [];
  for (let index = 0; index < image.header.fragmentCount; index++) {
    if (!live.usesFragment(index)) continue;
    const block = await image.fragmentBlock(index);
    indexes[index] = fragments.adopt(places.find(block.offset), sizeWordOnDisk(block));
  }
  // A copy hardly needs this thread, so that tables are read meanwhile. One that failed ends the other; both have
  // ended when this returns, for the sink is closed after that.
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(target.signal === undefined ? [] : [target.signal])]);
  const copied = copyData(image, live.extents, area, signal);
  const used = use({ add: (file) => addFile(image, file, contents, { places, indexes, signal }) });
  for (const part of [copied, used]) part.catch((error: unknown) => failure.abort(error));
  await Promise.allSettled([copied, used]);
  await copied;
  return used;
}

/** Where stretches of the image stand now. */
class Places {
  readonly #starts: number[] = [];
  readonly #distances: number[] = [];

  /** In rising order of `start`. */
  add(start: number, now: number): void {
    this.#starts.push(start);
    this.#distances.push(now - start);
  }

  find(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return offset + (this.#distances[low] ?? 0);
  }
}

async function copyData(
  image: SquashfsImage,
  extents: LiveData["extents"],
  area: DataArea,
  signal: AbortSignal,
): Promise<void> {
  // Two buffers for all pieces: a new one for each would leave the collector most of the work.
  const largest = extents.reduce((size, { start, end }) => Math.max(size, end - start), 0);
  const roomSize = Math.min(COPY_SIZE, largest);
  let room = new Uint8Array(roomSize);
  let spare = new Uint8Array(roomSize);
  for (const { start, end } of extents) {
    let next = image.readRaw(start, Math.min(roomSize, end - start), room);
    for (let at = start; at < end; ) {
      const piece = await next;
      signal.throwIfAborted();
      at += piece.length;
      // The next piece is read while this one is written.
      [room, spare] = [spare, room];
      next = image.readRaw(at, Math.min(roomSize, end - at), room);
      next.catch(() => {});
      await area.write(piece);
    }
    await next;
  }
}

interface AdoptedPlaces {
  readonly places: Places;
  /** Numbers of fragment blocks here, by those there. */
  readonly indexes: readonly number[];
  readonly signal: AbortSignal;
}

async function addFile(
  image: SquashfsImage,
  file: FileInode,
  contents: Contents,
  { places, indexes, signal }: AdoptedPlaces,
): Promise<ContentId> {
  signal.throwIfAborted();
  if (file.size === 0) return 0;
  const { lists } = contents;
  const { blockSize } = image.header;
  const list = lists.length;
  let holes = 0;
  let hasBlocks = false;
  // Most files are a tail alone.
  const batches = blockCount(file, blockSize) === 0 ? [] : image.fileBlocks(file);
  for await (const batch of batches) {
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
  const start = hasBlocks ? places.find(file.blocksStart) : 0;
  contents.setRun(content, file.size, count === 0 ? 0 : contents.addRun(start, list, count, holes));
  const tail = file.fragment === undefined ? 0 : file.size % blockSize;
  if (file.fragment !== undefined && tail > 0) {
    const { index, offset } = file.fragment;
    // Says that there is no such block.
    if (indexes[index] === undefined) await image.fragmentBlock(index);
    contents.setFragment(content, indexes[index] as number, offset);
  }
  return content;
}
