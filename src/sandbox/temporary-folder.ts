import { lstatSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { removeLeftovers, temporaryName } from "../sink/temporary-file.ts";
import { SandboxError } from "./errors.ts";
import { removeTree } from "./remove-tree.ts";
import { runTool } from "./run-tool.ts";

/**
 * Makes a directory for the temporary files of this run, for its user alone, after it has removed those of that name
 * which this user's runs left behind that were killed. The caller removes it, with `removeTree`.
 * @param place a directory, as a rule the temporary one
 * @param name what the folder's own begins with, behind a dot: one for each use
 * @throws SandboxError TEMPORARY_FOLDER_FAILED where no folder can be made in `place`; of leftovers, what cannot be
 *   removed stays
 */
export async function makeTemporaryFolder(place: string, name: string): Promise<string> {
  // Programs that use it are started in other directories.
  const absolute = resolve(place);
  await removeLeftovers(absolute, name, removeLeftFolder);
  const folder = join(absolute, temporaryName(name));
  await mkdir(folder, { mode: 0o700 }).catch((cause: unknown) => {
    throw new SandboxError("TEMPORARY_FOLDER_FAILED", { path: absolute, cause });
  });
  return folder;
}

async function removeLeftFolder(folder: string): Promise<void> {
  // In another user's folder, its owner could put a link in the place of what is being removed.
  const { uid } = lstatSync(folder);
  if (uid !== process.geteuid?.()) return;
  try {
    await removeTree(folder);
  } catch {
    // A definition's scripts may have had the caller's subordinate ids, whose files the caller alone cannot remove.
    const words = ["--map-root-user", "--map-auto", "rm", "-rf", "--", folder];
    await runTool("unshare", words, { cwd: "/" });
  }
}
