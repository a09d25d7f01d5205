import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mustRun } from "../support/command.ts";
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

describe.skipIf(!ready)("a sandbox with devices, FIFOs and attributes", () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-devices-"));
    await mkdir(at("made/bin"), { recursive: true });
    await writeFile(at("made/bin/tool"), "tool");
    // Not user.*, which some file systems of temporary folders lack.
    await mustRun("setfattr", ["-n", "trusted.sifon", "-v", "kept", at("made/bin/tool")]);
    await mustRun("mknod", ["-m", "0620", at("made/null"), "c", "1", "3"]);
    // Numbers beyond the eight bits that each once had.
    await mustRun("mknod", ["-m", "0600", at("made/disk"), "b", "259", "300"]);
    await mustRun("mkfifo", ["-m", "0644", at("made/pipe")]);
    await mustSifon(["build", at("made.sif"), at("made")]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("keeps them as root through a SIF and into another sandbox", async () => {
    await mustSifon(["build", "--sandbox", at("again"), at("made.sif")]);
    const [made, again] = await Promise.all([scanTree(at("made")), scanTree(at("again"))]);
    for (const path of ["null", "disk", "pipe", "bin/tool"]) {
      expect(made.get(path)).toBeDefined();
      expect(again.get(path)).toEqual(made.get(path));
    }
  });

  it("says what is lost where getfattr and setfattr are not installed, and goes on", async () => {
    await mkdir(at("no-tools"));
    const env = { PATH: at("no-tools") };
    const read = await mustSifon(["build", at("without.sif"), at("made")], { env });
    expect(read.stderr).toMatch(/^WARNING: .* are not read .*: getfattr is not installed \(package attr\)$/m);
    const written = await mustSifon(["build", "--sandbox", at("without"), at("made.sif")], { env });
    expect(written.stderr).toMatch(
      /^WARNING: .* of 1 files are not kept .*: setfattr is not installed \(package attr\)$/m,
    );
  });
});
