import type { RuntimeMessage } from "../message.ts";
import { ContainerError } from "./errors.ts";
import type { MountedTree } from "./mounted-tree.ts";

/** Where a program could start. */
export interface WorkingDirectoryOptions {
  /** `--pwd`, `--cwd`: there or nowhere. */
  readonly asked: string | undefined;
  /** The caller's; empty where it is gone. */
  readonly host: string;
  readonly home: string;
  /** `--contain`: the caller's folder is not thought of. */
  readonly contain: boolean;
}

/**
 * The working directory inside: the one that is asked for, else the caller's, else the home directory, else the root.
 * @throws ContainerError WORKING_DIRECTORY_MISSING
 */
export async function workingDirectory(
  tree: MountedTree,
  { asked, host, home, contain }: WorkingDirectoryOptions,
): Promise<{ readonly path: string; readonly messages: readonly RuntimeMessage[] }> {
  const isFolder = async (path: string) => (await tree.resolve(path)).entry?.kind === "directory";
  if (asked !== undefined) {
    if (!(await isFolder(asked))) throw new ContainerError("WORKING_DIRECTORY_MISSING", { path: asked });
    return { path: asked, messages: [] };
  }
  if (!contain && host !== "" && (await isFolder(host))) return { path: host, messages: [] };
  const path = (await isFolder(home)) ? home : "/";
  if (contain) return { path, messages: [] };
  const text = `Error changing the container working directory. Using '${path}' instead: chdir ${host}: no such file or directory`;
  return { path, messages: [{ level: "warning", text }] };
}
