import { Command } from "commander";
import {
  escapeName,
  formatListing,
  listPath,
  printable,
  toByteString,
  type WalkEntry,
  withImageFile,
} from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { UsageError } from "./exit.ts";
import { jsonBytes } from "./json-bytes.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { withOutput } from "./output.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "-l, --long", description: "mode, links, owner, size, time and link target (default)" },
  { flags: "-a, --all", description: "as ls has it; all is listed anyway" },
  { flags: "-1, --names", description: "names only" },
  { flags: "-R, --recursive", description: "everything below, with paths from the root" },
  { flags: "-j, --json", description: "one JSON object a line" },
];

/** `sifon ls IMAGE [PATH]`: a directory of an image, in the form of `ls -l`. */
export function listCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("ls")
    .description("List files in a SIF or SquashFS image")
    .usage("[options] <image path> [path]")
    .argument("[words...]", "the image, and a directory or file in it (default: the root)")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length < 1 || words.length > 2) {
        throw new UsageError("ls", `accepts between 1 and 2 arg(s), received ${words.length}`);
      }
      const values = new OptionValues(self, OPTIONS, context.environment, openLog());
      const [file, path = ""] = words as [string, string?];
      const recursive = values.flag("recursive");
      const format = values.flag("json") ? jsonLine : values.flag("names") ? nameLine(context) : formatListing;
      const { signal } = context;
      await withImageFile(file, async (image) => {
        const root = await image.root();
        await withOutput(context, async (output) => {
          for await (const entry of listPath(root, toByteString(path), { recursive, signal })) {
            await output.bytes(`${format(entry)}\n`);
          }
        });
      });
    });
  declareOptions(command, OPTIONS);
  return command;
}

/** As ls: bytes as they are for programs, escaped on a terminal. */
const nameLine =
  ({ stdout }: Context) =>
  ({ path }: WalkEntry): string =>
    stdout.isTTY ? escapeName(path) : path;

function jsonLine({ path, inode }: WalkEntry): string {
  const { kind, mode, uid, gid, linkCount } = inode;
  const object = {
    ...jsonBytes("path", path),
    kind,
    mode: mode.toString(8).padStart(4, "0"),
    uid,
    gid,
    links: linkCount,
    mtime: new Date(inode.mtimeSec * 1000).toISOString().replace(".000Z", "Z"),
    ...(inode.kind === "file" ? { size: inode.size } : {}),
    ...(inode.kind === "symlink" ? jsonBytes("target", inode.target) : {}),
    ...("deviceMajor" in inode ? { device: [inode.deviceMajor, inode.deviceMinor] } : {}),
  };
  return toByteString(printable(JSON.stringify(object)));
}
