import { copyBytes } from "../bytes/copy-bytes.ts";
import type { BodyPart } from "../bytes/file-body.ts";
import { leaseOf } from "../bytes/lease.ts";
import type { ContentId, ContentStore } from "../fstree/content.ts";
import type { BlockEncoder, EncodedBlock, LentBlock } from "../wasm/block-encoder.ts";
import type { Core } from "../wasm/core.ts";
import { CommitQueue, type Item } from "./commit-queue.ts";
import type { Contents } from "./contents.ts";
import { SquashfsError } from "./errors.ts";
import type { FileCommitter, Tail } from "./file-committer.ts";
import { FRAGMENTS_IN_FLIGHT, type FragmentWriter } from "./fragment-writer.ts";
import { Gate } from "./gate.ts";
import { isZero } from "./is-zero.ts";
import { ShareLedger, type ShareMark, type ShareReport } from "./share-ledger.ts";
import { TailRing } from "./tail-ring.ts";

/**
 * Largest file, 16 TiB: a hole of that size takes 512 MiB of (well compressed) block list. Beyond every
 * real file; it stops tar headers that claim exabytes.
 */
export const MAX_FILE_SIZE: number = 2 ** 44;

/** Tails that may wait for files in front of them, in bytes; more keeps the workers busier between large files. */
const WAITING_TAILS = 1 << 20;
/** What an item in the queue counts beside its tail, so that a flood of empty tails is bounded as well. */
const ITEM_WEIGHT = 256;
/** Fragment blocks that hold a slot of the encoder: those in flight, one on its way, one open. */
const FRAGMENT_SLOTS: number = FRAGMENTS_IN_FLIGHT + 2;
/** Bytes of content between two `onRead`. */
const READ_STEP = 4 << 20;

export interface ContentWriterOptions {
  readonly encoder: BlockEncoder;
  readonly core: Core;
  readonly contents: Contents;
  readonly committer: FileCommitter;
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how many bytes of content came in. */
  readonly onRead?: (size: number) => void;
}

/** The front end: cuts files into blocks and tails, has them encoded, and queues them for the committer. */
export class ContentWriter implements ContentStore {
  readonly #encoder: BlockEncoder;
  readonly #core: Core;
  readonly #contents: Contents;
  readonly #committer: FileCommitter;
  readonly #options: ContentWriterOptions;
  readonly #queue: CommitQueue;
  readonly #slots: Gate;
  readonly #items: Gate = new Gate(WAITING_TAILS);
  readonly #tails = new TailRing(WAITING_TAILS);
  /** Files of so many blocks are held back until they are known to be new; half the slots, so that the next file is under way meanwhile. */
  readonly #holdLimit: number;
  /** The block being filled; kept from file to file. */
  #buffer: Uint8Array | undefined;
  #fill = 0;
  #busy = false;
  #failure: { readonly error: unknown } | undefined;
  #read = 0;
  /** Bytes of small files that were noticed to be there already before they got into the queue. */
  #duplicate = 0;
  readonly #ledger = new ShareLedger();
  #told = 0;

