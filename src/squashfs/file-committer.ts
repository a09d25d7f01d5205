import type { Hash128 } from "../bytes/hash128.ts";
import type { ContentId } from "../fstree/content.ts";
import type { EncodedBlock } from "../wasm/block-encoder.ts";
import type { Core } from "../wasm/core.ts";
import type { Contents, RunId } from "./contents.ts";
import type { DataArea } from "./data-area.ts";
import type { FragmentWriter } from "./fragment-writer.ts";
import type { Gate } from "./gate.ts";
import { HashIndex } from "./hash-index.ts";
import { sizeWord } from "./size-word.ts";

/** Stands for the hash of a hole's block; the fourth word is the number of them. */
const HOLE_MARK = 0x686f6c65;

export interface FileCommitterOptions {
  readonly core: Core;
  readonly area: DataArea;
  readonly contents: Contents;
  readonly fragments: FragmentWriter;
  /** Told of each block that is released. */
  readonly slots: Gate;
}

/**
 * Puts files' blocks into the image one after the other, equal runs of blocks only once, and fragment blocks in their
 * turn. All that decides about the places of blocks happens here, in the order of the files.
 */
export class FileCommitter {
  readonly #core: Core;
  readonly #area: DataArea;
  readonly #contents: Contents;
  readonly #fragments: FragmentWriter;
  readonly #slots: Gate;
  readonly #runs = new HashIndex();
  /** The hash of the run so far, and of its next block. */
  readonly #chain = new Uint32Array(8);
  readonly #chainBytes = new Uint8Array(this.#chain.buffer);
  /** Blocks of the file that wait for its end, as they may turn out to be there already. */
  readonly #held: EncodedBlock[] = [];
  #holding = false;
  #start = 0;
  #list = 0;
  #holes = 0;
  /** Bytes not written because they were there already. */
  #duplicateSize = 0;
  #runSize = 0;

  constructor({ core, area, contents, fragments, slots }: FileCommitterOptions) {
    this.#core = core;
    this.#area = area;
    this.#contents = contents;
    this.#fragments = fragments;
    this.#slots = slots;
  }

  get duplicateSize(): number {
    return this.#duplicateSize;
  }

  /** Bytes of blocks written, those of fragments apart. */
  get runSize(): number {
    return this.#runSize;
  }

  /** @param hold keep the blocks until `end`, which then writes nothing in vain */
  begin(hold: boolean): void {
    this.#holding = hold;
    this.#start = this.#area.position;
    this.#list = this.#contents.lists.length;
    this.#holes = 0;
    this.#chain.fill(0);
  }

  /** Takes the block over; it is released here or in `end`. Undefined where nothing is written yet. */
  block(block: EncodedBlock): Promise<void> | undefined {
    this.#contents.lists.push(sizeWord(block));
    this.#hash(block.hash);
    if (!this.#holding) return this.#write(block);
    this.#held.push(block);
    return undefined;
  }

  /** @param size bytes; less than `count` blocks hold where the last is short */
  holes(count: number, size: number): void {
    this.#contents.lists.pushHoles(count);
    this.#holes += size;
    this.#hash([HOLE_MARK, size >>> 0, Math.floor(size / 2 ** 32), count]);
  }

  /** A fragment block that is full; it is written some fragment blocks later. */
  fragment(encoded: Promise<EncodedBlock>): Promise<void> {
    return this.#fragments.commit(encoded);
  }

  /** Ends the file's run of blocks. */
  async end(content: ContentId, runSize: number): Promise<void> {
    this.#contents.setRun(content, this.#contents.size(content), await this.#endRun(runSize));
  }

  /** Gives up the hashes, which take as much memory as all the rest. No file may follow. */
  forget(): void {
    this.#runs.clear();
  }

  async #endRun(size: number): Promise<RunId> {
    const { lists } = this.#contents;
    const count = lists.length - this.#list;
    const [a = 0, b = 0, c = 0, d = 0] = this.#chain;
    const hash: Hash128 = [a, b, c, d];
    // Equal contents compress to equal sizes: a second look beside the hash, for nothing.
    const known = this.#runs.find(
      hash,
      (run) =>
        this.#contents.runBlockCount(run) === count && lists.equal(this.#contents.runList(run), this.#list, count),
    );
    const held = this.#held.splice(0);
    if (known !== undefined) {
      this.#duplicateSize += size;
      for (const block of held) this.#release(block);
      lists.truncate(this.#list);
      if (this.#area.position > this.#start) await this.#area.rewind(this.#start);
      return known;
    }
    for (const block of held) await this.#write(block);
    this.#runSize += this.#area.position - this.#start;
    const run = this.#contents.addRun(this.#holes === size ? 0 : this.#start, this.#list, count, this.#holes);
    this.#runs.insert(hash, run);
    return run;
  }

  async #write(block: EncodedBlock): Promise<void> {
    await this.#area.write(block.bytes);
    this.#release(block);
  }

  #release(block: EncodedBlock): void {
    block.release();
    this.#slots.give(1);
  }

  /** Not the core's streaming hash: tails are hashed while a run is under way, by the same core. */
  #hash(words: Hash128): void {
    this.#chain.set(words, 4);
    this.#chain.set(this.#core.contentHash(this.#chainBytes));
  }
}
