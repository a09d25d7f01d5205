import { type CacheEntry, listCache } from "./cache/entries.ts";
import { stageEntryProblem } from "./cache/stage-entry.ts";
import { type VerifiedEntry, verifyBlobs } from "./cache/verify-entries.ts";
import { checkImage } from "./image/check.ts";
import { withImageFile } from "./image/open-image.ts";

/**
 * Reads everything whole in a cache: of blobs the digest is compared with the name, of images every block and table
 * is read, of stages the digest that they end with. Throws `CacheError` CACHE_UNREADABLE.
 */
export async function* verifyCache(
  root: string,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<VerifiedEntry, void, undefined> {
  yield* verifyBlobs(root, options);
  for (const entry of await listCache(root, ["oci"])) {
    if (!entry.partial) yield { entry, problem: await problemOf(entry, options) };
  }
  for (const entry of await listCache(root, ["stage"])) {
    if (!entry.partial) yield { entry, problem: await stageEntryProblem(entry.path, options.signal) };
  }
}

async function problemOf(
  { path }: CacheEntry,
  options: { readonly signal?: AbortSignal },
): Promise<string | undefined> {
  try {
    await withImageFile(path, (image) => checkImage(image, options));
    return undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    const { cause } = error as Error;
    // Removed since it was listed: nothing that could be wrong.
    if ((cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT") return undefined;
    return error instanceof Error ? error.message : String(error);
  }
}
