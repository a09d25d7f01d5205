import { readdir, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { relative, resolve } from "node:path";
import { currentFolder } from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import { confirmOverwrite, findFile, STDOUT_TARGET } from "./target.ts";

/** What a directory has that is a container's root. */
const MARKS = [".singularity.d", "dev", "proc", "sys"] as const;

/**
 * `build --sandbox` replaces a directory that is a sandbox, once asked; any other only with `--force`, and none that
 * holds what nobody means to lose.
 * @param source what is built from, a path or a URI
 */
export async function checkSandboxTarget(
  path: string,
  { source, force, context }: { readonly source: string; readonly force: boolean; readonly context: Context },
): Promise<void> {
  if (path === STDOUT_TARGET) throw new FatalError("While checking build target: a sandbox is a directory; name one");
  const found = await findFile(path);
  if (found === undefined) return;
  if (found.isDirectory()) await refuseEnclosing(path, source);
  if (force) return;
  if (found.isDirectory()) {
    const names = await readdir(path);
    if (names.length > 0 && MARKS.some((mark) => !names.includes(mark))) {
      throw new FatalError(
        `While checking build target: ${resolve(path)} is not empty and is not an Apptainer sandbox, check its content first and use --force if you want to overwrite it`,
      );
    }
  }
  await confirmOverwrite(path, context, async () => found.isDirectory());
}

/**
 * Deviates: Apptainer empties such a directory first, the source in it included, and then fails to replace it.
 * @throws FatalError
 */
async function refuseEnclosing(path: string, source: string): Promise<void> {
  const target = await realpath(path);
  const refuse = (what: string) =>
    new FatalError(
      `While checking build target: ${resolve(path)} ${what}, and all in it would be deleted, which --force does not allow either; name another directory`,
    );
  if (target === "/") throw refuse("is the root of the file system");
  const kept: readonly (readonly [what: string, place: string | undefined])[] = [
    ["the current directory", currentFolder()],
    ["your home directory", homedir()],
    // A sandbox that is its own source is read before it is replaced.
    ...(await sourcePaths(source)).filter((one) => one !== target).map((one) => ["the source", one] as const),
  ];
  for (const [what, one] of kept) {
    const place = one === undefined || one === "" ? undefined : await realpath(one).catch(() => undefined);
    if (place === target) throw refuse(`is ${what}`);
    if (place !== undefined && !/^\.\.(\/|$)/.test(relative(target, place))) throw refuse(`contains ${what}`);
  }
}

/** Where a source lies on this machine, if it does: `oci:DIR:TAG` has a path before its tag, which may hold colons. */
async function sourcePaths(source: string): Promise<string[]> {
  const parts = source.replace(/^(oci|oci-archive|docker-archive):/, "").split(":");
  const candidates = parts.map((_, i) => parts.slice(0, i + 1).join(":"));
  const found = await Promise.all(candidates.map((one) => realpath(one).catch(() => undefined)));
  return found.filter((one) => one !== undefined);
}

/** `build --update` runs over a sandbox that is there. */
export async function checkUpdateTarget(path: string): Promise<void> {
  const found = await findFile(path);
  const names = found?.isDirectory() === true ? await readdir(path) : [];
  if (MARKS.some((mark) => !names.includes(mark))) {
    throw new FatalError(`While checking build target: ${resolve(path)} is not a sandbox: there is nothing to update`);
  }
}
