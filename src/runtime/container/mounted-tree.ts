import { posix } from "node:path";
import { displayBytes, toByteString } from "../../bytes/byte-string.ts";
import { MAX_SYMLINK_HOPS } from "../../fstree/limits.ts";
import type { ContainerView } from "../../singularity-d/container-view.ts";
import type { Mount, MountPoint } from "../engine/plan.ts";
import type { HostPoint } from "./host-points.ts";
import { directoryTree, type FileTree, hostEntry, type TreeEntry } from "./image-tree.ts";

/** Where a path leads, all links followed inside the container. */
export interface Resolved {
  /** Without links, `.` and `..`; what does not exist stands behind what does. */
  readonly path: string;
  /** Undefined where nothing is there. */
  readonly entry: TreeEntry | undefined;
  /** What is mounted where the last existing part lies; undefined for the root's own files. */
  readonly mount: Mount | undefined;
}

const FOLDER: TreeEntry = { kind: "directory", mode: 0o755, uid: 0, gid: 0, size: 0 };
const FILE: TreeEntry = { ...FOLDER, kind: "file", mode: 0o644 };

/**
 * A container's files as its programs will see them, known before anything is mounted: those of the root, with mount
 * points that are to be made, and with mounts over them in their order.
 */
export class MountedTree {
  readonly #root: FileTree;
  readonly #mounts: Mount[] = [];
  /** Of mounts whose files are not the host's. */
  readonly #files = new Map<Mount, FileTree>();
  /** Missing mount points by their paths, and what they are missing in: a mount, or the root's own files. */
  readonly #points = new Map<string, { readonly kind: MountPoint["kind"]; readonly mount: Mount | undefined }>();

  constructor(root: FileTree) {
    this.#root = root;
  }

