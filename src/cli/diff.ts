import { Command } from "commander";
import {
  compareImages,
  DIFFERENCE_FIELDS,
  type DifferenceField,
  escapeName,
  formatMode,
  type ImageDifference,
  printable,
  toByteString,
  withImageFile,
} from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { ExitStatus, UsageError } from "./exit.ts";
import { jsonBytes } from "./json-bytes.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { withOutput } from "./output.ts";

const IGNORABLE = DIFFERENCE_FIELDS.filter((field) => field !== "kind");

const OPTIONS: readonly OptionSpec[] = [
  { flags: "--ignore <fields>", description: `what may differ, separated by commas: ${IGNORABLE.join(", ")}` },
  { flags: "-j, --json", description: "one JSON object a line" },
];

/** `sifon diff A B`: paths, metadata and contents that differ; exit code 1 where there are any. */
export function diffCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("diff")
    .description("Compare the files of two SIF or SquashFS images; exit code 1 where they differ")
    .usage("[options] <image path> <image path>")
    .argument("[words...]", "two images: - is what only the first has, + what only the second has, ~ what differs")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length !== 2) throw new UsageError("diff", `accepts 2 arg(s), received ${words.length}`);
      const values = new OptionValues(self, OPTIONS, context.environment, openLog());
      const [first, second] = words as [string, string];
      const ignore = parseFields(values.text("ignore") ?? "");
      const format = values.flag("json") ? jsonLine : textLine;
      let differ = false;
      await withImageFile(first, (from) =>
        withImageFile(second, async (to) => {
          const differences = compareImages(await from.root(), await to.root(), { ignore, signal: context.signal });
          await withOutput(context, async (output) => {
            for await (const difference of differences) {
              differ = true;
              await output.bytes(`${format(difference)}\n`);
            }
          });
        }),
      );
      if (differ) throw new ExitStatus(1);
    });
  declareOptions(command, OPTIONS);
  return command;
}

function parseFields(text: string): Set<DifferenceField> {
  const words = text.split(",").filter((word) => word !== "");
  const unknown = words.find((word) => !(IGNORABLE as readonly string[]).includes(word));
  if (unknown !== undefined) {
    throw new UsageError("diff", `invalid value "${unknown}" of --ignore: expected ${IGNORABLE.join(", ")}`);
  }
  return new Set(words as DifferenceField[]);
}

function textLine(difference: ImageDifference): string {
  if (difference.kind !== "changed") {
    const sign = difference.kind === "removed" ? "-" : "+";
    return `${sign} ${formatMode(difference.inode)} /${escapeName(difference.path)}`;
  }
  const changes = difference.changes.map(({ field, from, to }) =>
    from === undefined ? field : `${field} ${escapeName(from)} -> ${escapeName(to ?? "")}`,
  );
  return `~ /${escapeName(difference.path)}: ${changes.join(", ")}`;
}

function jsonLine(difference: ImageDifference): string {
  const { kind } = difference;
  const path = jsonBytes("path", `/${difference.path}`);
  if (difference.kind !== "changed") return jsonText({ kind, ...path, type: difference.inode.kind });
  const changes = difference.changes.map(({ field, from, to }) =>
    from === undefined || to === undefined ? { field } : { field, ...jsonBytes("from", from), ...jsonBytes("to", to) },
  );
  return jsonText({ kind, ...path, changes });
}

const jsonText = (value: object): string => toByteString(printable(JSON.stringify(value)));
