import { SquashfsError } from "./errors.ts";
import { MAX_IDS } from "./format.ts";

/** User and group ids, one table for both, in the order of their first use. */
export class IdTable {
  readonly #indexes = new Map<number, number>();

  get count(): number {
    return this.#indexes.size;
  }

  /**
   * @param path of the file that has the id, asked for only in case of an error
   * @throws SquashfsError TOO_MANY_IDS
   */
  indexOf(id: number, path: () => string): number {
    const known = this.#indexes.get(id);
    if (known !== undefined) return known;
    const index = this.#indexes.size;
    if (index === MAX_IDS) throw new SquashfsError("TOO_MANY_IDS", { path: path(), limit: MAX_IDS });
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
