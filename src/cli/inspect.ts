import { Command } from "commander";
import {
  createSource,
  describeSource,
  hasTransport,
  ImageFileError,
  inspectContainer,
  printableLines,
  type Section,
  SOURCE_SECTIONS,
  sourceSections,
  sourceSectionsJson,
  sourceText,
  toByteString,
} from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { withOutput } from "./output.ts";
import { messageProgress } from "./progress-messages.ts";
import { registryConnection, registryCredentials } from "./registry-access.ts";
import { sourceOptions } from "./run-conversion.ts";
import { SOURCE_OPTIONS } from "./source-options.ts";
import { formatBytes } from "./units.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "--all", description: "show all available data (imply --json option)" },
  { flags: "--app <name>", description: "inspect a specific app" },
  { flags: "-d, --deffile", description: "show the definition file that was used to generate the image" },
  { flags: "-e, --environment", description: "show the environment settings for the image" },
  { flags: "-H, --helpfile", description: "inspect the runscript helpfile, if it exists" },
  { flags: "-j, --json", description: "print structured json instead of sections" },
  { flags: "-l, --labels", description: "show the labels for the image (default)" },
  { flags: "--list-apps", description: "list all apps in a container" },
  { flags: "-r, --runscript", description: "show the runscript for the image" },
  { flags: "-s, --startscript", description: "show the startscript for the image" },
  { flags: "-t, --test", description: "show the test script for the image" },
  { flags: "--arch <arch>", description: "of a source: architecture to choose from a multi-platform image" },
  { flags: "--arch-variant <variant>", description: "of a source: variant of the architecture" },
  ...SOURCE_OPTIONS,
];

const SECTIONS: readonly Section[] = ["environment", "helpfile", "labels", "runscript", "startscript", "test"];

/** Options that a source has no answer to before its layers are read. */
const INSIDE = ["app", "listApps", "helpfile", "startscript", "test"] as const;

/** `sifon inspect IMAGE`: as Apptainer prints it; of a source (`docker://…`) what is known before it is pulled. */
export function inspectCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("inspect")
    .description("Show metadata of an image: a SIF, a sandbox, or a source such as docker://… without pulling it")
    .usage("[options] <image path or source>")
    .argument("[words...]", "a SIF, a SquashFS file, a sandbox directory, or a source")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length !== 1) throw new UsageError("inspect", `accepts 1 arg(s), received ${words.length}`);
      const values = new OptionValues(self, OPTIONS, context.environment, openLog());
      const image = words[0] as string;
      const onProgress = messageProgress(openLog());
      const output = hasTransport(image)
        ? await inspectSource(image, values, context, onProgress)
        : Buffer.from(await inspectFile(image, values, onProgress)).toString("latin1");
      await withOutput(context, (out) => out.bytes(output));
    });
  declareOptions(command, OPTIONS);
  return command;
}

type OnProgress = ReturnType<typeof messageProgress>;

async function inspectFile(path: string, values: OptionValues, onProgress: OnProgress): Promise<Uint8Array> {
  try {
    return await inspectContainer(path, {
      sections: SECTIONS.filter((section) => values.flag(section)),
      deffile: values.flag("deffile"),
      listApps: values.flag("listApps"),
      app: values.text("app"),
      all: values.flag("all"),
      json: values.flag("json"),
      onProgress,
    });
  } catch (cause) {
    throw new FatalError(`Failed to open image ${path}: ${apptainerWords(cause)}`, { cause });
  }
}

function apptainerWords(error: unknown): string {
  if (error instanceof ImageFileError) {
    if (error.code === "IMAGE_UNREADABLE") return String(error.details["problem"]);
    if (error.code === "IMAGE_FORMAT_UNKNOWN") return "image format not recognized";
  }
  return error instanceof Error ? error.message : String(error);
}

async function inspectSource(
  uri: string,
  values: OptionValues,
  context: Context,
  onProgress: OnProgress,
): Promise<string> {
  const inside = INSIDE.find((option) => values.flag(option) || values.text(option) !== undefined);
  if (inside !== undefined) {
    const flag = inside === "listApps" ? "list-apps" : inside;
    throw new FatalError(
      `--${flag} tells of files in the image, and ${uri} is only asked for its configuration: pull it, then inspect the SIF`,
    );
  }
  const wanted = new Set(SOURCE_SECTIONS.filter((section) => values.flag(section)));
  const source = createSource(uri, {
    ...sourceOptions(values, context, onProgress),
    ...(await registryConnection(values, context)),
    credentials: await registryCredentials(values, context),
  });
  try {
    const description = await describeSource(source, { signal: context.signal });
    const some = !values.flag("all") && wanted.size > 0;
    if (values.flag("json") || values.flag("all")) {
      const found = some ? sourceSectionsJson(description, wanted) : description;
      return toByteString(printableLines(`${JSON.stringify(found, undefined, 2)}\n`));
    }
    return toByteString(some ? sourceSections(description, wanted) : sourceText(description, formatBytes));
  } catch (cause) {
    context.signal.throwIfAborted();
    throw new FatalError(`Failed to inspect ${uri}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  } finally {
    await source.close();
  }
}
