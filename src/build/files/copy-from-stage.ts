import { posix } from "node:path";
import type { ByteString } from "../../bytes/byte-string.ts";
import { type InodeAttributes, type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { imageInodeAttributes } from "../../sandbox/read-image-tree.ts";
import type { SquashfsImage } from "../../squashfs/reader/image.ts";
import type { DirectoryInode, Inode } from "../../squashfs/reader/inode.ts";
import type { Root, RootTarget } from "../root.ts";
import { isTextPath, MAX_TEXT_SIZE } from "../text-paths.ts";
import type { PathLister } from "./glob.ts";
import { baseName, findPlace, newDirectory, type Place } from "./place.ts";

/** The files of a stage's image; links are followed inside it. */
export function imageLister(image: SquashfsImage): PathLister {
  return {
    async list(directory) {
      const inode = await image.lookup(directory, { follow: true });
      if (inode?.kind !== "directory") return undefined;
      const names: ByteString[] = [];
      for await (const { name } of image.readdir(inode)) names.push(name);
      return names;
    },
    async exists(path) {
      return (await image.lookup(path)) !== undefined;
    },
  };
}

/**
 * Copies a file or a directory of an earlier stage into a root, as tar does: owners, modes, times, links and attributes
 * come along, and what is in the way goes, but for directories, which are merged. Only a link that is itself the
 * source is followed. A directory that is itself the source is a place for what is in it, as for Apptainer: it brings
 * no mode and no owner along.
 */
export class StageCopy {
  readonly #image: SquashfsImage;
  readonly #root: Root;
  readonly #target: RootTarget;
  readonly #missing: InodeAttributes;

  constructor(image: SquashfsImage, root: Root, target: RootTarget, mtimeSec: number) {
    this.#image = image;
    this.#root = root;
    this.#target = target;
    this.#missing = newDirectory(mtimeSec);
  }

  /** @throws Error with what stands against it, SingularityDError, SquashfsReadError, what the store throws */
  async copy(source: ByteString, destination: ByteString): Promise<void> {
    const inode = await this.#image.lookup(source, { follow: true });
    if (inode === undefined) throw new Error("no such file or directory in the stage");
    const { tree } = this.#root;
    let place = findPlace(tree, destination, this.#missing);
    // Unlike cp, Apptainer takes /a/. for /a. The root alone has no name.
    const name = baseName(posix.normalize(`/${source}`));
    if (place.node !== NO_NODE && tree.isDirectory(place.node) && name !== "") {
      place = { directory: place.node, name, node: tree.lookup(place.node, name) };
    }
    if (inode.kind !== "directory") return this.#copy(inode, place, new Map());
    await this.#copyChildren(inode, this.#directoryAt(place), new Map());
  }

  /** The directory that is there, as it is, or a new one. */
  #directoryAt({ directory, name, node }: Place): NodeId {
    const { tree } = this.#root;
    if (node === NO_NODE) return tree.add(directory, name, tree.inodes.add(this.#missing));
    if (!tree.isDirectory(node)) throw new Error(`"/${tree.path(node)}" is not a directory`);
    return node;
  }

  /** @param linked inodes of several names that this copy has made, by their ref in the image */
  async #copy(inode: Inode, { directory, name, node }: Place, linked: Map<number, InodeId>): Promise<void> {
    this.#target.signal.throwIfAborted();
    const known = inode.kind === "directory" ? undefined : linked.get(inode.ref);
    const added = known ?? (await this.#add(inode));
    if (known === undefined && inode.kind !== "directory" && inode.linkCount > 1) linked.set(inode.ref, added);
    const placed = this.#put(added, { directory, name, node });
    await this.#noteText(inode, placed);
    if (inode.kind === "directory") await this.#copyChildren(inode, placed, linked);
  }

  async #copyChildren(inode: DirectoryInode, into: NodeId, linked: Map<number, InodeId>): Promise<void> {
    const { tree } = this.#root;
    for await (const child of this.#image.readdir(inode)) {
      const below = { directory: into, name: child.name, node: tree.lookup(into, child.name) };
      await this.#copy(await this.#image.inodeAt(child.ref), below, linked);
    }
  }

  async #add(inode: Inode): Promise<InodeId> {
    const { contents, signal } = this.#target;
    const image = this.#image;
    const attributes = await imageInodeAttributes(image, inode, async (file) =>
      contents.add(file.size, image.fileParts(file, { signal })),
    );
    return this.#root.tree.inodes.add(attributes);
  }

  #put(inode: InodeId, { directory, name, node }: Place): NodeId {
    const { tree } = this.#root;
    const isDirectory = tree.inodes.kind(inode) === InodeKind.directory;
    if (node === NO_NODE) return tree.add(directory, name, inode);
    if (isDirectory && tree.isDirectory(node)) {
      tree.setInode(node, inode);
      return node;
    }
    if (tree.isDirectory(node) && tree.hasChildren(node)) throw new Error(`"/${tree.path(node)}" is a directory`);
    tree.remove(node);
    return tree.add(directory, name, inode);
  }

  async #noteText(inode: Inode, node: NodeId): Promise<void> {
    const { tree, texts } = this.#root;
    if (inode.kind !== "file" || inode.size > MAX_TEXT_SIZE || !isTextPath(tree.path(node))) return;
    texts.set(tree.inode(node), inode.size === 0 ? new Uint8Array(0) : await this.#image.readWhole(inode));
  }
}
