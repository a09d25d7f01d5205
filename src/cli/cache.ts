import { Command } from "commander";
import { cacheCleanCommand } from "./cache-clean.ts";
import { cacheListCommand } from "./cache-list.ts";
import { cacheVerifyCommand } from "./cache-verify.ts";
import type { Context, LogOpener } from "./context.ts";
import { UsageError } from "./exit.ts";

/** `sifon cache list|clean|verify`: what `--cache` has kept. */
export function cacheCommand(context: Context, openLog: LogOpener): Command {
  const cache = new Command("cache")
    .description("Look at, empty or check the cache of blobs")
    .usage("list|clean|verify [options]");
  for (const command of [
    cacheListCommand(context, openLog),
    cacheCleanCommand(context, openLog),
    cacheVerifyCommand(context, openLog),
  ]) {
    cache.addCommand(command);
  }
  cache.argument("[words...]").action((words: string[]) => {
    if (words.length > 0) throw new UsageError("cache", `unknown command "${words[0]}" for "sifon cache"`);
    cache.outputHelp();
  });
  return cache;
}
