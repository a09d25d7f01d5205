/** How an output is finished. */
export interface FinishOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where a SIF, or a part of one, is written. Bytes are appended; headers are patched last. Offsets count
 * from the start of this sink. Exactly one of `finish` and `abort` ends it.
 */
export interface Sink {
  /** Where the next write goes; bytes in front of it have been taken. */
  readonly position: number;
  /** The directory whose file system takes the bytes; undefined where they leave the process or stay in memory. */
  readonly directory?: string | undefined;
  /**
   * Appends; the bytes are copied or written before the promise resolves, so the caller may reuse them then. Those in
   * memory with a writer (`writerOf`) may be under way still, and their memory's owner keeps them for so long.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Overwrites bytes in front of `position`. */
  patch(offset: number, bytes: Uint8Array): Promise<void>;
  /** Moves `position` back; what stood behind it is given up. */
  rewind(offset: number): Promise<void>;
  /**
   * Makes the output whole and visible (flush, fsync, rename). An abort before it is visible rejects with
   * the signal's reason; then `abort` is still due.
   */
  finish(options?: FinishOptions): Promise<void>;
  /** Leaves nothing behind. Never throws; safe after a failed `finish`. */
  abort(reason: unknown): Promise<void>;
}
