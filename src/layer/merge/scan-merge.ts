import type { ContentId } from "../../fstree/content.ts";
import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { FsTree, type NodeId } from "../../fstree/tree.ts";
import { EntryKind } from "../../tar/entry.ts";
import type { MergeLayer, MergeOptions, MergeResult } from "./contract.ts";
import { MergeError } from "./errors.ts";
import { Intake } from "./intake.ts";
import { readAgain, readLayer } from "./layer-pass.ts";
import { MAX_CAPTURE_SIZE } from "./limits.ts";
import type { Origins } from "./origins.ts";
import { LayerScan } from "./scan.ts";

/** What a descent that gave up has stored already. */
export interface Stored {
  readonly tree: FsTree;
  readonly origins: Origins;
  readonly intake: Intake;
}

interface Wanted {
  readonly inode: InodeId;
  readonly isCaptured: boolean;
}

/**
 * Merges by a scan of all headers, then a second pass over those layers that have contents which are wanted and
 * not stored yet.
 */
export async function mergeByScan(
  layers: readonly MergeLayer[],
  options: MergeOptions,
  reason: string,
  stored: Stored,
): Promise<MergeResult> {
  const scan = new LayerScan(options.implicitMtimeSec);
  const totals: { entries: number; bytes: number }[] = [];
  for (const layer of layers) {
    const total = { entries: 0, bytes: 0 };
    scan.beginLayer(layer.name);
    await readLayer(layer, options.signal, (entry, order) => {
      scan.apply(entry, order);
      total.entries++;
      total.bytes += entry.size;
      return undefined;
    });
    scan.endLayer();
    totals.push(total);
  }
  scan.finish();

  const intake = new Intake(options.contents);
  const wanted = new ContentSearch(scan, stored, intake, options.capture, layers.length);
  wanted.run();
  for (const [i, layer] of layers.entries()) {
    await readAgain(layer, wanted.orders[i] as Map<number, Wanted>, options.signal, async (entry, order, what) => {
      if (entry.kind !== EntryKind.file || entry.size !== scan.tree.inodes.size(what.inode)) {
        throw new MergeError("LAYER_CHANGED", { layer: layer.name, order });
      }
      await intake.take(scan.tree.inodes, what.inode, entry, what.isCaptured);
    });
  }
  return {
    tree: scan.tree,
    layers: layers.map(({ name }, i) => {
      const { entries, bytes } = totals[i] as { entries: number; bytes: number };
      const bytesKept = wanted.bytesKept[i] as number;
      const entriesHidden = Math.max(0, entries - (wanted.entriesKept[i] as number));
      return {
        name,
        entries,
        entriesHidden,
        bytesRead: bytes,
        bytesHidden: bytes - bytesKept,
        bytesKept,
        rescuedFiles: 0,
      };
    }),
    captured: intake.captured,
    scanReason: reason,
  };
}

/** Goes through a scanned tree for files whose content is to be fetched, and takes over what is stored already. */
class ContentSearch {
  /** By layer, lowest first: what to read, by place. */
  readonly orders: Map<number, Wanted>[];
  readonly bytesKept: number[];
  readonly entriesKept: number[];
  readonly #scan: LayerScan;
  readonly #intake: Intake;
  readonly #stored: Stored;
  readonly #capture: MergeOptions["capture"];
  /** The stored inodes with content, by layer and place. */
  readonly #byOrigin: Uint32Array;
  readonly #seen: Uint8Array;

  constructor(scan: LayerScan, stored: Stored, intake: Intake, capture: MergeOptions["capture"], layerCount: number) {
    this.#scan = scan;
    this.#stored = stored;
    this.#intake = intake;
    this.#capture = capture;
    this.orders = Array.from({ length: layerCount }, () => new Map<number, Wanted>());
    this.bytesKept = Array.from({ length: layerCount }, () => 0);
    this.entriesKept = Array.from({ length: layerCount }, () => 0);
    this.#byOrigin = sortByOrigin(stored);
    this.#seen = new Uint8Array(scan.tree.inodes.count);
  }

  run(): void {
    const { tree } = this.#scan;
    const dirs = [FsTree.root];
    for (let dir = dirs.pop(); dir !== undefined; dir = dirs.pop()) {
      this.#countKept(dir);
      for (const node of tree.children(dir)) {
        if (tree.isDirectory(node)) {
          dirs.push(node);
          continue;
        }
        this.#countKept(node);
        const inode = tree.inode(node);
        if (tree.inodes.kind(inode) === InodeKind.file) this.#visitFile(inode, this.#isCaptured(node, inode));
      }
    }
  }

  #isCaptured(node: NodeId, inode: InodeId): boolean {
    const { tree } = this.#scan;
    return this.#capture !== undefined && tree.inodes.size(inode) <= MAX_CAPTURE_SIZE && this.#capture(tree.path(node));
  }

  #countKept(node: NodeId): void {
    const layer = this.#scan.decidingLayer(node);
    if (layer > 0) this.entriesKept[layer - 1] = (this.entriesKept[layer - 1] as number) + 1;
  }

  #visitFile(inode: InodeId, isCaptured: boolean): void {
    const { tree, origins } = this.#scan;
    const size = tree.inodes.size(inode);
    const layer = origins.layer(inode) - 1;
    const order = origins.order(inode);
    if (size === 0) {
      if (isCaptured) this.#intake.captured.set(inode, new Uint8Array(0));
      return;
    }
    if (this.#seen[inode] === 0) {
      this.#seen[inode] = 1;
      this.bytesKept[layer] = (this.bytesKept[layer] as number) + size;
      const old = this.#findStored(layer + 1, order, size);
      if (old !== undefined) {
        const inodes = this.#stored.tree.inodes;
        const content: ContentId = inodes.content(old);
        tree.inodes.setContent(inode, content, inodes.elfArch(old));
        const bytes = this.#stored.intake.captured.get(old);
        if (bytes !== undefined && isCaptured) this.#intake.captured.set(inode, bytes);
      }
    }
    // What is captured and was stored without being captured is read and stored once more.
    const isMissing = tree.inodes.content(inode) === 0 || (isCaptured && !this.#intake.captured.has(inode));
    if (isMissing && !(this.orders[layer]?.get(order)?.isCaptured ?? false))
      this.orders[layer]?.set(order, { inode, isCaptured });
  }

  #findStored(layer: number, order: number, size: number): InodeId | undefined {
    const { origins, tree } = this.#stored;
    let low = 0;
    let high = this.#byOrigin.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const inode = this.#byOrigin[middle] as InodeId;
      if (origins.layer(inode) < layer || (origins.layer(inode) === layer && origins.order(inode) < order))
        low = middle + 1;
      else high = middle;
    }
    const inode = this.#byOrigin[low];
    const isSame = inode !== undefined && origins.layer(inode) === layer && origins.order(inode) === order;
    return isSame && tree.inodes.size(inode) === size ? inode : undefined;
  }
}

function sortByOrigin({ tree, origins }: Stored): Uint32Array {
  let count = 0;
  const inodes = new Uint32Array(tree.inodes.count);
  for (let inode = 0; inode < tree.inodes.count; inode++) if (tree.inodes.content(inode) !== 0) inodes[count++] = inode;
  return inodes
    .subarray(0, count)
    .sort((a, b) => origins.layer(a) - origins.layer(b) || origins.order(a) - origins.order(b));
}
