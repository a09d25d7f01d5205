import { releaseMemory } from "../../bytes/release-memory.ts";
import { type DataBlock, decodeAside } from "./data-block.ts";
import type { ImageContext } from "./image-context.ts";
import { DATA_READ_SIZE } from "./limits.ts";

/**
 * Blocks that are decompressed at a time: as many as Node's pool has threads. More would wait there, each with its
 * content's memory; fewer leave threads idle. As many reads stay in memory, so that blocks of 1 MiB take 8 MiB.
 */
const AT_A_TIME = 4;

interface Task {
  /** In whose room its bytes are. */
  readonly read: number;
  readonly done: Promise<void>;
}

/**
 * Reads blocks of data and decompresses them, several beside each other where the decoder can, with memory for so
 * many only. Faults come in the order of the blocks, whichever is found first.
 */
export class DecodeQueue {
  readonly #context: ImageContext;
  readonly #tasks: Task[] = [];
  readonly #rooms: Uint8Array[] = [];
  #reads = 0;

  constructor(context: ImageContext) {
    this.#context = context;
  }

  /**
   * Begins with blocks that stand one after the other.
   * @param onSize hears the content's size of each; what it throws is a fault of that block
   */
  async add(blocks: readonly DataBlock[], onSize: (block: DataBlock, size: number) => void): Promise<void> {
    const [first] = blocks;
    if (first === undefined) return;
    const read = this.#reads++;
    await this.#settle((task) => task.read <= read - AT_A_TIME);
    const diskSize = blocks.reduce((sum, block) => sum + block.diskSize, 0);
    const bytes = await this.#context.source.read(first.offset, diskSize, this.#room(read, diskSize));
    for (const block of blocks) {
      await this.#settle(() => this.#tasks.length >= AT_A_TIME);
      const start = block.offset - first.offset;
      const done = this.#decode(block, bytes.subarray(start, start + block.diskSize), onSize);
      // Heard of when its turn comes, if an earlier one does not fail.
      done.catch(() => {});
      this.#tasks.push({ read, done });
    }
  }

  async #decode(block: DataBlock, bytes: Uint8Array, onSize: (block: DataBlock, size: number) => void): Promise<void> {
    const content = await decodeAside(this.#context, block, bytes);
    const { length } = content;
    if (content !== bytes) releaseMemory(content);
    onSize(block, length);
  }

  /** All blocks have been decompressed. */
  async finish(): Promise<void> {
    await this.#settle(() => true);
  }

  async #settle(isDue: (oldest: Task) => boolean): Promise<void> {
    for (let oldest = this.#tasks[0]; oldest !== undefined && isDue(oldest); oldest = this.#tasks[0]) {
      this.#tasks.shift();
      await oldest.done;
    }
  }

  /**
   * Each read's bytes have the same room as those of the read `AT_A_TIME` before: a buffer for each would wait for the
   * collector.
   */
  #room(read: number, size: number): Uint8Array {
    const index = read % AT_A_TIME;
    let room = this.#rooms[index];
    if (room === undefined || room.length < size) {
      room = new Uint8Array(Math.max(size, DATA_READ_SIZE));
      this.#rooms[index] = room;
    }
    return room;
  }
}
