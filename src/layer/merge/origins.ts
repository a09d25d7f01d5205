import { U32Column } from "../../fstree/columns.ts";
import type { InodeId } from "../../fstree/inodes.ts";

/** Which entry each inode came from: layer (1 is the lowest, 0 none) and place in that layer's tar (from 0). */
export class Origins {
  readonly #layers = new U32Column();
  readonly #orders = new U32Column();

  set(inode: InodeId, layer: number, order: number): void {
    this.#layers.set(inode, layer);
    this.#orders.set(inode, order);
  }

  /** Gives the memory back. */
  free(): void {
    this.#layers.free();
    this.#orders.free();
  }

  layer(inode: InodeId): number {
    return this.#layers.get(inode);
  }

  order(inode: InodeId): number {
    return this.#orders.get(inode);
  }
}
