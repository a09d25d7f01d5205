import { open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { systemReason } from "../bytes/system-reason.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { type CacheEntry, listCache } from "./entries.ts";
import { hashFile } from "./hash-file.ts";

/** A file of the cache after its bytes were read. */
export interface VerifiedEntry {
  readonly entry: CacheEntry;
  /** Why it cannot be used; undefined where it can. */
  readonly problem: string | undefined;
}

/** Reads every whole blob and compares its digest with its name. Throws `CacheError` CACHE_UNREADABLE. */
export async function* verifyBlobs(
  root: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<VerifiedEntry, void, undefined> {
  for (const entry of await listCache(root, ["blob"])) {
    if (!entry.partial) yield { entry, problem: await problemOf(entry, signal) };
  }
}

async function problemOf({ path, name }: CacheEntry, signal: AbortSignal | undefined): Promise<string | undefined> {
  const digest = `${basename(dirname(path))}:${name}`;
  if (!isDigest(digest)) return "its name is not a digest";
  try {
    const file = await open(path, "r");
    try {
      const seen: Digest = await hashFile(file, digest, signal);
      return seen === digest ? undefined : `its bytes have the digest ${seen}`;
    } finally {
      await file.close();
    }
  } catch (error) {
    signal?.throwIfAborted();
    // Evicted since it was listed: nothing that could be wrong.
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : `it cannot be read: ${systemReason(error)}`;
  }
}
