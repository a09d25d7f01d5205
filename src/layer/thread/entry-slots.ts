import { copyBytes } from "../../bytes/copy-bytes.ts";
import type { Hash128 } from "../../bytes/hash128.ts";
import type { TarEntry } from "../../tar/entry.ts";
import {
  PART_HEADER_SIZE,
  padded,
  type RecordMemory,
  recordMemory,
  recordSize,
  setHash,
  setInParts,
  writeHole,
  writePart,
  writeRecord,
} from "./entry-record.ts";
import { type LayerThreadSetup, PIECE_SIZE, SLOT_SIZE } from "./messages.ts";
import { SlotBoard } from "./slot-board.ts";

/**
 * Larger records, of very long names and many attributes, go over the ends of slots. Behind the largest that does not, a
 * slot has room for the largest content that lies whole.
 */
const MAX_WHOLE_RECORD: number = SLOT_SIZE - PIECE_SIZE - 4096;

/**
 * Entries on their way out of a layer's thread, in slots of shared memory that come back free. Records, and contents of
 * up to `PIECE_SIZE`, lie whole in one slot; larger contents are cut at multiples of it, so that blocks of a
 * SquashFS lie whole in one, too.
 */
export class EntrySlots {
  readonly #memory: RecordMemory;
  readonly #board: SlotBoard;
  readonly #wakeReader: () => void;
  readonly #hash: (content: Uint8Array) => Hash128;
  #wake = (): void => {};
  #slot: number | undefined;
  /** Where the next byte goes, and where the slot ends. */
  #at = 0;
  #end = 0;
  /** The part of a content that goes on with the next bytes. */
  #part: { readonly start: number; size: number; readonly limit: number } | undefined;
  /** A record whose content is not whole yet: the reader is to see both, or neither. */
  #isHeld = false;

  /**
   * @param wakeReader called for a filled slot while the reader waits for one
   * @param hash of small contents, which the reader looks for equal ones by
   */
  constructor(
    { memory, board }: Pick<LayerThreadSetup, "memory" | "board">,
    wakeReader: () => void,
    hash: (content: Uint8Array) => Hash128,
  ) {
    this.#memory = recordMemory(memory);
    this.#board = new SlotBoard(memory.byteLength / SLOT_SIZE, board);
    this.#wakeReader = wakeReader;
    this.#hash = hash;
  }

  /** Puts an entry with its content into slots; a promise where that takes waiting. */
  add(entry: TarEntry): Promise<void> | undefined {
    const size = recordSize(entry);
    if (size > MAX_WHOLE_RECORD || entry.size > PIECE_SIZE) return this.#addLarge(entry, size);
    const whole = size + padded(entry.size);
    return whole <= this.#end - this.#at ? this.#addSmall(entry, size) : this.#addToNext(entry, size);
  }