  /** In their order. Targets are resolved paths. */
  get mounts(): readonly Mount[] {
    return this.#mounts.map((mount) => {
      if (mount.kind !== "tmpfs") return mount;
      const points = this.#pointsIn(mount);
      return points.length === 0 ? mount : { ...mount, points };
    });
  }

  /** Mount points that the root lacks. */
  get points(): readonly MountPoint[] {
    return this.#pointsIn(undefined);
  }

  /** Mount points that directories of the host lack. */
  get hostPoints(): readonly HostPoint[] {
    return this.#mounts.flatMap((mount) => {
      if (mount.kind !== "bind") return [];
      const pointBelow = ({ path, kind }: MountPoint) => ({ folder: mount.source, path: pathBelow(path, mount), kind });
      return this.#pointsIn(mount).map(pointBelow);
    });
  }

  #pointsIn(mount: Mount | undefined): MountPoint[] {
    const own = [...this.#points].filter(([, point]) => point.mount === mount);
    return own.map(([path, { kind }]) => ({ path, kind }));
  }

  /** Mounts something over what is there so far; `files` is what a bind out of an image shows. */
  mount(mount: Mount, files?: FileTree): void {
    // bubblewrap unlinks the files that it makes, and on an unlinked file the kernel mounts nothing (ENOENT).
    const hidden = this.#mounts.findIndex(({ kind, target }) => kind === "file" && target === mount.target);
    if (hidden >= 0) this.#mounts.splice(hidden, 1);
    this.#mounts.push(mount);
    if (files !== undefined) this.#files.set(mount, files);
  }

  /** Has a mount point made in what it is missing in; its parents become folders. */
  makePoint(path: string, kind: MountPoint["kind"], mount?: Mount): void {
    this.#points.set(path, { kind, mount });
  }

  /** Whether a mount shows files of the host's, and not those of an image. */
  isOfHost(mount: Mount): mount is Mount & { kind: "bind" } {
    return mount.kind === "bind" && !this.#files.has(mount);
  }

  resolve(path: string): Promise<Resolved> {
    return this.#resolve(path, 0);
  }

  async #resolve(path: string, hopsBefore: number): Promise<Resolved> {
    let at = "/";
    let hops = hopsBefore;
    let entry: TreeEntry | undefined = await this.#entry("/");
    const todo = path.split("/").reverse();
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at = posix.dirname(at);
        entry = await this.#entry(at);
        continue;
      }
      const next = `${at === "/" ? "" : at}/${name}`;
      const found = entry?.kind === "directory" ? await this.#entry(next) : undefined;
      if (found?.kind === "symlink" && hops < MAX_SYMLINK_HOPS) {
        hops++;
        if (found.target?.startsWith("/")) at = "/";
        todo.push(...(found.target ?? "").split("/").reverse());
        entry = await this.#entry(at);
        continue;
      }
      // What is behind a name that is not there, is not there either; `..` behind it is taken literally.
      const missing = found === undefined || found.kind === "symlink";
      if (missing && entry !== undefined) {
        const gone = posix.join(at, name);
        const rest = posix.join(gone, ...todo.reverse()).replace(/(.)\/$/, "$1");
        // It may lead to what is there, even in another mount.
        const staysGone = rest === gone || rest.startsWith(`${gone}/`);
        if (!staysGone && hops < MAX_SYMLINK_HOPS) return this.#resolve(rest, hops + 1);
        return { path: rest, entry: undefined, mount: this.#mountAt(at) };
      }
      at = next;
      entry = found;
    }
    return { path: at, entry, mount: this.#mountAt(at) };
  }

  /** A regular file's content, links followed; undefined where there is none. */
  async read(path: string): Promise<Uint8Array | undefined> {
    return this.#readBy(path, (tree, below) => tree.read(below));
  }

  /** Its first bytes, at most so many. */
  async readHead(path: string, size: number): Promise<Uint8Array | undefined> {
    return this.#readBy(path, (tree, below) => tree.readHead(below, size));
  }

  async #readBy(
    path: string,
    readFrom: (tree: FileTree, below: string) => Promise<Uint8Array>,
  ): Promise<Uint8Array | undefined> {
    const { path: real, entry } = await this.resolve(path);
    if (entry?.kind !== "file") return undefined;
    const mount = this.#mountAt(real);
    if (mount?.kind === "file") return mount.content;
    const tree = this.#treeOf(mount);
    try {
      return tree === undefined ? undefined : await readFrom(tree, pathBelow(real, mount));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EACCES") return undefined;
      throw error;
    }
  }

  /** Names in a directory, links followed; undefined where there is none. */
  async list(path: string): Promise<readonly string[] | undefined> {
    const { path: real, entry } = await this.resolve(path);
    if (entry?.kind !== "directory") return undefined;
    const mount = this.#mountAt(real);
    const tree = this.#treeOf(mount);
    const own = await tree?.entry(pathBelow(real, mount));
    return own?.kind === "directory" ? tree?.list(pathBelow(real, mount)) : [];
  }

  /** The file of the host that a resolved path shows; undefined where it is not the host's. */
  hostPath(path: string): string | undefined {
    const mount = this.#mountAt(path);
    if (mount?.kind !== "bind") return undefined;
    return mount.source + path.slice(mount.target === "/" ? 0 : mount.target.length);
  }

  async #entry(path: string): Promise<TreeEntry | undefined> {
    const mount = this.#mountAt(path);
    if (mount?.kind === "file") return path === mount.target ? FILE : undefined;
    if (mount !== undefined && path === mount.target && mount.kind !== "bind") return FOLDER;
    // Devices and processes are like the host's, as far as anybody asks before there are any.
    if (mount?.kind === "dev" || mount?.kind === "proc") return hostEntry(path);
    const tree = this.#treeOf(mount);
    const found = await tree?.entry(pathBelow(path, mount));
    if (found !== undefined) return found;
    const point = this.#points.get(path);
    if (point?.mount === mount && point !== undefined) return point.kind === "file" ? FILE : FOLDER;
    const below = (other: string) => other.startsWith(`${path}/`);
    if ([...this.#points].some(([other, { mount: lacking }]) => lacking === mount && below(other))) return FOLDER;
    if (mount?.kind === "bind") return undefined;
    // What was mounted before this one is hidden by it.
    const later = mount === undefined ? this.#mounts : this.#mounts.slice(this.#mounts.indexOf(mount) + 1);
    return later.some(({ target }) => below(target) || target === path) ? FOLDER : undefined;
  }

  #treeOf(mount: Mount | undefined): FileTree | undefined {
    if (mount === undefined) return this.#root;
    return this.#files.get(mount) ?? (mount.kind === "bind" ? directoryTree(mount.source) : undefined);
  }

  /** The last one that covers the path. */
  #mountAt(path: string): Mount | undefined {
    return this.#mounts.findLast(
      ({ target }) => target === path || path.startsWith(target === "/" ? "/" : `${target}/`),
    );
  }
}

function pathBelow(path: string, mount: Mount | undefined): string {
  if (mount === undefined || mount.target === "/") return path;
  return path.slice(mount.target.length) || "/";
}

/** The same files as scripts and searches look at them. */
export function viewOf(tree: MountedTree): ContainerView {
  return {
    read: (path) => tree.read(`/${displayBytes(path)}`),
    list: async (path) => ((await tree.list(`/${displayBytes(path)}`)) ?? []).map(toByteString),
    async look(path) {
      const { entry } = await tree.resolve(`/${displayBytes(path)}`);
      if (entry === undefined) return undefined;
      const kind = entry.kind === "symlink" ? "other" : entry.kind;
      return { kind, executable: (entry.mode & 0o111) !== 0 };
    },
  };
}
