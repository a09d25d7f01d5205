import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import { confirmOverwrite, findFile, STDOUT_TARGET } from "./target.ts";

/** What a directory has that is a container's root. */
const MARKS = [".singularity.d", "dev", "proc", "sys"] as const;

/** `build --sandbox` replaces a directory that is a sandbox, once asked; any other only with `--force`. */
export async function checkSandboxTarget(path: string, force: boolean, context: Context): Promise<void> {
  if (path === STDOUT_TARGET) throw new FatalError("While checking build target: a sandbox is a directory; name one");
  const found = await findFile(path);
  if (found === undefined || force) return;
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

/** `build --update` runs over a sandbox that is there. */
export async function checkUpdateTarget(path: string): Promise<void> {
  const found = await findFile(path);
  const names = found?.isDirectory() === true ? await readdir(path) : [];
  if (MARKS.some((mark) => !names.includes(mark))) {
    throw new FatalError(`While checking build target: ${resolve(path)} is not a sandbox: there is nothing to update`);
  }
}
