import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { UpperLayer } from "../../src/build/layered-root.ts";
import type { Root } from "../../src/build/root.ts";
import type { ImageForm } from "../../src/build/stage.ts";
import { type StageImage, stageImageRoot, writeStageImage } from "../../src/build/stage-image.ts";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { buildImage, type Items, noise, prose } from "../squashfs/writer/image-builder.ts";
import { dir, entry, file, hardlink } from "../support/entries.ts";
import { type Tree, treeOfImage } from "../support/squashfs-tree.ts";

const BLOCK_SIZE = 4096;
const FORM: ImageForm = { compression: { kind: "gzip", level: "default" }, blockSize: BLOCK_SIZE, workers: 0 };
const FACTS = { timeSec: 1, identity: "x", architecture: "amd64", ociConfigJson: undefined, origin: undefined };
const { signal } = new AbortController();
const text = (content: string) => ({ kind: "file", content: Buffer.from(content) }) as const;

const BASE: Items = {
  ".singularity.d": { kind: "directory" },
  ".singularity.d/env": { kind: "directory" },
  ".singularity.d/env/90-environment.sh": text("export A=1\n"),
  ".singularity.d/labels.json": text("{}"),
  ".singularity.d/runscript.help": text(""),
  big: { kind: "file", content: noise(60_000, 1) },
  "big-link": { linkTo: "big" },
  d: { kind: "directory", mode: 0o750, uid: 7 },
  "d/large": { kind: "file", content: noise(40_000, 2) },
  "d/small": text("small"),
  prose: { kind: "file", content: prose(30_000, 3), xattrs: [{ name: "user.kept", value: Buffer.from("1") }] },
};

type Base = Pick<StageImage, "path" | "size" | "facts">;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-layered-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function base(compression = FORM.compression): Promise<Base> {
  const path = join(folder, "base");
  const { bytes } = await buildImage(BASE, { compression, blockSize: BLOCK_SIZE });
  await writeFile(path, bytes);
  return { path, size: bytes.length, facts: FACTS };
}

function upperOf(entries: readonly TarEntry[]): UpperLayer {
  const all = async function* () {
    yield* entries;
  };
  return { entries: all(), marks: "kernel", name: "the overlay" };
}

async function layered(
  from: Base,
  upper?: readonly TarEntry[],
  form = FORM,
): Promise<{ tree: Tree; root: Root; path: string }> {
  const path = join(folder, `out-${Math.random()}`);
  const source = stageImageRoot(from, upper === undefined ? undefined : upperOf(upper));
  let root: Root | undefined;
  const watched = {
    ...source,
    fill: async (target: Parameters<typeof source.fill>[0]) => (root = await source.fill(target)),
  };
  await writeStageImage(watched, path, { form, signal, onProgress() {} });
  const bytes = await readFile(path);
  await (await SquashfsImage.open(bytesAccess(bytes))).verifyContent();
  return { tree: await treeOfImage(bytes), root: root as Root, path };
}

const GONE = { deviceMajor: 0, deviceMinor: 0, mode: 0 };
const DAMAGE = [
  dir("./"),
  entry("charDevice", "./big-link", GONE),
  dir("./d", { mode: 0o700, mtimeSec: 5 }),
  entry("charDevice", "./d/large", GONE),
  file("./d/new", "new", { uid: 9, mtimeSec: 6 }),
  hardlink("./d/new-link", "./d/new"),
  file("./prose", "changed", { mtimeSec: 6 }),
];

describe("stageImageRoot()", () => {
  it.each([
    ["taken over", FORM],
    ["compressed anew: another block size", { ...FORM, blockSize: 8192 }],
    ["compressed anew: another compressor", { ...FORM, compression: { kind: "lz4", level: "fast" } as const }],
  ])("gives the image as it is without an upper directory, %s", async (_, form) => {
    const from = await base();
    expect((await layered(from, undefined, form)).tree).toEqual(await treeOfImage(from.path));
  });

  it.each([
    ["taken over", FORM],
    ["compressed anew", { ...FORM, blockSize: 8192 }],
  ])("shows what the overlay showed, the rest %s", async (_, form) => {
    const from = await base();
    const before = await treeOfImage(from.path);
    const { tree } = await layered(from, DAMAGE, form);
    const { "big-link": _link, "d/large": _large, big, prose: _prose, "": _root, d: _d, ...same } = before;
    expect(tree).toMatchObject(same);
    expect(Object.keys(tree).sort()).toEqual(
      [...Object.keys(same), "", "big", "d", "d/new", "d/new-link", "prose"].sort(),
    );
    // Its other name is gone.
    expect(tree.big).toEqual({ ...big, linkedWith: undefined });
    expect(tree.d).toMatchObject({ mode: "0700", mtimeSec: 5, uid: 0 });
    expect(tree["d/new"]).toMatchObject({ uid: 9, size: 3, linkedWith: "d/new" });
    expect(tree["d/new-link"]).toMatchObject({ linkedWith: "d/new" });
    expect(tree.prose).toMatchObject({ size: 7, mtimeSec: 6 });
    expect(tree.prose?.xattrs).toBeUndefined();
  });

  it("leaves the data of what was deleted behind", async () => {
    const from = await base();
    const { path } = await layered(from, [dir("./"), entry("charDevice", "./d", GONE)]);
    expect((await stat(path)).size).toBeLessThan(from.size - 40_000 + 4096);
  });

  it("knows the texts that later steps need, the overlay's before the image's", async () => {
    const { root } = await layered(await base(), [
      dir("./"),
      file("./.build.labels", "a b\n"),
      dir("./.singularity.d"),
      dir("./.singularity.d/env"),
      file("./.singularity.d/env/91-environment.sh", "export B=2\n"),
      file("./.singularity.d/labels.json", '{"a":1}'),
    ]);
    const texts = [...root.texts].map(([inode, content]) => {
      for (let node = 0; node < root.tree.nodeCount; node++)
        if (root.tree.inode(node) === inode) return [root.tree.path(node), Buffer.from(content).toString()];
      return ["?", ""];
    });
    expect(Object.fromEntries(texts)).toEqual({
      ".build.labels": "a b\n",
      ".singularity.d/env/90-environment.sh": "export A=1\n",
      ".singularity.d/env/91-environment.sh": "export B=2\n",
      ".singularity.d/labels.json": '{"a":1}',
      ".singularity.d/runscript.help": "",
    });
  });

  it("passes on what stops the overlay's reading", async () => {
    const from = await base();
    await expect(layered(from, [file("./no/where", "1")])).rejects.toMatchObject({ code: "MALFORMED_NAME" });
  });
});
