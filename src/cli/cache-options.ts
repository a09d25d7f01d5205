import { BlobCache, type OnProgress } from "../index.ts";
import { UsageError } from "./exit.ts";
import type { OptionValues } from "./options.ts";
import { parseBytes } from "./units.ts";

/** The bytes of `--cache-size`; undefined where it is not given. */
export function cacheSizeOf(values: OptionValues, command: string): number | undefined {
  const text = values.text("cacheSize");
  if (text === undefined) return undefined;
  const size = parseBytes(text);
  if (size === undefined) {
    throw new UsageError(command, `invalid value "${text}" of --cache-size: expected a size such as 500M or 20G`);
  }
  return size;
}

/** The cache as the options want it: read where it is there, written where that is asked for. */
export async function openCache(
  values: OptionValues,
  env: NodeJS.ProcessEnv,
  onProgress: OnProgress,
): Promise<BlobCache | undefined> {
  if (values.flag("disableCache")) return undefined;
  const text = values.text("cacheSize");
  const sizeLimit = text === undefined ? undefined : parseBytes(text);
  return BlobCache.open({ env, write: values.flag("cache"), sizeLimit, onProgress });
}
