import { U32Column } from "../../fstree/columns.ts";
import type { NodeId } from "../../fstree/tree.ts";
import { ScanNeeded } from "./scan-needed.ts";

const LOW = 0xffff;

/** Flags of a node, above the 16 bits of a layer's number. */
export const Flag = {
  /** A whiteout stands here; no part of the tree. */
  tombstone: 0x10000,
  /** A directory that only whiteouts went through: part of the tree once a lower layer shows it. */
  virtual: 0x20000,
  /** A path of a lower layer went on below this node and was hidden. */
  hidPassage: 0x40000,
  /** A lower layer had a symlink here, which this directory hides. */
  hidSymlink: 0x80000,
  /** A symlink that paths of higher layers were moved along; its layer must not replace it any more. */
  followed: 0x100000,
  /** No directory, in the place of a virtual one: whiteouts below it were dropped. */
  droppedWhiteouts: 0x200000,
  /** A path went up from this directory (`..`), to where a symlink in its place would not lead. */
  left: 0x400000,
} as const;

/**
 * What the merge notes on each node beside the tree, 16 bytes, dropped afterwards. Layers are numbered from 1
 * (lowest); 0 means none.
 */
export class NodeMarks {
  readonly #decided = new U32Column();
  readonly #closedSelf = new U32Column();
  readonly #passages = new U32Column();
  readonly #known = new U32Column();

  /** Gives the memory back: nothing is noted any more. */
  free(): void {
    for (const column of [this.#decided, this.#closedSelf, this.#passages, this.#known]) column.free();
  }

  /** The layer whose entry decides the node: a directory's topmost entry. 0 for implicit directories. */
  layer(node: NodeId): number {
    return this.#decided.get(node) & LOW;
  }

  setLayer(node: NodeId, layer: number): void {
    this.#decided.set(node, (this.#decided.get(node) & ~LOW) | layer);
  }

  /** Layers below this one are hidden under the directory (whiteout, opaque, or a non-directory stood here). */
  closed(node: NodeId): number {
    return this.#decided.get(node) >>> 16;
  }

  /** Layers below this one do not show the directory itself either (whiteout or non-directory). */
  closedSelf(node: NodeId): number {
    return this.#closedSelf.get(node) & LOW;
  }

  /** Hides what layers below `layer` have under the directory. */
  close(node: NodeId, layer: number): void {
    if (layer > this.closed(node)) this.#decided.set(node, (this.#decided.get(node) & LOW) | (layer << 16));
  }

  /** Hides the directory of layers below `layer`, and what they have under it. */
  closeWithSelf(node: NodeId, layer: number): void {
    this.close(node, layer);
    if (layer > this.closedSelf(node)) this.#closedSelf.set(node, (this.#closedSelf.get(node) & ~LOW) | layer);
  }

  /** The layer that made the node. */
  born(node: NodeId): number {
    return this.#closedSelf.get(node) >>> 16;
  }

  setBorn(node: NodeId, layer: number): void {
    this.#closedSelf.set(node, (this.#closedSelf.get(node) & LOW) | (layer << 16));
  }

  /**
   * Highest and lowest layer whose paths went through this name while nothing told that it was a directory
   * in their time. Where a lower layer turns out to have a symlink here, those paths followed it.
   */
  passageMax(node: NodeId): number {
    return this.#passages.get(node) & LOW;
  }

  passageMin(node: NodeId): number {
    return this.#passages.get(node) >>> 16;
  }

  setPassages(node: NodeId, max: number, min: number): void {
    this.#passages.set(node, max | (min << 16));
  }

  /** Notes that a path of `layer` goes through a directory. */
  pass(node: NodeId, layer: number): void {
    if (this.known(node) === layer) return;
    const max = this.passageMax(node);
    this.setPassages(node, max === 0 ? layer : max, layer);
  }

  /**
   * Notes that `layer` has an entry of its own here, so paths of higher layers met what it says and no symlink
   * further down. Paths of the same layer that came before it did not.
   */
  shield(node: NodeId, layer: number): void {
    if (this.passageMin(node) === layer) this.setPassages(node, layer, layer);
    else this.setPassages(node, 0, 0);
    this.know(node, layer);
  }

  /** Notes that what `layer` has here is certain from now on, without entries of lower layers. */
  know(node: NodeId, layer: number): void {
    this.#known.set(node, (this.#known.get(node) & ~LOW) | layer);
  }

  /** The lowest layer so far that has an entry of its own here, or made the name anew. */
  known(node: NodeId): number {
    return this.#known.get(node) & LOW;
  }

  has(node: NodeId, flag: number): boolean {
    return (this.#known.get(node) & flag) !== 0;
  }

  raise(node: NodeId, flag: number): void {
    this.#known.set(node, this.#known.get(node) | flag);
  }

  clear(node: NodeId, flag: number): void {
    this.#known.set(node, this.#known.get(node) & ~flag);
  }
}

/** A directory, or what may be a symlink, in the place of a name below which whiteouts were dropped. */
export function refuseDroppedWhiteouts(marks: NodeMarks, node: NodeId): void {
  if (marks.has(node, Flag.droppedWhiteouts))
    throw new ScanNeeded("a layer has something else and a directory at one path");
}
