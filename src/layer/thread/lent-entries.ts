import type { BodyPart } from "../../bytes/file-body.ts";
import type { PromptIterator } from "../../bytes/prompt-iterator.ts";
import { InternalError } from "../../errors.ts";
import type { TarEntry } from "../../tar/entry.ts";
import {
  isHole,
  PART_HEADER_SIZE,
  padded,
  RecordedEntry,
  type RecordMemory,
  recordMemory,
  sizeOfPart,
  sizeOfRecord,
} from "./entry-record.ts";
import type { LayerPass } from "./layer-pass.ts";

type Step = IteratorResult<TarEntry, void>;

const NO_MEMORY: RecordMemory = recordMemory(new ArrayBuffer(0));
const NO_BYTES = new Uint8Array(0);
const END: Step = { done: true, value: undefined };

/** The entries that a layer's thread puts into its slots; contents are read where they lie. */
export class LentEntries implements PromptIterator<TarEntry> {
  readonly #open: () => LayerPass;
  #pass: LayerPass | undefined;
  /** What lies in the current slot, from `at` to `end`. */
  #memory: RecordMemory = NO_MEMORY;
  #at = 0;
  #end = 0;
  #entry: LentEntry | undefined;
  /** Bytes of the current entry's content that were not passed over. */
  #left = 0;

  /** @param open called when the first entry is asked for */
  constructor(open: () => LayerPass) {
    this.#open = open;
  }

  next(): Step | Promise<Step> {
    if (this.#left > 0) {
      if (this.#entry?.isInParts !== false) return this.#nextBeyond();
      this.#at += padded(this.#left);
      this.#left = 0;
    }
    const start = this.#at;
    if (start === this.#end) return this.#nextBeyond();
    const size = sizeOfRecord(this.#memory, start);
    if (size > this.#end - start) return this.#nextBeyond();
    this.#at = start + size;
    return this.#give(this.#memory, start);
  }

  async return(): Promise<void> {
    this.#forget();
    this.#pass?.leave();
  }

  /** The content of an entry: the current one, whose content nobody has read. */
  async *contentOf(entry: LentEntry): AsyncGenerator<BodyPart, void, undefined> {
    if (entry.size === 0) return;
    this.#checkUnread(entry);
    if (!entry.isInParts) {
      yield this.#takeWhole(entry.size);
      return;
    }
    while (this.#left > 0) {
      if (this.#at === this.#end) await this.#pull();
      yield this.#takePart();
    }
  }

  /** The content of an entry as a whole where it lies in one piece. */
  wholeContentOf(entry: LentEntry): Uint8Array | undefined {
    if (entry.size === 0) return NO_BYTES;
    this.#checkUnread(entry);
    return entry.isInParts ? undefined : this.#takeWhole(entry.size);
  }

  #give(memory: RecordMemory, start: number): Step {
    const entry = new LentEntry(memory, start, this);
    this.#entry = entry;
    this.#left = entry.size;
    return { done: false, value: entry };
  }

  /** The next entry, where that lies beyond the slot's end, or a content that comes in parts lies before it. */
  async #nextBeyond(): Promise<Step> {
    while (this.#left > 0) {
      if (this.#at === this.#end) await this.#pull();
      this.#takePart();
    }
    if (this.#at === this.#end && !(await this.#hasMore())) return END;
    const start = this.#at;
    const size = sizeOfRecord(this.#memory, start);
    if (size <= this.#end - start) {
      this.#at = start + size;
      return this.#give(this.#memory, start);
    }
    return this.#give(recordMemory(await this.#gather(size)), 0);
  }

  /** A record that goes over the ends of slots. */
  async #gather(size: number): Promise<ArrayBuffer> {
    const record = Buffer.from(new ArrayBuffer(size));
    for (let filled = 0; filled < size; ) {
      if (this.#at === this.#end) await this.#pull();
      const count = Math.min(size - filled, this.#end - this.#at);
      this.#memory.bytes.copy(record, filled, this.#at, this.#at + count);
      this.#at += count;
      filled += count;
    }
    return record.buffer;
  }

  #takeWhole(size: number): Uint8Array {
    const start = this.#at;
    this.#at = start + padded(size);
    this.#left = 0;
    return this.#memory.bytes.subarray(start, start + size);
  }

  #takePart(): BodyPart {
    const start = this.#at;
    const size = sizeOfPart(this.#memory, start);
    this.#left -= size;
    const dataStart = start + PART_HEADER_SIZE;
    if (isHole(this.#memory, start)) {
      this.#at = dataStart;
      return { zeros: size };
    }
    this.#at = dataStart + padded(size);
    return this.#memory.bytes.subarray(dataStart, dataStart + size);
  }

  /** Goes on with the next slot, which there must be. */
  async #pull(): Promise<void> {
    if (!(await this.#hasMore())) throw new InternalError("a layer's thread ended within an entry");
  }

  async #hasMore(): Promise<boolean> {
    this.#at = 0;
    this.#end = 0;
    this.#pass ??= this.#open();
    const slot = await this.#pass.next();
    if (slot === undefined) return false;
    if (this.#memory.bytes.buffer !== slot.buffer) this.#memory = recordMemory(slot.buffer);
    this.#at = slot.byteOffset;
    this.#end = slot.byteOffset + slot.length;
    return true;
  }

  #checkUnread(entry: LentEntry): void {
    if (this.#entry !== entry || this.#left !== entry.size)
      throw new TypeError("the content of a tar entry can be read once, and before the next entry is asked for");
  }

  #forget(): void {
    this.#entry = undefined;
    this.#left = 0;
    this.#at = 0;
    this.#end = 0;
  }
}

class LentEntry extends RecordedEntry implements TarEntry {
  readonly #entries: LentEntries;

  constructor(memory: RecordMemory, start: number, entries: LentEntries) {
    super(memory, start);
    this.#entries = entries;
  }

  body(): AsyncIterable<BodyPart> {
    return this.#entries.contentOf(this);
  }

  bodyIfBuffered(): Uint8Array | undefined {
    return this.#entries.wholeContentOf(this);
  }
}
