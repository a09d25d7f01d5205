import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { toByteString } from "../../../src/bytes/byte-string.ts";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import { SifonError } from "../../../src/errors.ts";
import { SquashfsImage } from "../../../src/squashfs/reader/image.ts";
import { type Tree, treeOfImage } from "../../support/squashfs-tree.ts";

const FOLDER = new URL("../../../fixtures/squashfs/", import.meta.url);
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith(".squashfs"));
const bytesOf = (name: string): Uint8Array => readFileSync(new URL(name, FOLDER));
const TREE = JSON.parse(readFileSync(new URL("tree.json", FOLDER), "utf8")) as Tree;
const open = (name: string): Promise<SquashfsImage> => SquashfsImage.open(bytesAccess(bytesOf(name)));

describe.each(NAMES)("%s", (name) => {
  test("holds what the directory held that it was made from", async () => {
    expect(await treeOfImage(bytesOf(name))).toEqual(TREE);
  });

  test("verifies", async () => {
    const image = await open(name);
    const { inodes, entryCount, fragmentCount } = await image.verifyContent();
    expect(inodes).toEqual({
      file: 219,
      directory: 7,
      symlink: 6,
      charDevice: 1,
      blockDevice: 1,
      fifo: 1,
      socket: 1,
    });
    expect(entryCount).toBe(Object.keys(TREE).length);
    expect(fragmentCount === 0).toBe(name === "gzip-4k.squashfs");
  });

  test("gives each path by lookup() what walk() gives", async () => {
    const image = await open(name);
    for await (const { path, inode } of image.walk()) {
      expect(await image.lookup(`/${path}/`)).toEqual(inode);
      expect(await image.lookup(`${path}!`)).toBeUndefined();
    }
  });

  test("gives by rawPieces() and rawFragmentBlock() the bytes that lie on disk", async () => {
    const image = await open(name);
    const bytes = bytesOf(name);
    for await (const { inode } of image.walk()) {
      if (inode.kind !== "file") continue;
      let size = 0;
      for await (const piece of image.rawPieces(inode)) {
        size += piece.size;
        if (piece.kind === "block") {
          const { offset } = piece;
          expect(Buffer.compare(piece.bytes, bytes.subarray(offset, offset + piece.bytes.length))).toBe(0);
        }
        if (piece.kind === "fragment") {
          const block = await image.rawFragmentBlock(piece.index);
          expect(Buffer.compare(block.bytes, bytes.subarray(block.offset, block.offset + block.bytes.length))).toBe(0);
          expect(block.bytes.length).toBeGreaterThan(0);
        }
      }
      expect(size).toBe(inode.size);
    }
  });

  test("truncated anywhere is a typed error", async () => {
    const bytes = bytesOf(name);
    const { bytesUsed } = (await open(name)).header;
    const step = Math.ceil(bytesUsed / 60);
    for (let size = 0; size < bytesUsed; size += step) {
      await expect(treeOfImage(bytes.slice(0, size))).rejects.toBeInstanceOf(SifonError);
      // The same, with a superblock that says so.
      if (size < 96) continue;
      const patched = bytes.slice(0, size);
      new DataView(patched.buffer).setBigUint64(40, BigInt(size), true);
      await expect(treeOfImage(patched)).rejects.toBeInstanceOf(SifonError);
    }
  });

  test("with one bit changed gives a typed error or an answer", async () => {
    const bytes = bytesOf(name);
    const { bytesUsed } = (await open(name)).header;
    const step = Math.ceil(bytesUsed / 300);
    for (let at = 0; at < bytesUsed; at += at < 96 ? 1 : step) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      try {
        const image = await SquashfsImage.open(bytesAccess(damaged));
        await image.verifyContent();
      } catch (error) {
        expect(error).toBeInstanceOf(SifonError);
      }
    }
  });
});

