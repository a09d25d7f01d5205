import type { ContentStore } from "../fstree/content.ts";
import type { FsTree } from "../fstree/tree.ts";
import type { OnProgress } from "../progress.ts";
import type { Sink } from "../sink/sink.ts";
import { type BlockCodec, codecOf } from "../wasm/block-codec.ts";
import type { BlockEncoder } from "../wasm/block-encoder.ts";
import type { Compression } from "../wasm/compression.ts";
import { type Core, loadCore } from "../wasm/core.ts";
import { type AdoptedData, adoptData } from "./adopt-data.ts";
import type { AdoptedFiles } from "./adopted-extents.ts";
import { compressorHeader, compressorOf } from "./compressor.ts";
import { ContentWriter } from "./content-writer.ts";
import { Contents } from "./contents.ts";
import { DataArea } from "./data-area.ts";
import {
  MAX_BLOCK_SIZE,
  METADATA_BLOCK_SIZE,
  MIN_BLOCK_SIZE,
  PADDING,
  SQUASHFS_MAGIC,
  SUPERBLOCK,
  SuperblockFlag,
  VERSION_MAJOR,
  VERSION_MINOR,
} from "./format.ts";
import { FragmentWriter } from "./fragment-writer.ts";
import { IdTable } from "./id-table.ts";
import { InodeWriter } from "./inode-writer.ts";
import { writeLookupTable } from "./lookup-table.ts";
import type { SquashfsImage } from "./reader/image.ts";
import type { ShareReport } from "./share-ledger.ts";
import { TreeWriter } from "./tree-writer.ts";
import { XattrTableWriter } from "./xattr-table-writer.ts";

/** Where an image is written, and with what. */
export interface SquashfsWriterOptions {
  /** Empty, and the writer's alone until `finish` resolves; a `WindowSink` puts the image inside a SIF. Neither finished nor aborted here. */
  readonly sink: Sink;
  /** Made for `compression`; its `blockSize` is the image's, a power of two from 4 KiB to 1 MiB. */
  readonly encoder: BlockEncoder;
  readonly compression: Compression;
  /** This thread's core, for hashes of small files and for tables; it takes blocks of at least 8 KiB. */
  readonly core?: Core;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** Counts and sizes of an image that was written. */
export interface SquashfsReport {
  readonly inodeCount: number;
  readonly fragmentCount: number;
  readonly idCount: number;
  /** Bytes of content taken, holes and duplicates included. */
  readonly contentSize: number;
  /** Bytes of content that were in the image already. */
  readonly duplicateSize: number;
  /** By the number that `beginShare` was given. */
  readonly shares: readonly ShareReport[];
  /** Bytes written and taken back, as a large file turned out to be there already. */
  readonly rewoundSize: number;
  /** The superblock's count of bytes. */
  readonly bytesUsed: number;
  /** With the padding. */
  readonly size: number;
}

/**
 * Writes a SquashFS 4.0 image: contents first, as they come, then the tables of a tree that refers to
 * them. The same contents in the same order and an equal tree give the same bytes, whatever the number
 * of workers and however the contents were cut up on the way.
 */
export class SquashfsWriter {
  /** Takes the files' contents, one after the other. */
  readonly contents: ContentStore;
  readonly #options: SquashfsWriterOptions;
  readonly #core: Core;
  readonly #codec: BlockCodec;
  readonly #area: DataArea;
  readonly #fragments: FragmentWriter;
  readonly #table: Contents;
  readonly #content: ContentWriter;
  /** Bytes taken over from another image. */
  #adopted = 0;

