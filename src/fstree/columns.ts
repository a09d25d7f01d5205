import { freeMemory } from "../bytes/free-memory.ts";

/**
 * Items per page, as a power of two. Larger pages waste more on small trees (a page per column is the
 * least), smaller ones make the list of pages long; 2^14 gives 64 KiB pages and 62 of them for a million items.
 */
const PAGE_LOG = 14;
const PAGE_MASK = (1 << PAGE_LOG) - 1;

/** Stands for pages of nothing but zeros: most images have no extended attributes, and one owner, root. */
const ZEROS_U32 = new Uint32Array(1 << PAGE_LOG);
const ZEROS_F64 = new Float64Array(1 << PAGE_LOG);

/** A growing column of 32-bit unsigned numbers, in pages so that growing never copies. Unset items are 0. */
export class U32Column {
  readonly #pages: Uint32Array[] = [];

  get(index: number): number {
    const page = this.#pages[index >>> PAGE_LOG];
    return page === undefined ? 0 : (page[index & PAGE_MASK] as number);
  }

  set(index: number, value: number): void {
    const pages = this.#pages;
    const number = index >>> PAGE_LOG;
    while (pages.length <= number) pages.push(ZEROS_U32);
    let page = pages[number] as Uint32Array;
    if (page === ZEROS_U32) {
      if (value === 0) return;
      page = new Uint32Array(1 << PAGE_LOG);
      pages[number] = page;
    }
    page[index & PAGE_MASK] = value;
  }

  /** Gives the memory back now, not at the next collection. All items are 0 again. */
  free(): void {
    for (const page of this.#pages.splice(0)) if (page !== ZEROS_U32) freeMemory(page.buffer);
  }
}

/** The same for sizes, which reach past 32 bits: exact to 2^53. */
export class F64Column {
  readonly #pages: Float64Array[] = [];

  get(index: number): number {
    const page = this.#pages[index >>> PAGE_LOG];
    return page === undefined ? 0 : (page[index & PAGE_MASK] as number);
  }

  set(index: number, value: number): void {
    const pages = this.#pages;
    const number = index >>> PAGE_LOG;
    while (pages.length <= number) pages.push(ZEROS_F64);
    let page = pages[number] as Float64Array;
    if (page === ZEROS_F64) {
      if (value === 0) return;
      page = new Float64Array(1 << PAGE_LOG);
      pages[number] = page;
    }
    page[index & PAGE_MASK] = value;
  }

  /** Gives the memory back now, not at the next collection. All items are 0 again. */
  free(): void {
    for (const page of this.#pages.splice(0)) if (page !== ZEROS_F64) freeMemory(page.buffer);
  }
}

/** Sizes: exact to 2^53, in 4 bytes where all of a page are below 4 GiB. */
export class SizeColumn {
  readonly #low = new U32Column();
  readonly #high = new U32Column();

  get(index: number): number {
    return this.#high.get(index) * 2 ** 32 + this.#low.get(index);
  }

  set(index: number, value: number): void {
    this.#low.set(index, value >>> 0);
    this.#high.set(index, Math.floor(value / 2 ** 32));
  }
}
