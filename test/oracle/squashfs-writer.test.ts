import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Compression } from "../../src/wasm/compression.ts";
import {
  buildImage,
  expectedTree,
  type Item,
  type Items,
  noise,
  prose,
  xattr,
} from "../squashfs/writer/image-builder.ts";
import { mustRun, runCommand } from "../support/command.ts";
import { requireRoot, withMounted } from "../support/squashfs-mount.ts";
import { type Tree, type TreeEntry, treeOfDirectory } from "../support/squashfs-tree.ts";
import { requireTool } from "../support/tools.ts";

const BLOCK = 4096;

/** Every kind of inode, basic and extended, with contents of every shape. */
function everything(): Items {
  const items: Record<string, Items[string]> = {};
  const label = xattr("user.label", "a label that many files share, so it is stored once");
  items["kinds"] = { kind: "directory", mode: 0o1777, uid: 7, gid: 8, mtimeSec: 1 };
  for (const [suffix, xattrs] of [
    ["", undefined],
    ["-x", [label]],
  ] as const) {
    const extra = xattrs === undefined ? {} : { xattrs };
    // Linux has no user.* on symlinks and devices.
    const trusted = xattrs === undefined ? {} : { xattrs: [xattr("trusted.label", label.value)] };
    items[`kinds/dir${suffix}`] = { kind: "directory", mode: 0o2750, ...extra };
    items[`kinds/file${suffix}`] = { kind: "file", mode: 0o4755, content: prose(10, 1), ...extra };
    items[`kinds/empty${suffix}`] = { kind: "file", mode: 0, ...extra };
    items[`kinds/symlink${suffix}`] = { kind: "symlink", mode: 0o777, target: "../somewhere/\xe9", ...trusted };
    items[`kinds/char${suffix}`] = { kind: "charDevice", mode: 0o600, device: [4095, 1048575], ...trusted };
    items[`kinds/block${suffix}`] = { kind: "blockDevice", mode: 0o660, device: [8, 300], ...trusted };
    items[`kinds/fifo${suffix}`] = { kind: "fifo", mode: 0o622, uid: 4294967294, gid: 100_000, ...trusted };
    items[`kinds/socket${suffix}`] = { kind: "socket", mode: 0o777, mtimeSec: 2_147_483_647, ...trusted };
  }
  items["links"] = { kind: "directory" };
  for (const name of ["file", "file-x", "symlink", "char", "fifo-x"]) {
    items[`links/${name}`] = { linkTo: `kinds/${name}` };
    items[`links/${name}-again`] = { linkTo: `kinds/${name}` };
  }
  items["contents"] = { kind: "directory" };
  for (const size of [1, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK, 7 * BLOCK + 100]) {
    items[`contents/prose-${size}`] = { kind: "file", content: prose(size, size) };
    items[`contents/noise-${size}`] = { kind: "file", content: noise(size, size) };
    items[`contents/again-${size}`] = { kind: "file", content: noise(size, size) };
    items[`contents/hole-${size}`] = { kind: "file", content: [{ zeros: size }] };
    items[`contents/mixed-${size}`] = { kind: "file", content: [prose(BLOCK, 5), { zeros: size }, noise(size, 3)] };
  }
  items["contents/sparse-5G"] = { kind: "file", content: [{ zeros: 5 * 2 ** 30 }, prose(5, 1)] };
  items["names"] = { kind: "directory" };
  for (let i = 0; i < 700; i++) items[`names/${`${i}`.padStart(255, "n")}`] = { kind: "file", mode: i & 0o777 };
  items["names/no UTF-8 \xff\xfe\n"] = { kind: "directory" };
  items["xattrs"] = { kind: "directory" };
  // Not empty: squashfuse reports an empty value as missing.
  for (let i = 0; i < 600; i++)
    items[`xattrs/${i}`] = {
      kind: "file",
      xattrs: [xattr(`user.n${i}`, noise(1 + i * 5, i)), label, xattr("security.ima", `${i % 3}`)],
    };
  return items;
}

const ROOT: Item = { kind: "directory", mode: 0o755, uid: 1, gid: 2, xattrs: [xattr("user.root", "yes")] };
const ITEMS = everything();
// Reading 5 GiB of zeros in each reader takes long: their size and place are looked at, their bytes are not.
const HUGE = "contents/sparse-5G";

function without(tree: Tree, path: string): Record<string, TreeEntry> {
  const { [path]: _, ...rest } = tree;
  return rest;
}

