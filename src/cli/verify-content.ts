import { Command } from "commander";
import { type CheckedPartition, type CheckReport, checkImage, withImageFile } from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { UsageError } from "./exit.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { withOutput } from "./output.ts";

const OPTIONS: readonly OptionSpec[] = [{ flags: "-j, --json", description: "print one JSON object" }];

/** `sifon check FILE`, which `sifon verify --content FILE` is too: reads an image whole. */
export function checkCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("check")
    .description("Read a SIF or SquashFS image whole: every block decompresses, tables agree, nothing is missing")
    .usage("[options] <image path>")
    .argument("[words...]", "the image")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length !== 1) throw new UsageError("check", `accepts 1 arg(s), received ${words.length}`);
      const values = new OptionValues(self, OPTIONS, context.environment, openLog());
      await verifyContent(words[0] as string, context, { json: values.flag("json") });
    });
  declareOptions(command, OPTIONS);
  return command;
}

/** Reads an image whole and tells what is in it; throws at the first fault. */
export async function verifyContent(
  path: string,
  context: Context,
  { json = false }: { readonly json?: boolean } = {},
): Promise<void> {
  const report = await withImageFile(path, (image) => checkImage(image, { signal: context.signal }));
  const text = json ? `${JSON.stringify({ path, ...report })}\n` : reportText(path, report);
  await withOutput(context, (output) => output.raw(Buffer.from(text)));
}

function reportText(path: string, { size, objectCount, unusedSize, partitions, record }: CheckReport): string {
  const objects = objectCount === 0 ? "a squashfs image" : `${objectCount} object(s)`;
  const lines = [`${path}: whole, ${size} bytes, ${objects}`, ...partitions.map(partitionLine)];
  const origin = record?.manifest === undefined ? "" : ` from ${record.manifest}`;
  if (record !== undefined) lines.push(`as recorded by its build with sifon ${record.version}${origin}`);
  else if (objectCount > 0) lines.push("its build recorded no counts");
  if (unusedSize > 0) lines.push(`the last ${unusedSize} bytes belong to no object; sifon sif add takes their place`);
  return `${lines.join("\n")}\n`;
}

function partitionLine(partition: CheckedPartition): string {
  const { objectId, inodes, entryCount, fileSize } = partition;
  const name = objectId === undefined ? "" : `object ${objectId}: `;
  const total = Object.values(inodes).reduce((sum, count) => sum + count, 0);
  return `${name}${total} inodes (${inodes.file} files, ${inodes.directory} directories, ${inodes.symlink} symlinks), ${entryCount} names, ${fileSize} bytes in ${blocksText(partition)}`;
}

/** `19 gzip blocks`, `19 stored blocks`, `19 blocks (12 gzip, 7 stored)`. */
function blocksText({ compressor, blockCount, storedBlockCount }: CheckedPartition): string {
  const compressed = blockCount - storedBlockCount;
  if (storedBlockCount === 0) return `${blockCount} ${compressor} blocks`;
  if (compressed === 0) return `${blockCount} stored blocks`;
  return `${blockCount} blocks (${compressed} ${compressor}, ${storedBlockCount} stored)`;
}
