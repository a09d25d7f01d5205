import { Command } from "commander";
import { cacheLocations, removeEntry, verifyCache } from "../index.ts";
import { formatCacheSize, refuseWords } from "./cache-types.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError } from "./exit.ts";

/** `sifon cache verify`: reads every blob and compares its digest with its name. */
export function cacheVerifyCommand(context: Context, openLog: LogOpener): Command {
  return new Command("verify")
    .description("Check every blob in the cache against its digest")
    .usage("[options]")
    .option("--fix", "remove what is damaged; it is fetched anew when it is needed")
    .argument("[words...]")
    .action(async (words: string[], { fix = false }: { readonly fix?: boolean }) => {
      refuseWords(words);
      const log = openLog();
      const { root } = cacheLocations(context.environment);
      let count = 0;
      let size = 0;
      let damaged = 0;
      for await (const { entry, problem } of verifyCache(root, { signal: context.signal })) {
        count += 1;
        size += entry.size;
        if (problem === undefined) continue;
        damaged += 1;
        log.error(`Damaged blob ${entry.path}: ${problem}`);
        if (fix) await removeEntry(entry);
      }
      context.stdout.write(`${count} oci blob file(s) checked, ${formatCacheSize(size)}; ${damaged} damaged\n`);
      if (damaged === 0) return;
      if (fix) log.info(`Removed ${damaged} damaged blob(s)`);
      else throw new FatalError(`The cache at ${root} holds ${damaged} damaged blob(s). Remove them with --fix.`);
    });
}
