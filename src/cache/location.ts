import { homedir } from "node:os";
import { join } from "node:path";

/** Where cached blobs are. */
export interface CacheLocations {
  /** The directory that `sifon cache` is about, and that is written when that is asked for. */
  readonly root: string;
  /** Caches of other tools, whose blobs serve as well; never written. */
  readonly others: readonly string[];
}

/** Variables, and the folder of the home directory that stands where none of them is set. */
const PLACES = [
  ["SIFON_CACHEDIR", ".sifon"],
  ["APPTAINER_CACHEDIR", ".apptainer"],
  ["SINGULARITY_CACHEDIR", ".singularity"],
] as const;

/**
 * The cache's place: `cache` in SIFON_CACHEDIR, APPTAINER_CACHEDIR or SINGULARITY_CACHEDIR, the first that is
 * set, else `~/.sifon/cache`. Apptainer keeps its blobs in a layout of the same kind under the same names;
 * what it has is read too.
 */
export function cacheLocations(env: NodeJS.ProcessEnv): CacheLocations {
  const home = env.HOME || homedir();
  const set = PLACES.map(([name]) => env[name]?.trim()).find((value) => value !== undefined && value !== "");
  const root = join(set ?? join(home, ".sifon"), "cache");
  const all = PLACES.map(([name, folder]) => join(env[name]?.trim() || join(home, folder), "cache"));
  return { root, others: [...new Set(all)].filter((path) => path !== root) };
}
