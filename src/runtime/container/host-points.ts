import { closeSync, constants, fstatSync, mkdirSync, openSync } from "node:fs";
import { systemReason } from "../../bytes/system-reason.ts";
import type { MountPoint } from "../engine/plan.ts";
import { ContainerError } from "./errors.ts";

/** A mount point that is missing in a directory of the host which the container shows. */
export interface HostPoint {
  /** The directory that is bound: absolute, without links. */
  readonly folder: string;
  /** Below it, with a slash in front, without links. */
  readonly path: string;
  readonly kind: MountPoint["kind"];
}

/** open(2)'s flag that asks for no permission to read; Node has no name for it. */
const O_PATH = 0o10000000;
const STEP = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Makes mount points on the host, where Apptainer 1.4.5 makes them too: they stay there, empty. Each step is taken from
 * the directory before it, which is held open: a link that somebody puts there meanwhile leads nowhere.
 *
 * Deviates: Apptainer sets modes, whatever the umask says, and makes points in directories of the caller's that the
 * caller itself cannot write to (test/runtime/host-points.test.ts).
 * @throws ContainerError MOUNT_POINT_REFUSED
 */
export function makeHostPoints(points: readonly HostPoint[]): void {
  for (const point of points) makeHostPoint(point);
}

function makeHostPoint({ folder, path, kind }: HostPoint): void {
  const names = path.split("/").filter(Boolean);
  const last = kind === "file" ? names.pop() : undefined;
  let made = folder;
  let at: number | undefined;
  try {
    at = openSync(folder, STEP);
    for (const name of names) {
      made = `${made}/${name}`;
      const next = enter(at, name);
      closeSync(at);
      at = next;
    }
    if (last !== undefined) {
      made = `${made}/${last}`;
      makeFile(at, last);
    }
  } catch (cause) {
    throw new ContainerError("MOUNT_POINT_REFUSED", { path: made, kind, problem: systemReason(cause), cause });
  } finally {
    if (at !== undefined) closeSync(at);
  }
}

/** Opens a directory in an open one; makes it where there is none. */
function enter(parent: number, name: string): number {
  const path = below(parent, name);
  unlessThere(() => mkdirSync(path, 0o755));
  return openSync(path, STEP);
}

function makeFile(parent: number, name: string): void {
  const path = below(parent, name);
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  unlessThere(() => closeSync(openSync(path, O_CREAT | O_EXCL | O_WRONLY, 0o644)));
  const made = openSync(path, O_PATH | O_NOFOLLOW);
  try {
    if (!fstatSync(made).isFile()) throw new Error("something else is there by now");
  } finally {
    closeSync(made);
  }
}

const below = (parent: number, name: string): string => `/proc/self/fd/${parent}/${name}`;

function unlessThere(make: () => void): void {
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
