import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { mustRun } from "../support/command.ts";
import { IMAGE_STORE, provideImage } from "../support/debian-image.ts";
import { compareTrees, type FileTree, scanTree } from "../support/file-tree.ts";
import { LOLCOW } from "../support/lolcow.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { mustSifon, SIFON_MAIN } from "../support/sifon.ts";
import { primaryPartition, requireRoot, withKernelMount, withMounted } from "../support/squashfs-mount.ts";
import { requireTool } from "../support/tools.ts";

const NEEDED = [
  ["docker-registry"],
  ["dockerd", "docker.io"],
  ["docker", "docker.io"],
  ["debootstrap"],
  ["skopeo"],
  ["umoci"],
  ["unsquashfs", "squashfs-tools"],
  ["rdsquashfs", "squashfs-tools-ng"],
  ["squashfuse"],
  ["getfattr", "attr"],
] as const;
const missing = NEEDED.filter(([name, debianPackage]) => requireTool(name, debianPackage) === undefined);
const ready = [missing.length === 0, requireRoot()].every(Boolean);
const apptainer = findApptainer();

/** What the container format adds at the root of every image, or empties. */
const ADDED = [".singularity.d", "singularity", ".run", ".exec", ".test", ".shell", "environment"];
const REPLACED = ["etc/hosts", "etc/resolv.conf"];

describe.skipIf(!ready)("lolcow, from a registry", () => {
  let folder: string;
  let registry: Registry;
  let reference: string;
  let sif: string;
  let digest: string;
  /** The SIF's tree as the kernel shows it. */
  let tree: FileTree;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-e2e-"));
    registry = await startRegistry({ store: IMAGE_STORE });
    reference = await provideImage(registry, LOLCOW);
    sif = join(folder, "lolcow.sif");
    await mustSifon(["pull", "--no-https", sif, `docker://${reference}`]);
    digest = await sha256(sif);
    tree = await withKernelMount(sif, (mounted) => scanTree(mounted));
  });

  afterAll(async () => {
    await registry?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const build = (output: string, ...options: string[]) =>
    mustSifon(["build", "--no-https", ...options, join(folder, output), `docker://${reference}`]);

  it("has the tree that umoci unpacks, but for the container's own files", async () => {
    await mustRun("skopeo", [
      ...["copy", "--src-tls-verify=false", `docker://${reference}`, `oci:${join(folder, "layout")}:lolcow`],
    ]);
    const rootfs = join(folder, "rootfs");
    await mustRun("umoci", ["raw", "unpack", "--image", `${join(folder, "layout")}:lolcow`, rootfs]);
    const expected = await scanTree(rootfs);
    await rm(rootfs, { recursive: true });
    const differences = compareTrees(tree, expected).filter((line) => !isContainerFile(line));
    expect(differences).toEqual([]);
    expect(expected.size).toBeGreaterThan(10_000);
  });

  it("is read by unsquashfs as by the kernel", async () => {
    const out = join(folder, "unsquashfs");
    await unpackWithUnsquashfs(sif, out);
    const seen = await scanTree(out);
    await rm(out, { recursive: true });
    expect(compareTrees(seen, tree)).toEqual([]);
  });

  it("is read by rdsquashfs as by the kernel", async () => {
    const out = join(folder, "rdsquashfs");
    await unpackWithRdsquashfs(sif, out);
    const seen = await scanTree(out);
    await rm(out, { recursive: true });
    // rdsquashfs unpacks hard links as copies, and into a root folder that it does not date.
    const differences = compareTrees(seen, tree, { except: ["links"] });
    expect(differences.filter((line) => !line.startsWith("/: mtimeSec"))).toEqual([]);
  });

  it("is read by squashfuse as by the kernel", async () => {
    const { offset } = await primaryPartition(sif);
    const mount = (on: string) => mustRun("squashfuse", ["-o", `offset=${offset}`, sif, on]);
    const seen = await withMounted(mount, (mounted) => scanTree(mounted));
    // squashfuse numbers inodes by itself and does not count their links: groups cannot be compared.
    expect(compareTrees(seen, tree, { except: ["links"] })).toEqual([]);
  });

  it.each([
    ["one worker", ["--workers", "1"]],
    ["two workers", ["--workers", "2"]],
    ["four workers", ["--workers", "4"]],
    ["no worker", ["--workers", "0"]],
  ])("has the same bytes when built with %s", async (_, options) => {
    await build("again.sif", "--force", ...options);
    expect(await sha256(join(folder, "again.sif"))).toBe(digest);
  });

  it("has the same bytes through a pipe", async () => {
    const { stdoutBytes, stderr } = await mustSifon(["build", "--no-https", "-", `docker://${reference}`]);
    expect(createHash("sha256").update(stdoutBytes).digest("hex")).toBe(digest);
    expect(stderr).toMatch(/spool/i);
  });

  it("has the same bytes through standard output redirected to a file", async () => {
    const out = join(folder, "stdout.sif");
    const command = `exec "$0" "$1" build --no-https - "$2" >"$3"`;
    await mustRun("sh", ["-c", command, process.execPath, SIFON_MAIN, `docker://${reference}`, out]);
    expect(await sha256(out)).toBe(digest);
  });

  describe.skipIf(apptainer === undefined)("with Apptainer", () => {
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = runApptainer(apptainer as string, args, { cwd: folder });
      if (status !== 0) throw new Error(`apptainer ${args.join(" ")}: exit ${status}\n${stderr}${stdout}`);
      return stdout;
    };

    it("has the tree that Apptainer builds from the same image", async () => {
      run("build", "--disable-cache", "--no-https", "apptainer.sif", `docker://${reference}`);
      const expected = await withKernelMount(join(folder, "apptainer.sif"), (mounted) => scanTree(mounted));
      expect(compareTrees(tree, expected).filter((line) => !isWrittenByTheBuild(line))).toEqual([]);
    });

    it("is listed by `sif list`: definition, metadata, image configuration, partition", () => {
      const listed = run("sif", "list", sif);
      const types = [...listed.matchAll(/^\d+\s*\|.*\|(\S+)/gm)].map(([, type]) => type);
      expect(types).toEqual(["Def.FILE", "JSON.Generic", "JSON.Generic", "FS"]);
    });

    it("is inspected: labels, definition, environment and runscript", () => {
      const { data } = JSON.parse(run("inspect", "--json", "--all", sif));
      expect(data.attributes.labels).toMatchObject({
        "org.label-schema.usage.singularity.deffile.bootstrap": "docker",
        "org.label-schema.usage.singularity.deffile.from": reference,
      });
      expect(data.attributes.deffile).toContain(`from: ${reference}`);
      expect(Object.values<string>(data.attributes.environment).join("\n")).toContain("/usr/games");
      expect(data.attributes.runscript).toContain("fortune | cowsay | lolcat");
    });

    it("runs a command with the image's environment", () => {
      expect(run("exec", sif, "sh", "-c", 'echo "$LC_ALL:$PATH"')).toMatch(/^C:\/usr\/games:/);
    });

    it("runs: the cow speaks", () => {
      expect(run("run", sif)).toMatch(/\^__\^/);
    });
  });
});

