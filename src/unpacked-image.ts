import { rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buildSandbox } from "./build-sandbox.ts";
import { CacheError } from "./cache/errors.ts";
import { foreignAccess, notWritable } from "./cache/foreign-access.ts";
import { findOrMake, type LeaseTiming } from "./cache/lease.ts";
import { cacheLocations } from "./cache/location.ts";
import {
  formerStates,
  isUnpacked,
  prepareUnpackedFolder,
  takeUnpacked,
  unpackedFolder,
  unpackedKey,
  unpackedLeasePath,
  unpackedRoot,
  useUnpacked,
} from "./cache/unpacked-folder.ts";
import type { OnProgress } from "./progress.ts";
import { removeTree } from "./sandbox/remove-tree.ts";
import { runTool } from "./sandbox/run-tool.ts";

/** How an image is unpacked into the cache. */
export interface UnpackedImageOptions {
  /** Variables that say where the cache is; `process.env` by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told before the work begins, with the directory; not where it is done already. */
  readonly onUnpack?: (directory: string) => void;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** For tests. @internal */
  readonly timing?: Partial<LeaseTiming>;
}

/** An image's files in the cache. */
export interface UnpackedImage {
  /** To be read only: other runs use it as well. */
  readonly directory: string;
  /** Ends the use; it stays for the next run. Safe to call twice. */
  release(): Promise<void>;
}

/**
 * The files of an image, for a host that cannot mount it: unpacked into the cache once, by one process of any number
 * that want it, and again when the image file has changed, which removes the former state. Undefined, with a warning,
 * where the cache cannot be used: it cannot be written, or others can.
 *
 * Rejects with what `buildSandbox` rejects with: nothing is left then.
 */
export async function unpackedImage(
  image: string,
  options: UnpackedImageOptions = {},
): Promise<UnpackedImage | undefined> {
  const { env = process.env, signal = new AbortController().signal, onProgress = () => {} } = options;
  const { root } = cacheLocations(env);
  const warn = (message: string) => onProgress({ kind: "warning", message });
  const key = await unpackedKey(image);
  try {
    await prepareUnpackedFolder(root, key);
  } catch {
    warn(notWritable(root));
    return undefined;
  }
  const problem = foreignAccess(unpackedFolder(root));
  if (problem !== undefined) {
    warn(`Cache disabled - ${unpackedFolder(root)}: ${problem}. Name a cache of your own with SIFON_CACHEDIR`);
    return undefined;
  }
  const release = await useUnpacked(root, key);
  try {
    const make = async () => {
      const directory = unpackedRoot(root, key);
      options.onUnpack?.(directory);
      const begun = join(dirname(directory), "begun");
      await buildSandbox({ from: { path: image }, directory: begun, overwrite: true, signal });
      if ((await unpackedKey(image)) !== key) {
        await removeTree(begun);
        throw new CacheError("IMAGE_CHANGED", { path: image });
      }
      // A name must not reach the disk before the files that it stands for.
      await runTool("sync", ["-f", begun], { cwd: "/" });
      await rename(begun, directory);
      for (const former of await formerStates(root, key)) await removeUnpacked(former);
      return directory;
    };
    const directory = await findOrMake({
      path: unpackedLeasePath(root, key),
      find: async () => ((await isUnpacked(root, key)) ? unpackedRoot(root, key) : undefined),
      make,
      onWait: () => onProgress({ kind: "waiting", what: image }),
      signal,
      ...(options.timing === undefined ? {} : { timing: options.timing }),
    });
    return { directory, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Removes one unpacked image of the cache; false where a run uses it. One that is gone already counts as removed. */
export async function removeUnpacked(folder: string): Promise<boolean> {
  if ((await stat(folder).catch(() => undefined)) === undefined) return true;
  const aside = await takeUnpacked(folder);
  if (aside === undefined) return false;
  await removeTree(aside);
  return true;
}
