import { join } from "node:path";
import { Command } from "commander";
import { hasTransport, pullOutputName } from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import {
  conversionTuning,
  DISPLAY_OPTIONS,
  ENCODING_OPTIONS,
  openOptions,
  TREE_OPTIONS,
} from "./conversion-options.ts";
import { UsageError } from "./exit.ts";
import { declareOptions, type OptionSpec } from "./options.ts";
import { refuseVariables } from "./refused-variables.ts";
import { runConversion } from "./run-conversion.ts";
import { SOURCE_OPTIONS } from "./source-options.ts";
import { checkOutputName, checkPullTarget, STDOUT_TARGET } from "./target.ts";

export const PULL_OPTIONS: readonly OptionSpec[] = [
  { flags: "-F, --force", description: "overwrite an existing image file", env: ["FORCE"] },
  { flags: "--dir <dir>", description: "put the image into this directory", env: ["PULLDIR", "PULLFOLDER"] },
  { flags: "--name <name>", description: "name of the image file", env: ["PULL_NAME"], hidden: true },
  { flags: "--arch <arch>", description: "architecture to choose from a multi-platform image", env: ["PULL_ARCH"] },
  { flags: "--arch-variant <variant>", description: "variant of the architecture", env: ["PULL_ARCH_VARIANT"] },
  ...SOURCE_OPTIONS,
  ...ENCODING_OPTIONS,
  ...TREE_OPTIONS,
  ...DISPLAY_OPTIONS,
];

const STAGES = { fetch: "Converting OCI blobs to SIF format" } as const;

/** `sifon pull [OUTPUT] URI`: as build, with the file named after the image where no name is given. */
export function pullCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("pull")
    .description("Pull an image and write it as a SIF")
    .usage("[options] [output file] <URI>")
    .argument("[words...]", "where the SIF goes (default: NAME_TAG.sif, - for standard output), and the source URI")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length < 1 || words.length > 2) {
        throw new UsageError("pull", `accepts between 1 and 2 arg(s), received ${words.length}`);
      }
      const uri = words[words.length - 1] as string;
      if (words.length === 2 && !hasTransport(uri) && hasTransport(words[0] as string)) {
        throw new UsageError("pull", "the output file stands in front of the URI", { brief: true });
      }
      refuseVariables("pull", context.environment);
      const log = openLog();
      const values = openOptions(self, PULL_OPTIONS, context, log);
      const tuning = conversionTuning(values, "pull");
      const name = (words.length === 2 ? words[0] : values.text("name")) ?? pullOutputName(uri);
      checkOutputName(name, "pull");
      const dir = values.text("dir");
      const target = dir === undefined || name === STDOUT_TARGET ? name : join(dir, name);
      const force = values.flag("force");
      if (target !== STDOUT_TARGET) await checkPullTarget(target, force);
      await runConversion(
        {
          uri,
          target,
          overwrite: force,
          tuning,
          stages: STAGES,
          failure: "While making image from oci registry",
        },
        { values, log, context },
      );
    });
  declareOptions(command, PULL_OPTIONS);
  return command;
}
