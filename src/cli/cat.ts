import { Command } from "commander";
import { toByteString, withImageFile } from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { UsageError } from "./exit.ts";
import { withOutput } from "./output.ts";

/** `sifon cat IMAGE PATH`: one file of an image on standard output. */
export function catCommand(context: Context, openLog: LogOpener): Command {
  return new Command("cat")
    .description("Print a file of a SIF or SquashFS image")
    .usage("<image path> <path>")
    .argument("[words...]", "the image, and a file in it; symlinks are followed inside the image")
    .action(async (words: string[]) => {
      if (words.length !== 2) throw new UsageError("cat", `accepts 2 arg(s), received ${words.length}`);
      openLog();
      const [file, path] = words as [string, string];
      await withImageFile(file, async (image) => {
        const root = await image.root();
        const content = root.readFile(toByteString(path), { signal: context.signal });
        await withOutput(context, async (output) => {
          for await (const chunk of content as AsyncIterable<Uint8Array>) await output.raw(chunk);
        });
      });
    });
}
