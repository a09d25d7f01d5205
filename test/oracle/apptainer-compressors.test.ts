import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { windowAccess } from "../../src/bytes/random-access.ts";
import { checkImage } from "../../src/image/check.ts";
import { compareImages } from "../../src/image/compare.ts";
import { withImageFile } from "../../src/image/open-image.ts";
import { rebuild } from "../../src/rebuild.ts";
import { recompress } from "../../src/recompress.ts";
import { FileSink } from "../../src/sink/file-sink.ts";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { makeSampleTree } from "../support/sample-image.ts";
import { treeOfDirectory, treeOfImage } from "../support/squashfs-tree.ts";
import { reportMissing, requireTool } from "../support/tools.ts";

let work: string;
let sandbox: string;
const apptainer = findApptainer();
const unsquashfs = requireTool("unsquashfs", "squashfs-tools");
const isRoot = process.getuid?.() === 0;
if (!isRoot) reportMissing("unsquashfs extracts owners and devices only as root");

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "sifon-compressors-"));
  sandbox = join(work, "sandbox");
  makeSampleTree(sandbox, "small");
  for (const folder of [".singularity.d", "bin", "dev", "proc", "sys"]) {
    mkdirSync(join(sandbox, folder), { recursive: true });
  }
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe.runIf(apptainer !== undefined && unsquashfs !== undefined && isRoot)("a SIF that Apptainer makes with", () => {
  it.each(["gzip", "xz", "zstd", "lz4"])("-comp %s reads like unsquashfs reads it, and builds on", async (kind) => {
    const sif = join(work, `${kind}.sif`);
    const args = ["build", "--mksquashfs-args", `-comp ${kind}`, sif, sandbox];
    const built = runApptainer(apptainer as string, args, { cwd: work });
    expect(built.status, built.stderr).toBe(0);

    await withImageFile(sif, async (image) => {
      const root = await image.root();
      expect(root.header.compressor).toBe(kind);
      const report = await checkImage(image);
      expect(report.partitions).toHaveLength(1);
      const primary = image.sif?.objects.find(({ extra }) => extra.kind === "partition");
      const offset = ["-o", String(primary?.offset)];
      const out = join(work, `out-${kind}`);
      execFileSync(unsquashfs as string, [...offset, "-no-progress", "-quiet", "-d", out, sif], { stdio: "pipe" });
      const partition = windowAccess(image.source, primary?.offset ?? 0, primary?.size ?? 0);
      expect(await treeOfImage(partition)).toEqual(await treeOfDirectory(out));
    });

    // Whatever compressed it: our own SIF of it has the same files, and so has the converted one.
    const [ours, converted] = [join(work, `ours-${kind}.sif`), join(work, `converted-${kind}.sif`)];
    await rebuild({ path: sif, sink: await FileSink.open(ours), workers: 0 });
    await recompress({ path: sif, sink: await FileSink.open(converted), workers: 0, compression: { kind: "none" } });
    expect(await differencesOf(sif, converted)).toEqual([]);
    const own =
      /^\.singularity\.d(\/|$)|^\.(exec|run|shell|test)$|^(singularity|environment|etc|var|tmp|home|root)(\/|$)|^$/;
    expect((await differencesOf(sif, ours)).filter((path) => !own.test(path))).toEqual([]);
    expect(spawnSync(unsquashfs as string, ["-s", "-o", await offsetOf(ours), ours]).status).toBe(0);
  });
});

async function differencesOf(a: string, b: string): Promise<string[]> {
  return withImageFile(a, (first) =>
    withImageFile(b, async (second) => {
      const paths: string[] = [];
      for await (const { path } of compareImages(await first.root(), await second.root())) paths.push(path);
      return paths;
    }),
  );
}

async function offsetOf(path: string): Promise<string> {
  return withImageFile(path, async ({ sif }) => {
    return String(sif?.objects.find(({ extra }) => extra.kind === "partition")?.offset);
  });
}
