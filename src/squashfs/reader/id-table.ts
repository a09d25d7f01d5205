import type { LookupTable } from "./lookup-table.ts";

/** User and group ids, read whole on first use: at most 65,535. */
export class IdTable {
  readonly #table: LookupTable;
  #loading: Promise<Uint32Array> | undefined;
  /** All ids, by index, once they have been loaded. */
  atHand: Uint32Array | undefined;

  constructor(table: LookupTable) {
    this.#table = table;
  }

  get count(): number {
    return this.#table.count;
  }

  /** All ids, by index. */
  load(): Promise<Uint32Array> {
    this.#loading ??= this.#read();
    return this.#loading;
  }

  async #read(): Promise<Uint32Array> {
    const ids = new Uint32Array(this.#table.count);
    for (let i = 0; i < ids.length; i++) {
      const record = await this.#table.record(i);
      ids[i] = new DataView(record.buffer, record.byteOffset, 4).getUint32(0, true);
    }
    this.atHand = ids;
    return ids;
  }
}
