import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ByteString } from "../../bytes/byte-string.ts";
import { type InodeAttributes, type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { addHostFile, readBuffer } from "../../sandbox/add-host-file.ts";
import { deviceOf, KINDS } from "../../sandbox/read-directory-tree.ts";
import type { Root, RootTarget } from "../root.ts";
import { isTextPath, MAX_TEXT_SIZE } from "../text-paths.ts";
import type { PathLister } from "./glob.ts";
import { baseName, findPlace, newDirectory, type Place, placeInside } from "./place.ts";

/** What Apptainer's umask takes off copied files' modes; set-id and sticky bits go as well, as with cp. */
const KEPT_MODE: number = 0o777 & ~0o002;

const pathOf = (path: ByteString): Buffer => Buffer.from(path, "latin1");
const join = (directory: ByteString, name: ByteString): ByteString =>
  directory === "" || directory.endsWith("/") ? directory + name : `${directory}/${name}`;

/** This machine's files, relative names from the current directory. */
export const hostLister: PathLister = {
  async list(directory) {
    try {
      return readdirSync(pathOf(directory), { encoding: "latin1" });
    } catch {
      return undefined;
    }
  },
  async exists(path) {
    try {
      return lstatSync(pathOf(path), { throwIfNoEntry: false }) !== undefined;
    } catch {
      // Below a file (ENOTDIR), or where the caller may not look: nothing, as to bash.
      return false;
    }
  },
};

/**
 * Copies a file or a directory of this machine into a root, as `cp -fLr` does: links are followed, what is there keeps
 * its owner and mode and gets the new content, directories are merged, root owns what is new.
 */
export class HostCopy {
  readonly #root: Root;
  readonly #target: RootTarget;
  readonly #mtimeSec: number;
  readonly #missing: InodeAttributes;
  readonly #buffer = readBuffer();

  constructor(root: Root, target: RootTarget, mtimeSec: number) {
    this.#root = root;
    this.#target = target;
    this.#mtimeSec = mtimeSec;
    this.#missing = newDirectory(mtimeSec);
  }

  /** @throws Error with what stands against it, SingularityDError, what the store throws */
  async copy(source: ByteString, destination: ByteString): Promise<void> {
    const { tree } = this.#root;
    const place = findPlace(tree, destination, this.#missing);
    const name = baseName(source);
    // cp puts what is in "." and ".." into the directory, not a directory of that name.
    const isContents = name === "." || name === ".." || name === "";
    await this.#copy(source, isContents ? place : placeInside(tree, place, name, this.#missing), []);
  }

  async #copy(source: ByteString, place: Place, above: readonly string[]): Promise<void> {
    this.#target.signal.throwIfAborted();
    const stat = statSync(pathOf(source));
    const attributes = this.#attributesOf(stat);
    if (attributes.kind === InodeKind.directory) return this.#copyDirectory(source, stat, attributes, place, above);
    const { tree } = this.#root;
    const { directory, name, node } = place;
    if (node !== NO_NODE && tree.isDirectory(node)) throw new Error(`"/${tree.path(node)}" is a directory`);
    if (attributes.kind !== InodeKind.file) {
      const inode = tree.inodes.add(attributes);
      if (node === NO_NODE) tree.add(directory, name, inode);
      else tree.setInode(node, inode);
      return;
    }
    const path = join(tree.path(directory), name);
    const inode = await this.#addFile(source, stat, attributes, { path, node });
    if (node === NO_NODE) tree.add(directory, name, inode);
    else tree.setInode(node, inode);
  }

  async #copyDirectory(
    source: ByteString,
    stat: Stats,
    attributes: InodeAttributes,
    { directory, name, node }: Place,
    above: readonly string[],
  ): Promise<void> {
    const { tree } = this.#root;
    const key = `${stat.dev}:${stat.ino}`;
    if (above.includes(key)) throw new Error(`the symbolic link "${source}" leads to a directory around it`);
    if (node !== NO_NODE && !tree.isDirectory(node)) throw new Error(`"/${tree.path(node)}" is not a directory`);
    const into = node === NO_NODE ? tree.add(directory, name, tree.inodes.add(attributes)) : node;
    for (const child of readdirSync(pathOf(source), { encoding: "latin1" }).sort()) {
      await this.#copy(join(source, child), this.#childPlace(into, child), [...above, key]);
    }
  }

  /** Deviates: a link to a directory is followed where cp refuses to put a directory's files behind it. */
  #childPlace(directory: NodeId, name: ByteString): Place {
    const { tree } = this.#root;
    const node = tree.lookup(directory, name);
    const isLink = node !== NO_NODE && tree.inodes.kind(tree.inode(node)) === InodeKind.symlink;
    return isLink ? findPlace(tree, join(tree.path(directory), name), this.#missing) : { directory, name, node };
  }

  /** The inode that has the file: the one that is there, under all its names, or a new one. */
  async #addFile(
    source: ByteString,
    stat: Stats,
    attributes: InodeAttributes,
    { path, node }: { readonly path: ByteString; readonly node: NodeId },
  ): Promise<InodeId> {
    const { tree, texts } = this.#root;
    const { inodes } = tree;
    const real = realpathSync.native(pathOf(source), { encoding: "buffer" });
    const { content, elfArch } =
      stat.size === 0
        ? { content: 0, elfArch: 0 }
        : await addHostFile(real, stat, {
            ...{ contents: this.#target.contents, buffer: this.#buffer },
            failed: (cause) => (cause instanceof Error ? cause : new Error(String(cause))),
            changed: (seen) => new Error(`the file had ${stat.size} bytes, now it has ${seen}`),
          });
    const former = node === NO_NODE ? undefined : tree.inode(node);
    const kept =
      former !== undefined && inodes.kind(former) === InodeKind.file
        ? { mode: inodes.mode(former) & ~0o6000, uid: inodes.uid(former), gid: inodes.gid(former) }
        : {};
    const file = { ...attributes, size: stat.size, content, elfArch, ...kept };
    const inode = former !== undefined && "mode" in kept ? former : inodes.add(file);
    inodes.update(inode, file);
    if (isTextPath(path) && stat.size <= MAX_TEXT_SIZE) texts.set(inode, await readFile(real));
    else texts.delete(inode);
    return inode;
  }

  #attributesOf(stat: Stats): InodeAttributes {
    const kind = KINDS.get(stat.mode & 0o170000) as InodeKind;
    const isDevice = kind === InodeKind.blockDevice || kind === InodeKind.charDevice;
    return {
      ...{ kind, mode: stat.mode & KEPT_MODE, uid: 0, gid: 0, mtimeSec: this.#mtimeSec },
      ...(isDevice ? deviceOf(stat.rdev) : {}),
    };
  }
}
