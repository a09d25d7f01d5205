import { Command } from "commander";
import { type CacheEntry, cacheLocations, listCache, printable } from "../index.ts";
import { cacheTypes, formatCacheSize, refuseWords } from "./cache-types.ts";
import type { Context, LogOpener } from "./context.ts";

/** Longer names are cut in the table, as in Apptainer's. */
const NAME_LENGTH = 22;

/** `sifon cache list`: how much the cache holds; with `-v` each file. */
export function cacheListCommand(context: Context, openLog: LogOpener): Command {
  return new Command("list")
    .description("Show what the cache holds")
    .usage("[options]")
    .option("-T, --type <list>", "only these types (library, oci, shub, oras, net, blob, stage, unpacked, all)", "all")
    .option("-v, --verbose", "show each file")
    .argument("[words...]")
    .action(async (words: string[], options: { readonly type: string; readonly verbose?: boolean }) => {
      refuseWords(words);
      openLog();
      const { root } = cacheLocations(context.environment);
      const entries = await listCache(root, cacheTypes(options.type));
      const print = (text: string) => context.stdout.write(`${text}\n`);
      if (options.verbose === true) {
        print(row("NAME", "DATE CREATED", "SIZE", "TYPE"));
        for (const entry of entries) print(entryRow(entry));
        print("");
      }
      const blobs = entries.filter(({ type }) => type === "blob");
      const containers = entries.filter(({ type }) => !["blob", "stage", "unpacked"].includes(type));
      const stages = entries.filter(({ type }) => type === "stage");
      print(
        `There are ${containers.length} container file(s) using ${sizeOf(containers)} and ${blobs.length} oci blob file(s) using ${sizeOf(blobs)} of space`,
      );
      if (stages.length > 0) print(`There are ${stages.length} stage(s) of builds using ${sizeOf(stages)} of space`);
      const unpacked = entries.filter(({ type }) => type === "unpacked");
      if (unpacked.length > 0)
        print(`There are ${unpacked.length} unpacked image(s) using ${sizeOf(unpacked)} of space`);
      print(`Total space used: ${sizeOf(entries)}`);
    });
}

function entryRow({ name, mtimeMs, size, type, partial }: CacheEntry): string {
  const date = new Date(mtimeMs).toISOString().slice(0, 19).replace("T", " ");
  return row(printable(name.slice(0, NAME_LENGTH)), date, formatCacheSize(size), partial ? `${type} (begun)` : type);
}

function row(name: string, date: string, size: string, type: string): string {
  return `${name.padEnd(24)} ${date.padEnd(22)} ${size.padEnd(16)} ${type}`;
}

function sizeOf(entries: readonly CacheEntry[]): string {
  return formatCacheSize(entries.reduce((sum, { size }) => sum + size, 0));
}
