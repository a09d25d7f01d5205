import { Command } from "commander";
import { cacheLocations, emptyIndex, listCache, removeEntry, SifonError, sweepReferences } from "../index.ts";
import { cacheTypes, refuseWords } from "./cache-types.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { openPrompt } from "./prompt.ts";

interface CleanOptions {
  readonly type: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly days?: string;
}

const QUESTION = `This will delete everything in your cache (containers from all sources and OCI blobs).
Hint: You can see exactly what would be deleted by canceling and using the --dry-run option.
Do you want to continue? [y/N] `;
const DAY_MS = 24 * 60 * 60 * 1000;

/** `sifon cache clean`: removes what the cache holds, also while others use it: they fetch anew what they miss. */
export function cacheCleanCommand(context: Context, openLog: LogOpener): Command {
  return new Command("clean")
    .description("Remove what the cache holds")
    .usage("[options]")
    .option("-f, --force", "do not ask")
    .option("-n, --dry-run", "only show what would be removed")
    .option("-D, --days <count>", "only what was not used for so many days")
    .option("-T, --type <list>", "only these types (library, oci, shub, oras, net, blob, stage, unpacked, all)", "all")
    .argument("[words...]")
    .action(async (words: string[], options: CleanOptions) => {
      refuseWords(words);
      const log = openLog();
      const types = cacheTypes(options.type);
      const before = Date.now() - daysOf(options.days) * DAY_MS;
      const dryRun = options.dryRun === true;
      if (dryRun) context.stdout.write("User requested a dry run. Not actually deleting any data!\n");
      else if (options.force !== true && !(await confirm(context))) {
        log.info("Cache cleanup canceled");
        return;
      }
      const { root } = cacheLocations(context.environment);
      const all = await listCache(root, types);
      const entries = all.filter(({ mtimeMs }) => options.days === undefined || mtimeMs < before);
      if (entries.length === 0) log.info(`No cached files to remove at ${root}`);
      for (const entry of entries) {
        log.info(`Removing ${entry.type === "oci" ? "oci-tmp" : entry.type} cache entry: ${entry.name}`);
        if (dryRun) continue;
        await removeEntry(entry).catch((error: unknown) => {
          if (!(error instanceof SifonError && error.code === "CACHE_ENTRY_USED")) throw error;
          log.warning(error.message);
        });
      }
      if (!dryRun && types.includes("oci")) await sweepReferences(root);
      if (!dryRun && types.includes("blob") && entries.length === all.length) await emptyIndex(root);
    });
}

function daysOf(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,6}$/.test(text)) {
    throw new UsageError("cache", `invalid value "${text}" of --days: expected a whole number, 0 or more`);
  }
  return Number(text);
}

async function confirm(context: Context): Promise<boolean> {
  const prompt = openPrompt(context);
  try {
    return /^y(es)?$/i.test((await prompt.ask(QUESTION)).trim());
  } catch (cause) {
    context.signal.throwIfAborted();
    const problem = cause instanceof Error ? cause.message : cause;
    throw new FatalError(`Handle clean failed: could not prompt user: ${problem}`, { cause });
  } finally {
    prompt.close();
  }
}
