import type { Stats } from "node:fs";
import { lstat, open, stat } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { printable, systemReason } from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";

/** The output that means standard output. */
export const STDOUT_TARGET = "-";

const SIF_MAGIC_OFFSET = 32;
const MAGICS = ["SIF_MAGIC", "hsqs"] as const;

/** An output has to have a name, or a variable in a script was empty. */
export function checkOutputName(name: string, command: string): void {
  if (name === "") throw new UsageError(command, "the output's name is empty", { brief: true });
}

/** `pull` never asks: an existing file without `--force` ends it before anything is fetched. */
export async function checkPullTarget(path: string, force: boolean): Promise<void> {
  const found = await findFile(path);
  if (found === undefined) return;
  refuseSpecial(path, found);
  if (found.isDirectory()) throw new FatalError(`Image file would replace a directory: "${path}" - will not overwrite`);
  if (!force) throw new FatalError(`Image file already exists: "${path}" - will not overwrite`);
}

/** `build` asks on a terminal before it replaces a file, and refuses without one unless `--force` is given. */
export async function checkBuildTarget(path: string, force: boolean, context: Context): Promise<void> {
  const found = await findFile(path);
  if (found === undefined) return;
  refuseSpecial(path, found);
  if (found.isDirectory()) throw new FatalError(`While checking build target: '${path}' is a directory; name a file`);
  if (force) return;
  await confirmOverwrite(path, context, () => looksLikeImage(path));
}

/** `--force` is meant for files. */
function refuseSpecial(path: string, found: Stats): void {
  const kind = found.isBlockDevice() ? "block device" : found.isSocket() ? "socket" : undefined;
  if (kind !== undefined) throw new FatalError(`Cannot write '${path}': it is a ${kind}; name a file`);
}

/** Asks on a terminal; refuses without one. */
export async function confirmOverwrite(path: string, context: Context, isImage: () => Promise<boolean>): Promise<void> {
  if (!context.stdin.isTTY || !context.stderr.isTTY) {
    throw new FatalError(
      `While checking build target: build target '${path}' already exists. Use --force if you want to overwrite it`,
    );
  }
  const question = (await isImage())
    ? `Build target '${path}' already exists and will be deleted during the build process. Do you want to continue? [y/N] `
    : `Build target '${path}' may be a definition file or a text/binary file that will be overwritten. Do you still want to overwrite it? [y/N] `;
  if (!(await confirm(question, context))) throw new FatalError("While checking build target: stopping build");
}

/** What would be replaced; nothing where a pipe or a device (`/dev/stdout`) takes the image. */
export async function findFile(path: string): Promise<Stats | undefined> {
  try {
    const found = await lstat(path);
    const behind = found.isSymbolicLink() ? await stat(path).catch(() => found) : found;
    return behind.isFIFO() || behind.isCharacterDevice() ? undefined : behind;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new FatalError(`While checking build target: cannot look at '${path}': ${systemReason(error)}`, {
      cause: error,
    });
  }
}

async function looksLikeImage(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const head = Buffer.alloc(64);
    await file.read(head, 0, head.length, 0);
    return (
      head.toString("latin1", SIF_MAGIC_OFFSET).startsWith(MAGICS[0]) || head.toString("latin1").startsWith(MAGICS[1])
    );
  } finally {
    await file.close();
  }
}

async function confirm(question: string, context: Context): Promise<boolean> {
  const prompt = createInterface({ input: context.stdin, output: context.stderr });
  try {
    const answer = await prompt.question(printable(question), { signal: context.signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    prompt.close();
  }
}
