import type { ByteString } from "../../bytes/byte-string.ts";
import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { FsTree, type NodeId } from "../../fstree/tree.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { attributesOf, implicitDirectory } from "./attributes.ts";
import { Demands } from "./demands.ts";
import { HiddenEntries, HiddenPassages } from "./hidden-entries.ts";
import { HiddenLinks } from "./hidden-links.ts";
import { NodeMarks } from "./node-marks.ts";
import { Origins } from "./origins.ts";
import { PendingLinks } from "./pending-links.ts";

/** What the parts of a descent share: the tree with what is noted on it, and the layer that is being read. */
export class DescentState {
  readonly tree: FsTree;
  readonly origins: Origins = new Origins();
  readonly marks: NodeMarks = new NodeMarks();
  readonly passages: HiddenPassages = new HiddenPassages();
  readonly pending: PendingLinks;
  readonly demands: Demands;
  /** Shared by all tombstones; no part of the tree in the end. */
  readonly tombstone: InodeId;
  readonly #implicitMtimeSec: number;

  /** The current layer: number, digest, place in its tar. */
  layer: number;
  name = "";
  order = 0;
  hidden: HiddenEntries = new HiddenEntries();
  hiddenLinks: HiddenLinks = new HiddenLinks();

  constructor(layerCount: number, implicitMtimeSec: number) {
    this.layer = layerCount + 1;
    this.#implicitMtimeSec = implicitMtimeSec;
    this.tree = new FsTree(implicitDirectory(implicitMtimeSec));
    this.pending = new PendingLinks(this.tree);
    this.demands = new Demands(this.pending);
    this.tombstone = this.tree.inodes.add({ kind: InodeKind.fifo, mode: 0, uid: 0, gid: 0, mtimeSec: 0 });
  }

  beginLayer(name: string): void {
    this.layer--;
    this.name = name;
    this.hidden = new HiddenEntries();
    this.hiddenLinks = new HiddenLinks();
  }

  addInode(entry: TarEntry): InodeId {
    const inode = this.tree.inodes.add(attributesOf(entry));
    this.origins.set(inode, this.layer, this.order);
    return inode;
  }

  /** A directory that no layer has an entry for, yet. */
  addImplicitInode(): InodeId {
    return this.tree.inodes.add(implicitDirectory(this.#implicitMtimeSec));
  }

  addImplicit(dir: NodeId, name: ByteString): NodeId {
    const node = this.tree.add(dir, name, this.addImplicitInode());
    this.marks.setBorn(node, this.layer);
    return node;
  }

  /** Whether the current layer has closed a directory or one above it. */
  isClosedHere(dir: NodeId): boolean {
    for (let node = dir; ; node = this.tree.parent(node)) {
      if (this.marks.closed(node) === this.layer) return true;
      if (node === FsTree.root) return false;
    }
  }
}
