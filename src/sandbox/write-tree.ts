import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { geteuid } from "node:process";
import { setImmediate } from "node:timers/promises";
import { bytePath } from "../bytes/byte-path.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import type { ContentId } from "../fstree/content.ts";
import { type InodeId, InodeKind } from "../fstree/inodes.ts";
import { FsTree, type NodeId } from "../fstree/tree.ts";
import { walkPostOrder } from "../fstree/walk.ts";
import type { OnProgress } from "../progress.ts";
import type { ContentFiles } from "./content-files.ts";
import { SandboxError } from "./errors.ts";
import { makeSpecialFiles, type SpecialFile } from "./special-files.ts";
import { writeXattrs } from "./write-xattrs.ts";

export interface WriteTreeOptions {
  /** For messages: the name that the directory will have. */
  readonly target: string;
  readonly contents: ContentFiles;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** Names between two looks at the event loop, where signals arrive. */
const BREATH = 256;
const OWNER_ONLY = 0o600;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes a tree into an empty directory that nobody else may enter. Every directory on the way was made here, so no
 * name leads out: links of the image are made, never followed. Gives the number of inodes.
 * @throws SandboxError WRITE_FAILED
 */
export async function writeTree(directory: string, tree: FsTree, options: WriteTreeOptions): Promise<number> {
  const writer = new TreeWriter(directory, tree, options);
  return writer.write();
}

class TreeWriter {
  readonly #directory: string;
  readonly #tree: FsTree;
  readonly #options: WriteTreeOptions;
  readonly #isRoot: boolean = geteuid?.() === 0;
  /** First name of each inode that is there; a directory has no other. */
  readonly #made = new Map<InodeId, ByteString>();
  readonly #special: (SpecialFile & { readonly inode: InodeId })[] = [];
  #steps = 0;
  #foreign = 0;
  #sockets = 0;

  constructor(directory: string, tree: FsTree, options: WriteTreeOptions) {
    this.#directory = directory;
    this.#tree = tree;
    this.#options = options;
  }

