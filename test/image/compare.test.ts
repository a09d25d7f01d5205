import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { compareImages, type DifferenceField, type ImageDifference } from "../../src/image/compare.ts";
import { gzipDecompressor } from "../../src/squashfs/decompressors/gzip.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import { buildImage, type Item, type Items } from "../squashfs/writer/image-builder.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/squashfs/${name}.squashfs`, import.meta.url));

async function differences(
  from: SquashfsImage,
  to: SquashfsImage,
  ignore: readonly DifferenceField[] = [],
): Promise<ImageDifference[]> {
  const found: ImageDifference[] = [];
  for await (const difference of compareImages(from, to, { ignore: new Set(ignore) })) found.push(difference);
  return found;
}

/** As the command prints it, more or less. */
function brief(difference: ImageDifference): string {
  if (difference.kind !== "changed") return `${difference.kind} ${difference.path}`;
  const changes = difference.changes.map(({ field, from, to }) =>
    from === undefined ? field : `${field} ${from}→${to}`,
  );
  return `changed ${difference.path}: ${changes.join(", ")}`;
}

function open(bytes: Uint8Array): Promise<SquashfsImage> {
  return SquashfsImage.open(bytesAccess(bytes));
}

async function image(items: Items): Promise<SquashfsImage> {
  return open((await buildImage(items)).bytes);
}

describe("compareImages()", () => {
  it.each(["gzip", "gzip-4k", "lz4", "stored", "xz", "zstd"])(
    "finds no difference between gzip and %s",
    async (name) => {
      const [from, to] = [await readFile(fixture("gzip")), await readFile(fixture(name))];
      expect((await differences(await open(from), await open(to))).map(brief)).toEqual([]);
    },
  );

  const text = (content: string): Item => ({ kind: "file", content: Buffer.from(content) });
  const large = "x".repeat(30_000);
  const base: Items = {
    a: text("one"),
    d: { kind: "directory" },
    "d!": text("between d and d/x by bytes, behind both in a walk"),
    "d/x": text(large),
    link: { kind: "symlink", target: "a" },
    dev: { kind: "charDevice", device: [1, 3] },
    attr: { kind: "file", xattrs: [{ name: "user.k", value: Buffer.from("v") }] },
    hard: { linkTo: "a" },
  };
  it.each<[string, Items, readonly string[], readonly DifferenceField[]]>([
    ["nothing", {}, [], []],
    ["a new file", { new: text("") }, ["added new"], []],
    [
      "equal size, other content, for each name",
      { a: text("two") },
      ["changed a: content", "changed hard: content"],
      [],
    ],
    ["another size", { attr: text("1") }, ["changed attr: size 0→1, content, xattrs user.k=76→"], []],
    ["another size, contents ignored", { attr: text("1") }, ["changed attr: size 0→1"], ["content", "xattrs"]],
    ["the last byte of a large file", { "d/x": text(`${large.slice(1)}y`) }, ["changed d/x: content"], []],
    ["a mode", { dev: { ...base["dev"], mode: 0o4755 } as Item }, ["changed dev: mode crw-r--r--→crwsr-xr-x"], []],
    ["a mode that may differ", { dev: { ...base["dev"], mode: 0o4755 } as Item }, [], ["mode"]],
    ["an owner", { d: { kind: "directory", uid: 7 } }, ["changed d: owner 0:0→7:0"], []],
    [
      "a time",
      { d: { kind: "directory", mtimeSec: 60 } },
      ["changed d: mtime 2020-09-13T12:26:40Z→1970-01-01T00:01:00Z"],
      [],
    ],
    ["a kind", { attr: { kind: "fifo" } }, ["changed attr: kind file→fifo"], []],
    ["a target", { link: { kind: "symlink", target: "b" } }, ["changed link: target a→b"], []],
    ["a device", { dev: { kind: "charDevice", device: [1, 5] } }, ["changed dev: device 1:3→1:5"], []],
    ["a hard link that is a copy", { hard: text("one") }, ["changed a: links 2→1", "changed hard: links 2→1"], []],
  ])("tells of %s", async (_what, change, expected, ignore) => {
    const [from, to] = [await image(base), await image({ ...base, ...change })];
    expect((await differences(from, to, ignore)).map(brief)).toEqual(expected);
  });

  it("tells of what only one has, in the order of a walk", async () => {
    const from = await image({ d: { kind: "directory" }, "d/x": text("") });
    const to = await image({ "d!": text("") });
    expect((await differences(from, to)).map(brief)).toEqual(["removed d", "removed d/x", "added d!"]);
  });

  it("compares contents that another level or block size compressed", async () => {
    const [from, to] = [await image(base), (await buildImage(base, { blockSize: 8192 })).bytes];
    expect(await differences(from, await open(to))).toEqual([]);
    const fast = (await buildImage(base, { compression: { kind: "gzip", level: "fast" } })).bytes;
    expect(await differences(from, await open(fast))).toEqual([]);
  });

  it("decompresses no content where both images have the same blocks", async () => {
    const bytes = (await buildImage({ "d!": text(large), z: text("tail") }, { blockSize: 65_536 })).bytes;
    const inflate = vi.spyOn(gzipDecompressor, "decompress");
    expect(await differences(await open(bytes), await open(bytes.slice()))).toEqual([]);
    // Tables have blocks of 8 KiB at most.
    const sizes = inflate.mock.results.map(({ value }) => (value as Uint8Array).length);
    inflate.mockRestore();
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8192);
  });
});
