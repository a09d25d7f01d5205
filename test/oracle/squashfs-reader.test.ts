import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openFileAccess, type RandomAccess } from "../../src/bytes/random-access.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import { makeImage, makeSampleTree } from "../support/sample-image.ts";
import { type Tree, type TreeEntry, treeOfDirectory, treeOfImage } from "../support/squashfs-tree.ts";
import { requireTool } from "../support/tools.ts";

let work: string;
const trees: { small?: Tree; large?: Tree } = {};

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "sifon-squashfs-reader-"));
  for (const size of ["small", "large"] as const)
    if (makeSampleTree(join(work, size), size) !== undefined) trees[size] = await treeOfDirectory(join(work, size));
});
afterAll(() => rm(work, { recursive: true, force: true }));

async function withImage<T>(path: string, use: (image: SquashfsImage) => Promise<T>): Promise<T> {
  const source = await openFileAccess(path);
  try {
    return await use(await SquashfsImage.open(source));
  } finally {
    await source.close();
  }
}

const COMPRESSORS = ["gzip", "lz4", "zstd", "xz"] as const;

const OPTIONS: readonly (readonly string[])[] = [
  [],
  ["-no-fragments"],
  ["-always-use-fragments"],
  ["-nopad"],
  ["-no-exports"],
  ["-no-duplicates"],
  ["-no-xattrs"],
  ["-b", "4096"],
  ["-b", "1M"],
  ["-noI", "-noD", "-noF", "-noX"],
  ["-noI", "-noId"],
  ["-all-root"],
  ["-reproducible", "-mkfs-time", "0", "-all-time", "4294967295"],
  ["-tailends", "-b", "8192"],
];

test("fixtures/squashfs/tree.json lists what sample-tree.py makes", async () => {
  // Devices, owners and capabilities take root.
  if (trees.small === undefined || process.getuid?.() !== 0) return;
  const golden = new URL("../../fixtures/squashfs/tree.json", import.meta.url);
  if (process.env.UPDATE_GOLDEN === "1") await writeFile(golden, `${JSON.stringify(trees.small, undefined, 1)}\n`);
  expect(JSON.parse(await readFile(golden, "utf8"))).toEqual(trees.small);
});

describe("SquashfsImage reads what mksquashfs writes", () => {
  describe.each(COMPRESSORS)("%s", (compressor) => {
    test.each([...OPTIONS.map((options) => ["small" as const, options] as const)])("%s %j", async (size, options) => {
      await compare(size, ["-comp", compressor, ...options]);
    });
  });

  // Not xz, with which packing takes most of a minute; its blocks are no other than those of the small tree.
  test.each([
    ["gzip", []],
    ["gzip", ["-b", "4096"]],
    ["zstd", ["-b", "1M", "-no-fragments"]],
    ["lz4", ["-no-exports"]],
  ])("large: %s %j", async (compressor, options) => {
    await compare("large", ["-comp", compressor, ...options]);
  });

  test.each([
    ["gzip", ["-Xcompression-level", "1", "-Xwindow-size", "8"]],
    ["lz4", ["-Xhc"]],
    ["zstd", ["-Xcompression-level", "22"]],
    ["xz", ["-Xbcj", "x86"]],
    ["xz", ["-Xbcj", "x86,arm,armthumb,powerpc,sparc,ia64", "-Xdict-size", "100%"]],
    ["xz", ["-Xdict-size", "8K"]],
  ])("compressor options: %s %j", async (compressor, options) => {
    await compare("small", ["-comp", compressor, ...options]);
  });

  async function compare(size: "small" | "large", options: readonly string[]): Promise<void> {
    const tree = trees[size];
    if (tree === undefined) return;
    const path = await makeImage(join(work, size), join(work, "image.squashfs"), options);
    if (path === undefined) return;
    expect(await treeOfImage(path)).toEqual(expected(tree, options));
    await withImage(path, async (image) => {
      const result = await image.verifyContent();
      expect(result.entryCount).toBe(Object.keys(tree).length);
      expect(Object.values(result.inodes).reduce((a, b) => a + b)).toBe(image.header.inodeCount);
    });
  }

  function expected(tree: Tree, options: readonly string[]): Tree {
    const change: Record<string, unknown> = {};
    if (options.includes("-all-root")) Object.assign(change, { uid: 0, gid: 0 });
    if (options.includes("-no-xattrs")) Object.assign(change, { xattrs: undefined });
    if (options.includes("-all-time")) Object.assign(change, { mtimeSec: 0xffff_ffff });
    return Object.fromEntries(Object.entries(tree).map(([path, entry]) => [path, { ...entry, ...change }])) as Tree;
  }
});

describe("SquashfsImage agrees with unsquashfs", () => {
  test.each(COMPRESSORS)("on an image of %s, extracted", async (compressor) => {
    const unsquashfs = requireTool("unsquashfs", "squashfs-tools");
    if (trees.small === undefined || unsquashfs === undefined) return;
    const path = await makeImage(join(work, "small"), join(work, "x.squashfs"), ["-comp", compressor]);
    if (path === undefined) return;
    const out = join(work, `out-${compressor}`);
    // It can not make a socket's owner and the like without root: then it exits with 2.
    execFileSync(unsquashfs, ["-no-progress", "-quiet", "-d", out, path], { stdio: "pipe" });
    expect(await treeOfImage(path)).toEqual(await treeOfDirectory(out));
  });
});

