/**
 * Items per page, as a power of two. Larger pages waste more on small trees (a page per column is the
 * least), smaller ones make the list of pages long; 2^14 gives 64 KiB pages and 62 of them for a million items.
 */
const PAGE_LOG = 14;
const PAGE_MASK = (1 << PAGE_LOG) - 1;

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
    while (pages.length <= number) pages.push(new Uint32Array(1 << PAGE_LOG));
    (pages[number] as Uint32Array)[index & PAGE_MASK] = value;
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
    while (pages.length <= number) pages.push(new Float64Array(1 << PAGE_LOG));
    (pages[number] as Float64Array)[index & PAGE_MASK] = value;
  }
}
