import type { Lease } from "../bytes/lease.ts";

/** A block after encoding. */
export interface EncodedBlock {
  /** The compressed bytes, or the input itself when `stored`. Borrowed until `release`; may lie in shared memory. */
  readonly bytes: Uint8Array;
  /** True where compressing did not make it smaller. */
  readonly stored: boolean;
  /** Content hash of the input: four 32-bit words of 128 bits. */
  readonly hash: readonly [number, number, number, number];
  /** Gives the buffer back to the encoder; the bytes are dead afterwards. */
  release(): void;
}

/** A block in memory that can be kept: shared, so that another thread reads it where it lies. */
export interface LentBlock {
  readonly bytes: Uint8Array;
  /** Given back once the block is read, and that does not wait for anything that the caller does. */
  readonly lease: Lease;
}

/**
 * Encodes blocks, in worker threads or inline: the caller cannot tell but by speed. Results are promised
 * per block and may settle in any order; the caller commits them in its own.
 */
export interface BlockEncoder {
  /** Largest input of one block. */
  readonly blockSize: number;
  /** Buffers that can be out at once: lent by `acquire`, being encoded, or encoded and not yet released. */
  readonly slotCount: number;
  /** Lends a free slot's buffer of `blockSize` bytes to fill, once there is one. At most a fixed number are out at a time. */
  acquire(): Uint8Array | Promise<Uint8Array>;
  /**
   * Hands a lent buffer back for encoding its first `size` bytes, or, into it, a block that lies elsewhere; the
   * buffer is dead to the caller.
   */
  encode(buffer: Uint8Array, block: number | LentBlock): Promise<EncodedBlock>;
  /** Stops workers; pending encodes reject. Safe to call twice. */
  close(): Promise<void>;
}