  /**
   * @throws RangeError for a block size that SquashFS has not
   */
  constructor(options: SquashfsWriterOptions) {
    const { sink, encoder, compression, signal } = options;
    const { blockSize } = encoder;
    if (blockSize < MIN_BLOCK_SIZE || blockSize > MAX_BLOCK_SIZE || (blockSize & (blockSize - 1)) !== 0)
      throw new RangeError(`block size ${blockSize} is not a power of two from ${MIN_BLOCK_SIZE} to ${MAX_BLOCK_SIZE}`);
    this.#options = options;
    this.#core = options.core ?? loadCore({ blockSize: Math.max(blockSize, METADATA_BLOCK_SIZE) });
    this.#codec = codecOf(this.#core, compression);
    this.#area = new DataArea(sink, Buffer.concat([new Uint8Array(SUPERBLOCK.size), compressorHeader(compression)]));
    this.#fragments = new FragmentWriter(encoder, this.#area);
    this.#table = new Contents(blockSize);
    this.#content = new ContentWriter({
      encoder,
      core: this.#core,
      contents: this.#table,
      area: this.#area,
      fragments: this.#fragments,
      signal,
      onRead: (read) => this.#tell(read),
    });
    this.contents = this.#content;
  }

  /**
   * Takes over data of another image as they are, compressed; its files are then added by their inodes. What was
   * added before is written first.
   * @param files whose data are wanted; the whole data area without them
   * @throws SquashfsReadError where the image is damaged
   */
  adopt(image: SquashfsImage, files?: AdoptedFiles): Promise<AdoptedData> {
    return this.adoptWhile(image, async (data) => data, files);
  }

  /**
   * As `adopt`, and has the files added while their data are on the way.
   * @throws what `use` throws, too
   */
  async adoptWhile<T>(image: SquashfsImage, use: (data: AdoptedData) => Promise<T>, files?: AdoptedFiles): Promise<T> {
    const { signal } = this.#options;
    await this.#content.drain();
    await this.#fragments.finish();
    const from = this.#area.position;
    const target = { area: this.#area, contents: this.#table, fragments: this.#fragments, signal };
    const result = await adoptData(image, target, use, files);
    this.#adopted += this.#area.position - from;
    this.#tell(this.#content.readSize);
    return result;
  }

  /** Contents from here on are counted together, under a number from 0; see the report. */
  beginShare(share: number): void {
    this.#content.beginShare(share);
  }

  /**
   * Writes what is left of the contents, the tables and the superblock. The tree's files hold contents of this writer.
   * @throws SquashfsError, and whatever the sink or the encoder threw before
   */
  async finish(tree: FsTree, { mtimeSec }: { readonly mtimeSec: number }): Promise<SquashfsReport> {
    const { sink, encoder, compression, onProgress, signal } = this.#options;
    await this.#content.drain();
    await this.#fragments.finish();
    await this.#area.begin();
    const { duplicateSize } = this.#content;
    const shares = this.#content.settleShares();
    this.#content.forget();
    this.#tell(this.#content.readSize);
    onProgress?.({ kind: "stage", stage: "tables" });

    const inodeTableStart = sink.position;
    const ids = new IdTable();
    const codec = this.#codec;
    const xattrs = new XattrTableWriter(tree.inodes, codec);
    const inodes = new InodeWriter({
      inodes: tree.inodes,
      contents: this.#table,
      codec,
      ids,
      xattrs,
      pathOf: (node) => tree.path(node),
    });
    const writer = new TreeWriter(tree, inodes, codec);
    signal?.throwIfAborted();
    const { rootInode, directoryTableStart } = await writer.write(sink);
    const fragmentTableStart = await writeLookupTable(sink, codec, "fragment", this.#fragments.entries());
    const exportTableStart = await writeLookupTable(sink, codec, "export", writer.exports());
    const idTableStart = await writeLookupTable(sink, codec, "id", ids.records());
    const xattrTableStart = await xattrs.write(sink);
    signal?.throwIfAborted();
    for (const [name, count] of xattrs.skipped) onProgress?.({ kind: "warning", message: skippedMessage(name, count) });

    const bytesUsed = sink.position;
    const padding = -bytesUsed & (PADDING - 1);
    if (padding > 0) await sink.write(new Uint8Array(padding));
    const superblock = {
      magic: SQUASHFS_MAGIC,
      inodeCount: writer.inodeCount,
      mtimeSec,
      blockSize: encoder.blockSize,
      fragmentCount: this.#fragments.count,
      compressor: compressorOf(compression),
      blockLog: Math.log2(encoder.blockSize),
      flags: flagsOf(compression),
      idCount: ids.count,
      versionMajor: VERSION_MAJOR,
      versionMinor: VERSION_MINOR,
      rootInode,
      bytesUsed: BigInt(bytesUsed),
      idTableStart: BigInt(idTableStart),
      xattrTableStart,
      inodeTableStart: BigInt(inodeTableStart),
      directoryTableStart: BigInt(directoryTableStart),
      fragmentTableStart: BigInt(fragmentTableStart),
      exportTableStart: BigInt(exportTableStart),
    };
    await sink.patch(0, SUPERBLOCK.encode(superblock));
    return {
      inodeCount: writer.inodeCount,
      fragmentCount: this.#fragments.count,
      idCount: ids.count,
      contentSize: this.#content.readSize,
      duplicateSize,
      shares,
      rewoundSize: this.#area.rewoundSize,
      bytesUsed,
      size: sink.position,
    };
  }

  #tell(read: number): void {
    this.#options.onProgress?.({ kind: "encode-progress", read: read + this.#adopted, written: this.#area.position });
  }
}

function flagsOf(compression: Compression): number {
  const { duplicates, exportable, compressorOptions } = SuperblockFlag;
  const { uncompressedInodes, uncompressedData, uncompressedFragments, uncompressedXattrs, uncompressedIds } =
    SuperblockFlag;
  const common = duplicates | exportable;
  switch (compression.kind) {
    case "gzip":
      return common;
    case "lz4":
      return common | compressorOptions;
    case "none":
      return (
        common | uncompressedInodes | uncompressedData | uncompressedFragments | uncompressedXattrs | uncompressedIds
      );
  }
}

function skippedMessage(name: string, count: number): string {
  return `The extended attribute ${name} (of ${count} ${count === 1 ? "set" : "sets"} of attributes) is not stored: SquashFS has only user, trusted and security.`;
}