/** Differences that the container's own files explain: what is added, emptied, and the directories' new times. */
function isContainerFile(line: string): boolean {
  const path = pathOf(line);
  const added = ADDED.some((name) => path === name || path.startsWith(`${name}/`));
  return added || REPLACED.includes(path) || /^\/(etc)?: mtimeSec/.test(line);
}

/** Times and texts of files that each builder writes with its own words. */
function isWrittenByTheBuild(line: string): boolean {
  return isContainerFile(line) && / (mtimeSec|content) /.test(line);
}

function pathOf(line: string): string {
  return line.slice(1, line.indexOf(": "));
}

async function unpackWithUnsquashfs(sif: string, out: string): Promise<void> {
  const { offset } = await primaryPartition(sif);
  await mustRun("unsquashfs", ["-quiet", "-no-progress", "-offset", String(offset), "-dest", out, sif]);
}

/** rdsquashfs reads a whole file only: it gets the partition as one. */
async function unpackWithRdsquashfs(sif: string, out: string): Promise<void> {
  const { offset, size } = await primaryPartition(sif);
  const partition = `${out}.squashfs`;
  const target = await open(partition, "w");
  await pipeline(createReadStream(sif, { start: offset, end: offset + size - 1 }), target.createWriteStream());
  await mustRun("rdsquashfs", ["-q", "-X", "-T", "-C", "-O", "-u", "/", "-p", out, partition]);
  await rm(partition);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
