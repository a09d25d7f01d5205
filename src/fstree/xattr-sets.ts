import type { ByteString } from "../bytes/byte-string.ts";
import type { Xattr } from "../bytes/file-body.ts";
import { BytePages } from "./byte-pages.ts";
import { U32Column } from "./columns.ts";
import { hashBytes } from "./hash.ts";

const FIRST_CAPACITY = 64;

/**
 * Sets of extended attributes, equal ones interned to one number; 0 is the empty set. Kept as bytes, for
 * an image signed with IMA has as many sets as files.
 */
export class XattrSets {
  readonly #bytes = new BytePages();
  readonly #references = new U32Column();
  readonly #hashes = new U32Column();
  /** Open addressing; 0 is a free slot, as set 0 is never stored. */
  #slots = new Uint32Array(FIRST_CAPACITY);
  #count = 0;
  /** The set that came last: a reader gives the same array to all files that have it. */
  #recent: readonly Xattr[] = [];
  #recentId = 0;

  /** Sets besides the empty one; they are numbered 1…count. */
  get count(): number {
    return this.#count;
  }

  /** The number of a set. Order does not matter; of two values for one name the later counts. Values are copied. */
  intern(xattrs: readonly Xattr[]): number {
    if (xattrs.length === 0) return 0;
    if (xattrs === this.#recent) return this.#recentId;
    this.#recent = xattrs;
    this.#recentId = this.#intern(xattrs);
    return this.#recentId;
  }

  #intern(xattrs: readonly Xattr[]): number {
    const encoded = encodeSet(xattrs);
    const hash = hashBytes(encoded);
    let slot = hash & (this.#slots.length - 1);
    for (let id = this.#slots[slot] as number; id !== 0; id = this.#slots[slot] as number) {
      if (this.#hashes.get(id) === hash && this.#bytes.equals(this.#references.get(id), encoded)) return id;
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    const id = ++this.#count;
    this.#references.set(id, this.#bytes.add(encoded));
    this.#hashes.set(id, hash);
    this.#slots[slot] = id;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    return id;
  }

  /** The attributes of a set, by name in bytewise order. */
  get(set: number): readonly Xattr[] {
    if (set === 0) return [];
    return decodeSet(this.#bytes.get(this.#references.get(set)));
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    for (let id = 1; id <= this.#count; id++) {
      let slot = this.#hashes.get(id) & (slots.length - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = id;
    }
    this.#slots = slots;
  }
}

/** Each attribute as name length, name, value length, value; lengths as 32 bits, little-endian. */
function encodeSet(xattrs: readonly Xattr[]): ByteString {
  const values = new Map<ByteString, Uint8Array>();
  for (const { name, value } of xattrs) values.set(name, value);
  let encoded = "";
  for (const name of [...values.keys()].sort()) {
    const value = values.get(name) as Uint8Array;
    encoded += lengthBytes(name.length) + name + lengthBytes(value.length);
    encoded += Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1");
  }
  return encoded;
}

function decodeSet(encoded: ByteString): Xattr[] {
  const bytes = Buffer.from(encoded, "latin1");
  const xattrs: Xattr[] = [];
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 4 + bytes.readUInt32LE(at);
    const valueEnd = nameEnd + 4 + bytes.readUInt32LE(nameEnd);
    const value = new Uint8Array(bytes.subarray(nameEnd + 4, valueEnd));
    xattrs.push({ name: bytes.toString("latin1", at + 4, nameEnd), value });
    at = valueEnd;
  }
  return xattrs;
}

function lengthBytes(length: number): ByteString {
  return String.fromCharCode(length & 255, (length >>> 8) & 255, (length >>> 16) & 255, length >>> 24);
}
