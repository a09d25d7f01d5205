import type { ByteString } from "../bytes/byte-string.ts";
import type { NodeId } from "../fstree/tree.ts";
import { SquashfsError } from "./errors.ts";
import { MAX_IDS } from "./format.ts";

/** User and group ids, one table for both, in the order of their first use. */
export class IdTable {
  readonly #indexes = new Map<number, number>();

  get count(): number {
    return this.#indexes.size;
  }

  /**
   * @param node the file that has the id, for an error
   * @throws SquashfsError TOO_MANY_IDS
   */
  indexOf(id: number, node: NodeId, pathOf: (node: NodeId) => ByteString): number {
    const known = this.#indexes.get(id);
    if (known !== undefined) return known;
    const index = this.#indexes.size;
    if (index === MAX_IDS) throw new SquashfsError("TOO_MANY_IDS", { path: pathOf(node), limit: MAX_IDS });
    this.#indexes.set(id, index);
    return index;
  }

  *records(): Iterable<Uint8Array> {
    for (const id of this.#indexes.keys()) {
      const record = new Uint8Array(4);
      new DataView(record.buffer).setUint32(0, id, true);
      yield record;
    }
  }
}