  /** Passes what there is to the reader. */
  flush(): void {
    const slot = this.#slot;
    if (slot === undefined || this.#isHeld) return;
    const size = this.#at - slot * SLOT_SIZE;
    this.#slot = undefined;
    this.#part = undefined;
    this.#at = 0;
    this.#end = 0;
    if (this.#board.fill(slot, size)) this.#wakeReader();
  }

  /** Slots are free again. */
  freed(): void {
    this.#wake();
  }

  async #addToNext(entry: TarEntry, size: number): Promise<void> {
    await this.#next();
    await this.#addSmall(entry, size);
  }

  /** There is room for the whole. */
  #addSmall(entry: TarEntry, size: number): Promise<void> | undefined {
    const start = this.#at;
    writeRecord(this.#memory, start, entry, size);
    const content = entry.bodyIfBuffered();
    if (content === undefined) return this.#gather(entry, start, size);
    if (content.length > 0) setHash(this.#memory, start, this.#hash(content));
    copyBytes(content, this.#memory.bytes, start + size);
    this.#at = start + size + padded(entry.size);
    return undefined;
  }

  /** The content of a small file comes in pieces, or has holes. */
  async #gather(entry: TarEntry, start: number, size: number): Promise<void> {
    const { bytes } = this.#memory;
    let to = start + size;
    this.#isHeld = true;
    try {
      for await (const part of entry.body()) {
        if (part instanceof Uint8Array) {
          copyBytes(part, bytes, to);
          to += part.length;
        } else {
          bytes.fill(0, to, to + part.zeros);
          to += part.zeros;
        }
      }
      if (to > start + size) setHash(this.#memory, start, this.#hash(bytes.subarray(start + size, to)));
      this.#at = padded(to);
    } catch (error) {
      // The entry is for the reader to see, and the error instead of its content.
      setInParts(this.#memory, start);
      this.#at = start + size;
      throw error;
    } finally {
      this.#isHeld = false;
    }
  }

  async #addLarge(entry: TarEntry, size: number): Promise<void> {
    if (size > MAX_WHOLE_RECORD) {
      const record = recordMemory(new ArrayBuffer(size));
      writeRecord(record, 0, entry, size);
      setInParts(record, 0);
      await this.#span(record.bytes);
    } else {
      if (size > this.#end - this.#at) await this.#next();
      writeRecord(this.#memory, this.#at, entry, size);
      setInParts(this.#memory, this.#at);
      this.#at += size;
    }
    let done = 0;
    this.#part = undefined;
    for await (const part of entry.body()) {
      if (part instanceof Uint8Array) await this.#putBytes(part, { done, size: entry.size });
      else await this.#putHole(part.zeros);
      done += part instanceof Uint8Array ? part.length : part.zeros;
    }
  }

  async #span(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      if (this.#at === this.#end) await this.#next();
      const count = Math.min(bytes.length - from, this.#end - this.#at);
      copyBytes(bytes.subarray(from, from + count), this.#memory.bytes, this.#at);
      this.#at += count;
      from += count;
    }
  }

  async #putHole(size: number): Promise<void> {
    this.#part = undefined;
    if (this.#end - this.#at < PART_HEADER_SIZE) await this.#next();
    writeHole(this.#memory, this.#at, size);
    this.#at += PART_HEADER_SIZE;
  }

  /**
   * Puts bytes into the last part, as far as there is room, and into further ones.
   * @param place where in the content they stand, and its size
   */
  async #putBytes(bytes: Uint8Array, place: { readonly done: number; readonly size: number }): Promise<void> {
    let { done } = place;
    for (let from = 0; from < bytes.length; ) {
      let part = this.#part;
      if (part === undefined || part.size === part.limit) {
        let limit = this.#roomFor(done, place.size);
        if (limit === 0) {
          await this.#next();
          limit = this.#roomFor(done, place.size);
        }
        part = { start: this.#at, size: 0, limit };
        this.#part = part;
      }
      const count = Math.min(bytes.length - from, part.limit - part.size);
      const dataStart = part.start + PART_HEADER_SIZE;
      copyBytes(bytes.subarray(from, from + count), this.#memory.bytes, dataStart + part.size);
      part.size += count;
      // Whole at any time: the slot may be passed on before the next bytes come.
      writePart(this.#memory, part.start, part.size);
      this.#at = dataStart + padded(part.size);
      from += count;
      done += count;
    }
  }

  /** Bytes that a part may have which begins here, at byte `done` of a content. */
  #roomFor(done: number, size: number): number {
    const room = this.#end - this.#at - PART_HEADER_SIZE;
    return size - done <= room ? size - done : Math.max(0, room - ((done + room) % PIECE_SIZE));
  }

  /** Goes on with the next slot; waits for one. */
  async #next(): Promise<void> {
    this.flush();
    for (;;) {
      const slot = this.#board.takeFree();
      if (slot !== undefined) {
        this.#slot = slot;
        this.#at = slot * SLOT_SIZE;
        this.#end = this.#at + SLOT_SIZE;
        return;
      }
      if (!this.#board.awaitFree()) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
