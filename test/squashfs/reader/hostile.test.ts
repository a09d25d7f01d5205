import { randomBytes } from "node:crypto";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import {
  DATA_STORED,
  EXTENDED_FILE_INODE,
  EXTENDED_IPC_INODE,
  FILE_INODE,
  InodeType,
  SYMLINK_INODE,
  XATTR_ID,
  XATTR_KEY,
  XATTR_OUT_OF_LINE,
} from "../../../src/squashfs/format.ts";
import { SquashfsReadError } from "../../../src/squashfs/reader/errors.ts";
import { SquashfsImage } from "../../../src/squashfs/reader/image.ts";
import { HOSTILE_IMAGES, sharedBlocks } from "../../support/hostile-images.ts";
import { liveMemory } from "../../support/live-memory.ts";
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
  u16,
  u32,
  u64,
  withRoot,
} from "../../support/squashfs-builder.ts";

/** Walks, reads everything, verifies; gives what went wrong. */
async function readAll(bytes: Uint8Array): Promise<SquashfsReadError | undefined> {
  try {
    const image = await SquashfsImage.open(bytesAccess(bytes, "hostile"));
    for await (const { inode } of image.walk()) {
      await image.xattrs(inode);
      if (inode.kind === "file") for await (const part of image.fileParts(inode)) void part;
    }
    await image.verifyContent();
    return undefined;
  } catch (error) {
    if (error instanceof SquashfsReadError) return error;
    throw error;
  }
}

const page = new Uint8Array(4096).fill(7);
const oneFile = (inode: Uint8Array, rest: Partial<ImageParts> = {}): Uint8Array =>
  withRoot(listing([ENTRY]), inode, { data: page, ...rest });

/** A file with attributes as given. */
function withXattrs(keys: Uint8Array, count: number, rest: { ids?: Uint8Array; idCount?: number } = {}): Uint8Array {
  const inode = EXTENDED_IPC_INODE.encode({ ...inodeHeader(InodeType.extendedFifo, 2), linkCount: 1, xattrIndex: 0 });
  const ids = rest.ids ?? XATTR_ID.encode({ reference: 0n, count, size: 0 });
  return withRoot(listing([{ ...ENTRY, type: InodeType.fifo }]), inode, {
    xattrs: { keys, ids, count: rest.idCount ?? 1 },
  });
}
const key = (type: number, name: string, nameSize = name.length): Uint8Array =>
  concat([XATTR_KEY.encode({ type, nameSize }), Buffer.from(name)]);
const value = (bytes: Uint8Array, size = bytes.length): Uint8Array => concat([u32(size), bytes]);

describe("images as they should be", () => {
  test.each([
    ["an empty root", buildImage({ inodes: directoryInode(1, 0) })],
    ["compressed tables", buildImage({ inodes: directoryInode(1, 0), encode: deflatedBlock })],
    ["a stored block", oneFile(concat([FILE_INODE.encode(FILE), u32(DATA_STORED | 4096)]))],
    ["a hole", oneFile(concat([FILE_INODE.encode(FILE), u32(0)]))],
    ["a value in line", withXattrs(concat([key(0, "a"), value(Uint8Array.of(1))]), 1)],
    [
      "a value out of line",
      withXattrs(concat([key(XATTR_OUT_OF_LINE, "a"), value(u64(17n)), value(Uint8Array.of(1, 2))]), 1),
    ],
  ])("%s", async (_, image) => {
    expect(await readAll(image)).toBeUndefined();
  });
});

