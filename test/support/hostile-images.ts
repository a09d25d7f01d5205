import { deflateSync } from "node:zlib";
import {
  EXTENDED_FILE_INODE,
  EXTENDED_IPC_INODE,
  FILE_INODE,
  InodeType,
  SYMLINK_INODE,
  XATTR_ID,
  XATTR_KEY,
  XATTR_OUT_OF_LINE,
} from "../../src/squashfs/format.ts";
import {
  buildImage,
  concat,
  deflatedBlock,
  directoryInode,
  ENTRY,
  EXTENDED_FILE,
  FILE,
  type ImageParts,
  inodeHeader,
  listing,
  storedBlock,
  u32,
  u64,
  withRoot,
} from "./squashfs-builder.ts";

/*
 * Small SquashFS images whose makers want readers to take much memory or time. The file or directory that is of
 * interest is "a".
 */

const MIB = 2 ** 20;
const ROOT = directoryInode(1, 0);

/** What no writer makes and no reader must run into. */
export const HOSTILE_IMAGES = {
  "4,294,967,295 inodes": () => absurd({ inodeCount: 0xffff_ffff }),
  "65,535 owners": () => absurd({ idCount: 0xffff }),
  "4,294,967,295 fragments": () => absurd({ fragmentCount: 0xffff_ffff, fragmentTableStart: 100n }),
  "tables in one another": () => absurd({ directoryTableStart: 96n, inodeTableStart: 100n }),
  "a directory in itself": cycle,
  "a metadata block of 64 MiB in 64 KiB": () =>
    buildImage({ inodes: ROOT, encode: () => deflatedBlock(new Uint8Array(64 * MIB)) }),
  "a data block of 64 MiB in 64 KiB": dataBomb,
  "a block of Zstandard of 256 MiB in 8 KiB": zstdBomb,
  "a file of 30 GB, all hole, whose block list is a bomb": () => blockListBomb(0),
  "a file of 30 GB whose blocks are of absurd sizes": () => blockListBomb(1),
  "attributes of 16 MiB on each of 64 files": attributes,
  "200 attribute sets of 64 KiB in 70 KB": manySets,
  "a symlink to itself": symlink,
} satisfies Record<string, () => Uint8Array>;

/** A sound image, to compare with. */
export function soundImage(): Uint8Array {
  return buildImage({ inodes: ROOT });
}

function absurd(superblock: NonNullable<ImageParts["superblock"]>): Uint8Array {
  return buildImage({ inodes: ROOT, superblock });
}

function cycle(): Uint8Array {
  const directories = listing([{ name: "a", type: InodeType.directory, inodeNumber: 1, offset: 0 }]);
  return buildImage({ inodes: directoryInode(1, directories.length), directories });
}

/** A root with one entry, "a", and its inode. */
function oneEntry(type: number, inode: Uint8Array, parts: Partial<ImageParts> = {}): Uint8Array {
  return withRoot(listing([{ ...ENTRY, type }]), inode, parts);
}

function dataBomb(): Uint8Array {
  const data = deflateSync(new Uint8Array(64 * MIB));
  const inode = concat([FILE_INODE.encode({ ...FILE, fileSize: MIB }), u32(data.length)]);
  return oneEntry(InodeType.file, inode, { data, blockSize: MIB });
}

/** A frame without a size whose 2000 blocks repeat one byte 128 KiB each (RFC 8878 §3.1.1.2.2). */
function zstdBomb(): Uint8Array {
  const block = (last: number) => {
    const header = last | (1 << 1) | ((128 * 1024) << 3);
    return Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16, 0);
  };
  const head = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3);
  const data = concat([head, ...Array<Uint8Array>(1999).fill(block(0)), block(1)]);
  const inode = concat([FILE_INODE.encode({ ...FILE, fileSize: 128 * 1024 }), u32(data.length)]);
  return oneEntry(InodeType.file, inode, { data, blockSize: 128 * 1024, compressor: "zstd" });
}

/** The inode table's first bytes, then so many metadata blocks of one content, 8 KiB each in about 30 bytes. */
function tableBomb(head: Uint8Array, size: number, fill: number, parts: Partial<ImageParts>): Uint8Array {
  const first = new Uint8Array(8192).fill(fill);
  first.set(head);
  const blocks = Array<Uint8Array>(Math.ceil(size / 8192) - 1).fill(deflatedBlock(new Uint8Array(8192).fill(fill)));
  const table = concat([deflatedBlock(first), ...blocks]);
  // The builder gets the table as one piece, which it must not cut.
  let calls = 0;
  const encode = (block: Uint8Array) => (calls++ === 0 ? table : storedBlock(block));
  return buildImage({ inodes: new Uint8Array(1), inodeCount: 2, encode, ...parts });
}

/** A file of 7.5 million blocks whose sizes are bytes of this value: a block list of 30 MB in 110 KB. */
function blockListBomb(fill: number): Uint8Array {
  const directories = listing([ENTRY]);
  const count = 7_500_000;
  const inode = EXTENDED_FILE_INODE.encode({ ...EXTENDED_FILE, fileSize: BigInt(count * 4096) });
  const head = concat([directoryInode(1, directories.length), inode]);
  return tableBomb(head, head.length + count * 4, fill, { directories });
}

