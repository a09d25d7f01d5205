import { copyBytes } from "../bytes/copy-bytes.ts";
import type { BodyPart } from "../bytes/file-body.ts";
import type { Hash128 } from "../bytes/hash128.ts";
import { type Lease, leaseOf } from "../bytes/lease.ts";
import type { ContentId, ContentStore } from "../fstree/content.ts";
import type { BlockEncoder, LentBlock } from "../wasm/block-encoder.ts";
import type { Core } from "../wasm/core.ts";
import { CommitQueue, type Item } from "./commit-queue.ts";
import type { Contents } from "./contents.ts";
import type { DataArea } from "./data-area.ts";
import { SquashfsError } from "./errors.ts";
import { FileCommitter } from "./file-committer.ts";
import { FRAGMENT_SLOTS, type FragmentWriter } from "./fragment-writer.ts";
import { Gate } from "./gate.ts";
import { isZero } from "./is-zero.ts";
import { ShareLedger, type ShareMark, type ShareReport } from "./share-ledger.ts";
import { TailPlacer } from "./tail-placer.ts";

/**
 * Largest file, 16 TiB: a hole of that size takes 512 MiB of (well compressed) block list. Beyond every
 * real file; it stops tar headers that claim exabytes.
 */
export const MAX_FILE_SIZE: number = 2 ** 44;

/** What may wait in the queue beside blocks, which have slots: a flood of holes, say. */
const WAITING_ITEMS = 4096;
/** Bytes of content between two `onRead`. */
const READ_STEP = 4 << 20;

export interface ContentWriterOptions {
  readonly encoder: BlockEncoder;
  readonly core: Core;
  readonly contents: Contents;
  readonly area: DataArea;
  readonly fragments: FragmentWriter;
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how many bytes of content came in. */
  readonly onRead?: (size: number) => void;
}

/** The front end: cuts files into blocks and tails, has them encoded, and queues them for the committer. */
export class ContentWriter implements ContentStore {
  readonly #encoder: BlockEncoder;
  readonly #contents: Contents;
  readonly #committer: FileCommitter;
  readonly #options: ContentWriterOptions;
  readonly #queue: CommitQueue;
  readonly #slots: Gate;
  readonly #items: Gate = new Gate(WAITING_ITEMS);
  readonly #fragments: FragmentWriter;
  readonly #tails: TailPlacer;
  /** Files of so many blocks are held back until they are known to be new; half the slots, so that the next file is under way meanwhile. */
  readonly #holdLimit: number;
  /** The block being filled; kept from file to file. */
  #buffer: Uint8Array | undefined;
  #fill = 0;
  /** The last bytes of the file where they need not be copied; then the buffer is empty. */
  #rest: Uint8Array | undefined;
  #busy = false;
  #failure: { readonly error: unknown } | undefined;
  #read = 0;
  /** Bytes of tails that were there already. */
  #duplicate = 0;
  readonly #ledger = new ShareLedger();
  #told = 0;

  constructor(options: ContentWriterOptions) {
    const { encoder, core, area, contents, fragments, signal } = options;
    const slots = encoder.slotCount - FRAGMENT_SLOTS;
    if (slots < 2) throw new RangeError(`the encoder has ${encoder.slotCount} slots, ${FRAGMENT_SLOTS + 2} are needed`);
    this.#options = options;
    this.#encoder = encoder;
    this.#contents = contents;
    this.#fragments = fragments;
    this.#tails = new TailPlacer(core, contents, fragments);
    this.#slots = new Gate(slots);
    this.#committer = new FileCommitter({ core, area, contents, fragments, slots: this.#slots });
    this.#holdLimit = Math.floor(slots / 2);
    this.#queue = new CommitQueue(
      this.#committer,
      (kind) => {
        if (kind !== "share") this.#items.give(1);
      },
      (error) => this.#fail(error),
    );
    signal?.addEventListener("abort", () => this.#fail(signal.reason), { once: true });
    if (signal?.aborted) this.#fail(signal.reason);
  }

  /** Bytes of content taken, holes included. */
  get readSize(): number {
    return this.#read;
  }