describe("superblock", () => {
  const ok: ImageParts = { inodes: directoryInode(1, 0) };
  test.each<[string, Partial<NonNullable<ImageParts["superblock"]>>]>([
    ["NOT_SQUASHFS", { magic: 0x71736873 }],
    ["VERSION_UNSUPPORTED", { versionMajor: 3, versionMinor: 1 }],
    ["VERSION_UNSUPPORTED", { versionMinor: 1 }],
    ["SUPERBLOCK_INVALID", { blockSize: 2048, blockLog: 11 }],
    ["SUPERBLOCK_INVALID", { blockSize: 1 << 21, blockLog: 21 }],
    ["SUPERBLOCK_INVALID", { blockSize: 4097 }],
    ["SUPERBLOCK_INVALID", { blockLog: 13 }],
    ["SUPERBLOCK_INVALID", { compressor: 0 }],
    ["SUPERBLOCK_INVALID", { compressor: 7 }],
    ["COMPRESSOR_UNSUPPORTED", { compressor: 2 }],
    ["COMPRESSOR_UNSUPPORTED", { compressor: 3 }],
    ["SUPERBLOCK_INVALID", { idCount: 0 }],
    ["SUPERBLOCK_INVALID", { inodeCount: 0 }],
    ["TABLE_MISPLACED", { inodeCount: 0xffff_ffff }],
    ["TABLE_MISPLACED", { idCount: 0xffff }],
    ["TABLE_MISPLACED", { fragmentCount: 1 }],
    ["TABLE_MISPLACED", { fragmentCount: 0xffff_ffff, fragmentTableStart: 100n }],
    ["TABLE_MISPLACED", { exportTableStart: 100n }],
    ["TABLE_MISPLACED", { xattrTableStart: 100n }],
    ["TABLE_MISPLACED", { inodeTableStart: 0n }],
    ["TABLE_MISPLACED", { directoryTableStart: 96n, inodeTableStart: 100n }],
    ["IMAGE_TRUNCATED", { bytesUsed: 1_000_000n }],
    ["SUPERBLOCK_INVALID", { bytesUsed: 95n }],
    ["SUPERBLOCK_INVALID", { bytesUsed: 2n ** 63n }],
    ["SUPERBLOCK_INVALID", { idTableStart: 2n ** 64n - 1n }],
    ["SUPERBLOCK_INVALID", { rootInode: 2n ** 48n }],
    ["REFERENCE_OUTSIDE", { rootInode: 2n ** 47n }],
    ["REFERENCE_OUTSIDE", { rootInode: 33n }],
    ["REFERENCE_OUTSIDE", { rootInode: 8192n }],
    // Options are said to be there, but the inode table begins at once.
    ["REFERENCE_OUTSIDE", { flags: 0x400 }],
  ])("%s (%#)", async (code, superblock) => {
    const error = await readAll(buildImage({ ...ok, superblock }));
    expect(error?.code).toBe(code);
    expect(error?.message).toContain('"hostile"');
  });

  test("NOT_SQUASHFS for a file of 95 bytes", async () => {
    expect((await readAll(new Uint8Array(95)))?.code).toBe("NOT_SQUASHFS");
  });
});

describe("metadata blocks", () => {
  const root = directoryInode(1, 0);
  test.each<[string, (block: Uint8Array) => Uint8Array]>([
    ["METADATA_EMPTY", () => u16(0x8000)],
    ["METADATA_EMPTY", () => u16(0)],
    ["METADATA_OVERSIZE", () => concat([u16(0x8000 | 8193), new Uint8Array(8193)])],
    ["METADATA_OVERSIZE", () => concat([u16(0x2001), new Uint8Array(0x2001)])],
    ["METADATA_TRUNCATED", (block) => concat([u16(0x8000 | 8000), block])],
    ["METADATA_CORRUPT", (block) => concat([u16(block.length), block])],
    ["METADATA_CORRUPT", () => deflatedBlock(new Uint8Array(8193))],
    // 8 MB of zeros in 8 KB: a bomb that must not be blown up to be refused.
    ["METADATA_CORRUPT", () => deflatedBlock(new Uint8Array(8_000_000))],
  ])("%s", async (code, encode) => {
    // Only the inode table, which comes first, is changed.
    let calls = 0;
    const image = buildImage({ inodes: root, encode: (block) => (calls++ === 0 ? encode(block) : storedBlock(block)) });
    expect((await readAll(image))?.code).toBe(code);
  });

  test("METADATA_SHORT for a short block in the middle of a record", async () => {
    let calls = 0;
    const inodes = concat([root, new Uint8Array(9000)]);
    const halve = (block: Uint8Array) =>
      calls++ === 0
        ? concat([storedBlock(block.subarray(0, 20)), storedBlock(block.subarray(20))])
        : storedBlock(block);
    expect((await readAll(buildImage({ inodes, encode: halve })))?.code).toBe("METADATA_SHORT");
  });
});

