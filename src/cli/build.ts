import { Command } from "commander";
import { hasTransport } from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import {
  conversionTuning,
  DISPLAY_OPTIONS,
  ENCODING_OPTIONS,
  openOptions,
  SOURCE_OPTIONS,
  TREE_OPTIONS,
} from "./conversion-options.ts";
import { FatalError, UsageError } from "./exit.ts";
import { declareOptions, type OptionSpec } from "./options.ts";
import { runConversion } from "./run-conversion.ts";
import { checkBuildTarget, STDOUT_TARGET } from "./target.ts";

export const BUILD_OPTIONS: readonly OptionSpec[] = [
  { flags: "-F, --force", description: "overwrite an existing image file", env: ["FORCE"] },
  { flags: "--arch <arch>", description: "architecture to choose from a multi-platform image", env: ["BUILD_ARCH"] },
  { flags: "--arch-variant <variant>", description: "variant of the architecture", env: ["BUILD_ARCH_VARIANT"] },
  ...SOURCE_OPTIONS,
  ...ENCODING_OPTIONS,
  ...TREE_OPTIONS,
  ...DISPLAY_OPTIONS,
];

const STAGES = {
  fetch: "Fetching OCI image...",
  merge: "Extracting OCI image...",
  configure: "Inserting Apptainer configuration...",
  tables: "Creating SIF file...",
} as const;

/** `sifon build OUTPUT SOURCE`: a SIF from an image, to a file or, as `-`, to standard output. */
export function buildCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("build")
    .description("Build a SIF from a Docker or OCI image")
    .usage("[options] <image path> <source>")
    .argument("[words...]", "where the SIF goes (- for standard output), and the source: docker://…, oci:DIR[:TAG]")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length !== 2) throw new UsageError("build", `accepts 2 arg(s), received ${words.length}`);
      const [target, uri] = words as [string, string];
      const log = openLog();
      const values = openOptions(self, BUILD_OPTIONS, context, log);
      const tuning = conversionTuning(values, "build");
      if (!hasTransport(uri)) {
        throw new FatalError(
          `Unable to build from ${uri}: not a source that Sifon reads; name one such as docker://alpine or oci:DIR:TAG`,
        );
      }
      if (target !== STDOUT_TARGET) await checkBuildTarget(target, values.flag("force"), context);
      log.info("Starting build...");
      await runConversion(
        { uri, target, overwrite: true, tuning, stages: STAGES, failure: "While performing build" },
        { values, log, context },
      );
      log.info(`Build complete: ${target === STDOUT_TARGET ? "standard output" : target}`);
    });
  declareOptions(command, BUILD_OPTIONS);
  return command;
}
