/** Where a container's files come from: the lowest layer of its root. Paths are absolute, on the host. */
export type RootImage =
  /** A SquashFS inside a file: a SIF's primary partition, or a whole file (offset 0). Bytes. */
  | { readonly kind: "squashfs"; readonly file: string; readonly offset: number; readonly size: number }
  /** A directory that is a container's root. Written to only with an overlay of kind `none`. */
  | { readonly kind: "directory"; readonly path: string };

/** What is written on top of the image, and where it goes. */
export type Overlay =
  /** Nothing. The root is read-only, unless it is a directory and `writable`. */
  | { readonly kind: "none"; readonly writable?: boolean }
  /** Read-only, but mount points that the image lacks are there: made below the image, in memory. */
  | { readonly kind: "mount-points"; readonly points: readonly MountPoint[] }
  /** Writable; what is written lies in memory (at most `sizeMiB`) and is gone when the session ends. */
  | { readonly kind: "memory"; readonly sizeMiB: number; readonly points?: readonly MountPoint[] }
  /**
   * Writable; what is written lies in `upper`, with whiteouts and opaque marks as the kernel's overlay makes them.
   * Both exist, are absolute, and lie in one directory.
   */
  | {
      readonly kind: "directories";
      readonly upper: string;
      readonly work: string;
      readonly points?: readonly MountPoint[];
    };

/** Whether a container's root can be written to. */
export function isWritable(overlay: Overlay): boolean {
  if (overlay.kind === "none") return overlay.writable === true;
  return overlay.kind === "memory" || overlay.kind === "directories";
}

/** A directory or file that has to be there so that something can be mounted on it. No symbolic link leads to it. */
export interface MountPoint {
  /** Absolute, in the container. */
  readonly path: string;
  readonly kind: "directory" | "file";
}

/** Which ids of the host stand for which of the session. Without privileges it takes a user namespace. */
export type IdMapping =
  /** The caller stays who it is; files of all owners show as the caller's (ordinary users), or as they are (root). */
  | "self"
  /** The caller is root inside; nobody else exists. Of no meaning for root, who stays root. */
  | "root"
  /** As `root`, with the caller's subordinate ids (`/etc/subuid`, `newuidmap`) as 1 and up; `root` where it has none. */
  | "subordinate";

/** One thing that is mounted in the container, in order. `target` is absolute, links in it are resolved already. */
export type Mount =
  | {
      readonly kind: "bind";
      /** On the host, or below an `imagePaths` of the session; absolute; a directory or a file, with what is mounted below it. */
      readonly source: string;
      readonly target: string;
      readonly readOnly?: boolean;
      /** Device files in it work. */
      readonly devices?: boolean;
    }
  /** A file that exists in memory only: passwd, group, resolv.conf. Mode 0644 unless said. */
  | { readonly kind: "file"; readonly target: string; readonly content: Uint8Array; readonly mode?: number }
  | {
      readonly kind: "tmpfs";
      readonly target: string;
      readonly mode?: number;
      readonly sizeMiB?: number;
      /** In it, for later mounts: paths in the container. */
      readonly points?: readonly MountPoint[];
    }
  /** A new procfs: needs the `pid` namespace. */
  | { readonly kind: "proc"; readonly target: string }
  /** The message queues of the program's IPC namespace. */
  | { readonly kind: "mqueue"; readonly target: string }
  /** A new /dev with null, zero, full, random, urandom, tty, the std links, pts and shm. */
  | { readonly kind: "dev"; readonly target: string };

/** The namespaces beside mount (and user, where one is needed) that the program does not share with the host. */
export interface Namespaces {
  readonly pid?: boolean;
  readonly ipc?: boolean;
  readonly net?: boolean;
  readonly uts?: boolean;
}

/** A container's root file system and identity: what a session is opened with. */
export interface SessionPlan {
  readonly image: RootImage;
  readonly overlay: Overlay;
  /** What lies over the image and below what is written, the topmost first. */
  readonly layers?: readonly RootImage[];
  readonly ids: IdMapping;
  /** Further image files to be mounted, read-only: sources of binds. */
  readonly otherImages?: readonly RootImage[];
  /** Directory for what cannot be in memory: the unpacked sandbox of the last resort. Absolute. */
  readonly scratchDirectory: string;
}

/** One program inside. */
export interface ProgramPlan {
  /** In this order, over the root. */
  readonly mounts: readonly Mount[];
  readonly namespaces: Namespaces;
  /** Only with the `uts` namespace. */
  readonly hostname?: string;
  /** Absolute path of the program in the container, or a name to be looked up in the environment's PATH; its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Absolute, in the container, and without symbolic links on the way. */
  readonly cwd: string;
  /** All of it: nothing of Sifon's own environment is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** The caller's unless said. */
  readonly umask?: number;
  /** A seccomp filter: `struct sock_filter` one behind the other, as the host's architecture has them. */
  readonly seccomp?: Uint8Array;
}

/** How a program ended: by itself or by a signal (its name, as `SIGKILL`). */
export type ProgramEnd =
  | { readonly kind: "exit"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: NodeJS.Signals };