describe("inodes", () => {
  const symlink = (targetSize: number, target: string): Uint8Array =>
    concat([
      SYMLINK_INODE.encode({ ...inodeHeader(InodeType.symlink, 2), linkCount: 1, targetSize }),
      Buffer.from(target),
    ]);
  const link = listing([{ ...ENTRY, type: InodeType.symlink }]);
  test.each<[string, Uint8Array]>([
    ["INODE_INVALID", buildImage({ inodes: directoryInode(0, 0) })],
    ["INODE_INVALID", buildImage({ inodes: directoryInode(2, 0) })],
    ["NOT_A_DIRECTORY", buildImage({ inodes: concat([FILE_INODE.encode({ ...FILE, inodeNumber: 1 }), u32(0)]) })],
    ["INODE_INVALID", withRoot(link, symlink(0, ""))],
    ["INODE_INVALID", withRoot(link, symlink(4096, "x".repeat(4096)))],
    ["INODE_INVALID", withRoot(link, symlink(0xffff_ffff, "x"))],
    ["INODE_INVALID", withRoot(link, symlink(3, "a\0b"))],
    ["METADATA_TRUNCATED", withRoot(link, symlink(100, "x"))],
    ["INODE_INVALID", oneFile(FILE_INODE.encode({ ...FILE, type: 0 }))],
    ["INODE_INVALID", oneFile(FILE_INODE.encode({ ...FILE, type: 15 }))],
    ["INODE_INVALID", oneFile(FILE_INODE.encode({ ...FILE, uidIndex: 1 }))],
    ["INODE_INVALID", oneFile(FILE_INODE.encode({ ...FILE, gidIndex: 0xffff }))],
    ["INODE_INVALID", oneFile(EXTENDED_FILE_INODE.encode({ ...EXTENDED_FILE, fileSize: 2n ** 63n }))],
    ["INODE_INVALID", oneFile(EXTENDED_FILE_INODE.encode({ ...EXTENDED_FILE, blocksStart: 2n ** 64n - 1n }))],
    // 2^52 bytes in blocks of 4096 would take a block list of four terabytes.
    ["INODE_INVALID", oneFile(EXTENDED_FILE_INODE.encode({ ...EXTENDED_FILE, fileSize: 2n ** 52n }))],
    ["INODE_INVALID", oneFile(FILE_INODE.encode({ ...FILE, fileSize: 0xffff_ffff }))],
    ["REFERENCE_OUTSIDE", oneFile(FILE_INODE.encode({ ...FILE, fileSize: 40_960 }))],
    ["METADATA_TRUNCATED", oneFile(concat([FILE_INODE.encode({ ...FILE, fileSize: 40_960 }), u32(0)]))],
    ["DIRECTORY_INVALID", oneFile(concat([FILE_INODE.encode({ ...FILE, inodeNumber: 1 }), u32(0)]))],
    ["XATTR_INVALID", withXattrs(key(3, "a"), 1)],
    ["REFERENCE_OUTSIDE", oneFile(concat([EXTENDED_FILE_INODE.encode({ ...EXTENDED_FILE, xattrIndex: 0 }), u32(0)]))],
  ])("%s (%#)", async (code, image) => {
    expect((await readAll(image))?.code).toBe(code);
  });
});