const key = (name: string): Uint8Array =>
  concat([XATTR_KEY.encode({ type: XATTR_OUT_OF_LINE, nameSize: name.length }), Buffer.from(name)]);
const value = (bytes: Uint8Array): Uint8Array => concat([u32(bytes.length), bytes]);

/** So many fifos, "000" and up, each with the attribute set of its number. */
function fifos(count: number, xattrs: NonNullable<ImageParts["xattrs"]>): Uint8Array {
  const entries = Array.from({ length: count }, (_, i) => ({
    name: String(i).padStart(4, "0"),
    type: InodeType.fifo,
    inodeNumber: 2 + i,
    offset: 32 + 24 * i,
  }));
  const runs: Uint8Array[] = [];
  for (let at = 0; at < count; at += 250) runs.push(listing(entries.slice(at, at + 250)));
  const directories = concat(runs);
  const inodes = entries.map(({ inodeNumber }, i) =>
    EXTENDED_IPC_INODE.encode({ ...inodeHeader(InodeType.extendedFifo, inodeNumber), linkCount: 1, xattrIndex: i }),
  );
  return buildImage({
    inodes: concat([directoryInode(1, directories.length), ...inodes]),
    directories,
    inodeCount: 1 + count,
    xattrs,
    encode: deflatedBlock,
  });
}

/** References to one value of 64 KiB, 250 from each of 64 sets. */
function attributes(): Uint8Array {
  const shared = value(new Uint8Array(65_536));
  // The compressed blocks in front of the references are alike.
  const blockSize = deflatedBlock(new Uint8Array(8192)).length;
  const references = Array.from({ length: 250 }, (_, i) =>
    concat([key(`n${String(i).padStart(4, "0")}`), value(u64(0n))]),
  );
  const keys = concat([shared, new Uint8Array(8192 * 9 - shared.length), ...references]);
  const first = deflatedBlock(keys.subarray(0, 8192)).length;
  const start = BigInt(first + 8 * blockSize) << 16n;
  const ids = concat(Array.from({ length: 64 }, () => XATTR_ID.encode({ reference: start, count: 250, size: 0 })));
  return fifos(64, { keys, ids, count: 64 });
}

/** One attribute of 64 KiB each, the sets a few bytes apart. */
function manySets(): Uint8Array {
  const count = 200;
  const keys: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const name = `n${String(i).padStart(4, "0")}`;
    const one = concat([
      XATTR_KEY.encode({ type: 0, nameSize: name.length }),
      Buffer.from(name),
      value(new Uint8Array(65_536)),
    ]);
    // Each at the beginning of a block.
    keys.push(one, new Uint8Array(9 * 8192 - one.length));
  }
  const all = concat(keys);
  let at = 0;
  const ids: Uint8Array[] = [];
  for (let i = 0; i < all.length; i += 8192) {
    if (i % (9 * 8192) === 0) ids.push(XATTR_ID.encode({ reference: BigInt(at) << 16n, count: 1, size: 0 }));
    at += deflatedBlock(all.subarray(i, i + 8192)).length;
  }
  return fifos(count, { keys: all, ids: concat(ids), count });
}

function symlink(): Uint8Array {
  const inode = concat([
    SYMLINK_INODE.encode({ ...inodeHeader(InodeType.symlink, 2), linkCount: 1, targetSize: 1 }),
    Buffer.from("a"),
  ]);
  return oneEntry(InodeType.symlink, inode);
}

/** Files of the same so many blocks of 1 MiB, 1 KB each on disk: a thousand of each are a terabyte in 5 MB. */
export function sharedBlocks(files: number, blocks: number): Uint8Array {
  const packed = deflateSync(new Uint8Array(MIB));
  const data = concat(Array<Uint8Array>(blocks).fill(packed));
  const words = concat(Array<Uint8Array>(blocks).fill(u32(packed.length)));
  const size = FILE_INODE.size + words.length;
  const blockBytes = 8194;
  const inodes: Uint8Array[] = [];
  const runs: Uint8Array[] = [];
  // One run each, as each begins in another metadata block.
  for (let i = 0; i < files; i++) {
    const at = 48 + i * size;
    inodes.push(FILE_INODE.encode({ ...FILE, inodeNumber: 2 + i, fileSize: blocks * MIB }), words);
    const run = listing([
      { name: String(i).padStart(4, "0"), type: InodeType.file, inodeNumber: 2 + i, offset: at % 8192 },
    ]);
    new DataView(run.buffer).setUint32(4, Math.floor(at / 8192) * blockBytes, true);
    runs.push(run);
  }
  const directories = concat(runs);
  const root = directoryInode(1, directories.length);
  return buildImage({
    inodes: concat([root, new Uint8Array(16), ...inodes]),
    directories,
    inodeCount: 1 + files,
    data,
    blockSize: MIB,
  });
}
