import type { ByteString } from "../../bytes/byte-string.ts";
import { PathTable } from "./path-table.ts";
import { ScanNeeded } from "./scan-needed.ts";

/** What a hidden entry was. */
export const HiddenKind = { other: 1, directory: 2, symlink: 3, hardlink: 4, whiteout: 5 } as const;
export type HiddenKind = (typeof HiddenKind)[keyof typeof HiddenKind];

export interface HiddenEntry {
  readonly kind: HiddenKind;
  /** Its place in the layer's tar. */
  readonly order: number;
  /** Of a hard link: its number in the layer's list of hidden links. */
  readonly link: number;
}

const KIND_BITS = 3;

/**
 * The entries of the current layer that are hidden, by path: later hard links of the layer may point at
 * them, paths may go through their symlinks. The last entry of a path counts.
 */
export class HiddenEntries {
  readonly #table = new PathTable();
  /** Set where a path was a directory and something else in turns; what lay below it is then unclear. */
  isMixed = false;
  #symlinks = 0;

  /** Whether paths of this layer may be led astray by a hidden symlink (or by a hard link to one). */
  get hasSymlinks(): boolean {
    return this.#symlinks > 0;
  }

  add(path: ByteString, kind: HiddenKind, order: number, link = 0): void {
    const old = this.get(path);
    if (old !== undefined && old.kind !== kind) {
      const kinds: HiddenKind[] = [old.kind, kind];
      if (kinds.includes(HiddenKind.directory) || kinds.includes(HiddenKind.whiteout)) this.isMixed = true;
      // A whiteout hides nothing of its own layer: the entry still counts.
      if (kind === HiddenKind.whiteout) return;
    }
    if (kind === HiddenKind.symlink || kind === HiddenKind.hardlink) this.#symlinks++;
    this.#table.set(path, path.length, order, kind | (link << KIND_BITS));
  }

  /** The entry at the first `end` bytes of a path. */
  get(path: ByteString, end: number = path.length): HiddenEntry | undefined {
    const handle = this.#table.find(path, end);
    if (handle < 0) return undefined;
    const second = this.#table.second(handle);
    const kind = (second & ((1 << KIND_BITS) - 1)) as HiddenKind;
    return { kind, order: this.#table.first(handle), link: second >>> KIND_BITS };
  }
}

/**
 * Paths of any layer that went through hidden names of which their layer had no directory entry: were one
 * of those names a symlink further down, the path led elsewhere, perhaps to a place that is not hidden.
 */
export class HiddenPassages {
  readonly #table = new PathTable();
  #shielded: ByteString[] = [];

  /** A path of `layer` went through the first `end` bytes of `path`. */
  pass(path: ByteString, end: number, layer: number): void {
    const handle = this.#table.find(path, end);
    const max = handle < 0 ? 0 : this.#table.first(handle);
    this.#table.set(path, end, max === 0 ? layer : max, layer);
  }

  /** Whether a path of `layer` went through `path`. */
  isPassed(path: ByteString, layer: number): boolean {
    const handle = this.#table.find(path);
    return handle >= 0 && this.#table.second(handle) === layer;
  }

  /**
   * The current layer has an entry of its own at `path`; see NodeMarks.shield. Counts from the layer's end on, for
   * the layer's last word may yet be a symlink.
   */
  shield(path: ByteString): void {
    if (this.#table.find(path) >= 0) this.#shielded.push(path);
  }

  endLayer(layer: number): void {
    for (const path of this.#shielded) {
      const kept = this.isPassed(path, layer) ? layer : 0;
      this.#table.set(path, path.length, kept, kept);
    }
    this.#shielded = [];
  }

  /** `layer` has a hidden symlink at `path`. */
  checkSymlink(path: ByteString, layer: number): void {
    const handle = this.#table.find(path);
    if (handle >= 0 && this.#table.first(handle) > layer) {
      throw new ScanNeeded("an upper layer goes through a symlink that is hidden further up");
    }
  }
}

/** A directory hides a symlink at `path`; paths of the symlink's own layer follow the symlink. */
export function refuseHiddenSymlink(hidden: HiddenEntries, path: ByteString): void {
  const own = hidden.get(path);
  if (own?.kind === HiddenKind.symlink || own?.kind === HiddenKind.hardlink) {
    throw new ScanNeeded("a path goes through a symlink of its layer that a higher directory hides");
  }
}
