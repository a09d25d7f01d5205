import { stat } from "node:fs/promises";
import { Command } from "commander";
import { chooseSections, hasTransport } from "../index.ts";
import { attempt } from "./attempt.ts";
import {
  checkDefinition,
  DEFINITION_OPTIONS,
  looksLikeDefinition,
  openDefinition,
  unableToOpen,
} from "./build-definition.ts";
import type { Context, LogOpener } from "./context.ts";
import {
  conversionTuning,
  DISPLAY_OPTIONS,
  ENCODING_OPTIONS,
  openOptions,
  TREE_OPTIONS,
} from "./conversion-options.ts";
import { FatalError, UsageError } from "./exit.ts";
import { KEYSDIR_OPTION } from "./key-material.ts";
import { declareOptions, type OptionSpec } from "./options.ts";
import { refusedVariables } from "./refused-variables.ts";
import { runConversion } from "./run-conversion.ts";
import { runDefinition } from "./run-definition.ts";
import { runRebuild, runSandboxBuild } from "./run-local-build.ts";
import { checkSandboxTarget, checkUpdateTarget } from "./sandbox-target.ts";
import { SOURCE_OPTIONS } from "./source-options.ts";
import { checkBuildTarget, checkOutputName, STDOUT_TARGET } from "./target.ts";

export const BUILD_OPTIONS: readonly OptionSpec[] = [
  { flags: "-F, --force", description: "overwrite an existing image file", env: ["FORCE"] },
  { flags: "-s, --sandbox", description: "build a directory instead of a SIF file", env: ["SANDBOX"] },
  { flags: "--arch <arch>", description: "architecture to choose from a multi-platform image", env: ["BUILD_ARCH"] },
  { flags: "--arch-variant <variant>", description: "variant of the architecture", env: ["BUILD_ARCH_VARIANT"] },
  ...DEFINITION_OPTIONS,
  // Its short form is for the commands of keys alone, as in Apptainer.
  { ...KEYSDIR_OPTION, flags: "--keysdir <dir>" },
  ...SOURCE_OPTIONS,
  ...ENCODING_OPTIONS,
  ...TREE_OPTIONS,
  ...DISPLAY_OPTIONS,
];

/** Taken for what Apptainer's scripts say: a build needs no root, and a user namespace is used wherever one is needed. */
const ACCEPTED_OPTIONS: readonly OptionSpec[] = [
  { flags: "-f, --fakeroot", description: "accepted: a build needs no root", hidden: true },
  { flags: "--userns", description: "accepted: used wherever it is needed", hidden: true },
];

const STAGES = {
  fetch: "Fetching OCI image...",
  merge: "Extracting OCI image...",
  configure: "Inserting Apptainer configuration...",
  tables: "Creating SIF file...",
} as const;

const FAILURE = "While performing build";

/** `sifon build OUTPUT SOURCE`: a SIF, to a file or, as `-`, to standard output, or a sandbox; from an image anywhere or a definition file. */
export function buildCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("build")
    .description(
      "Build a SIF or a sandbox from a definition file, a Docker or OCI image, a SIF, a SquashFS file or a sandbox",
    )
    .usage("[options] <image path> <source>")
    .argument(
      "[words...]",
      "where it goes (- for standard output), and the source: FILE.def, docker://…, oci:DIR[:TAG], FILE.sif, DIR",
    )
    .action(async (words: string[], _options: unknown, self: Command) => {
      const log = openLog();
      const values = openOptions(self, BUILD_OPTIONS, context, log);
      if (values.flag("check")) return checkDefinition(words, { values, log, context });
      if (words.length !== 2) throw new UsageError("build", `accepts 2 arg(s), received ${words.length}`);
      const [target, uri] = words as [string, string];
      checkOutputName(target, "build");
      const tuning = conversionTuning(values, "build");
      const isLocal = !hasTransport(uri);
      const isDefinition = isLocal && (await looksLikeDefinition(uri));
      if (isLocal && !isDefinition) {
        await stat(uri).catch((cause: Error) => {
          const problem = unableToOpen(uri, uri, cause).message;
          throw new FatalError(
            `${problem}; nor is it a source that Sifon reads, such as docker://alpine or oci:DIR:TAG`,
          );
        });
      }
      const definition = isDefinition ? await openDefinition(uri, { values, log, context }) : undefined;
      const sandbox = values.flag("sandbox");
      const update = values.flag("update");
      if (update && !sandbox) throw new FatalError("only sandbox update is supported: --sandbox flag is missing");
      if (update && definition === undefined)
        throw new FatalError("While checking build target: an update runs a definition file over a sandbox; name one");
      if (update) await checkUpdateTarget(target);
      else if (sandbox) await checkSandboxTarget(target, { source: uri, force: values.flag("force"), context });
      else if (target !== STDOUT_TARGET) await checkBuildTarget(target, values.flag("force"), context);
      if (definition !== undefined)
        await attempt("Could not check build sections", () => chooseSections(values.texts("section")));
      // Many users have variables set for the containers that they run: that does not keep them from building one.
      for (const { option, text } of refusedVariables("build", context.environment))
        if (definition !== undefined || option === "mksquashfs-args") log.warning(text);
      log.info("Starting build...");
      const request = { uri, target, tuning, failure: FAILURE };
      if (definition !== undefined) await runDefinition({ ...request, definition }, { values, log, context });
      else if (sandbox) await runSandboxBuild({ ...request, isLocal }, { values, log, context });
      else if (isLocal) await runRebuild(request, { values, log, context });
      else await runConversion({ ...request, overwrite: true, stages: STAGES }, { values, log, context });
      log.info(`Build complete: ${target === STDOUT_TARGET ? "standard output" : target}`);
    });
  declareOptions(command, BUILD_OPTIONS);
  declareOptions(command, ACCEPTED_OPTIONS);
  return command;
}
