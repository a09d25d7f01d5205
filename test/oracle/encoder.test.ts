import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Compression } from "../../src/wasm/compression.ts";
import { SAMPLES } from "../core/samples.ts";
import { buildImage, type Items } from "../squashfs/writer/image-builder.ts";
import { mustRun } from "../support/command.ts";
import { requireRoot, withMounted } from "../support/squashfs-mount.ts";
import { requireTool } from "../support/tools.ts";

const BLOCK = 1 << 20;
/** Whole blocks and tails; a tail at the limits of LZ4's last match and of the window. */
const SIZES = [1, 5, 12, 13, 4096, 32769, 65537, BLOCK - 1, BLOCK];

const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  "gzip, fast": { kind: "gzip", level: "fast" },
  "gzip, default": { kind: "gzip", level: "default" },
  "gzip, best": { kind: "gzip", level: "best" },
  "LZ4, fast": { kind: "lz4", level: "fast" },
  "LZ4, best": { kind: "lz4", level: "best" },
};

const CONTENTS = new Map(
  SAMPLES.flatMap(({ make }, sample) => SIZES.map((size) => [`${sample}-${size}`, make(size)] as const)),
);

async function expectContents(folder: string): Promise<void> {
  for (const [name, content] of CONTENTS) {
    const found = await readFile(join(folder, name));
    expect(found.equals(content), `${SAMPLES[Number.parseInt(name, 10)]?.name}, file ${name}`).toBe(true);
  }
}

describe.each(Object.keys(COMPRESSIONS))("every kind of data, encoded as %s in blocks of 1 MiB, is read by", (kind) => {
  let work: string;
  let image: string;

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), "sifon-encoder-"));
    image = join(work, "image.sqfs");
    const items: Record<string, Items[string]> = {};
    for (const [name, content] of CONTENTS) items[name] = { kind: "file", content };
    const compression = COMPRESSIONS[kind] as Compression;
    await writeFile(image, (await buildImage(items, { compression, blockSize: BLOCK, workers: 2 })).bytes);
  });
  afterAll(() => rm(work, { recursive: true, force: true }));

  it("unsquashfs", async () => {
    const tool = requireTool("unsquashfs", "squashfs-tools");
    if (tool === undefined) return;
    await mustRun(tool, ["-no-progress", "-d", join(work, "tree"), image]);
    await expectContents(join(work, "tree"));
  });

  it("the kernel", async () => {
    if (!requireRoot()) return;
    const mount = (folder: string) => mustRun("mount", ["-t", "squashfs", "-o", "loop,ro", image, folder]);
    await withMounted(mount, expectContents);
  });
});
