import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareTrees, type FileTree, scanTree } from "../support/file-tree.ts";
import { mustSifon } from "../support/sifon.ts";
import { requireRoot, withKernelMount } from "../support/squashfs-mount.ts";
import { requireTool } from "../support/tools.ts";

const IMAGE = `oci:${fileURLToPath(new URL("../../fixtures/hello/image", import.meta.url))}`;
/** What tells of a build: its definition, the former ones, the labels, and when it was. */
const WRITTEN = /^\/\.singularity\.d(\/(Singularity|labels\.json|bootstrap_history(\/.*)?))?:/;
const ready = [requireTool("getfattr", "attr"), requireTool("setfattr", "attr"), requireRoot()].every(Boolean);

describe.skipIf(!ready)("image → sandbox → SIF → sandbox", () => {
  let folder: string;
  let image: FileTree;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-e2e-"));
    await mustSifon(["build", join(folder, "image.sif"), IMAGE]);
    image = await withKernelMount(join(folder, "image.sif"), (mounted) => scanTree(mounted));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const differences = (tree: FileTree) => compareTrees(tree, image).filter((line) => !WRITTEN.test(line));

  it("keeps every file, owner, mode, time, link and attribute at each step", async () => {
    const [first, sif, second] = ["first", "again.sif", "second"].map((name) => join(folder, name));
    await mustSifon(["build", "--sandbox", first as string, IMAGE]);
    expect(differences(await scanTree(first as string))).toEqual([]);
    await mustSifon(["build", sif as string, first as string]);
    expect(differences(await withKernelMount(sif as string, (mounted) => scanTree(mounted)))).toEqual([]);
    await mustSifon(["build", "--sandbox", second as string, sif as string]);
    expect(differences(await scanTree(second as string))).toEqual([]);
  });
});
