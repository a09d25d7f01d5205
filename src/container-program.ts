import { constants } from "node:fs";
import { posix } from "node:path";
import { toByteString } from "./bytes/byte-string.ts";
import { printable } from "./bytes/printable.ts";
import { whyUnreadable } from "./image/unreadable.ts";
import { findProgram } from "./runtime/action/find-program.ts";
import { interpreterOf, PROGRAM_HEAD_SIZE } from "./runtime/action/interpreter.ts";
import { ContainerError } from "./runtime/container/errors.ts";
import { type MountedTree, viewOf } from "./runtime/container/mounted-tree.ts";
import { linkerVariables } from "./runtime/engine/linker-variables.ts";
import type { PreparedProgram } from "./runtime/prepare-program.ts";
import { textView } from "./runtime/text-view.ts";

/** Where a program is looked for. */
export interface ProgramPlace {
  readonly cwd: string;
  /** The directory that is the container's root, where what the caller may not read shall be told of. */
  readonly sandbox: string | undefined;
}

/** Looks whether a program can be started. @throws ContainerError PROGRAM_NOT_FOUND */
export async function checkProgram(
  tree: MountedTree,
  { argv, environment }: PreparedProgram & { readonly kind: "program" },
  { cwd, sandbox }: ProgramPlace,
): Promise<void> {
  const [program] = argv;
  const path = environment.get("PATH");
  const found = await findProgram(textView(viewOf(tree)), program, { path, cwd });
  if ("problem" in found) {
    const places = program.includes("/") ? [program] : (path ?? "").split(":").map((folder) => `${folder}/${program}`);
    const closed = places.flatMap((place) => whyClosed(posix.resolve(cwd, place), sandbox) ?? [])[0];
    const problem = closed === undefined ? found.problem : `${found.problem}; ${closed}`;
    throw new ContainerError("PROGRAM_NOT_FOUND", { program, problem });
  }
  const place = posix.resolve(cwd, found.path);
  const { path: real, mount } = await tree.resolve(place);
  // An overlay reads on behalf of the caller what is executed.
  const closed = mount === undefined ? whyClosed(real, sandbox, constants.R_OK | constants.X_OK) : undefined;
  if (closed !== undefined)
    throw new ContainerError("PROGRAM_NOT_FOUND", { program, problem: `permission denied: ${closed}` });
  const interpreter = interpreterOf((await tree.readHead(place, PROGRAM_HEAD_SIZE)) ?? new Uint8Array());
  if (interpreter === undefined) return;
  const { entry } = await tree.resolve(posix.resolve(cwd, interpreter));
  const refuse = (problem: string) =>
    new ContainerError("PROGRAM_NOT_FOUND", { program, problem: `exec ${place} failed: ${problem}` });
  if (entry === undefined) throw refuse(`its interpreter ${printable(interpreter)} is not in the container`);
  if (entry.kind !== "file" || (entry.mode & 0o111) === 0)
    throw refuse(`permission denied: its interpreter ${printable(interpreter)} cannot be executed`);
}

/**
 * The command and its variables, so that those for the dynamic linker reach it alone: the container's env(1) sets
 * them. Without one the host's programs hear of them, too.
 */
export async function keepFromHost(
  tree: MountedTree,
  { argv, environment }: PreparedProgram & { readonly kind: "program" },
  cwd: string,
): Promise<{ readonly command: readonly [string, ...string[]]; readonly environment: Record<string, string> }> {
  const names = linkerVariables(environment);
  const tool = names.length === 0 || argv[0].includes("=") ? [] : ENV_PLACES;
  for (const path of tool) {
    const found = await findProgram(textView(viewOf(tree)), path, { path: undefined, cwd });
    if ("problem" in found) continue;
    const pairs = names.map((name) => `${name}=${environment.get(name)}`);
    const rest = [...environment].filter(([name]) => !names.includes(name));
    return { command: [path, ...pairs, ...argv], environment: Object.fromEntries(rest) };
  }
  return { command: argv, environment: Object.fromEntries(environment) };
}

const ENV_PLACES = ["/usr/bin/env", "/bin/env"] as const;

/** Looks whether the caller may go to where something is to be mounted. @throws ContainerError MOUNT_IMPOSSIBLE */
export async function checkMountPlaces(tree: MountedTree, sandbox: string): Promise<void> {
  for (const mount of tree.mounts) {
    const parent = posix.dirname(mount.target);
    if ((await tree.resolve(parent)).mount !== undefined) continue;
    const problem = whyClosed(parent, sandbox, constants.X_OK);
    const source = mount.kind === "bind" ? mount.source : mount.target;
    if (problem !== undefined) throw new ContainerError("MOUNT_IMPOSSIBLE", { source, target: mount.target, problem });
  }
}

function whyClosed(path: string, sandbox: string | undefined, mode?: number): string | undefined {
  return sandbox === undefined ? undefined : whyUnreadable(sandbox, toByteString(path.slice(1)), mode);
}
