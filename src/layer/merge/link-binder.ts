import type { ByteString } from "../../bytes/byte-string.ts";
import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import type { FsTree } from "../../fstree/tree.ts";
import type { Demands } from "./demands.ts";
import type { DescentState } from "./descent-state.ts";
import type { LinkTarget } from "./hidden-links.ts";
import type { LinkResolver } from "./link-resolver.ts";
import type { PendingLinks } from "./pending-links.ts";
import { ScanNeeded } from "./scan-needed.ts";

/** Gives hard links their inodes, at once or at the end of their layer, from the layers below or by a rescue. */
export class LinkBinder {
  readonly #state: DescentState;
  readonly #tree: FsTree;
  readonly #pending: PendingLinks;
  readonly #demands: Demands;
  readonly #links: LinkResolver;
  /** Links of this layer whose target was gone at their moment; tried again at its end. */
  #late: { readonly placeholder: InodeId; readonly target: ByteString }[] = [];
  /** Inodes of hidden entries of this layer by place: taken as they came, or to be rescued. */
  #taken = new Map<number, InodeId>();
  #rescues = new Map<number, InodeId>();

  constructor(state: DescentState, links: LinkResolver) {
    this.#state = state;
    this.#tree = state.tree;
    this.#pending = state.pending;
    this.#demands = state.demands;
    this.#links = links;
  }

  beginLayer(): void {
    this.#late = [];
    this.#taken = new Map();
    this.#rescues = new Map();
  }

  /** A hidden entry of this layer has an inode after all, which its bytes went to. */
  take(order: number, inode: InodeId): void {
    this.#taken.set(order, inode);
  }

  /** The inode for a link at `path`: real, or a placeholder. */
  bind(target: LinkTarget, path: ByteString, targetPath: ByteString): InodeId {
    if (target.kind === "inode") return target.inode;
    if (target.kind === "hidden") return this.#rescue(target.order, path, targetPath);
    const placeholder = this.#pending.add(path, targetPath, this.#state.name);
    if (target.kind === "directory") this.#pending.fail(placeholder, "HARD_LINK_TO_DIRECTORY");
    else if (target.kind === "below") this.#demands.add(target.path, target.text, placeholder);
    else if (target.kind === "missing") this.#late.push({ placeholder, target: target.text });
    return placeholder;
  }

  /** Binds what the layer that ends decides; gives the entries, by place, that have to be read again for an inode. */
  endLayer(): ReadonlyMap<number, InodeId> {
    for (const { placeholder, target } of this.#late) this.#bindLate(placeholder, target);
    for (const demand of this.#demands.fresh) {
      const own = this.#links.resolve(demand.text);
      if (own.kind === "inode" && !this.#pending.isOpen(own.inode)) demand.fallback = own.inode;
      else if (own.kind === "below") demand.needsScan = own.path !== demand.target;
      else if (own.kind !== "missing") demand.needsScan = true;
    }
    this.#demands.endLayer();
    for (const [order, inode] of this.#rescues) this.#pending.bind(this.#taken.get(order) as InodeId, inode);
    return this.#rescues;
  }

  /** The inode of a hidden entry of this layer whose bytes have gone by. */
  #rescue(order: number, path: ByteString, targetPath: ByteString): InodeId {
    const taken = this.#taken.get(order);
    if (taken !== undefined) return taken;
    const real = this.#tree.inodes.add({ kind: InodeKind.file, mode: 0, uid: 0, gid: 0, mtimeSec: 0 });
    // A name with it may be a symlink, so paths must not go through: that is what the placeholder is for.
    const placeholder = this.#pending.add(path, targetPath, this.#state.name);
    this.#taken.set(order, placeholder);
    this.#rescues.set(order, real);
    return placeholder;
  }

  #bindLate(placeholder: InodeId, target: ByteString): void {
    const own = this.#links.resolve(target);
    if (own.kind === "inode" && !this.#pending.isOpen(own.inode)) this.#pending.bind(placeholder, own.inode);
    else if (own.kind === "directory") this.#pending.fail(placeholder, "HARD_LINK_TO_DIRECTORY");
    else if (own.kind !== "missing")
      throw new ScanNeeded("a hard link stands before its target, which is a link or hidden");
  }
}