describe("SquashfsImage reads what squashfs-tools-ng writes", () => {
  test.each(COMPRESSORS)("gensquashfs %s", async (compressor) => {
    const gensquashfs = requireTool("gensquashfs", "squashfs-tools-ng");
    if (trees.small === undefined || gensquashfs === undefined) return;
    const path = join(work, "ng.squashfs");
    const options = ["-q", "-f", "-c", compressor, "-D", join(work, "small"), "--keep-time", "--keep-xattr"];
    execFileSync(gensquashfs, [...options, path], { stdio: "pipe" });
    // It makes all files root's, takes each hard link for a file, drops attributes without a value.
    const without = ["uid", "gid", "linkedWith"] as const;
    const source = await treeOfDirectory(join(work, "small"), { without });
    const { xattrs: _, ...three } = source["attributed/three"] as TreeEntry;
    const root = { ...(source[""] as TreeEntry), mtimeSec: 0 };
    expect(await treeOfImage(path, { without })).toEqual({ ...source, "": root, "attributed/three": three });
    await withImage(path, (image) => image.verifyContent());
  });

  test.each(["gzip", "zstd"])("tar2sqfs %s", async (compressor) => {
    const tar2sqfs = requireTool("tar2sqfs", "squashfs-tools-ng");
    const tar = requireTool("tar");
    if (trees.large === undefined || tar2sqfs === undefined || tar === undefined) return;
    const path = join(work, "tar.squashfs");
    const archive = join(work, "large.tar");
    execFileSync(
      tar,
      ["--xattrs", "--xattrs-include=*", "--format=pax", "-C", join(work, "large"), "-cf", archive, "."],
      {
        stdio: "pipe",
      },
    );
    execFileSync(tar2sqfs, ["-q", "-f", "-c", compressor, path], { input: await readFile(archive), stdio: "pipe" });
    // A tar has no sockets; the hard links that tar2sqfs drops or not are not ours to judge.
    const without = ["linkedWith", "xattrs"] as const;
    const { socket: _, ...rest } = await treeOfDirectory(join(work, "large"), { without });
    const { "": __, ...found } = await treeOfImage(path, { without });
    const { "": ___, ...source } = rest;
    expect(found).toEqual(source);
    await withImage(path, (image) => image.verifyContent());
  });
});

describe("SquashfsImage.lookup()", () => {
  test.each(["gzip", "zstd"])("finds each of 23,000 paths by its index (%s)", async (compressor) => {
    if (trees.large === undefined) return;
    const path = await makeImage(join(work, "large"), join(work, "l.squashfs"), ["-comp", compressor]);
    if (path === undefined) return;
    const paths = Object.keys(trees.large).filter((_, i) => i % 7 === 0);
    await withImage(path, async (image) => {
      const refs = new Map<string, number>();
      for await (const entry of image.walk()) refs.set(entry.path, entry.inode.ref);
      for (const each of paths) expect((await image.lookup(each))?.ref).toBe(refs.get(each));
      for (const each of ["crowd/entry number", "crowd/entry number 0a", "crowd/a", "crowd/z", "zzz"])
        expect(await image.lookup(each)).toBeUndefined();
    });
  });
});

test("SquashfsImage.lookup() in a directory of 20,000 names reads a small part of its tables", async () => {
  if (trees.large === undefined) return;
  const path = await makeImage(join(work, "large"), join(work, "n.squashfs"), ["-noI", "-no-exports"]);
  if (path === undefined) return;
  const source = await openFileAccess(path);
  let read = 0;
  const counting: RandomAccess = {
    ...source,
    read(offset, size) {
      read += size;
      return source.read(offset, size);
    },
  };
  const image = await SquashfsImage.open(counting);
  const { inodeTableStart, bytesUsed } = image.header;
  expect((await image.lookup("crowd/entry number 7777"))?.kind).toBe("file");
  // Windows of 64 KiB: the root's inode and listing, the index, the run, the inode, ids.
  expect(read).toBeLessThan(8 * 65_536);
  expect(bytesUsed - inodeTableStart).toBeGreaterThan(2 * read);
  await source.close();
});

describe("SquashfsImage.fileParts()", () => {
  test("gives any range of a file with holes, blocks and a tail", async () => {
    if (trees.large === undefined) return;
    const path = await makeImage(join(work, "large"), join(work, "r.squashfs"), []);
    if (path === undefined) return;
    await withImage(path, async (image) => {
      for (const name of ["large/sparse", "large/text-5255225", "large/text-131073", "size-4097"]) {
        const inode = await image.stat(name);
        if (inode.kind !== "file") throw new Error(`${name} is a ${inode.kind}`);
        const whole = await image.readWhole(inode, { limit: 1 << 28 });
        expect(createHash("sha256").update(whole).digest("hex")).toBe(trees.large?.[name]?.sha256);
        for (const start of [0, 1, 131_071, 131_072, 131_073, inode.size - 10, inode.size]) {
          for (const size of [0, 1, 5, 131_072, 300_000, inode.size]) {
            const pieces: Uint8Array[] = [];
            for await (const chunk of image.readFile(inode, { start, end: start + size })) pieces.push(chunk);
            expect(Buffer.compare(Buffer.concat(pieces), whole.subarray(start, start + size))).toBe(0);
          }
        }
      }
    });
  });
});