  async write(): Promise<number> {
    const { inodes } = this.#tree;
    const uses = this.#countUses();
    this.#made.set(this.#tree.inode(FsTree.root), "");
    const links: { readonly inode: InodeId; readonly path: ByteString }[] = [];
    for (const { node, path } of this.#topDown()) {
      await this.#breathe();
      const inode = this.#tree.inode(node);
      if (this.#made.has(inode)) links.push({ inode, path });
      else {
        this.#made.set(inode, path);
        this.#guard(path, () => this.#make(inode, path, uses));
      }
    }
    await this.#makeSpecialFiles();
    for (const { inode, path } of links) {
      const first = this.#made.get(inode) as ByteString;
      this.#guard(path, () => {
        if (lstatSync(this.#at(first), { throwIfNoEntry: false }) !== undefined)
          linkSync(this.#at(first), this.#at(path));
      });
    }

    if (this.#isRoot) for (const [inode, path] of this.#made) await this.#own(inode, path);
    else for (const inode of this.#made.keys()) if (inodes.uid(inode) !== 0 || inodes.gid(inode) !== 0) this.#foreign++;
    // Before the modes: a user's attributes need write permission. Behind the owners: chown takes capabilities away.
    await writeXattrs(this.#directory, this.#withXattrs(), this.#options);
    for (const node of walkPostOrder(this.#tree)) {
      await this.#breathe();
      const inode = this.#tree.inode(node);
      const path = this.#tree.path(node);
      // Of a file with several names the first will do.
      if (this.#made.get(inode) === path) this.#guard(path, () => this.#finish(inode, path));
    }
    this.#warn();
    return this.#made.size;
  }

  /** Names in front of what is below them. */
  *#topDown(): Generator<{ readonly node: NodeId; readonly path: ByteString }> {
    const stack: { readonly node: NodeId; readonly path: ByteString }[] = [{ node: FsTree.root, path: "" }];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (at.node !== FsTree.root) yield at;
      if (!this.#tree.isDirectory(at.node)) continue;
      for (const child of this.#tree.sortedChildren(at.node).reverse()) {
        const name = this.#tree.name(child);
        stack.push({ node: child, path: at.path === "" ? name : `${at.path}/${name}` });
      }
    }
  }

  /** How many inodes of the tree have a content; only those that more than one has. */
  #countUses(): Map<ContentId, number> {
    const { inodes } = this.#tree;
    const first = new Map<ContentId, InodeId>();
    const shared = new Map<ContentId, Set<InodeId>>();
    for (const { node } of this.#topDown()) {
      const inode = this.#tree.inode(node);
      const content = inodes.content(inode);
      if (content === 0) continue;
      const other = first.get(content);
      if (other === undefined) first.set(content, inode);
      else if (other !== inode) shared.set(content, (shared.get(content) ?? new Set([other])).add(inode));
    }
    return new Map([...shared].map(([content, users]) => [content, users.size]));
  }

  #make(inode: InodeId, path: ByteString, uses: Map<ContentId, number>): void {
    const { inodes } = this.#tree;
    const kind = inodes.kind(inode);
    switch (kind) {
      case InodeKind.directory:
        mkdirSync(this.#at(path), { mode: 0o700 });
        break;
      case InodeKind.file: {
        const content = inodes.content(inode);
        if (content === 0) {
          this.#makeEmpty(path);
          break;
        }
        const left = (uses.get(content) ?? 1) - 1;
        uses.set(content, left);
        this.#options.contents.place(content, this.#at(path), { keep: left > 0 });
        break;
      }
      case InodeKind.symlink:
        symlinkSync(Buffer.from(inodes.target(inode), "latin1"), this.#at(path));
        break;
      case InodeKind.fifo:
        this.#special.push({ inode, path, device: undefined });
        break;
      case InodeKind.blockDevice:
      case InodeKind.charDevice: {
        if (!this.#isRoot) {
          this.#makeEmpty(path);
          break;
        }
        const major = inodes.deviceMajor(inode);
        const minor = inodes.deviceMinor(inode);
        this.#special.push({ inode, path, device: { kind: kind === InodeKind.blockDevice ? "b" : "c", major, minor } });
        break;
      }
      case InodeKind.socket:
        // A socket is of use to the program that made it, and to no other.
        this.#sockets++;
        this.#made.delete(inode);
        break;
    }
  }

  async #makeSpecialFiles(): Promise<void> {
    if (this.#special.length === 0) return;
    const troubles = await makeSpecialFiles(this.#directory, this.#special, this.#options.signal);
    this.#options.signal?.throwIfAborted();
    let missing = 0;
    for (const { path } of this.#special) {
      if (lstatSync(this.#at(path), { throwIfNoEntry: false }) !== undefined) continue;
      missing++;
      this.#guard(path, () => this.#makeEmpty(path));
    }
    if (missing > 0) {
      const message = `Empty files stand in place of ${missing} devices or FIFOs: ${troubles[0] ?? "they could not be made"}`;
      this.#options.onProgress?.({ kind: "warning", message });
    }
  }

  #makeEmpty(path: ByteString): void {
    closeSync(openSync(this.#at(path), CREATE, OWNER_ONLY));
  }

  async #own(inode: InodeId, path: ByteString): Promise<void> {
    await this.#breathe();
    const { inodes } = this.#tree;
    this.#guard(path, () => lchownSync(this.#at(path), inodes.uid(inode), inodes.gid(inode)));
  }

  /** Mode and time, once nothing below changes any more. */
  #finish(inode: InodeId, path: ByteString): void {
    const { inodes } = this.#tree;
    const place = this.#at(path);
    const mtimeSec = inodes.mtimeSec(inode);
    if (inodes.kind(inode) === InodeKind.symlink) {
      lutimesSync(place, mtimeSec, mtimeSec);
      return;
    }
    utimesSync(place, mtimeSec, mtimeSec);
    chmodSync(place, inodes.mode(inode));
  }

  *#withXattrs(): Generator<{ readonly path: ByteString; readonly inode: InodeId; readonly tree: FsTree }> {
    for (const [inode, path] of this.#made)
      if (this.#tree.inodes.xattrSet(inode) !== 0) yield { path, inode, tree: this.#tree };
  }

  #warn(): void {
    const { inodes } = this.#tree;
    const { onProgress } = this.#options;
    const warn = (message: string) => onProgress?.({ kind: "warning", message });
    if (this.#foreign > 0)
      warn(
        `${this.#foreign} files and directories of other owners are yours in the sandbox: only root can keep owners`,
      );
    if (this.#sockets > 0) warn(`${this.#sockets} sockets of the image are not in the sandbox`);
    let devices = 0;
    let closed = false;
    for (const inode of this.#made.keys()) {
      const kind = inodes.kind(inode);
      if (kind === InodeKind.blockDevice || kind === InodeKind.charDevice) devices++;
      if (kind === InodeKind.directory && (inodes.mode(inode) & 0o700) !== 0o700) closed = true;
    }
    if (!this.#isRoot && devices > 0)
      warn(`Empty files stand in place of ${devices} devices: only root can make devices`);
    if (!closed) return;
    // Apptainer's words.
    warn("The sandbox contain files/dirs that cannot be removed with 'rm'.");
    warn("Use 'chmod -R u+rwX' to set permissions that allow removal.");
    warn("Use the '--fix-perms' option to 'sifon build' to modify permissions at build time.");
  }

  #at(path: ByteString): Buffer {
    return bytePath(this.#directory, path);
  }

  #guard(path: ByteString, work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw new SandboxError("WRITE_FAILED", { target: this.#options.target, path, cause });
    }
  }

  async #breathe(): Promise<void> {
    if (++this.#steps % BREATH !== 0) return;
    await setImmediate();
    this.#options.signal?.throwIfAborted();
  }
}
