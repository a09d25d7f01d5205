import { type ByteString, displayBytes } from "../bytes/byte-string.ts";
import type { Xattr } from "../bytes/file-body.ts";
import type { InodeTable } from "../fstree/inodes.ts";
import type { NodeId } from "../fstree/tree.ts";
import type { Sink } from "../sink/sink.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import { SquashfsError } from "./errors.ts";
import {
  NO_TABLE,
  NO_XATTRS,
  XATTR_ID,
  XATTR_KEY,
  XATTR_OUT_OF_LINE,
  XATTR_TABLE_HEADER,
  XATTR_VALUE,
  XattrPrefix,
} from "./format.ts";
import { writeLookupTable } from "./lookup-table.ts";
import { MetadataWriter } from "./metadata-writer.ts";

/** Linux's limits (XATTR_NAME_MAX, XATTR_SIZE_MAX). */
const MAX_XATTR_NAME = 255;
const MAX_XATTR_VALUE = 65536;
/** A value of more bytes than a reference to it takes is stored once, and referred to afterwards. */
const REFERENCE_SIZE = 8;

interface Key {
  readonly type: XattrPrefix;
  readonly name: ByteString;
  readonly value: Uint8Array;
}

/** The sets of extended attributes that inodes use. */
export class XattrTableWriter {
  readonly #inodes: InodeTable;
  readonly #codec: BlockCodec;
  /** Per set of the tree: index + 1 in this table; 0 not asked for yet. */
  readonly #indexes: Uint32Array;
  readonly #sets: number[] = [];
  readonly #skipped = new Map<string, number>();

  constructor(inodes: InodeTable, codec: BlockCodec) {
    this.#inodes = inodes;
    this.#codec = codec;
    this.#indexes = new Uint32Array(inodes.xattrSetCount + 1);
  }

  /** Attributes that SquashFS has no prefix for (system.posix_acl_…), by name, with the number of sets that have them. */
  get skipped(): ReadonlyMap<string, number> {
    return this.#skipped;
  }

  /**
   * The index that an inode with this set holds.
   * @param node the file, for an error
   * @throws SquashfsError XATTR_TOO_LARGE
   */
  indexOf(set: number, node: NodeId, pathOf: (node: NodeId) => ByteString): number {
    if (set === 0) return NO_XATTRS;
    const known = this.#indexes[set] as number;
    if (known !== 0) return known === NO_XATTRS ? NO_XATTRS : known - 1;
    const xattrs = this.#inodes.xattrsOf(set);
    for (const xattr of xattrs) checkLimits(xattr, () => pathOf(node));
    for (const { name } of xattrs) {
      const shown = displayBytes(name);
      if (prefixOf(name) === undefined) this.#skipped.set(shown, (this.#skipped.get(shown) ?? 0) + 1);
    }
    if (keysOf(xattrs).length === 0) {
      this.#indexes[set] = NO_XATTRS;
      return NO_XATTRS;
    }
    this.#sets.push(set);
    this.#indexes[set] = this.#sets.length;
    return this.#sets.length - 1;
  }

  /** Writes the table; gives what the superblock holds. */
  async write(sink: Sink): Promise<bigint> {
    if (this.#sets.length === 0) return NO_TABLE;
    const keysStart = sink.position;
    const ids = await this.#writeKeys(sink);
    const header = { keysStart: BigInt(keysStart), idCount: this.#sets.length, unused: 0 };
    return BigInt(await writeLookupTable(sink, this.#codec, "xattr id", ids, XATTR_TABLE_HEADER.encode(header)));
  }

  async #writeKeys(sink: Sink): Promise<Uint8Array[]> {
    const keys = new MetadataWriter(this.#codec, "xattr");
    const values = new Map<string, bigint>();
    const ids: Uint8Array[] = [];
    for (const set of this.#sets) {
      const reference = referenceTo(keys);
      let size = 0;
      const list = keysOf(this.#inodes.xattrsOf(set));
      for (const key of list) {
        const known = key.value.length > REFERENCE_SIZE ? this.#valueKey(key.value) : undefined;
        writeKey(keys, key, known, values);
        size += PREFIX_NAMES[key.type].length + key.name.length + 1 + key.value.length;
      }
      ids.push(XATTR_ID.encode({ reference, count: list.length, size }));
      if (keys.pendingSize > 64 * 1024) await keys.drain(sink);
    }
    keys.flush();
    await keys.drain(sink);
    return ids;
  }

  /** What tells values apart: themselves where they are short, else their hash. */
  #valueKey(value: Uint8Array): string {
    if (value.length <= 64) return Buffer.from(value).toString("latin1");
    return this.#codec.contentHash(value).join() + `,${value.length}`;
  }
}

const PREFIX_NAMES: Readonly<Record<XattrPrefix, string>> = {
  [XattrPrefix.user]: "user.",
  [XattrPrefix.trusted]: "trusted.",
  [XattrPrefix.security]: "security.",
};
const PREFIXES = Object.values(XattrPrefix);

function prefixOf(name: ByteString): XattrPrefix | undefined {
  return PREFIXES.find((prefix) => name.startsWith(PREFIX_NAMES[prefix]));
}

function keysOf(xattrs: readonly Xattr[]): Key[] {
  const keys: Key[] = [];
  for (const { name, value } of xattrs) {
    const type = prefixOf(name);
    if (type !== undefined) keys.push({ type, name: name.slice(PREFIX_NAMES[type].length), value });
  }
  return keys;
}

function checkLimits({ name, value }: Xattr, path: () => ByteString): void {
  const check = (what: string, seen: number, limit: number) => {
    if (seen > limit) throw new SquashfsError("XATTR_TOO_LARGE", { path: path(), name, what, seen, limit });
  };
  check("name", name.length, MAX_XATTR_NAME);
  check("value", value.length, MAX_XATTR_VALUE);
}

function writeKey(keys: MetadataWriter, key: Key, valueKey: string | undefined, values: Map<string, bigint>): void {
  const known = valueKey === undefined ? undefined : values.get(valueKey);
  const type = key.type | (known === undefined ? 0 : XATTR_OUT_OF_LINE);
  keys.append(XATTR_KEY.encode({ type, nameSize: key.name.length }));
  keys.append(Buffer.from(key.name, "latin1"));
  if (known === undefined) {
    if (valueKey !== undefined) values.set(valueKey, referenceTo(keys));
    keys.append(XATTR_VALUE.encode({ valueSize: key.value.length }));
    keys.append(key.value);
    return;
  }
  const reference = new Uint8Array(REFERENCE_SIZE);
  new DataView(reference.buffer).setBigUint64(0, known, true);
  keys.append(XATTR_VALUE.encode({ valueSize: REFERENCE_SIZE }));
  keys.append(reference);
}

function referenceTo(keys: MetadataWriter): bigint {
  return (BigInt(keys.blockStart) << 16n) | BigInt(keys.blockOffset);
}
