/**
 * Borrowed memory that may be kept for longer than it is borrowed. It is used again once everyone who has kept it has
 * given it back.
 */
export interface Lease {
  /** Counts; each call is given back by `release`. */
  keep(): void;
  /** Once for each `keep`; after the last the memory may change at once. */
  release(): void;
}

const lessors = new WeakMap<ArrayBufferLike, (offset: number) => Lease>();

/** Says how pieces of a memory that are lent can be kept: by whom lies at an offset. */
export function lendMemory(memory: SharedArrayBuffer, leaseAt: (offset: number) => Lease): void {
  lessors.set(memory, leaseAt);
}

/** How to keep borrowed bytes; undefined where they must be copied. */
export function leaseOf(bytes: Uint8Array): Lease | undefined {
  return lessors.get(bytes.buffer)?.(bytes.byteOffset);
}
