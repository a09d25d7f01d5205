const PAGE_BITS = 15;
const PAGE_SIZE = 1 << PAGE_BITS;

/** A set of small numbers in bits, by pages of 32,768: memory grows with what is in it, not with what might be. */
export class NumberSet {
  readonly #pages = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(value: number): boolean {
    const page = this.#pages.get(Math.floor(value / PAGE_SIZE));
    const bit = value % PAGE_SIZE;
    return page !== undefined && ((page[bit >>> 3] as number) & (1 << (bit & 7))) !== 0;
  }

  /** True where it was not in the set before. */
  add(value: number): boolean {
    if (this.has(value)) return false;
    const number = Math.floor(value / PAGE_SIZE);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(PAGE_SIZE / 8);
      this.#pages.set(number, page);
    }
    const bit = value % PAGE_SIZE;
    page[bit >>> 3] = (page[bit >>> 3] as number) | (1 << (bit & 7));
    this.#size++;
    return true;
  }
}
