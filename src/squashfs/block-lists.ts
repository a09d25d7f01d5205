const PAGE_LOG = 14;
const PAGE_SIZE = 1 << PAGE_LOG;
const PAGE_MASK = PAGE_SIZE - 1;

/** Stands in for all pages of nothing but holes; never written to. */
const ZERO_PAGE = new Uint32Array(PAGE_SIZE);

/**
 * The block lists of all files, one behind the other: sizes on disk as the inodes hold them, 0 for a hole.
 * In pages; those of a huge hole are shared, so a sparse file of terabytes takes no memory.
 */
export class BlockLists {
  readonly #pages: Uint32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get(index: number): number {
    return (this.#pages[Math.floor(index / PAGE_SIZE)] as Uint32Array)[index & PAGE_MASK] as number;
  }

  push(size: number): void {
    const number = Math.floor(this.#length / PAGE_SIZE);
    let page = this.#pages[number] ?? ZERO_PAGE;
    // Pages behind the end may hold what `truncate` gave up, so a zero is written like any other.
    if (page === ZERO_PAGE && size !== 0) page = new Uint32Array(PAGE_SIZE);
    if (page !== ZERO_PAGE) page[this.#length & PAGE_MASK] = size;
    this.#pages[number] = page;
    this.#length++;
  }

  pushHoles(count: number): void {
    let left = count;
    while (left > 0 && (this.#length & PAGE_MASK) !== 0) {
      this.push(0);
      left--;
    }
    for (; left >= PAGE_SIZE; left -= PAGE_SIZE) {
      this.#pages[this.#length / PAGE_SIZE] = ZERO_PAGE;
      this.#length += PAGE_SIZE;
    }
    while (left-- > 0) this.push(0);
  }

  /** Gives up all from `length` on. */
  truncate(length: number): void {
    this.#length = length;
    this.#pages.length = Math.ceil(length / PAGE_SIZE);
  }

  /** Whether two ranges hold the same. */
  equal(a: number, b: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (this.get(a + i) !== this.get(b + i)) return false;
    return true;
  }

  /** Copies a range as little-endian bytes, as it stands on disk. */
  encode(from: number, count: number, target: DataView): void {
    for (let i = 0; i < count; i++) target.setUint32(4 * i, this.get(from + i), true);
  }
}
