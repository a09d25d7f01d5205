import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import { BytesError } from "../bytes/errors.ts";
import type { BodyPart, Xattr } from "../bytes/file-body.ts";
import type { EntryFields, EntryKind, TarEntry } from "./entry.ts";
import { TarError } from "./errors.ts";
import type { SparseMap } from "./sparse.ts";

const NO_BYTES = new Uint8Array(0);

/** An entry whose content is read from the tar's own reader, in place. */
export class StoredEntry implements TarEntry {
  readonly path: ByteString;
  readonly kind: EntryKind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  readonly size: number;
  readonly linkName: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly Xattr[];
  readonly offset: number;
  readonly #layerName: string;
  readonly #reader: ByteReader;
  readonly #sparse: SparseMap | undefined;
  readonly #dataOffset: number;

  /** The reader stands at the first byte of the content. */
  constructor(fields: EntryFields, layerName: string, reader: ByteReader, sparse: SparseMap | undefined) {
    this.path = fields.path;
    this.kind = fields.kind;
    this.mode = fields.mode;
    this.uid = fields.uid;
    this.gid = fields.gid;
    this.mtimeSec = fields.mtimeSec;
    this.size = fields.size;
    this.linkName = fields.linkName;
    this.deviceMajor = fields.deviceMajor;
    this.deviceMinor = fields.deviceMinor;
    this.xattrs = fields.xattrs;
    this.offset = fields.offset;
    this.#layerName = layerName;
    this.#reader = reader;
    this.#sparse = sparse;
    this.#dataOffset = reader.offset;
  }

  async *body(): AsyncGenerator<BodyPart, void, undefined> {
    if (this.size === 0) return;
    this.#checkUnread();
    try {
      if (this.#sparse === undefined) yield* this.#reader.chunks(this.size);
      else yield* this.#sparseParts(this.#sparse);
    } catch (error) {
      throw endToTruncation(error, this.#layerName, "the content", this.path);
    }
  }

  bodyIfBuffered(): Uint8Array | undefined {
    if (this.size === 0) return NO_BYTES;
    this.#checkUnread();
    return this.#sparse === undefined ? this.#reader.tryRead(this.size) : undefined;
  }

  async *#sparseParts({ size, regions }: SparseMap): AsyncGenerator<BodyPart, void, undefined> {
    let position = 0;
    for (let i = 0; i < regions.length; i += 2) {
      const offset = regions[i]!;
      const length = regions[i + 1]!;
      if (length === 0) continue;
      if (offset > position) yield { zeros: offset - position };
      yield* this.#reader.chunks(length);
      position = offset + length;
    }
    if (size > position) yield { zeros: size - position };
  }

  #checkUnread(): void {
    if (this.#reader.offset !== this.#dataOffset)
      throw new TypeError("the content of a tar entry can be read once, and before the next entry is asked for");
  }
}

/** A reader's early end as the tar's error; any other error as it is. */
export function endToTruncation(error: unknown, name: string, what: string, path?: ByteString): unknown {
  if (!(error instanceof BytesError) || error.code !== "UNEXPECTED_END") return error;
  const { offset, needed } = error.details;
  return new TarError("TAR_TRUNCATED", { name, offset, needed, what, path });
}