describe("directories", () => {
  const inode = concat([FILE_INODE.encode(FILE), u32(0)]);
  const folder = { ...ENTRY, type: InodeType.directory };
  test.each<[string, Uint8Array]>([
    ["NAME_INVALID", withRoot(listing([{ ...ENTRY, name: "../x" }]), inode)],
    ["NAME_INVALID", withRoot(listing([{ ...ENTRY, name: "/" }]), inode)],
    ["NAME_INVALID", withRoot(listing([{ ...ENTRY, name: "a\0" }]), inode)],
    ["NAME_INVALID", withRoot(listing([{ ...ENTRY, name: "." }]), inode)],
    ["NAME_INVALID", withRoot(listing([{ ...ENTRY, name: ".." }]), inode)],
    ["NAME_INVALID", withRoot(listing([{ ...ENTRY, name: "n".repeat(256) }]), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([{ ...ENTRY, name: "b" }, ENTRY]), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([ENTRY, ENTRY]), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([{ ...ENTRY, type: 8 }]), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([{ ...ENTRY, type: 0 }]), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([{ ...ENTRY, type: InodeType.fifo }]), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([{ ...ENTRY, inodeNumber: 1 }]), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([ENTRY], 1), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([ENTRY], 256), inode)],
    ["DIRECTORY_INVALID", withRoot(listing([ENTRY], 0xffff_ffff), inode)],
    ["REFERENCE_OUTSIDE", withRoot(listing([{ ...ENTRY, offset: 9000 }]), inode)],
    // The root in itself, and one directory under two names.
    ["DIRECTORY_LOOP", withRoot(listing([{ ...folder, inodeNumber: 1, offset: 0 }]), inode)],
    ["DIRECTORY_LOOP", withRoot(listing([folder, { ...folder, name: "b" }]), directoryInode(2, 0))],
    // A listing that is larger than the table, by its inode.
    ["METADATA_TRUNCATED", buildImage({ inodes: directoryInode(1, 5000), directories: listing([], 0) })],
    ["REFERENCE_OUTSIDE", buildImage({ inodes: directoryInode(1, 20, 9), directories: new Uint8Array(8) })],
    [
      "REFERENCE_OUTSIDE",
      buildImage({ inodes: directoryInode(1, 20, 0, 0xffff_ffff), directories: new Uint8Array(8) }),
    ],
  ])("%s (%#)", async (code, image) => {
    expect((await readAll(image))?.code).toBe(code);
  });

  test("PATH_TOO_LONG for directories in directories without end in sight", async () => {
    // Each a directory of one entry, the next one; names of 255 bytes.
    const depth = 200;
    const inodes: Uint8Array[] = [];
    const listings: Uint8Array[] = [];
    for (let i = 0; i < depth; i++) {
      const entry = { name: "d".repeat(255), type: InodeType.directory, inodeNumber: i + 2, offset: (i + 1) * 32 };
      const run = listing([entry]);
      const at = i * run.length;
      // Stored blocks are 8194 bytes on disk.
      inodes.push(directoryInode(i + 1, run.length, at % 8192, Math.floor(at / 8192) * 8194));
      listings.push(run);
    }
    inodes.push(directoryInode(depth + 1, 0));
    const image = buildImage({ inodes: concat(inodes), directories: concat(listings), inodeCount: depth + 1 });
    expect((await readAll(image))?.code).toBe("PATH_TOO_LONG");
  });

  test("DIRECTORY_INVALID for many directories that share one listing", async () => {
    // The fifos are one inode: 200 directories × 150 names.
    const shared = listing(
      Array.from({ length: 150 }, (_, i) => ({
        name: `f${String(i).padStart(3, "0")}`,
        type: InodeType.fifo,
        inodeNumber: 2,
        offset: 32,
      })),
    );
    const fifo = concat([directoryInode(2, 0)]);
    const folders = Array.from({ length: 200 }, (_, i) => ({
      name: `d${String(i).padStart(3, "0")}`,
      type: InodeType.directory,
      inodeNumber: 3 + i,
      offset: 64 + 32 * i,
    }));
    const root = listing(folders);
    const image = buildImage({
      inodes: concat([
        directoryInode(1, root.length, shared.length),
        fifo,
        ...folders.map(({ inodeNumber }) => directoryInode(inodeNumber, shared.length)),
      ]),
      directories: concat([shared, root]),
      inodeCount: 202,
    });
    expect((await readAll(image))?.code).toBe("DIRECTORY_INVALID");
  });
});

