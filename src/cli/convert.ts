import { Command } from "commander";
import { recompress } from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import {
  conversionTuning,
  DISPLAY_OPTIONS,
  ENCODING_OPTIONS,
  openOptions,
  TREE_OPTIONS,
} from "./conversion-options.ts";
import { UsageError } from "./exit.ts";
import { optimiseWasm } from "./heap.ts";
import { declareOptions, type OptionSpec } from "./options.ts";
import { openTarget, runLocal } from "./run-local.ts";
import { CACHE_OPTIONS } from "./source-options.ts";
import { checkBuildTarget, checkOutputName, STDOUT_TARGET } from "./target.ts";

const OWN_OPTIONS: readonly OptionSpec[] = [
  { flags: "-F, --force", description: "overwrite an existing image file", env: ["FORCE"] },
  { flags: "--tmpdir <dir>", description: "where a spool goes when one is needed", env: ["TMPDIR"], plainEnv: true },
  ...ENCODING_OPTIONS,
  ...DISPLAY_OPTIONS,
];
/** Read with the others, and never given: files stay as they are, and nothing is fetched. */
const OPTIONS: readonly OptionSpec[] = [...OWN_OPTIONS, ...TREE_OPTIONS, ...CACHE_OPTIONS];

/** `sifon convert IN OUT`: a SIF or SquashFS file with another compressor or block size. */
export function convertCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("convert")
    .description("Write a SIF or SquashFS file with another compressor or block size")
    .usage("[options] <input image> <output image>")
    .argument("[words...]", "the image to read, and where the new one goes (- for standard output)")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length !== 2) throw new UsageError("convert", `accepts 2 arg(s), received ${words.length}`);
      const [path, target] = words as [string, string];
      checkOutputName(target, "convert");
      const log = openLog();
      const values = openOptions(self, OPTIONS, context, log);
      const { compression, blockSize, workers, memory, ignoreSpace = false } = conversionTuning(values, "convert");
      if (target !== STDOUT_TARGET) await checkBuildTarget(target, values.flag("force"), context);
      optimiseWasm();
      await runLocal({ stages: {}, failure: "While converting the image" }, { values, log, context }, async (watch) => {
        const sink = await openTarget(target, { values, context, onProgress: watch.onProgress });
        return recompress({
          ...{ path, sink, ignoreSpace, ...watch },
          ...(compression === undefined ? {} : { compression }),
          ...(blockSize === undefined ? {} : { blockSize }),
          ...(workers === undefined ? {} : { workers }),
          ...(memory === undefined ? {} : { memory }),
        });
      });
      log.info(`Conversion complete: ${target === STDOUT_TARGET ? "standard output" : target}`);
    });
  declareOptions(command, OWN_OPTIONS);
  return command;
}