describe("SquashfsImage", () => {
  test.each<[string, { follow?: boolean }, string | undefined]>([
    ["", {}, "directory"],
    ["/", {}, "directory"],
    ["/dir//sub/./deep/", {}, "directory"],
    ["dir/../dir/sub/../../hello.txt", {}, "file"],
    ["../../hello.txt", {}, "file"],
    ["link", {}, "symlink"],
    ["link", { follow: true }, "file"],
    ["absolute/deep/file", { follow: true }, "file"],
    ["absolute/..", { follow: true }, "directory"],
    ["dangling", { follow: true }, undefined],
    ["dangling", {}, "symlink"],
    ["nothing", {}, undefined],
    ["dir/nothing/more", {}, undefined],
    [toByteString("café ☃"), {}, "file"],
    ["caf\xe9 not utf-8", {}, "file"],
    ["many/file number 199 with a name of some length", {}, "file"],
    ["many/file number 200 with a name of some length", {}, undefined],
  ])("lookup(%j, %j)", async (path, options, kind) => {
    const image = await open("gzip.squashfs");
    expect((await image.lookup(path, options))?.kind).toBe(kind);
  });

  test.each<[string, (image: SquashfsImage) => Promise<unknown>]>([
    ["NOT_FOUND", (image) => image.stat("nothing")],
    ["NOT_A_DIRECTORY", (image) => image.stat("hello.txt/more")],
    ["NOT_A_DIRECTORY", (image) => image.stat("link/more")],
    ["NOT_A_DIRECTORY", (image) => image.readdir("hello.txt").next()],
    ["NOT_A_DIRECTORY", (image) => image.walk("hello.txt").next()],
    ["NOT_A_FILE", (image) => image.readWhole("dir")],
    ["NOT_A_SYMLINK", (image) => image.readlink("hello.txt")],
    ["SYMLINK_LOOP", (image) => image.stat("loop-a", { follow: true })],
    ["FILE_TOO_LARGE", (image) => image.readWhole("text", { limit: 8999 })],
  ])("throws %s (%#)", async (code, use) => {
    const image = await open("gzip.squashfs");
    await expect(use(image)).rejects.toHaveProperty("code", code);
  });

  test("readWhole(), readlink(), readdir(), xattrs() by path", async () => {
    const image = await open("zstd.squashfs");
    expect(Buffer.from(await image.readWhole("link")).toString()).toBe("deep\n");
    expect(await image.readlink("link")).toBe("dir/sub/deep/file");
    const names: string[] = [];
    for await (const { name } of image.readdir("dir")) names.push(name);
    expect(names).toEqual(["hard-1", "sub"]);
    expect((await image.xattrs("attributed/two")).map(({ name }) => name).sort()).toEqual(["user.own", "user.shared"]);
  });

  test.each([
    ["gzip", undefined],
    // Version 1, no flags.
    ["lz4", "0100000000000000"],
    // Dictionary of 128 KiB, filter bit x86.
    ["xz", "0000020001000000"],
  ])("compressorOptions() of %s", async (name, hex) => {
    const options = await (await open(`${name}.squashfs`)).compressorOptions();
    expect(options === undefined ? undefined : Buffer.from(options).toString("hex")).toBe(hex);
  });

  test("walk(path) gives paths from the root", async () => {
    const paths: string[] = [];
    for await (const { path } of (await open("gzip.squashfs")).walk("/dir/sub/")) paths.push(path);
    expect(paths).toEqual(["dir/sub", "dir/sub/deep", "dir/sub/deep/file", "dir/sub/hard-2"]);
  });

  test("walk() and verifyContent() stop when their signal aborts", async () => {
    const image = await open("gzip.squashfs");
    const reason = new Error("enough");
    const walk = image.walk("", { signal: AbortSignal.abort(reason) });
    await walk.next();
    await expect(walk.next()).rejects.toBe(reason);
    await expect(image.verifyContent({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("answers calls that overlap", async () => {
    const image = await open("gzip-4k.squashfs");
    const paths = Object.keys(TREE).filter((path) => TREE[path]?.kind === "file");
    const sizes = await Promise.all(paths.map(async (path) => (await image.readWhole(path)).length));
    expect(sizes).toEqual(paths.map((path) => TREE[path]?.size));
  });
});
