import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import type { FsTree, NodeId } from "../../fstree/tree.ts";
import { EntryKind } from "../../tar/entry.ts";
import type { MergeLayer, MergeOptions, MergeResult } from "./contract.ts";
import { LayerDescent } from "./descent.ts";
import { MergeError } from "./errors.ts";
import { Intake } from "./intake.ts";
import { readAgain, readLayer } from "./layer-pass.ts";
import { MAX_CAPTURE_SIZE, MAX_LAYERS } from "./limits.ts";
import type { Origins } from "./origins.ts";
import { mergeByScan } from "./scan-merge.ts";
import { ScanNeeded } from "./scan-needed.ts";
import { LayerTally } from "./tally.ts";

/**
 * Merges an image's layers into one tree; the result is that of applying them from the lowest up. Layers are
 * read once, the highest first, and bytes of files that a higher layer hides are skipped. A layer is read
 * once more for hidden files that a hard link still needs; in the rare image that cannot be decided from the top
 * down (mostly directories of one layer that are symlinks in another), all are.
 * @param layers lowest first
 * @throws MergeError for layers that do not fit together; what the layers or the store throw
 */
export async function mergeLayers(layers: readonly MergeLayer[], options: MergeOptions): Promise<MergeResult> {
  if (layers.length > MAX_LAYERS) throw new MergeError("TOO_MANY_LAYERS", { seen: layers.length, limit: MAX_LAYERS });
  const descent = new TopDownMerge(layers, options);
  try {
    return await descent.run();
  } catch (error) {
    if (!(error instanceof ScanNeeded)) throw error;
    const message = `Reading all layers twice, as one pass cannot tell what the image holds: ${error.message}`;
    options.onProgress?.({ kind: "warning", message });
    return mergeByScan(layers, options, error.message, descent);
  }
}

/** Drives a descent: reads layers, stores contents, rescues. What it has stored serves a scan, too. */
class TopDownMerge {
  readonly descent: LayerDescent;
  readonly intake: Intake;
  readonly #layers: readonly MergeLayer[];
  readonly #options: MergeOptions;
  /** Nodes that may have come under a captured path after their bytes went by. */
  readonly #moved: NodeId[] = [];

  constructor(layers: readonly MergeLayer[], options: MergeOptions) {
    this.#layers = layers;
    this.#options = options;
    this.intake = new Intake(options.contents);
    const onMoved = (node: NodeId) => {
      if (options.capture !== undefined) this.#moved.push(node);
    };
    this.descent = new LayerDescent(layers.length, options.implicitMtimeSec, onMoved);
  }

  get tree(): FsTree {
    return this.descent.tree;
  }

  get origins(): Origins {
    return this.descent.origins;
  }

  async run(): Promise<MergeResult> {
    const tallies: LayerTally[] = [];
    for (const layer of this.#layers.toReversed()) {
      const tally = new LayerTally(layer.name);
      await this.#mergeLayer(layer, tally);
      tallies.unshift(tally);
    }
    this.descent.finish();
    if (this.#options.capture !== undefined) await this.#captureMoved(this.#options.capture);
    this.descent.free();
    const statistics = tallies.map((tally) => tally.statistics);
    return { tree: this.tree, layers: statistics, captured: this.intake.captured, scanReason: undefined };
  }

  async #mergeLayer(layer: MergeLayer, tally: LayerTally): Promise<void> {
    const { signal, capture, onProgress } = this.#options;
    const { descent, intake, tree } = this;
    descent.beginLayer(layer.name);
    await readLayer(layer, signal, (entry, order) => {
      const { inode, path, isHidden } = descent.apply(entry, order);
      tally.count(entry, isHidden);
      if (inode === undefined) return undefined;
      if (isHidden) tally.countKept(entry.size);
      return intake.take(tree.inodes, inode, entry, path !== undefined && capture?.(path) === true);
    });
    const rescues = descent.endLayer();
    if (rescues.size === 0) return;
    onProgress?.({ kind: "rescue", digest: layer.name, fileCount: rescues.size });
    await readAgain(layer, rescues, signal, async (entry, order, inode) => {
      if (entry.kind === EntryKind.directory || entry.kind === EntryKind.hardlink) {
        throw new MergeError("LAYER_CHANGED", { layer: layer.name, order });
      }
      descent.fillRescued(inode, entry, order);
      tally.countRescued(entry.size);
      if (entry.kind === EntryKind.file) await intake.take(tree.inodes, inode, entry, false);
    });
  }

  /** Fetches captured files that were stored under another name: hard links, and files moved behind a symlink. */
  async #captureMoved(capture: NonNullable<MergeOptions["capture"]>): Promise<void> {
    const { tree, origins, intake } = this;
    const wanted = new Map<number, Map<number, InodeId>>();
    const todo = this.#moved.filter((node) => this.descent.isLive(node));
    for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
      todo.push(...tree.children(node));
      const inode = tree.inode(node);
      if (tree.inodes.kind(inode) !== InodeKind.file || tree.inodes.size(inode) > MAX_CAPTURE_SIZE) continue;
      if (intake.captured.has(inode) || !capture(tree.path(node))) continue;
      const orders = wanted.get(origins.layer(inode)) ?? new Map<number, InodeId>();
      wanted.set(origins.layer(inode), orders.set(origins.order(inode), inode));
    }
    for (const [number, orders] of wanted) {
      const layer = this.#layers[number - 1] as MergeLayer;
      await readAgain(layer, orders, this.#options.signal, async (entry, _order, inode) => {
        intake.captured.set(inode, await readWhole(entry.body(), entry.size));
      });
    }
  }
}

async function readWhole(
  parts: AsyncIterable<Uint8Array | { readonly zeros: number }>,
  size: number,
): Promise<Uint8Array> {
  const whole = new Uint8Array(size);
  let at = 0;
  for await (const part of parts) {
    if (part instanceof Uint8Array) {
      whole.set(part, at);
      at += part.length;
    } else {
      at += part.zeros;
    }
  }
  return whole;
}
