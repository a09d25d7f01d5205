import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, type TestContext } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { findPrimaryPartition } from "../../src/sif/image.ts";
import { objectAccess, readSif } from "../../src/sif/reader.ts";
import type { SifObject } from "../../src/sif.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import type { FakeRegistry } from "../support/registry-server.ts";
import { entry, header, tar } from "../tar/tar-bytes.ts";
import { createRegistry, createWorkplace } from "./workplace.ts";

const OLD = 1_000_000;
const NEW = 1_700_000_000;
const TEXT = Array.from({ length: 20_000 }, (_, i) => `line ${i} ${(i * 7919) % 1013}\n`).join("");
const LAYER = gzipSync(
  tar(
    entry({ name: "text", uid: 1000, gid: 1000, mode: 0o4755, mtime: OLD }, TEXT),
    entry({ name: "secret", uid: 7, gid: 8, mode: 0o000, mtime: NEW }, "secret"),
    header({ name: "closed/", type: "5", mode: 0o1300, mtime: NEW }),
  ),
);

/** A layer of so many files, whose inodes and names fill metadata blocks. */
function manyFiles(count: number): Buffer {
  return gzipSync(
    tar(
      ...Array.from({ length: count }, (_, i) =>
        entry({ name: `many/file-${i}`, uid: i, mtime: OLD + i * 977 }, `${i}`),
      ),
    ),
  );
}

interface Built {
  readonly bytes: Buffer;
  readonly squashfs: SquashfsImage;
}

/** What a build with these options and variables gives. */
async function build(
  context: TestContext,
  options: readonly string[],
  env: Readonly<Record<string, string>> = {},
  from?: FakeRegistry,
): Promise<Built> {
  const registry = from ?? (await createRegistry(context, { layers: [LAYER] }));
  const place = await createWorkplace(context);
  const uri = `docker://${registry.host}/some/image`;
  const end = await place.run(["build", "--no-https", ...options, "x.sif", uri], { env });
  expect(end.code, end.stderr).toBe(0);
  const bytes = await readFile(join(place.out, "x.sif"));
  const access = bytesAccess(bytes);
  const partition = findPrimaryPartition(await readSif(access)) as SifObject;
  return { bytes, squashfs: await SquashfsImage.open(objectAccess(access, partition)) };
}

async function textOf(squashfs: SquashfsImage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of squashfs.readFile("text")) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString();
}

describe.concurrent("build", () => {
  it.for([
    [[], {}, "gzip", 131_072],
    [["--compression", "lz4"], {}, "lz4", 131_072],
    [["--compression", "lz4", "--best"], {}, "lz4", 131_072],
    [["--compression", "none"], {}, "gzip", 131_072],
    [["--fast"], {}, "gzip", 131_072],
    [["--best"], {}, "gzip", 131_072],
    [["--block-size", "4k"], {}, "gzip", 4096],
    [["--block-size", "1M"], {}, "gzip", 1_048_576],
    [["--workers", "0"], { SIFON_BLOCK_SIZE: "64KiB" }, "gzip", 65_536],
    [["--workers", "3"], { SIFON_COMPRESSION: "lz4" }, "lz4", 131_072],
  ] as const)("with %j and %j", async ([options, env, compressor, blockSize], context) => {
    const { squashfs } = await build(context, options, env);
    expect(squashfs.header).toMatchObject({ compressor, blockSize });
    expect(await textOf(squashfs)).toBe(TEXT);
  });

  // Tables are cut into 8 KiB and compressed on the main thread, whatever the blocks of data are.
  it.for([
    ["gzip", []],
    ["gzip", ["--best"]],
    ["lz4", []],
    ["lz4", ["--best"]],
  ] as const)("with tables larger than a block of 4 KiB: %s %j", async ([compressor, options], context) => {
    const registry = await createRegistry(context, { layers: [manyFiles(600)] });
    const words = ["--block-size", "4K", "--compression", compressor, ...options];
    const [{ bytes, squashfs }, inline] = (await Promise.all(
      ["2", "0"].map((workers) => build(context, [...words, "--workers", workers], {}, registry)),
    )) as [Built, Built];
    expect(squashfs.header).toMatchObject({ compressor, blockSize: 4096 });
    expect(bytes.equals(inline.bytes)).toBe(true);
    const names: string[] = [];
    for await (const { path } of squashfs.walk("many")) names.push(path);
    expect(names.filter((name) => name.startsWith("many/file-"))).toHaveLength(600);
  });

  it("with --fast, the default and --best: smaller in that order; none is the largest", async (context) => {
    const sizes: number[] = [];
    for (const options of [["--compression", "none"], ["--fast"], [], ["--best"]]) {
      sizes.push((await build(context, options)).squashfs.header.bytesUsed);
    }
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  });

  it("with the same bytes for any number of workers", async (context) => {
    // One registry for all: its address is in the image's labels.
    const registry = await createRegistry(context, { layers: [LAYER] });
    const counts = ["0", "1", "4"];
    const images = await Promise.all(counts.map((count) => build(context, ["--workers", count], {}, registry)));
    for (const { bytes } of images) expect(bytes.equals(images[0]?.bytes as Buffer)).toBe(true);
  });

  it("keeps owners, modes and times by default", async (context) => {
    const { squashfs } = await build(context, []);
    expect(await squashfs.stat("text")).toMatchObject({ uid: 1000, gid: 1000, mode: 0o4755, mtimeSec: OLD });
    expect(await squashfs.stat("secret")).toMatchObject({ uid: 7, gid: 8, mode: 0, mtimeSec: NEW });
    expect(await squashfs.stat("closed")).toMatchObject({ mode: 0o1300 });
  });

  it("--all-root gives everything to root", async (context) => {
    const { squashfs } = await build(context, ["--all-root"]);
    for await (const { inode } of squashfs.walk()) expect(inode).toMatchObject({ uid: 0, gid: 0 });
    expect(await squashfs.stat("text")).toMatchObject({ mode: 0o4755 });
  });

  it("--fix-perms lets the owner in everywhere", async (context) => {
    const { squashfs } = await build(context, ["--fix-perms"]);
    for await (const { inode } of squashfs.walk()) {
      if (inode.kind === "symlink") continue;
      const least = inode.kind === "directory" ? 0o700 : 0o600;
      expect(inode.mode & least).toBe(least);
      expect(inode.mode & 0o7000).toBe(0);
    }
    expect(await squashfs.stat("secret")).toMatchObject({ uid: 7, gid: 8 });
  });

  it("SOURCE_DATE_EPOCH is the image's time, and no file is younger", async (context) => {
    const { squashfs } = await build(context, [], { SOURCE_DATE_EPOCH: "1600000000" });
    expect(squashfs.header.mtimeSec).toBe(1_600_000_000);
    expect(await squashfs.stat("text")).toMatchObject({ mtimeSec: OLD });
    expect(await squashfs.stat("secret")).toMatchObject({ mtimeSec: 1_600_000_000 });
    for await (const { inode } of squashfs.walk()) expect(inode.mtimeSec).toBeLessThanOrEqual(1_600_000_000);
  });
});
