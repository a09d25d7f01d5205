import type { ByteString } from "../../bytes/byte-string.ts";
import type { Xattr } from "../../bytes/file-body.ts";
import { XATTR_ID, XATTR_KEY, XATTR_OUT_OF_LINE, XATTR_VALUE, XattrPrefix } from "../format.ts";
import { ByteCache } from "./byte-cache.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import {
  MAX_XATTR_NAME_SIZE,
  MAX_XATTR_VALUE_SIZE,
  MAX_XATTRS_SIZE,
  XATTR_CACHE_SIZE,
  XATTRS_BASE,
  XATTRS_EXPANSION,
} from "./limits.ts";
import type { MetadataCursor } from "./metadata.ts";
import { NumberSet } from "./number-set.ts";
import type { XattrTables } from "./tables.ts";

const PREFIXES: Readonly<Record<number, string>> = {
  [XattrPrefix.user]: "user.",
  [XattrPrefix.trusted]: "trusted.",
  [XattrPrefix.security]: "security.",
};
const REFERENCE_SIZE = 8;

/** Attributes by the index that inodes hold. */
export class XattrTable {
  readonly #context: ImageContext;
  readonly #tables: XattrTables | undefined;
  readonly #sets = new ByteCache<readonly Xattr[]>(XATTR_CACHE_SIZE, sizeOf);
  /** Sets that were read, and their bytes. */
  readonly #counted = new NumberSet();
  #countedSize = 0;

  constructor(context: ImageContext, tables: XattrTables | undefined) {
    this.#context = context;
    this.#tables = tables;
  }

  /** Number of different sets of attributes. */
  get count(): number {
    return this.#tables?.ids.count ?? 0;
  }

  /** The set `index`, in the image's order; values may be kept, but not changed. */
  async read(index: number): Promise<readonly Xattr[]> {
    const known = this.#sets.get(index);
    if (known !== undefined) return known;
    const xattrs = await this.#read(index);
    this.#sets.set(index, xattrs);
    return xattrs;
  }

  async #read(index: number): Promise<readonly Xattr[]> {
    const tables = this.#tables;
    if (tables === undefined || index >= tables.ids.count)
      throw damaged(this.#context, "REFERENCE_OUTSIDE", "xattr table", {
        offset: this.#context.header.xattrTableStart,
        rule: "an inode's attributes are not in the table",
        seen: index,
        limit: this.count,
      });
    const id = XATTR_ID.read(await tables.ids.record(index));
    const cursor = await this.#open(tables, id.reference);
    const xattrs: Xattr[] = [];
    let total = 0;
    for (let i = 0; i < id.count; i++) {
      const { name, outOfLine } = await this.#key(cursor);
      const value = outOfLine ? await this.#distantValue(tables, cursor) : await this.#value(cursor);
      total += name.length + value.length;
      if (total > MAX_XATTRS_SIZE)
        throw this.#invalid(cursor, "one inode's attributes are too large", total, MAX_XATTRS_SIZE);
      xattrs.push({ name, value });
    }
    this.#count(index, total, tables, cursor);
    return xattrs;
  }

  #count(index: number, size: number, { keys }: XattrTables, cursor: MetadataCursor): void {
    if (!this.#counted.add(index)) return;
    this.#countedSize += size;
    const limit = XATTRS_BASE + (keys.end - keys.start) * XATTRS_EXPANSION;
    if (this.#countedSize > limit)
      throw this.#invalid(cursor, "all attributes together are too large for their table", this.#countedSize, limit);
  }

  async #key(cursor: MetadataCursor): Promise<{ name: ByteString; outOfLine: boolean }> {
    if (cursor.available < XATTR_KEY.size) await cursor.fill(XATTR_KEY.size);
    const key = cursor.record(XATTR_KEY);
    const prefix = PREFIXES[key.type & ~XATTR_OUT_OF_LINE];
    if (prefix === undefined)
      throw this.#invalid(cursor, "an attribute's type must be 0…2, with or without bit 8", key.type);
    const limit = MAX_XATTR_NAME_SIZE - prefix.length;
    if (key.nameSize === 0 || key.nameSize > limit)
      throw this.#invalid(cursor, `an attribute's name must have 1…${limit} bytes behind "${prefix}"`, key.nameSize);
    if (cursor.available < key.nameSize) await cursor.fill(key.nameSize);
    const name = cursor.byteString(key.nameSize);
    if (name.includes("\0")) throw this.#invalid(cursor, "an attribute's name contains NUL", "NUL");
    return { name: prefix + name, outOfLine: (key.type & XATTR_OUT_OF_LINE) !== 0 };
  }

  /** A value stored elsewhere, once for many. It lies there plainly: references never lead to references. */
  async #distantValue(tables: XattrTables, cursor: MetadataCursor): Promise<Uint8Array> {
    const size = XATTR_VALUE.size + REFERENCE_SIZE;
    if (cursor.available < size) await cursor.fill(size);
    const { valueSize } = cursor.record(XATTR_VALUE);
    if (valueSize !== REFERENCE_SIZE)
      throw this.#invalid(cursor, `a reference to a value must have ${REFERENCE_SIZE} bytes`, valueSize);
    const bytes = cursor.take(REFERENCE_SIZE);
    const reference = new DataView(bytes.buffer, bytes.byteOffset, REFERENCE_SIZE).getBigUint64(0, true);
    return this.#value(await this.#open(tables, reference));
  }

  async #value(cursor: MetadataCursor): Promise<Uint8Array> {
    if (cursor.available < XATTR_VALUE.size) await cursor.fill(XATTR_VALUE.size);
    const { valueSize } = cursor.record(XATTR_VALUE);
    if (valueSize > MAX_XATTR_VALUE_SIZE)
      throw this.#invalid(cursor, "an attribute's value is too large", valueSize, MAX_XATTR_VALUE_SIZE);
    return cursor.copy(valueSize);
  }

  async #open(tables: XattrTables, reference: bigint): Promise<MetadataCursor> {
    const blockStart = reference >> 16n;
    if (blockStart > BigInt(this.#context.header.bytesUsed))
      throw damaged(this.#context, "REFERENCE_OUTSIDE", "xattr keys", {
        offset: tables.keys.start,
        rule: "attributes are past the end of the image",
        seen: blockStart,
      });
    return tables.keys.cursor(tables.keys.start + Number(blockStart), Number(reference & 0xffffn));
  }

  #invalid(cursor: MetadataCursor, rule: string, seen: unknown, limit?: number): Error {
    const details = { offset: cursor.offset, rule, seen };
    return damaged(this.#context, "XATTR_INVALID", "xattr keys", limit === undefined ? details : { ...details, limit });
  }
}

/** Roughly what a set takes in memory beside its bytes, so that empty ones count as well. */
const SET_OVERHEAD = 128;

function sizeOf(xattrs: readonly Xattr[]): number {
  return xattrs.reduce((size, { name, value }) => size + SET_OVERHEAD + name.length + value.length, SET_OVERHEAD);
}
