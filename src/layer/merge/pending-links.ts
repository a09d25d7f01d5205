import type { ByteString } from "../../bytes/byte-string.ts";
import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { FsTree, type NodeId } from "../../fstree/tree.ts";
import { MergeError, type MergeErrorCode } from "./errors.ts";

interface PendingLink {
  readonly link: ByteString;
  readonly target: ByteString;
  readonly layer: string;
  /** What it was bound to in the end. */
  inode: InodeId | undefined;
  failure: MergeErrorCode;
}

/**
 * Hard links whose target's inode is not known yet. Each has a placeholder inode, which names may share
 * (links to links); at the end placeholders are replaced. A link that found nothing is an error only where its
 * name is still in the tree.
 */
export class PendingLinks {
  readonly #tree: FsTree;
  readonly #links = new Map<InodeId, PendingLink>();

  constructor(tree: FsTree) {
    this.#tree = tree;
  }

  /** A new placeholder; until it is bound, it counts as dangling. */
  add(link: ByteString, target: ByteString, layer: string): InodeId {
    const placeholder = this.#tree.inodes.add({ kind: InodeKind.file, mode: 0, uid: 0, gid: 0, mtimeSec: 0 });
    this.#links.set(placeholder, { link, target, layer, inode: undefined, failure: "DANGLING_HARD_LINK" });
    return placeholder;
  }

  bind(placeholder: InodeId, inode: InodeId): void {
    (this.#links.get(placeholder) as PendingLink).inode = inode;
  }

  fail(placeholder: InodeId, failure: MergeErrorCode): void {
    (this.#links.get(placeholder) as PendingLink).failure = failure;
  }

  /** The inode behind placeholders: a real one, or the last placeholder that is not bound. */
  follow(inode: InodeId): InodeId {
    if (this.#links.size === 0) return inode;
    let at = inode;
    for (let link = this.#links.get(at); link?.inode !== undefined; link = this.#links.get(at)) at = link.inode;
    return at;
  }

  /** Whether an inode is a placeholder that nothing is bound to yet. */
  isOpen(inode: InodeId): boolean {
    return this.#links.size > 0 && this.#links.has(this.follow(inode));
  }

  /** Puts real inodes in the place of all placeholders. @throws MergeError for a name whose link found nothing */
  settle(): void {
    if (this.#links.size === 0) return;
    const dirs: NodeId[] = [FsTree.root];
    for (let dir = dirs.pop(); dir !== undefined; dir = dirs.pop()) {
      for (const node of this.#tree.children(dir)) {
        if (this.#tree.isDirectory(node)) {
          dirs.push(node);
          continue;
        }
        const inode = this.follow(this.#tree.inode(node));
        const open = this.#links.get(inode);
        if (open !== undefined)
          throw new MergeError(open.failure, { path: open.link, target: open.target, layer: open.layer });
        this.#tree.setInode(node, inode);
      }
    }
    this.#links.clear();
  }
}
