import { setImmediate as nextTurn } from "node:timers/promises";
import { type BlockCodec, compressInPlace } from "./block-codec.ts";
import type { BlockEncoder, EncodedBlock } from "./block-encoder.ts";
import { EncoderError } from "./errors.ts";
import { Slots } from "./slots.ts";

/** Encodes on the calling thread: for one processor, or for a few blocks, where threads do not pay. */
export class InlineEncoder implements BlockEncoder {
  readonly blockSize: number;
  readonly slotCount: number;
  readonly #codec: BlockCodec;
  readonly #slots: Slots;
  #closed = false;

  constructor(codec: BlockCodec, blockSize: number, slotCount: number) {
    this.blockSize = blockSize;
    this.slotCount = slotCount;
    this.#codec = codec;
    this.#slots = new Slots(slotCount, blockSize);
  }

  acquire(): Promise<Uint8Array> {
    return this.#slots.acquire();
  }

  async encode(buffer: Uint8Array, size: number): Promise<EncodedBlock> {
    // A turn of the event loop per block: signals and sockets get their share.
    await nextTurn();
    if (this.#closed) throw new EncoderError("ENCODER_CLOSED");
    return encodeInline(this.#codec, buffer, size, this.#slots);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#slots.fail(new EncoderError("ENCODER_CLOSED"));
  }
}

/** Encodes the first `size` bytes of a lent buffer here and now. */
export function encodeInline(codec: BlockCodec, buffer: Uint8Array, size: number, slots: Slots): EncodedBlock {
  const block = buffer.subarray(0, size);
  const hash = codec.contentHash(block);
  const compressedSize = compressInPlace(codec, block);
  return encodedBlock(buffer, size, compressedSize, hash, slots);
}

/** @param compressedSize 0 where the block is stored */
export function encodedBlock(
  buffer: Uint8Array,
  size: number,
  compressedSize: number,
  hash: EncodedBlock["hash"],
  slots: Slots,
): EncodedBlock {
  const stored = compressedSize === 0;
  return {
    bytes: buffer.subarray(0, stored ? size : compressedSize),
    stored,
    hash,
    release: () => slots.release(buffer),
  };
}
