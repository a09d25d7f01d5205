import { Command } from "commander";
import { cacheLocations, removeEntry, sweepReferences, verifyCache } from "../index.ts";
import { formatCacheSize, refuseWords } from "./cache-types.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError } from "./exit.ts";

/** `sifon cache verify`: reads every blob and compares its digest with its name, every image, and every stage. */
export function cacheVerifyCommand(context: Context, openLog: LogOpener): Command {
  return new Command("verify")
    .description("Check every blob in the cache and stage against its digest, and every image")
    .usage("[options]")
    .option("--fix", "remove what is damaged; it is fetched anew when it is needed")
    .argument("[words...]")
    .action(async (words: string[], { fix = false }: { readonly fix?: boolean }) => {
      refuseWords(words);
      const log = openLog();
      const { root } = cacheLocations(context.environment);
      const blobs = new Tally("blob", "oci blob file(s)");
      const images = new Tally("image", "container file(s)");
      const stages = new Tally("stage", "stage(s) of builds");
      for await (const { entry, problem } of verifyCache(root, { signal: context.signal })) {
        const tally = entry.type === "blob" ? blobs : entry.type === "stage" ? stages : images;
        tally.add(entry.size, problem);
        if (problem === undefined) continue;
        log.error(`Damaged ${tally.name} ${entry.path}: ${problem}`);
        if (fix) await removeEntry(entry);
      }
      for (const tally of [blobs, images]) context.stdout.write(`${tally.line()}\n`);
      if (stages.count > 0) context.stdout.write(`${stages.line()}\n`);
      const damaged = [blobs, images, stages].filter((tally) => tally.damaged > 0);
      if (damaged.length === 0) return;
      const what = damaged.map((tally) => `${tally.damaged} damaged ${tally.name}(s)`).join(" and ");
      if (!fix) throw new FatalError(`The cache at ${root} holds ${what}. Remove them with --fix.`);
      await sweepReferences(root);
      log.info(`Removed ${what}`);
    });
}

/** What was read of one kind of file. */
class Tally {
  readonly name: string;
  readonly #title: string;
  #count = 0;
  #size = 0;
  #damaged = 0;

  constructor(name: string, title: string) {
    this.name = name;
    this.#title = title;
  }

  get count(): number {
    return this.#count;
  }

  get damaged(): number {
    return this.#damaged;
  }

  add(size: number, problem: string | undefined): void {
    this.#count += 1;
    this.#size += size;
    if (problem !== undefined) this.#damaged += 1;
  }

  line(): string {
    return `${this.#count} ${this.#title} checked, ${formatCacheSize(this.#size)}; ${this.#damaged} damaged`;
  }
}
