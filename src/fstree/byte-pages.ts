import type { ByteString } from "../bytes/byte-string.ts";
import { TreeError } from "./errors.ts";

/** Bytes per page, as a power of two: 2^32 / 2^18 = 16,384 pages at most, so 4 GiB of names. */
const PAGE_LOG = 18;
const PAGE_SIZE = 1 << PAGE_LOG;
const PAGE_MASK = PAGE_SIZE - 1;
const MAX_PAGES = 2 ** (32 - PAGE_LOG);

/** Most bytes that the length in front of a string may take: 7 bits each, so strings up to 2^35−1 bytes. */
const MAX_PREFIX = 5;

/** Short strings by the million: bytes behind their length, in pages. Strings are never freed. */
export class BytePages {
  readonly #pages: Buffer[] = [];
  /** Where the next string goes in the last page; a full page at the start makes the first `add` open one. */
  #end = PAGE_SIZE;
  readonly #maxPages: number;

  constructor(maxPages: number = MAX_PAGES) {
    this.#maxPages = maxPages;
  }

  /**
   * Keeps a copy; gives the reference (32 bits, unsigned) that the other methods take.
   * @throws TreeError NAMES_TOO_LARGE where all pages are full
   */
  add(bytes: ByteString): number {
    const length = bytes.length;
    const need = length + MAX_PREFIX;
    if (this.#end + need > PAGE_SIZE) {
      if (this.#pages.length >= this.#maxPages)
        throw new TreeError("NAMES_TOO_LARGE", { limit: this.#maxPages * PAGE_SIZE });
      // A string longer than a page gets a page of its own length; its reference points at the start all the same.
      this.#pages.push(Buffer.allocUnsafeSlow(Math.max(PAGE_SIZE, need)));
      this.#end = 0;
    }
    const number = this.#pages.length - 1;
    const page = this.#pages[number] as Buffer;
    const reference = number * PAGE_SIZE + this.#end;
    let at = this.#end;
    let rest = length;
    while (rest >= 0x80) {
      page[at++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    page[at++] = rest;
    if (length < 64) for (let i = 0; i < length; i++) page[at + i] = bytes.charCodeAt(i);
    else page.write(bytes, at, length, "latin1");
    this.#end = at + length;
    return reference;
  }

  get(reference: number): ByteString {
    const page = this.#pages[reference >>> PAGE_LOG] as Buffer;
    const head = reference & PAGE_MASK;
    const length = readLength(page, head);
    const start = head + prefixSize(length);
    return page.toString("latin1", start, start + length);
  }

  equals(reference: number, bytes: ByteString): boolean {
    const page = this.#pages[reference >>> PAGE_LOG] as Buffer;
    const head = reference & PAGE_MASK;
    const length = readLength(page, head);
    if (length !== bytes.length) return false;
    const start = head + prefixSize(length);
    for (let i = 0; i < length; i++) if (page[start + i] !== bytes.charCodeAt(i)) return false;
    return true;
  }

  /** Bytewise order: negative, 0 or positive. */
  compare(a: number, b: number): number {
    const pageA = this.#pages[a >>> PAGE_LOG] as Buffer;
    const pageB = this.#pages[b >>> PAGE_LOG] as Buffer;
    const headA = a & PAGE_MASK;
    const headB = b & PAGE_MASK;
    const lengthA = readLength(pageA, headA);
    const lengthB = readLength(pageB, headB);
    const startA = headA + prefixSize(lengthA);
    const startB = headB + prefixSize(lengthB);
    const common = Math.min(lengthA, lengthB);
    for (let i = 0; i < common; i++) {
      const difference = (pageA[startA + i] as number) - (pageB[startB + i] as number);
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }
}

function readLength(page: Buffer, at: number): number {
  let byte = page[at] as number;
  if (byte < 0x80) return byte;
  let length = byte & 0x7f;
  let unit = 0x80;
  do {
    byte = page[++at] as number;
    length += (byte & 0x7f) * unit;
    unit *= 0x80;
  } while (byte >= 0x80);
  return length;
}

function prefixSize(length: number): number {
  let size = 1;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
