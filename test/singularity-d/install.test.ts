import { describe, expect, it } from "vitest";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { resolvePath } from "../../src/fstree/resolve.ts";
import { FsTree, NO_NODE } from "../../src/fstree/tree.ts";
import type { ImageConfig } from "../../src/oci/config.ts";
import { containerFiles } from "../../src/singularity-d/container-files.ts";
import { definitionOfReference } from "../../src/singularity-d/definition-text.ts";
import { installSingularity } from "../../src/singularity-d/install.ts";
import { findArchitecture, listApps } from "../../src/singularity-d/survey.ts";
import type { KeptContents } from "./kept-contents.ts";
import { type Entry, LAYER_TIME_SEC, smallTree } from "./small-tree.ts";

const BUILD_TIME_SEC = 1_600_000_000;
const CONFIG: ImageConfig = {
  created: undefined,
  architecture: "amd64",
  os: "linux",
  variant: undefined,
  config: {},
  diffIds: [],
};
const files = containerFiles({
  config: CONFIG,
  definition: definitionOfReference("docker://alpine"),
  architecture: "amd64",
  timeSec: BUILD_TIME_SEC,
});

async function install(entries: Readonly<Record<string, Entry>>): Promise<{ tree: FsTree; contents: KeptContents }> {
  const image = await smallTree(entries);
  await installSingularity(image.tree, files, { contents: image.contents, mtimeSec: BUILD_TIME_SEC });
  return image;
}

interface Seen {
  readonly kind: number;
  readonly mode: number;
  readonly uid: number;
  readonly mtimeSec: number;
  readonly target: string;
  readonly text: string | undefined;
}

function at({ tree, contents }: { tree: FsTree; contents: KeptContents }, path: string): Seen | undefined {
  const node = resolvePath(tree, path, { followLast: false });
  if (node === NO_NODE) return undefined;
  const inode = tree.inode(node);
  const kind = tree.inodes.kind(inode);
  return {
    kind,
    mode: tree.inodes.mode(inode),
    uid: tree.inodes.uid(inode),
    mtimeSec: tree.inodes.mtimeSec(inode),
    target: kind === InodeKind.symlink ? tree.inodes.target(inode) : "",
    text: kind === InodeKind.file ? Buffer.from(contents.get(tree.inodes.content(inode))).toString() : undefined,
  };
}

describe("installSingularity() in an empty tree", async () => {
  const image = await install({});

  it.each([
    ".singularity.d",
    ".singularity.d/libs",
    ".singularity.d/actions",
    ".singularity.d/env",
    "dev",
    "proc",
    "root",
    "var",
    "var/tmp",
    "tmp",
    "etc",
    "sys",
    "home",
  ])("makes /%s", (path) => {
    expect(at(image, path)).toMatchObject({ kind: InodeKind.directory, mode: 0o755, uid: 0, mtimeSec: BUILD_TIME_SEC });
  });

  it.each([
    ["singularity", ".singularity.d/runscript"],
    [".run", ".singularity.d/actions/run"],
    [".exec", ".singularity.d/actions/exec"],
    [".test", ".singularity.d/actions/test"],
    [".shell", ".singularity.d/actions/shell"],
    ["environment", ".singularity.d/env/90-environment.sh"],
  ])("links /%s to %s", (name, target) => {
    expect(at(image, name)).toMatchObject({ kind: InodeKind.symlink, target });
    expect(resolvePath(image.tree, name)).not.toBe(NO_NODE);
  });

  it.each([
    ["etc/hosts", 0o644],
    ["etc/resolv.conf", 0o644],
    [".singularity.d/actions/exec", 0o755],
    [".singularity.d/actions/run", 0o755],
    [".singularity.d/actions/shell", 0o755],
    [".singularity.d/actions/start", 0o755],
    [".singularity.d/actions/test", 0o755],
    [".singularity.d/env/01-base.sh", 0o755],
    [".singularity.d/env/10-docker2singularity.sh", 0o755],
    [".singularity.d/env/90-environment.sh", 0o755],
    [".singularity.d/env/94-appsbase.sh", 0o755],
    [".singularity.d/env/95-apps.sh", 0o755],
    [".singularity.d/env/99-base.sh", 0o755],
    [".singularity.d/env/99-runtimevars.sh", 0o755],
    [".singularity.d/runscript", 0o755],
    [".singularity.d/startscript", 0o755],
    [".singularity.d/Singularity", 0o644],
    [".singularity.d/labels.json", 0o644],
  ])("writes /%s", (path, mode) => {
    const content = files.entries.find((file) => file.path === path)!.content;
    const text = Buffer.from(content).toString();
    expect(at(image, path)).toEqual({ kind: InodeKind.file, mode, uid: 0, mtimeSec: BUILD_TIME_SEC, target: "", text });
    const node = resolvePath(image.tree, path);
    expect(image.tree.inodes.size(image.tree.inode(node))).toBe(content.length);
  });

  it("adds nothing else", () => {
    expect(image.tree.nodeCount - 1).toBe(13 + 6 + 18);
  });

  it("dates a root that no layer named", () => {
    expect(image.tree.inodes.mtimeSec(image.tree.inode(FsTree.root))).toBe(BUILD_TIME_SEC);
  });
});