  constructor(options: ContentWriterOptions) {
    const { encoder, core, contents, committer, signal } = options;
    const slots = encoder.slotCount - FRAGMENT_SLOTS;
    if (slots < 2) throw new RangeError(`the encoder has ${encoder.slotCount} slots, ${FRAGMENT_SLOTS + 2} are needed`);
    this.#options = options;
    this.#encoder = encoder;
    this.#core = core;
    this.#contents = contents;
    this.#committer = committer;
    this.#slots = new Gate(slots);
    this.#holdLimit = Math.floor(slots / 2);
    this.#queue = new CommitQueue(
      committer,
      (item) => this.#done(item),
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
  async add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array): Promise<ContentId> {
    if (this.#busy) throw new TypeError("one content at a time: the call before has not ended");
    this.#throwIfFailed();
    this.#busy = true;
    try {
      return await this.#add(size, parts);
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
    const [read, duplicate] = [this.#read, this.#duplicate];
    const begin = () => this.#ledger.begin(this.#mark(share, read, duplicate));
    // Not waited for: these are few.
    this.#items.take(ITEM_WEIGHT)?.catch(() => {});
    this.#queue.push({ kind: "share", begin });
  }

  /** What each share came to; once everything is written, fragments as well. */
  settleShares(fragments: FragmentWriter): ShareReport[] {
    return this.#ledger.settle(this.#mark(0, this.#read, this.#duplicate), fragments);
  }

  #mark(share: number, read: number, duplicate: number): ShareMark {
    const mark = this.#committer.mark(share);
    return { ...mark, contentSize: read, duplicateSize: mark.duplicateSize + duplicate };
  }

  /** Resolves once every block but those in fragments is written. */
  async drain(): Promise<void> {
    await this.#queue.drain();
    this.#throwIfFailed();
  }

  async #add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array): Promise<ContentId> {
    if (size > MAX_FILE_SIZE) throw new SquashfsError("FILE_TOO_LARGE", { seen: size, limit: MAX_FILE_SIZE });
    const { blockSize } = this.#encoder;
    if (parts instanceof Uint8Array && size < blockSize) {
      if (parts.length !== size) throw wrongSum(size, parts.length);
      this.#count(size);
      return size === 0 ? 0 : this.#addSmall(parts);
    }
    const blocks = Math.floor(size / blockSize);
    if (blocks > 0) await this.#push({ kind: "begin", hold: blocks <= this.#holdLimit });
    let sum = 0;
    for await (const part of parts instanceof Uint8Array ? [parts] : parts) {
      const length = part instanceof Uint8Array ? part.length : part.zeros;
      sum += length;
      if (sum > size) throw wrongSum(size, sum);
      this.#count(length);
      if (part instanceof Uint8Array) await this.#bytes(part);
      else await this.#zeros(part.zeros);
    }
    if (sum !== size) throw wrongSum(size, sum);
    const fill = this.#fill;
    this.#fill = 0;
    const tail = fill === 0 ? undefined : (this.#buffer as Uint8Array).subarray(0, fill);
    if (blocks === 0) return tail === undefined ? 0 : this.#addSmall(tail);
    const content = this.#contents.reserve();
    if (tail !== undefined && isZero(tail)) {
      await this.#push({ kind: "holes", count: 1, size: fill });
      await this.#push({ kind: "end", content, size, tail: undefined });
    } else {
      const kept =
        tail === undefined ? undefined : { bytes: this.#tails.copy(tail), hash: this.#core.contentHash(tail) };
      await this.#push({ kind: "end", content, size, tail: kept });
    }
    return content;
  }

  /** A file that fills no block. The bytes are borrowed. */
  async #addSmall(bytes: Uint8Array): Promise<ContentId> {
    const size = bytes.length;
    if (isZero(bytes)) {
      const content = this.#contents.reserve();
      await this.#push({ kind: "begin", hold: true });
      await this.#push({ kind: "holes", count: 1, size });
      await this.#push({ kind: "end", content, size, tail: undefined });
      return content;
    }
    const hash = this.#core.contentHash(bytes);
    const known = this.#committer.findTail(hash, size);
    // Found now, it would be found in its turn as well: nothing depends on when we look.
    if (known !== undefined && this.#contents.run(known) === 0) {
      this.#duplicate += size;
      return known;
    }
    const content = this.#contents.reserve();
    this.#contents.setRun(content, size, 0);
    if (this.#queue.idle) await this.#committer.tail(content, { bytes, hash });
    else await this.#push({ kind: "tail", content, tail: { bytes: this.#tails.copy(bytes), hash } });
    return content;
  }

  async #bytes(part: Uint8Array): Promise<void> {
    const { blockSize } = this.#encoder;
    const lease = part.length < blockSize ? undefined : leaseOf(part);
    let from = 0;
    while (from < part.length) {
      if (this.#fill === 0 && part.length - from >= blockSize) {
        const bytes = part.subarray(from, from + blockSize);
        const isHole = isZero(bytes);
        if (isHole || lease !== undefined) {
          if (lease === undefined || isHole) await this.#push({ kind: "holes", count: 1, size: blockSize });
          else await this.#block(this.#buffer ?? (await this.#nextBuffer()), { bytes, lease });
          from += blockSize;
          continue;
        }
      }
      const buffer = this.#buffer ?? (await this.#nextBuffer());
      const count = Math.min(part.length - from, blockSize - this.#fill);
      copyBytes(part.subarray(from, from + count), buffer, this.#fill);
      from += count;
      await this.#filled(buffer, count);
    }
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
  async #filled(buffer: Uint8Array, count: number): Promise<void> {
    const { blockSize } = this.#encoder;
    this.#fill += count;
    if (this.#fill < blockSize) return;
    this.#fill = 0;
    if (isZero(buffer)) {
      await this.#push({ kind: "holes", count: 1, size: blockSize });
      return;
    }
    await this.#block(buffer, blockSize);
  }

  /**
   * Hands a block to the encoder: what fills the buffer, or one that lies in lent memory. Nothing else keeps that
   * memory: what is not a whole block is copied. So it comes back as soon as the encoder is through with it, whatever
   * waits here, and a few slots are enough for a layer's thread to go on.
   */
  async #block(buffer: Uint8Array, block: number | LentBlock): Promise<void> {
    this.#buffer = undefined;
    const encoded = this.#encoder.encode(buffer, block).then((result) => this.#counted(result));
    await this.#push({ kind: "block", encoded });
  }

  async #nextBuffer(): Promise<Uint8Array> {
    await this.#slots.take(1);
    this.#buffer = await this.#encoder.acquire();
    return this.#buffer;
  }

  /** The block, with its release told to the gate. */
  #counted(block: EncodedBlock): EncodedBlock {
    const release = () => {
      block.release();
      this.#slots.give(1);
    };
    return { bytes: block.bytes, stored: block.stored, hash: block.hash, release };
  }

  #done(item: Item): void {
    const tail = tailOf(item);
    if (tail !== undefined) this.#tails.release(tail.bytes);
    this.#items.give(weightOf(item));
  }

  #push(item: Item): Promise<void> | undefined {
    const wait = this.#items.take(weightOf(item));
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
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function weightOf(item: Item): number {
  return ITEM_WEIGHT + (tailOf(item)?.bytes.length ?? 0);
}

function tailOf(item: Item): Tail | undefined {
  return item.kind === "end" || item.kind === "tail" ? item.tail : undefined;
}

function wrongSum(size: number, sum: number): RangeError {
  return new RangeError(`a content of ${size} bytes came as ${sum} or more`);
}
