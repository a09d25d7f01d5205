import { constants, readFileSync } from "node:fs";
import { release } from "node:os";
import { isAccessible } from "../../bytes/is-accessible.ts";
import { searchPath } from "../../bytes/search-path.ts";

/** The host's programs that the engine uses, and Debian's package of each. */
export const TOOL_PACKAGES = {
  bwrap: "bubblewrap",
  unshare: "util-linux",
  nsenter: "util-linux",
  setpriv: "util-linux",
  mount: "mount",
  squashfuse_ll: "squashfuse",
  squashfuse: "squashfuse",
  "fuse-overlayfs": "fuse-overlayfs",
  newuidmap: "uidmap",
  newgidmap: "uidmap",
} as const;
/** One of these programs. */
export type Tool = keyof typeof TOOL_PACKAGES;

/** These programs, and the shells that start them, find their libraries without the caller's variables. */
export const TOOL_ENVIRONMENT = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C" } as const;

/** Whether a squashfuse can show all files as one user's (0.2 and newer): it has the option's format in it. */
export function squashfuseTakesOwner(file: string): boolean {
  return read(file, "latin1").includes("uid=%d");
}

/** A range of subordinate ids that the caller may map. */
export interface SubordinateIds {
  readonly first: number;
  readonly count: number;
}

/** What this host and this user can do: read from files, nothing is tried. `sifon doctor` tries. */
export interface Host {
  readonly uid: number;
  readonly gid: number;
  /** Absolute paths of the tools that are there. */
  readonly tools: Readonly<Partial<Record<Tool, string>>>;
  /** `/dev/fuse` can be opened for reading and writing. */
  readonly fuseDevice: boolean;
  /** The kernel has these file systems, as far as it says; modules that are not loaded yet do not show. */
  readonly kernelSquashfs: boolean;
  readonly kernelOverlay: boolean;
  /** Why user namespaces are not to be had; undefined where nothing speaks against them. */
  readonly userNamespaceRefusal: string | undefined;
  readonly subordinateUids: SubordinateIds | undefined;
  readonly subordinateGids: SubordinateIds | undefined;
  /** Linux' version: overlays in user namespaces came with 5.11. */
  readonly kernel: readonly [number, number];
}

/** Looks at what this host has, in some milliseconds. `path` is where programs are looked for, as in PATH. */
export function probeHost(path: string = process.env.PATH ?? ""): Host {
  const uid = process.getuid?.() ?? 0;
  const filesystems = read("/proc/filesystems");
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  const tools: Partial<Record<Tool, string>> = {};
  for (const tool of Object.keys(TOOL_PACKAGES) as Tool[]) {
    // System folders are looked into last: mount(8) is often out of an ordinary user's PATH.
    const found = searchPath(tool, path, SYSTEM_FOLDERS).path;
    if (found !== undefined) tools[tool] = found;
  }
  return {
    uid,
    gid: process.getgid?.() ?? 0,
    tools,
    fuseDevice: isAccessible("/dev/fuse", constants.R_OK | constants.W_OK),
    kernelSquashfs: /\tsquashfs$/m.test(filesystems),
    kernelOverlay: /\toverlay$/m.test(filesystems),
    userNamespaceRefusal: userNamespaceRefusal(),
    subordinateUids: subordinateIds("/etc/subuid", uid),
    subordinateGids: subordinateIds("/etc/subgid", uid),
    kernel: [major, minor],
  };
}

const SYSTEM_FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];

/** The settings by which distributions switch user namespaces off. */
function userNamespaceRefusal(): string | undefined {
  const asked = [
    ["/proc/sys/kernel/unprivileged_userns_clone", "0"],
    ["/proc/sys/user/max_user_namespaces", "0"],
    ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"],
  ] as const;
  for (const [file, refusing] of asked) {
    if (read(file).trim() === refusing) return `${file} is ${refusing}`;
  }
  return undefined;
}

/** The first range of a user in /etc/subuid or /etc/subgid: `name or uid:first:count`. Both files name the user. */
function subordinateIds(file: string, uid: number): SubordinateIds | undefined {
  const name = new RegExp(`^([^:]*):[^:]*:${uid}:`, "m").exec(read("/etc/passwd"))?.[1];
  for (const line of read(file).split("\n")) {
    const [owner, first, count] = line.split(":");
    if (owner !== name && owner !== String(uid)) continue;
    if (owner === "" || !/^\d+$/.test(first ?? "") || !/^\d+$/.test(count ?? "")) continue;
    return { first: Number(first), count: Number(count) };
  }
  return undefined;
}

function read(file: string, encoding: BufferEncoding = "utf8"): string {
  try {
    return readFileSync(file, encoding);
  } catch {
    return "";
  }
}
