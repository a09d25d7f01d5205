/** Keeps what was used last, up to a number of bytes. */
export class ByteCache<Value> {
  readonly #capacity: number;
  readonly #sizeOf: (value: Value) => number;
  // A Map iterates in the order of insertion: what is used goes to its end, what falls out stands first.
  readonly #values = new Map<number, Value>();
  #size = 0;
  /** Used last: who goes along a table asks for one block a hundred times. */
  #newest: number | undefined;

  constructor(capacity: number, sizeOf: (value: Value) => number) {
    this.#capacity = capacity;
    this.#sizeOf = sizeOf;
  }

  get(key: number): Value | undefined {
    const value = this.#values.get(key);
    if (value === undefined || key === this.#newest) return value;
    this.#values.delete(key);
    this.#values.set(key, value);
    this.#newest = key;
    return value;
  }

  /** Adds a value; drops others until all fit, but never the new one. */
  set(key: number, value: Value): void {
    const earlier = this.#values.get(key);
    if (earlier !== undefined) this.#size -= this.#sizeOf(earlier);
    this.#values.delete(key);
    this.#values.set(key, value);
    this.#size += this.#sizeOf(value);
    this.#newest = key;
    for (const [oldest, dropped] of this.#values) {
      if (this.#size <= this.#capacity || oldest === key) break;
      this.#values.delete(oldest);
      this.#size -= this.#sizeOf(dropped);
    }
  }
}
