/** Expands one block. Blocks are at most 1 MiB, so this is done in one go, without streams. */
export interface Decompressor {
  /**
   * The content of a block: at most `limit` bytes. Throws where the input is damaged or holds more,
   * without having taken more memory than a few times `limit`. The result belongs to the caller, with its buffer
   * where that has 16 KiB or more.
   */
  decompress(input: Uint8Array, limit: number): Uint8Array;
  /**
   * As `decompress`, in a thread of Node's pool; missing where the decoder runs in this one only. `input` must stay as
   * it is until then.
   */
  decompressAside?(input: Uint8Array, limit: number): Promise<Uint8Array>;
}

/** Says what is wrong with compressed bytes; the reader adds which ones. */
export class DecompressError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DecompressError";
  }
}
