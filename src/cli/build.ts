import { stat } from "node:fs/promises";
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
import { runRebuild, runSandboxBuild } from "./run-local-build.ts";
import { checkSandboxTarget } from "./sandbox-target.ts";
import { checkBuildTarget, checkOutputName, STDOUT_TARGET } from "./target.ts";

export const BUILD_OPTIONS: readonly OptionSpec[] = [
  { flags: "-F, --force", description: "overwrite an existing image file", env: ["FORCE"] },
  { flags: "-s, --sandbox", description: "build a directory instead of a SIF file", env: ["SANDBOX"] },
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

const FAILURE = "While performing build";

/** `sifon build OUTPUT SOURCE`: a SIF, to a file or, as `-`, to standard output, or a sandbox; from an image anywhere. */
export function buildCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("build")
    .description("Build a SIF or a sandbox from a Docker or OCI image, a SIF, a SquashFS file or a sandbox")
    .usage("[options] <image path> <source>")
    .argument(
      "[words...]",
      "where it goes (- for standard output), and the source: docker://…, oci:DIR[:TAG], FILE.sif, DIR",
    )
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length !== 2) throw new UsageError("build", `accepts 2 arg(s), received ${words.length}`);
      const [target, uri] = words as [string, string];
      checkOutputName(target, "build");
      const log = openLog();
      const values = openOptions(self, BUILD_OPTIONS, context, log);
      const tuning = conversionTuning(values, "build");
      const isLocal = !hasTransport(uri);
      if (isLocal && (await stat(uri).catch(() => undefined)) === undefined) {
        throw new FatalError(
          `Unable to build from ${uri}: neither a file or directory here nor a source that Sifon reads, such as docker://alpine or oci:DIR:TAG`,
        );
      }
      const sandbox = values.flag("sandbox");
      if (sandbox) await checkSandboxTarget(target, values.flag("force"), context);
      else if (target !== STDOUT_TARGET) await checkBuildTarget(target, values.flag("force"), context);
      log.info("Starting build...");
      const request = { uri, target, tuning, failure: FAILURE };
      if (sandbox) await runSandboxBuild({ ...request, isLocal }, { values, log, context });
      else if (isLocal) await runRebuild(request, { values, log, context });
      else await runConversion({ ...request, overwrite: true, stages: STAGES }, { values, log, context });
      log.info(`Build complete: ${target === STDOUT_TARGET ? "standard output" : target}`);
    });
  declareOptions(command, BUILD_OPTIONS);
  return command;
}
