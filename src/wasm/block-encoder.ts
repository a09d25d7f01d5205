/** A block after encoding. */
export interface EncodedBlock {
  /** The compressed bytes, or the input itself when `stored`. Borrowed until `release`. */
  readonly bytes: Uint8Array;
  /** True where compressing did not make it smaller. */
  readonly stored: boolean;
  /** Content hash of the input: four 32-bit words of 128 bits. */
  readonly hash: readonly [number, number, number, number];
  /** Gives the buffer back to the encoder; the bytes are dead afterwards. */
  release(): void;
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
  /** Waits for a free slot and lends its buffer of `blockSize` bytes to fill. At most a fixed number are out at a time. */
  acquire(): Promise<Uint8Array>;
  /** Hands a filled buffer back for encoding its first `size` bytes; the buffer is dead to the caller. */
  encode(buffer: Uint8Array, size: number): Promise<EncodedBlock>;
  /** Stops workers; pending encodes reject. Safe to call twice. */
  close(): Promise<void>;
}
