import { freeMemory } from "./free-memory.ts";

/** Smaller arrays may be parts of Node's pool, and are not worth the call. */
const SMALLEST: number = 16 * 1024;

/**
 * Gives the memory of a large array back at once: it is empty afterwards. V8 frees buffers only when it collects, and
 * lets 32 MiB of them gather before that; memory that comes back warm is faster, too. For arrays that are their
 * caller's alone, with the whole of their buffer, and not a WebAssembly memory's. Buffers of less than 16 KiB, and
 * shared ones, are left as they are.
 */
export function releaseMemory({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= SMALLEST) freeMemory(buffer);
}