function withoutLinks(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => {
      const copy: { -readonly [K in keyof TreeEntry]: TreeEntry[K] } = { ...entry };
      delete copy.linkedWith;
      return [path, copy];
    }),
  );
}

function swapPrefix(name: string): string {
  if (name.startsWith("trusted.")) return name.replace("trusted.", "security.");
  return name.replace(/^security\./, "trusted.");
}

const COMPRESSIONS: Record<string, Compression> = {
  gzip: { kind: "gzip", level: "default" },
  LZ4: { kind: "lz4", level: "fast" },
  none: { kind: "none" },
};

describe.each(Object.keys(COMPRESSIONS))("what SquashfsWriter writes (%s) is read by", (kind) => {
  let work: string;
  let image: string;
  const small = Object.fromEntries(Object.entries(ITEMS).filter(([path]) => path !== HUGE));

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), "sifon-squashfs-writer-"));
    image = join(work, "image.sqfs");
    const compression = COMPRESSIONS[kind] as Compression;
    await writeFile(image, (await buildImage(small, { root: ROOT, compression, workers: 1 })).bytes);
  });
  afterAll(() => rm(work, { recursive: true, force: true }));

  it("unsquashfs", async () => {
    const tool = requireTool("unsquashfs", "squashfs-tools");
    if (tool === undefined || !requireRoot()) return;
    const directory = join(work, "unsquashfs");
    const { stderr } = await runCommand(tool, ["-no-progress", "-d", directory, image]);
    expect(stderr).toBe("");
    expect(await treeOfDirectory(directory)).toEqual(expectedTree(small, ROOT));
    // Holes come out as holes.
    const listing = await mustRun(tool, ["-lls", image]);
    expect(listing.stdout.split("\n").length).toBeGreaterThan(Object.keys(small).length);
  });

  it("rdsquashfs", async () => {
    const tool = requireTool("rdsquashfs", "squashfs-tools-ng");
    if (tool === undefined || !requireRoot()) return;
    const directory = join(work, "rdsquashfs");
    await mustRun("mkdir", [directory]);
    // It makes hard links into files of their own.
    await mustRun(tool, [
      "--unpack-path",
      "/",
      "--unpack-root",
      directory,
      "--chmod",
      "--chown",
      "--set-times",
      "--set-xattr",
      "--quiet",
      image,
    ]);
    const found = await treeOfDirectory(directory, { without: ["linkedWith"] });
    expect(without(found, "")).toEqual(without(withoutLinks(expectedTree(small, ROOT)), ""));
    const { stdout } = await mustRun(tool, ["--describe", image]);
    expect(stdout).toContain("nod kinds/char 0600 0 0 c 4095 1048575");
  });

  it("squashfuse", async () => {
    const tool = requireTool("squashfuse");
    if (tool === undefined || !requireRoot()) return;
    // It numbers every name, and calls trusted.* security.* and the other way round.
    const without = ["linkedWith"] as const;
    const mount = (folder: string) => mustRun(tool, [image, folder]);
    const found = await withMounted(mount, (folder) => treeOfDirectory(folder, { without }));
    const swapped: Record<string, TreeEntry> = {};
    for (const [path, { xattrs, ...entry }] of Object.entries(withoutLinks(expectedTree(small, ROOT)))) {
      const names = Object.entries(xattrs ?? {}).map(([name, value]) => [swapPrefix(name), value]);
      swapped[path] = names.length === 0 ? entry : { ...entry, xattrs: Object.fromEntries(names) };
    }
    expect(found).toEqual(swapped);
  });

  it("the kernel", async () => {
    if (!requireRoot()) return;
    const mount = (folder: string) => mustRun("mount", ["-t", "squashfs", "-o", "loop,ro", image, folder]);
    const tree = await withMounted(mount, (folder) => treeOfDirectory(folder));
    expect(tree).toEqual(expectedTree(small, ROOT));
  });
});

