import { lstatSync, realpathSync, statSync } from "node:fs";
import { systemReason } from "../../bytes/system-reason.ts";
import type { Mount } from "../engine/plan.ts";
import type { FileTree } from "./image-tree.ts";
import { workdirFolder } from "./workdir.ts";

/** Something to be mounted, as it was asked for: its target may be a link, or may not be there. */
export interface WantedMount {
  readonly mount: Mount;
  /** As it is called in messages, where that is not the mount's source. */
  readonly name?: string;
  /** What a bind shows whose source is not the host's. */
  readonly files?: FileTree;
  /**
   * `required`: the user asked for it, and without it nothing is run. `expected`: told of where it cannot be.
   * `optional`: left out without a word.
   */
  readonly need: "required" | "expected" | "optional";
  /** Apptainer's word for the group of mounts: `binds`, `tmp`. */
  readonly group: string;
  /** A mount point is made where the image has none. */
  readonly makesPoint: boolean;
}

/** A bind that the user asked for. */
export interface UserBind {
  /** On the host, or in the session where there is an `image`. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** Where the source lies in an image file: what messages call it, and the files. */
  readonly image?: { readonly name: string; readonly files: FileTree };
}

/** What mounts depend on. Paths are absolute. */
export interface MountOptions {
  /** `--contain` and what implies it. */
  readonly contain: boolean;
  /** A new PID namespace: /proc is its own. */
  readonly pid: boolean;
  /** A new IPC namespace: a new /dev has its message queues. */
  readonly ipc: boolean;
  /** The home directory: what is mounted, and where; `source` undefined for none of the host's. */
  readonly home: { readonly source: string | undefined; readonly target: string } | undefined;
  /** Words and paths of `--no-mount`. */
  readonly noMount: readonly string[];
  readonly workdir?: string | undefined;
  readonly scratch: readonly string[];
  readonly binds: readonly UserBind[];
  /** Made anew: passwd, group, resolv.conf, hostname, by their paths. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The caller's; undefined where it is not to be mounted. */
  readonly cwd: string | undefined;
}

/** Apptainer's limit for what a container keeps in memory ("sessiondir max size"). */
export const SESSION_SIZE_MIB = 64;

/** What Apptainer's configuration binds in every container. */
const CONFIGURED_BINDS = ["/etc/localtime", "/etc/hosts"];

/** Folders of an operating system, which the caller's current one never stands for (Apptainer's list). */
const SYSTEM_FOLDERS = new Set("/ /etc /bin /mnt /usr /var /opt /sbin /lib /lib64".split(" "));

/** All mounts of a container in Apptainer's order: its own first, then the user's. */
export function wantedMounts(options: MountOptions): WantedMount[] {
  const { contain, noMount, workdir } = options;
  const wanted: WantedMount[] = [];
  const without = (...words: string[]) => words.some((word) => noMount.includes(word));
  const own = (mount: Mount, group: string, makesPoint = true, name?: string) =>
    wanted.push({ mount, group, makesPoint, need: "expected", ...(name === undefined ? {} : { name }) });

  if (!without("dev")) {
    own(contain ? { kind: "dev", target: "/dev" } : bind("/dev", "/dev", { devices: true }), "dev");
    if (contain) own({ kind: "tmpfs", target: "/dev/shm", mode: 0o1777 }, "dev");
    if (contain && options.ipc) own({ kind: "mqueue", target: "/dev/mqueue" }, "dev");
  }
  if (!without("bind-paths")) {
    for (const path of CONFIGURED_BINDS) if (!without(path) && exists(path)) own(bind(path, path), "binds", true, path);
  }
  if (!without("proc")) own(options.pid ? { kind: "proc", target: "/proc" } : bind("/proc", "/proc"), "kernel");
  if (!without("sys")) own(bind("/sys", "/sys"), "kernel");
  if (options.home !== undefined && !without("home")) {
    const { source, target } = options.home;
    own(source === undefined ? memoryMount(target, 0o755) : bind(source, target), "home");
  }
  if (!without("tmp")) {
    for (const [target, name] of [
      ["/tmp", "tmp"],
      ["/var/tmp", "var_tmp"],
    ] as const) {
      // An image without the folder gets a warning, as Apptainer gives it.
      if (workdir !== undefined && contain) own(bind(workdirFolder(workdir, name), target), "tmp", false);
      else own(contain ? memoryMount(target, 0o1777) : bind(target, target), "tmp", false);
    }
  }
  for (const target of options.scratch) {
    const source = workdir === undefined ? undefined : workdirFolder(workdir, "scratch", target);
    wanted.push({
      ...{ mount: source === undefined ? memoryMount(target, 0o755) : bind(source, target), group: "scratch" },
      ...{ makesPoint: true, need: "required" },
    });
  }
  const { cwd } = options;
  if (
    cwd !== undefined &&
    !contain &&
    !without("cwd") &&
    !SYSTEM_FOLDERS.has(cwd) &&
    !/^\/(proc|sys|dev)(\/|$)/.test(cwd)
  )
    wanted.push({ mount: bind(cwd, cwd), group: "cwd", makesPoint: true, need: "optional" });
  for (const [target, content] of options.files) {
    // A host name is the user's wish; other files are those that the image has, changed.
    const makesPoint = target === "/etc/hostname";
    wanted.push({ mount: { kind: "file", target, content }, group: "files", makesPoint, need: "optional" });
  }
  for (const { source, target, readOnly, image } of options.binds) {
    // Without links already; and the host may have something else of that name.
    const mount: Mount =
      image === undefined ? bind(source, target, { readOnly }) : { kind: "bind", source, target, readOnly };
    wanted.push({ mount, ...image, group: "userbinds", makesPoint: true, need: "required" });
  }
  return wanted;
}

function bind(source: string, target: string, how: { readOnly?: boolean; devices?: boolean } = {}): Mount {
  return { kind: "bind", source: realPath(source), target, ...how };
}

/** A directory in memory. */
export function memoryMount(target: string, mode: number): Mount {
  return { kind: "tmpfs", target, mode, sizeMiB: SESSION_SIZE_MIB };
}

/** Of a source without links, what is mounted is what the container's links lead to, too. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** What of the host cannot be looked at, and why. */
export interface UnreachableSource {
  /** Nothing is there. */
  readonly isMissing: boolean;
  readonly problem: string;
}

/** Whether a bind's source is a folder; else why there is none, in the system's words. */
export function sourceKind(path: string): "directory" | "file" | UnreachableSource {
  try {
    return lstatSync(path).isDirectory() ? "directory" : "file";
  } catch (error) {
    return { isMissing: (error as NodeJS.ErrnoException).code === "ENOENT", problem: systemReason(error) };
  }
}
