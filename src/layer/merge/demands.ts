import type { ByteString } from "../../bytes/byte-string.ts";
import type { InodeId } from "../../fstree/inodes.ts";
import { HiddenKind } from "./hidden-entries.ts";
import type { PendingLinks } from "./pending-links.ts";
import { ScanNeeded } from "./scan-needed.ts";

/** A hard link whose target must come from a layer further down. */
export interface Demand {
  /** Where it is looked for, by real directories. */
  readonly target: ByteString;
  /** What the link says. */
  readonly text: ByteString;
  readonly placeholder: InodeId;
  /** What its own layer had at the target by its end: bound to where nothing below has it. */
  fallback: InodeId | undefined;
  /** Whether the own layer's late target is hidden, so that only a scan can bind to it. */
  needsScan: boolean;
  /** What the current layer has at the target so far. */
  found: InodeId | "directory" | undefined;
  /** The current layer hides what lower layers have at the target. */
  isBlocked: boolean;
}

/**
 * Hard links on their way down. A link of layer k whose target k has not got demands the inode that the
 * target had when layer k−1 was done: the first layer below that has it decides, whether the name itself is
 * hidden or not, unless a whiteout or something that is no directory stands in the way.
 */
export class Demands {
  readonly #pending: PendingLinks;
  #live: Demand[] = [];
  /** Made in the current layer; asked for from the next one on. */
  #next: Demand[] = [];
  /** Targets of live demands, and every directory path above them. */
  #targets = new Map<ByteString, Demand[]>();
  #above = new Map<ByteString, Demand[]>();
  #hasEver = false;

  constructor(pending: PendingLinks) {
    this.#pending = pending;
  }

  get isActive(): boolean {
    return this.#live.length > 0;
  }

  /** Whether any link was ever left open: names that move later could have been meant. */
  get hasEver(): boolean {
    return this.#hasEver;
  }

  /** Demands of the layer that is being read, for looking for late targets at its end. */
  get fresh(): readonly Demand[] {
    return this.#next;
  }

  add(target: ByteString, text: ByteString, placeholder: InodeId): void {
    this.#hasEver = true;
    this.#next.push({
      target,
      text,
      placeholder,
      fallback: undefined,
      needsScan: false,
      found: undefined,
      isBlocked: false,
    });
  }

  /**
   * Looks at an entry of the current layer, hidden or not; gives whether it is the target of a demand, so that its
   * inode must be offered.
   */
  meet(path: ByteString, kind: HiddenKind): boolean {
    for (const demand of this.#above.get(path) ?? []) meetAbove(demand, kind);
    if (kind !== HiddenKind.whiteout) {
      for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
        for (const demand of this.#targets.get(path.slice(0, slash)) ?? []) demand.found = "directory";
      }
    }
    const demands = this.#targets.get(path);
    if (demands === undefined) return false;
    if (kind === HiddenKind.whiteout) for (const demand of demands) demand.isBlocked = true;
    else if (kind === HiddenKind.directory) for (const demand of demands) demand.found = "directory";
    else return true;
    return false;
  }

  /** Looks at an opaque marker in the directory `path`. */
  meetOpaque(path: ByteString): void {
    const demands = path === "" ? this.#live : (this.#above.get(path) ?? []);
    for (const demand of demands) demand.isBlocked = true;
  }

  offer(path: ByteString, inode: InodeId): void {
    for (const demand of this.#targets.get(path) ?? []) demand.found = inode;
  }

  /** Decides what the layer that ends has decided. */
  endLayer(): void {
    const open: Demand[] = [];
    for (const demand of this.#live) {
      if (demand.found === "directory") this.#pending.fail(demand.placeholder, "HARD_LINK_TO_DIRECTORY");
      else if (demand.found !== undefined) this.#pending.bind(demand.placeholder, demand.found);
      else if (demand.isBlocked) this.#fail(demand);
      else open.push(demand);
    }
    this.#live = [...open, ...this.#next];
    this.#next = [];
    this.#index();
  }

  /** All layers are read: what is still open has no target. */
  finish(): void {
    for (const demand of this.#live) this.#fail(demand);
    this.#live = [];
  }

  #fail(demand: Demand): void {
    if (demand.needsScan)
      throw new ScanNeeded("a hard link stands before its target, and the target is hidden further up");
    if (demand.fallback !== undefined) this.#pending.bind(demand.placeholder, demand.fallback);
  }

  #index(): void {
    this.#targets = new Map();
    this.#above = new Map();
    for (const demand of this.#live) {
      const path = demand.target;
      push(this.#targets, path, demand);
      for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
        push(this.#above, path.slice(0, slash), demand);
      }
    }
  }
}

function meetAbove(demand: Demand, kind: HiddenKind): void {
  if (kind === HiddenKind.directory) return;
  if (kind === HiddenKind.whiteout) {
    demand.isBlocked = true;
    return;
  }
  if (kind !== HiddenKind.other) throw new ScanNeeded("a hard link's target lies behind a symlink of a lower layer");
  if (demand.found !== undefined) throw new ScanNeeded("a hard link's target is replaced together with its directory");
  demand.isBlocked = true;
}

function push(map: Map<ByteString, Demand[]>, path: ByteString, demand: Demand): void {
  const demands = map.get(path);
  if (demands === undefined) map.set(path, [demand]);
  else demands.push(demand);
}