describe("file content", () => {
  const packed = deflateSync(page);
  const withBlock = (word: number, data: Uint8Array, change: Partial<typeof FILE> = {}): Uint8Array =>
    oneFile(concat([FILE_INODE.encode({ ...FILE, ...change }), u32(word)]), { data });
  const tail = { fragmentIndex: 0, fileSize: 100 };
  const fragmentAt = (blockStart: bigint, blockSize: number): Partial<ImageParts> => ({
    fragments: [{ blockStart, blockSize }],
  });
  test.each<[string, Uint8Array]>([
    ["BLOCK_INVALID", withBlock(DATA_STORED | 4097, new Uint8Array(5000))],
    ["BLOCK_INVALID", withBlock(0x0200_0000, page)],
    ["BLOCK_INVALID", withBlock(DATA_STORED, page)],
    ["BLOCK_INVALID", withBlock(DATA_STORED, page, { blocksStart: 0xffff_ffff })],
    ["BLOCK_INVALID", withBlock(DATA_STORED | 4096, page, { blocksStart: 95 })],
    ["BLOCK_INVALID", withBlock(DATA_STORED | 4096, page, { blocksStart: 97 })],
    ["BLOCK_INVALID", withBlock(DATA_STORED | 4096, page, { blocksStart: 0xffff_ffff })],
    ["BLOCK_CORRUPT", withBlock(DATA_STORED | 4095, page)],
    [
      "BLOCK_CORRUPT",
      withBlock(
        packed.length,
        packed.map((byte, i) => (i < packed.length - 1 ? byte : byte ^ 1)),
      ),
    ],
    ["BLOCK_CORRUPT", withBlock(packed.length - 1, packed)],
    ["BLOCK_CORRUPT", withBlock(packed.length, packed, { fileSize: 4095 })],

    ["BLOCK_CORRUPT", withBlock(deflateSync(new Uint8Array(3_000_000)).length, deflateSync(new Uint8Array(3_000_000)))],
    ["REFERENCE_OUTSIDE", oneFile(FILE_INODE.encode({ ...FILE, ...tail }))],
    [
      "REFERENCE_OUTSIDE",
      oneFile(FILE_INODE.encode({ ...FILE, ...tail, fragmentIndex: 1 }), fragmentAt(96n, DATA_STORED | 4096)),
    ],
    ["BLOCK_INVALID", oneFile(FILE_INODE.encode({ ...FILE, ...tail }), fragmentAt(96n, 0))],
    ["BLOCK_INVALID", oneFile(FILE_INODE.encode({ ...FILE, ...tail }), fragmentAt(2n ** 63n, DATA_STORED | 4096))],
    ["BLOCK_INVALID", oneFile(FILE_INODE.encode({ ...FILE, ...tail }), fragmentAt(97n, DATA_STORED | 4096))],
    [
      "BLOCK_INVALID",
      oneFile(FILE_INODE.encode({ ...FILE, ...tail, fragmentOffset: 3997 }), fragmentAt(96n, DATA_STORED | 4096)),
    ],
    [
      "BLOCK_INVALID",
      oneFile(
        FILE_INODE.encode({ ...FILE, ...tail, fragmentOffset: 0xffff_ffff }),
        fragmentAt(96n, DATA_STORED | 4096),
      ),
    ],
  ])("%s (%#)", async (code, image) => {
    expect((await readAll(image))?.code).toBe(code);
  });
});

describe("what is small on disk and large once read", () => {
  test("a file of 30 GB, all hole, whose block list is a bomb", async () => {
    // 3,662 metadata blocks of zeros in 110 KB: 7.5 million holes of 4096 bytes.
    const blocks = 7_500_000;
    const image = HOSTILE_IMAGES["a file of 30 GB, all hole, whose block list is a bomb"]();
    expect(image.length).toBeLessThan(150_000);
    const bytes = bytesAccess(image);
    let reads = 0;
    let highest = 0;
    const opened = await SquashfsImage.open({
      ...bytes,
      read(offset, length) {
        reads++;
        highest = Math.max(highest, liveMemory());
        return bytes.read(offset, length);
      },
    });
    const file = await opened.stat("a");
    if (file.kind !== "file") throw new Error(file.kind);
    const before = liveMemory();
    let size = 0;
    let parts = 0;
    for await (const part of opened.fileParts(file)) {
      parts++;
      size += part instanceof Uint8Array ? part.length : part.zeros;
    }
    expect([size, parts]).toEqual([blocks * 4096, 1]);
    await opened.verifyContent();
    highest = Math.max(highest, liveMemory());
    expect(reads).toBeGreaterThan(5);
    // The inode table inflated is 30 MB, and a place for each hole would be far more.
    expect(highest - before).toBeLessThan(16 * 1024 * 1024);
  });
});