describe("installSingularity() over an image's own entries", () => {
  it("leaves directories as they are, owner, mode and time", async () => {
    const image = await install({ tmp: { dir: 0o1777 }, root: { dir: 0o700, uid: 3 }, etc: { dir: 0o755 } });
    expect(at(image, "tmp")).toMatchObject({ mode: 0o1777, mtimeSec: LAYER_TIME_SEC });
    expect(at(image, "root")).toMatchObject({ mode: 0o700, uid: 3 });
    expect(at(image, "etc")).toMatchObject({ mtimeSec: LAYER_TIME_SEC });
  });

  it("gives the owner of the root its write permission", async () => {
    const tree = new FsTree({ kind: InodeKind.directory, mode: 0o555, uid: 0, gid: 0, mtimeSec: 9 });
    const { contents } = await smallTree({});
    await installSingularity(tree, files, { contents, mtimeSec: BUILD_TIME_SEC });
    const root = tree.inode(FsTree.root);
    expect([tree.inodes.mode(root), tree.inodes.mtimeSec(root)]).toEqual([0o755, 9]);
  });

  it("writes over files, whose owner stays", async () => {
    const image = await install({
      "etc/hosts": { file: "127.0.0.1 x\n", mode: 0o600, uid: 5 },
      ".singularity.d/env/90-environment.sh": { file: "old", mode: 0o600 },
    });
    expect(at(image, "etc/hosts")).toMatchObject({ text: "", mode: 0o644, uid: 5, mtimeSec: BUILD_TIME_SEC });
    expect(at(image, ".singularity.d/env/90-environment.sh")).toMatchObject({ mode: 0o755 });
    expect(at(image, ".singularity.d/env/90-environment.sh")?.text).toMatch(/^#!\/bin\/sh/);
  });

  it("leaves another name of an overwritten hard link its content", async () => {
    const image = await smallTree({ "etc/hosts": { file: "kept" } });
    const inode = image.tree.inode(resolvePath(image.tree, "etc/hosts"));
    image.tree.add(FsTree.root, "other", inode);
    await installSingularity(image.tree, files, { contents: image.contents, mtimeSec: BUILD_TIME_SEC });
    expect(at(image, "other")?.text).toBe("kept");
    expect(at(image, "etc/hosts")?.text).toBe("");
  });

  it("empties what /etc/hosts links to, and replaces a resolv.conf that leads nowhere", async () => {
    const image = await install({
      "etc/hosts": { link: "hosts.real" },
      "etc/hosts.real": { file: "127.0.0.1 x\n" },
      "etc/resolv.conf": { link: "../run/systemd/resolve/stub-resolv.conf" },
    });
    expect(at(image, "etc/hosts")).toMatchObject({ kind: InodeKind.symlink });
    expect(at(image, "etc/hosts.real")?.text).toBe("");
    expect(at(image, "etc/resolv.conf")).toMatchObject({ kind: InodeKind.file, text: "" });
  });

  it("never writes through a link below /.singularity.d", async () => {
    const image = await install({
      "bin/sh": { file: "precious" },
      ".singularity.d/actions/shell": { link: "/bin/sh" },
      ".singularity.d/runscript": { link: "/outside" },
    });
    expect(at(image, "bin/sh")?.text).toBe("precious");
    expect(at(image, ".singularity.d/actions/shell")).toMatchObject({ kind: InodeKind.file });
    expect(at(image, "outside")).toBeUndefined();
  });

  it("replaces a FIFO by the file", async () => {
    const image = await install({ ".singularity.d/runscript": { fifo: 0o644 } });
    expect(at(image, ".singularity.d/runscript")).toMatchObject({ kind: InodeKind.file, mode: 0o755 });
  });

  it("follows links to directories inside the root, also to places not there yet", async () => {
    const image = await install({
      "usr/etc": { dir: 0o755 },
      etc: { link: "usr/etc" },
      tmp: { link: "/scratch/../scratch/tmp" },
      ".singularity.d": { link: "../../opt/container" },
    });
    expect(at(image, "usr/etc/hosts")?.text).toBe("");
    expect(at(image, "scratch/tmp")).toMatchObject({ kind: InodeKind.directory });
    expect(at(image, "opt/container/runscript")?.text).toContain("SINGULARITY_OCI_RUN");
    expect(resolvePath(image.tree, "singularity")).not.toBe(NO_NODE);
  });

  it("keeps an image's own entries of the links' names", async () => {
    const image = await install({
      environment: { file: "mine" },
      singularity: { dir: 0o711 },
      ".run": { link: "nowhere" },
    });
    expect(at(image, "environment")?.text).toBe("mine");
    expect(at(image, "singularity")).toMatchObject({ kind: InodeKind.directory, mode: 0o711 });
    expect(at(image, ".run")).toMatchObject({ target: "nowhere" });
  });

  it.each([
    [{}, "Apptainer0"],
    [{ ".singularity.d/bootstrap_history/x": { file: "x" } }, "Apptainer1"],
    [{ ".singularity.d/bootstrap_history/Apptainer1": { file: "x" } }, "Apptainer2"],
  ])("moves a former definition to the history: %o", async (history, name) => {
    const image = await install({ ".singularity.d/Singularity": { file: "former\n" }, ...history });
    expect(at(image, `.singularity.d/bootstrap_history/${name}`)).toMatchObject({ text: "former\n", mode: 0o644 });
    expect(at(image, ".singularity.d/Singularity")?.text).toBe("bootstrap: docker\nfrom: alpine\n\n");
  });

  it("keeps other files of /.singularity.d", async () => {
    const image = await install({
      ".singularity.d/env/50-user.sh": { file: "export A=1\n" },
      ".singularity.d/test": { file: "t" },
    });
    expect(at(image, ".singularity.d/env/50-user.sh")).toMatchObject({ text: "export A=1\n", mode: 0o644 });
    expect(at(image, ".singularity.d/test")).toMatchObject({ text: "t", mtimeSec: LAYER_TIME_SEC });
  });

  it.each<[string, Record<string, Entry>, object]>([
    [
      "a file for a directory",
      { var: { file: "x" } },
      { code: "NOT_A_DIRECTORY", details: { path: "var", seen: "a file" } },
    ],
    ["a loop of links", { tmp: { link: "tmp" } }, { code: "NOT_A_DIRECTORY" }],
    [
      "a directory for a file",
      { ".singularity.d/runscript": { dir: 0o755 } },
      { code: "IS_A_DIRECTORY", details: { path: ".singularity.d/runscript" } },
    ],
    ["a directory for /etc/hosts", { "etc/hosts": { dir: 0o755 } }, { code: "IS_A_DIRECTORY" }],
  ])("refuses %s", async (_what, entries, error) => {
    await expect(install(entries)).rejects.toMatchObject(error);
  });
});

describe("findArchitecture()", () => {
  const elf = (elfArch: number): Entry => ({ file: "x", mode: 0o755, elfArch });
  it.each<[string, Record<string, Entry>, number]>([
    ["nothing", {}, 0],
    ["a script as /bin/sh", { "bin/sh": { file: "#!" } }, 0],
    ["/bin/sh", { "app/first": elf(4), "bin/sh": elf(2) }, 2],
    [
      "/bin/sh through links",
      { bin: { link: "usr/bin" }, "usr/bin/sh": { link: "/usr/bin/dash" }, "usr/bin/dash": elf(6), a: elf(2) },
      6,
    ],
    ["/bin/sh that leads nowhere", { "bin/sh": { link: "nowhere" }, "z/app": elf(11) }, 11],
    ["the first by name", { "b/x": elf(4), a: elf(3), "c/x": elf(2) }, 3],
    ["the first by name, folders in their place", { "b/x": elf(4), c: elf(2), b0: elf(3), "b-": elf(11) }, 4],
  ])("%s", async (_what, entries, expected) => {
    expect(findArchitecture((await smallTree(entries)).tree)).toBe(expected);
  });
});

describe("listApps()", () => {
  it.each<[Record<string, Entry>, string[]]>([
    [{}, []],
    [{ "scif/apps": { file: "" } }, []],
    [
      {
        "scif/apps/b/scif": { dir: 0o755 },
        "scif/apps/a/scif/env": { dir: 0o755 },
        "scif/apps/bare": { dir: 0o755 },
        "scif/apps/.hidden/scif": { dir: 0o755 },
        "scif/apps/file/scif": { file: "" },
        "scif/apps/link": { link: "a" },
      },
      ["a", "b", "link"],
    ],
  ])("%o", async (entries, expected) => {
    expect(listApps((await smallTree(entries)).tree)).toEqual(expected);
  });
});
