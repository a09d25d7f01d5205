import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openFileAccess, windowAccess } from "../../src/bytes/random-access.ts";
import { mustRun } from "../support/command.ts";
import { mustSifon, sifon } from "../support/sifon.ts";
import { primaryPartition, requireRoot } from "../support/squashfs-mount.ts";
import { type Tree, treeOfDirectory, treeOfImage } from "../support/squashfs-tree.ts";
import { requireTool } from "../support/tools.ts";

const ready = [requireTool("podman"), requireTool("buildah")].every(Boolean);

/** What the runtime expects in every container; an image of a few files has none of it. */
const ADDED =
  /^(\.(singularity\.d|exec|run|shell|test)|singularity$|environment$|dev|proc|root|sys|tmp|var|home|etc\/(hosts|resolv\.conf))/;
const APP = "localhost/sifon-e2e/app:v1";
const BUILT = "localhost/sifon-e2e/built:v2";

describe.skipIf(!ready || !requireRoot())("what podman and buildah write", () => {
  let folder: string;
  let tree: Tree;
  const at = (name: string) => join(folder, name);
  /** A store of this test's own: nothing of the host's images is read or changed. */
  const run = (command: string, ...args: string[]) =>
    mustRun(command, args, { env: { CONTAINERS_STORAGE_CONF: at("storage.conf"), TMPDIR: folder } });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-podman-"));
    await writeFile(
      at("storage.conf"),
      `[storage]\ndriver = "vfs"\nrunroot = "${at("run")}"\ngraphroot = "${at("store")}"\n`,
    );
    await mkdir(at("tree/bin"), { recursive: true });
    await mkdir(at("tree/etc"));
    await writeFile(at("tree/etc/os-release"), "ID=none\n");
    await writeFile(at("tree/bin/tool"), Buffer.alloc(300_000, "tool"), { mode: 0o4755 });
    await writeFile(at("tree/empty"), "");
    await symlink("os-release", at("tree/etc/soft"));
    await mustRun("ln", [at("tree/bin/tool"), at("tree/bin/hard")]);
    await mustRun("chown", ["12:34", at("tree/empty")]);
    for (const name of ["empty", "bin/tool", "etc/os-release", "bin", "etc"]) await utimes(at(`tree/${name}`), 7, 7e8);
    tree = await treeOfDirectory(at("tree"), { without: ["xattrs"] });
    await run("tar", "-C", at("tree"), "-cf", at("tree.tar"), ".");
    await run("podman", "import", "--quiet", at("tree.tar"), APP);
    const { stdout } = await run("buildah", "from", "scratch");
    // buildah's own copying sets times anew; a tar that it unpacks keeps them.
    await run("buildah", "add", "--quiet", stdout.trim(), at("tree.tar"), "/");
    await run("buildah", "config", "--env", "WHO=buildah", "--cmd", '["/bin/tool"]', stdout.trim());
    await run("buildah", "commit", "--quiet", "--rm", stdout.trim(), BUILT);
    const save = (format: string, name: string) =>
      run("podman", "save", "--quiet", "--format", format, "-o", at(name), APP);
    await save("docker-archive", "podman-docker.tar");
    await save("oci-archive", "podman-oci.tar");
    await save("oci-dir", "podman-oci");
    await save("docker-dir", "podman-dir");
    await run("podman", "save", "--quiet", "-m", "--format", "docker-archive", "-o", at("podman-two.tar"), APP, BUILT);
    await run("buildah", "push", "--quiet", BUILT, `oci:${at("buildah-oci")}:v2`);
    await run("buildah", "push", "--quiet", BUILT, `oci-archive:${at("buildah-oci.tar")}:v2`);
    await run("buildah", "push", "--quiet", BUILT, `docker-archive:${at("buildah-docker.tar")}:team/built:v2`);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ["podman save --format docker-archive", "docker-archive:", "podman-docker.tar", ""],
    ["podman save --format docker-archive, by name", "docker-archive:", "podman-docker.tar", `:${APP}`],
    ["podman save --format oci-archive", "oci-archive:", "podman-oci.tar", ""],
    ["podman save --format oci-dir", "oci:", "podman-oci", ""],
    ["podman save -m, the first", "docker-archive:", "podman-two.tar", `:${APP}`],
    ["podman save -m, the second", "docker-archive:", "podman-two.tar", `:${BUILT}`],
    ["buildah push oci:", "oci:", "buildah-oci", ":v2"],
    ["buildah push oci-archive:", "oci-archive:", "buildah-oci.tar", ":v2"],
    ["buildah push docker-archive:", "docker-archive:", "buildah-docker.tar", ":team/built:v2"],
  ])("has the tree that went in: %s", async (_, scheme, name, suffix) => {
    await mustSifon(["build", "--force", at("out.sif"), `${scheme}${at(name)}${suffix}`]);
    const { offset, size } = await primaryPartition(at("out.sif"));
    const sif = await openFileAccess(at("out.sif"));
    const converted = await treeOfImage(windowAccess(sif, offset, size), { without: ["xattrs"] });
    await sif.close();
    const files = Object.entries(converted).filter(([path]) => path !== "" && !ADDED.test(path));
    const { "": _root, ...expected } = tree;
    expect(Object.fromEntries(files)).toEqual(expected);
  });

  it("keeps buildah's configuration: command and environment", async () => {
    await mustSifon(["build", "--force", at("out.sif"), `docker-archive:${at("buildah-docker.tar")}`]);
    const { stdout } = await mustSifon(["inspect", "--runscript", "--environment", at("out.sif")]);
    expect(stdout).toContain("/bin/tool");
    expect(stdout).toContain("buildah");
  });

  it.each([
    ["two images and no choice", "docker-archive:", "podman-two.tar", [APP, BUILT]],
    ["a docker-dir, which no source reads", "docker-archive:", "podman-dir", ["is not a file"]],
  ])("refuses %s", async (_, scheme, name, said) => {
    const { code, stderr } = await sifon(["build", "--force", at("refused.sif"), `${scheme}${at(name)}`]);
    expect(code).toBe(255);
    for (const text of said) expect(stderr).toContain(text);
  });
});