describe("extended attributes", () => {
  const long = new Uint8Array(65_536);
  test.each<[string, Uint8Array]>([
    ["XATTR_INVALID", withXattrs(key(0, ""), 1)],
    ["XATTR_INVALID", withXattrs(concat([key(0, "n".repeat(251)), value(long)]), 1)],
    ["XATTR_INVALID", withXattrs(key(0x200, "a"), 1)],
    ["XATTR_INVALID", withXattrs(concat([key(0, "a\0"), value(long)]), 1)],
    ["XATTR_INVALID", withXattrs(concat([key(0, "a"), value(long, 65_537)]), 1)],
    ["METADATA_TRUNCATED", withXattrs(concat([key(0, "a"), value(Uint8Array.of(1), 9)]), 1)],
    ["METADATA_TRUNCATED", withXattrs(concat([key(0, "a"), value(Uint8Array.of(1))]), 2)],
    ["METADATA_TRUNCATED", withXattrs(concat([key(0, "a"), value(Uint8Array.of(1))]), 0xffff_ffff)],
    ["XATTR_INVALID", withXattrs(concat([key(XATTR_OUT_OF_LINE, "a"), value(u64(0n), 7)]), 1)],
    ["REFERENCE_OUTSIDE", withXattrs(concat([key(XATTR_OUT_OF_LINE, "a"), value(u64(2n ** 63n))]), 1)],
    ["REFERENCE_OUTSIDE", withXattrs(concat([key(XATTR_OUT_OF_LINE, "a"), value(u64(8000n))]), 1)],
    [
      "REFERENCE_OUTSIDE",
      withXattrs(key(0, "a"), 1, { ids: XATTR_ID.encode({ reference: 2n ** 63n, count: 1, size: 0 }) }),
    ],
    ["TABLE_MISPLACED", withXattrs(key(0, "a"), 1, { idCount: 513 })],
    ["TABLE_MISPLACED", withXattrs(key(0, "a"), 1, { idCount: 0xffff_ffff })],
  ])("%s (%#)", async (code, image) => {
    expect((await readAll(image))?.code).toBe(code);
  });

  test("XATTR_INVALID where many names share a value, to gigabytes", async () => {
    // 4000 references to one value of 64 KiB: 250 MiB out of less than 100 KiB.
    const references: Uint8Array[] = [];
    for (let i = 0; i < 4000; i++)
      references.push(key(XATTR_OUT_OF_LINE, `n${String(i).padStart(4, "0")}`), value(u64(0n)));
    const keys = concat([value(long), ...references]);
    // The value takes the first 65,540 bytes: eight full blocks and four bytes.
    const start = BigInt(8 * 8194) << 16n;
    const ids = XATTR_ID.encode({ reference: start | 4n, count: 4000, size: 0 });
    expect((await readAll(withXattrs(keys, 0, { ids })))?.code).toBe("XATTR_INVALID");
  });
});

describe("verifyContent()", () => {
  const inode = concat([FILE_INODE.encode(FILE), u32(0)]);
  test.each<[string, Uint8Array]>([
    ["more inodes than are reached", withRoot(listing([ENTRY]), inode, { inodeCount: 3 })],
    ["an export table that leads elsewhere", withRoot(listing([ENTRY]), inode, { exports: [0, 33] })],
    ["one inode with two names but one link", withRoot(listing([ENTRY, { ...ENTRY, name: "b" }]), inode)],
    [
      "fewer names than links",
      oneFile(concat([EXTENDED_FILE_INODE.encode({ ...EXTENDED_FILE, linkCount: 2 }), u32(0)])),
    ],
    [
      "blocks that overlap",
      withRoot(
        listing([ENTRY, { ...ENTRY, name: "b", inodeNumber: 3, offset: 68 }]),
        concat([
          concat([FILE_INODE.encode(FILE), u32(DATA_STORED | 4096)]),
          concat([FILE_INODE.encode({ ...FILE, inodeNumber: 3, blocksStart: 100 }), u32(DATA_STORED | 4096)]),
        ]),
        { data: new Uint8Array(5000), inodeCount: 3 },
      ),
    ],
  ])("finds %s", async (_, image) => {
    expect((await readAll(image))?.code).toBe("CONTENT_MISMATCH");
  });

  test("decompresses what files share once", async () => {
    const bytes = bytesAccess(sharedBlocks(300, 2));
    const reads: number[] = [];
    const opened = await SquashfsImage.open({
      ...bytes,
      read(offset, length) {
        reads.push(offset);
        return bytes.read(offset, length);
      },
    });
    expect(await opened.verifyContent()).toMatchObject({ blockCount: 2, fileSize: 600 * 2 ** 20 });
    expect(reads.filter((offset) => offset === 96)).toHaveLength(1);
  });

  test("names the first damaged block, whichever is found first", async () => {
    // A large block that is damaged at its very end, and small ones behind it that are damaged at once.
    const slow = deflateSync(randomBytes(2 ** 20 - 4096), { level: 1 });
    slow.fill(0xff, slow.length - 4);
    const broken = new Uint8Array(64).fill(0xff);
    const inode = concat([
      FILE_INODE.encode({ ...FILE, fileSize: 4 * 2 ** 20 }),
      ...[slow, broken, broken, broken].map(({ length }) => u32(length)),
    ]);
    const image = oneFile(inode, { data: concat([slow, broken, broken, broken]), blockSize: 2 ** 20 });
    const opened = await SquashfsImage.open(bytesAccess(image));
    await expect(opened.verifyContent()).rejects.toMatchObject({ code: "BLOCK_CORRUPT", details: { offset: 96 } });
  });
});
