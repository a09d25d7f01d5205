import type { BodyPart } from "../bytes/file-body.ts";
import type { Hash128 } from "../bytes/hash128.ts";

/** Index of a file's content in the store that took it; 0 is the empty content. */
export type ContentId = number;

/**
 * Takes the bytes of files as they stream by, and gives back a handle that the tree keeps. The squashfs
 * writer is one; tests have a plain one. Contents are stored in the order of the calls; one call at a time.
 */
export interface ContentStore {
  /**
   * Takes one file's content. Ready once every part was consumed (the writer may still be encoding), at once where
   * there was nothing to wait for.
   * @param size bytes, holes included; the parts must add up to it
   * @param hash XXH128 of the whole, where it is known: files of equal size and hash are taken for equal
   */
  add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array, hash?: Hash128): ContentId | Promise<ContentId>;
}