describe("what SquashfsWriter writes is of the form that the kernel and unsquashfs expect:", () => {
  async function withKernel<T>(
    items: Items,
    use: (folder: string, image: string) => Promise<T>,
  ): Promise<T | undefined> {
    if (!requireRoot()) return undefined;
    const work = await mkdtemp(join(tmpdir(), "sifon-squashfs-writer-"));
    try {
      const image = join(work, "image.sqfs");
      await writeFile(image, (await buildImage(items, { blockSize: 131072 })).bytes);
      return await withMounted(
        (folder) => mustRun("mount", ["-t", "squashfs", "-o", "loop,ro", image, folder]),
        (folder) => use(folder, image),
      );
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  it("sparse files count no blocks", async () => {
    await withKernel({ a: { kind: "file", content: [{ zeros: 5 * 2 ** 30 }, prose(5, 1)] } }, async (folder, image) => {
      const { stdout } = await mustRun("stat", ["-c", "%s %b", join(folder, "a")]);
      expect(stdout.trim()).toBe(`${5 * 2 ** 30 + 5} 1`);
      expect((await mustRun("tail", ["-c", "5", join(folder, "a")])).stdoutBytes).toEqual(prose(5, 1));
      const tool = requireTool("unsquashfs", "squashfs-tools");
      if (tool !== undefined) expect((await mustRun(tool, ["-ll", image])).stdout).toContain(`${5 * 2 ** 30 + 5}`);
    });
  });

  it("every name of 100,000 in a directory is found by its index", async () => {
    const items: Record<string, Item> = { d: { kind: "directory" } };
    for (let i = 0; i < 100_000; i++) items[`d/entry-${i}`] = { kind: "file", mode: i & 0o777 };
    await withKernel(items, async (folder, image) => {
      const list = await mustRun("sh", ["-c", 'ls -f "$1" | wc -l', "-", join(folder, "d")]);
      expect(Number(list.stdout)).toBe(100_002);
      // Not ls -l: stat of a name alone goes through the index.
      const some = [0, 1, 10, 99, 12_345, 54_321, 99_999].map((i) => join(folder, `d/entry-${i}`));
      const { stdout } = await mustRun("stat", ["-c", "%a", ...some]);
      expect(stdout.trim().split("\n")).toEqual(["0", "1", "12", "143", "71", "61", "237"]);
      expect((await runCommand("stat", [join(folder, "d/entry-100000")])).code).toBe(1);
      const tool = requireTool("unsquashfs", "squashfs-tools");
      if (tool !== undefined)
        expect((await mustRun(tool, ["-l", image])).stdout.split("\n").length).toBeGreaterThan(100_000);
    });
  });

  it("files fill metadata blocks to the brim and beyond", async () => {
    const tool = requireTool("unsquashfs", "squashfs-tools");
    if (tool === undefined) return;
    const work = await mkdtemp(join(tmpdir(), "sifon-squashfs-writer-"));
    // 32 bytes of inode per file: 256 fill a metadata block; 8192 bytes of listing hold some 580 names.
    for (const count of [1, 254, 255, 256, 257, 511, 512, 513, 560, 600, 1023, 1024, 1025]) {
      const items: Record<string, Item> = {};
      for (let i = 0; i < count; i++) items[`${i}`.padStart(6, "0")] = { kind: "file", uid: i, gid: i };
      const image = join(work, "image.sqfs");
      await writeFile(image, (await buildImage(items)).bytes);
      const { stdout, stderr } = await mustRun(tool, ["-lln", image]);
      expect(stderr).toBe("");
      expect(stdout).toContain(`${count - 1}/${count - 1}`);
      expect(stdout.match(/squashfs-root\//g)?.length).toBe(count);
    }
    await rm(work, { recursive: true, force: true });
  });
});

it("an image of real files is at most as large as mksquashfs makes it", async () => {
  const tool = requireTool("mksquashfs", "squashfs-tools");
  const sample = "/usr/share/doc/bash";
  if (tool === undefined || (await runCommand("test", ["-d", sample])).code !== 0) return;
  const work = await mkdtemp(join(tmpdir(), "sifon-squashfs-writer-"));
  const items: Record<string, Item> = {};
  const { stdout } = await mustRun("find", [
    sample,
    "/usr/lib/python3",
    "-type",
    "f",
    "-size",
    "-2000k",
    "-printf",
    "%p\\n",
  ]);
  const paths = stdout.trim().split("\n").sort().slice(0, 1500);
  await mustRun("mkdir", [join(work, "tree")]);
  for (const [i, path] of paths.entries()) {
    const content = await readFile(path);
    const name = `${i}`.padStart(5, "0");
    items[name] = { kind: "file", content };
    await writeFile(join(work, "tree", name), content);
  }
  const theirs = join(work, "theirs.sqfs");
  await mustRun(tool, [join(work, "tree"), theirs, "-noappend", "-quiet", "-no-progress"]);
  const ours = await buildImage(items, { blockSize: 131072, workers: 2 });
  expect(ours.bytes.length).toBeLessThanOrEqual((await readFile(theirs)).length);
  await rm(work, { recursive: true, force: true });
});