  /**
   * @throws RangeError where the parts do not add up to `size`; SquashfsError FILE_TOO_LARGE. After any
   * error the writer takes nothing more.
   */
  add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array, hash?: Hash128): ContentId | Promise<ContentId> {
    if (this.#busy) return Promise.reject(new TypeError("one content at a time: the call before has not ended"));
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error as Error);
    const isSmall = parts instanceof Uint8Array && size < this.#encoder.blockSize && parts.length === size;
    if (!isSmall) return this.#whileBusy(this.#add(size, parts));
    this.#count(size);
    if (size === 0) return 0;
    const added = this.#addSmall(parts, hash);
    return typeof added === "number" ? added : this.#whileBusy(added);
  }

  async #whileBusy(work: Promise<ContentId>): Promise<ContentId> {
    this.#busy = true;
    try {
      return await work;
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  /** Bytes of content that the image had already. */
  get duplicateSize(): number {
    return this.#duplicate + this.#committer.duplicateSize;
  }

  /** Contents from here on count for a share, a number from 0. */
  beginShare(share: number): void {
    const front = this.#mark(share);
    const begin = () => this.#ledger.begin(this.#withBlocks(front));
    // Not counted, as nobody waits here: these are few.
    this.#queue.push({ kind: "share", begin });
  }

  /** What each share came to; once everything is written, fragments as well. */
  settleShares(): ShareReport[] {
    return this.#ledger.settle(this.#withBlocks(this.#mark(0)), this.#fragments);
  }

  /** Gives up the hashes of blocks and tails. No content may follow. */
  forget(): void {
    this.#committer.forget();
    this.#tails.forget();
  }

  /** Where the accounts stand here. */
  #mark(share: number): ShareMark {
    const { index: fragmentIndex, offset: fragmentOffset } = this.#fragments;
    const [contentSize, duplicateSize] = [this.#read, this.#duplicate];
    return { share, contentSize, duplicateSize, runSize: 0, fragmentIndex, fragmentOffset };
  }

  /** The same with the committer's part, in its turn. */
  #withBlocks(mark: ShareMark): ShareMark {
    const { duplicateSize, runSize } = this.#committer;
    return { ...mark, duplicateSize: mark.duplicateSize + duplicateSize, runSize };
  }

  /** Resolves once every block but those in fragments is written. */
  async drain(): Promise<void> {
    await this.#queue.drain();
    this.#throwIfFailed();
  }

  async #add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array): Promise<ContentId> {
    if (size > MAX_FILE_SIZE) throw new SquashfsError("FILE_TOO_LARGE", { seen: size, limit: MAX_FILE_SIZE });
    const blocks = Math.floor(size / this.#encoder.blockSize);
    if (blocks > 0) {
      const room = this.#push({ kind: "begin", hold: blocks <= this.#holdLimit });
      if (room !== undefined) await room;
    }
    return parts instanceof Uint8Array ? this.#addWhole(size, parts, blocks) : this.#addParts(size, parts, blocks);
  }

  async #addWhole(size: number, whole: Uint8Array, blocks: number): Promise<ContentId> {
    if (whole.length !== size) throw wrongSum(size, whole.length);
    this.#count(size);
    await this.#bytes(whole, true);
    return this.#end(size, blocks);
  }

  async #addParts(size: number, parts: AsyncIterable<BodyPart>, blocks: number): Promise<ContentId> {
    let sum = 0;
    let content = size === 0 ? 0 : undefined;
    for await (const part of parts) {
      const length = part instanceof Uint8Array ? part.length : part.zeros;
      sum += length;
      if (sum > size) throw wrongSum(size, sum);
      this.#count(length);
      if (part instanceof Uint8Array) await this.#bytes(part, sum === size);
      else await this.#zeros(part.zeros);
      // Now, as a part is dead once the next is asked for.
      if (sum === size && content === undefined) content = await this.#end(size, blocks);
    }
    if (content === undefined) throw wrongSum(size, sum);
    return content;
  }

  /** All of a file has come; what fills no block is its tail. */
  async #end(size: number, blocks: number): Promise<ContentId> {
    const fill = this.#fill;
    this.#fill = 0;
    const tail = this.#rest ?? (this.#buffer as Uint8Array | undefined)?.subarray(0, fill);
    this.#rest = undefined;
    if (blocks === 0) return this.#addSmall(tail as Uint8Array);
    const content = this.#contents.reserve();
    this.#contents.setRun(content, size, 0);
    if (tail === undefined || tail.length === 0) {
      await this.#push({ kind: "end", content, runSize: size });
    } else if (isZero(tail)) {
      await this.#push({ kind: "holes", count: 1, size: tail.length });
      await this.#push({ kind: "end", content, runSize: size });
    } else {
      await this.#push({ kind: "end", content, runSize: size - tail.length });
      await this.#addTail(content, tail);
    }
    return content;
  }

  /** A file that fills no block. The bytes are borrowed. What can be done at once is. */
  #addSmall(bytes: Uint8Array, knownHash?: Hash128): ContentId | Promise<ContentId> {
    const size = bytes.length;
    if (isZero(bytes)) return this.#addHole(size);
    const hash = knownHash ?? this.#tails.hash(bytes);
    const known = this.#tails.find(hash, size);
    // A file of no more than this tail, too.
    if (known !== undefined && this.#contents.size(known) === size) {
      this.#duplicate += size;
      return known;
    }
    const content = this.#contents.reserve();
    this.#contents.setRun(content, size, 0);
    const room = this.#place(content, bytes, hash, known);
    return room === undefined ? content : room.then(() => content);
  }

  async #addHole(size: number): Promise<ContentId> {
    const content = this.#contents.reserve();
    this.#contents.setRun(content, size, 0);
    await this.#push({ kind: "begin", hold: true });
    await this.#push({ kind: "holes", count: 1, size });
    await this.#push({ kind: "end", content, runSize: size });
    return content;
  }

  /** The tail of a content whose blocks are in the queue. */
  #addTail(content: ContentId, tail: Uint8Array): Promise<void> | undefined {
    const hash = this.#tails.hash(tail);
    return this.#place(content, tail, hash, this.#tails.find(hash, tail.length));
  }

  #place(content: ContentId, tail: Uint8Array, hash: Hash128, known: ContentId | undefined): Promise<void> | undefined {
    if (known !== undefined) {
      this.#duplicate += tail.length;
      this.#tails.share(content, known);
      return undefined;
    }
    if (!this.#fragments.hasRoom(tail.length))
      return this.#nextFragment().then(() => this.#tails.add(content, tail, hash));
    this.#tails.add(content, tail, hash);
    return undefined;
  }

  async #nextFragment(): Promise<void> {
    const encoded = this.#fragments.close();
    if (encoded !== undefined) await this.#push({ kind: "fragment", encoded });
    await this.#fragments.open();
  }

  /** @param isLast nothing of the file follows: what fills no block and lies in one piece is left where it is */
  async #bytes(part: Uint8Array, isLast: boolean): Promise<void> {
    const { blockSize } = this.#encoder;
    const lease = part.length < blockSize ? undefined : leaseOf(part);
    for (let from = 0; from < part.length; ) {
      const left = part.length - from;
      if (isLast && this.#fill === 0 && left < blockSize) {
        this.#rest = part.subarray(from);
        return;
      }
      const next = this.#buffer ?? this.#nextBuffer();
      const buffer = next instanceof Promise ? await next : next;
      const count = Math.min(left, blockSize - this.#fill);
      const room = this.#piece(part.subarray(from, from + count), buffer, lease);
      if (room !== undefined) await room;
      from += count;
    }
  }

  /**
   * Takes what the buffer has room for; a whole block is left where it lies if that can be kept.
   * @returns what to wait for, as of all below
   */
  #piece(piece: Uint8Array, buffer: Uint8Array, lease: Lease | undefined): Promise<void> | undefined {
    const { blockSize } = this.#encoder;
    if (piece.length === blockSize) {
      if (isZero(piece)) return this.#push({ kind: "holes", count: 1, size: blockSize });
      if (lease !== undefined) return this.#block(buffer, { bytes: piece, lease });
    }
    copyBytes(piece, buffer, this.#fill);
    return this.#filled(buffer, piece.length);
  }

  async #zeros(count: number): Promise<void> {
    const { blockSize } = this.#encoder;
    let left = count;
    while (left > 0) {
      const whole = Math.floor(left / blockSize);
      if (this.#fill === 0 && whole > 0) {
        await this.#push({ kind: "holes", count: whole, size: whole * blockSize });
        left -= whole * blockSize;
        continue;
      }
      const buffer = this.#buffer ?? (await this.#nextBuffer());
      const run = Math.min(left, blockSize - this.#fill);
      buffer.fill(0, this.#fill, this.#fill + run);
      left -= run;
      await this.#filled(buffer, run);
    }
  }

  /** Counts bytes that were put into the buffer; a full one goes to the encoder, unless it is a hole. */
  #filled(buffer: Uint8Array, count: number): Promise<void> | undefined {
    const { blockSize } = this.#encoder;
    this.#fill += count;
    if (this.#fill < blockSize) return undefined;
    this.#fill = 0;
    if (isZero(buffer)) return this.#push({ kind: "holes", count: 1, size: blockSize });
    return this.#block(buffer, blockSize);
  }

  /**
   * Hands a block to the encoder: what fills the buffer, or one that lies in lent memory. Nothing else keeps that
   * memory: what is not a whole block is copied. So it comes back as soon as the encoder is through with it, whatever
   * waits here, and a few slots are enough for a layer's thread to go on.
   */
  #block(buffer: Uint8Array, block: number | LentBlock): Promise<void> | undefined {
    this.#buffer = undefined;
    this.#queue.pushBlock(this.#encoder.encode(buffer, block));
    return this.#items.take(1);
  }

  /** Opens the next block; at once where a slot is free. */
  #nextBuffer(): Uint8Array | Promise<Uint8Array> {
    const room = this.#slots.take(1);
    const next = room === undefined ? this.#encoder.acquire() : room.then(() => this.#encoder.acquire());
    if (next instanceof Promise) return next.then((buffer) => this.#open(buffer));
    return this.#open(next);
  }

  #open(buffer: Uint8Array): Uint8Array {
    this.#buffer = buffer;
    return buffer;
  }

  #push(item: Item): Promise<void> | undefined {
    const wait = this.#items.take(1);
    this.#queue.push(item);
    return wait;
  }

  #count(size: number): void {
    this.#read += size;
    if (this.#read - this.#told < READ_STEP) return;
    this.#told = this.#read;
    this.#options.onRead?.(this.#read);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#slots.fail(error);
    this.#items.fail(error);
    this.#fragments.fail(error);
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function wrongSum(size: number, sum: number): RangeError {
  return new RangeError(`a content of ${size} bytes came as ${sum} or more`);
}
