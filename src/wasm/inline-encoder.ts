import { setImmediate as nextTurn } from "node:timers/promises";
import { type BlockCodec, type BlockResult, encodeInto } from "./block-codec.ts";
import type { BlockEncoder, EncodedBlock, LentBlock } from "./block-encoder.ts";
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
    this.#slots = new Slots(slotCount, () => new Uint8Array(blockSize));
  }

  acquire(): Uint8Array | Promise<Uint8Array> {
    return this.#slots.acquire();
  }

  async encode(buffer: Uint8Array, block: number | LentBlock): Promise<EncodedBlock> {
    if (typeof block !== "number") block.lease.keep();
    try {
      // A turn of the event loop per block: signals and sockets get their share.
      await nextTurn();
      if (this.#closed) throw new EncoderError("ENCODER_CLOSED");
      return encodeInline(this.#codec, buffer, block, this.#slots);
    } finally {
      if (typeof block !== "number") block.lease.release();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#slots.fail(new EncoderError("ENCODER_CLOSED"));
  }
}

/** Encodes what `BlockEncoder.encode` was given here and now. */
export function encodeInline(
  codec: BlockCodec,
  buffer: Uint8Array,
  block: number | LentBlock,
  slots: Pick<Slots, "release">,
): EncodedBlock {
  const bytes = typeof block === "number" ? buffer.subarray(0, block) : block.bytes;
  return encodedBlock(buffer, bytes.length, encodeInto(codec, bytes, buffer), slots);
}

export function encodedBlock(
  buffer: Uint8Array,
  size: number,
  result: BlockResult,
  slots: Pick<Slots, "release">,
): EncodedBlock {
  const { compressedSize, hash } = result;
  const stored = compressedSize === 0;
  return {
    bytes: buffer.subarray(0, stored ? size : compressedSize),
    stored,
    hash,
    release: () => slots.release(buffer),
  };
}
