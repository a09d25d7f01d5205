import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { HostCopy } from "../../src/build/files/copy-from-host.ts";
import type { Root, RootTarget } from "../../src/build/root.ts";
import type { ContentStore } from "../../src/fstree/content.ts";
import { resolvePath } from "../../src/fstree/resolve.ts";
import { NO_NODE } from "../../src/fstree/tree.ts";
import type { KeptContents } from "../singularity-d/kept-contents.ts";
import { type Entry, smallTree } from "../singularity-d/small-tree.ts";

const folder = mkdtempSync(join(tmpdir(), "sifon-copy-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

mkdirSync(join(folder, "tree/sub"), { recursive: true });
mkdirSync(join(folder, "tree/lib"));
writeFileSync(join(folder, "file"), "file\n");
writeFileSync(join(folder, "tree/sub/deep"), "deep\n");
writeFileSync(join(folder, "tree/.hidden"), "");
writeFileSync(join(folder, "tree/lib/so"), "so\n");
symlinkSync("../file", join(folder, "tree/link"));
symlinkSync("nowhere", join(folder, "dangling"));
mkdirSync(join(folder, "loop"));
symlinkSync(".", join(folder, "loop/again"));
writeFileSync(join(folder, "labels.json"), "{}");
chmodSync(join(folder, "file"), 0o4777);
execFileSync("mkfifo", [join(folder, "fifo")]);

async function start(
  entries: Readonly<Record<string, Entry>>,
): Promise<{ copy: HostCopy; root: Root; read: (path: string) => string }> {
  const { tree, contents } = await smallTree(entries);
  const root: Root = { tree, texts: new Map() };
  // What comes is borrowed.
  const store: ContentStore = {
    add: (size, parts) => contents.add(size, parts instanceof Uint8Array ? new Uint8Array(parts) : parts),
  };
  const target: RootTarget = { contents: store, signal: new AbortController().signal, onProgress() {} };
  return { copy: new HostCopy(root, target, 1234), root, read: (path) => describeAt(root, contents, path) };
}

/** `755 0:0 content` of what a path leads to. */
function describeAt({ tree }: Root, contents: KeptContents, path: string): string {
  const node = resolvePath(tree, path);
  if (node === NO_NODE) return "nothing";
  const inode = tree.inode(node);
  const { inodes } = tree;
  const text = tree.isDirectory(node)
    ? [...tree.sortedChildren(node)].map((child) => tree.name(child)).join(",")
    : Buffer.from(inodes.content(inode) === 0 ? [] : contents.get(inodes.content(inode))).toString();
  return `${inodes.mode(inode).toString(8)} ${inodes.uid(inode)}:${inodes.gid(inode)} ${text}`;
}

describe("HostCopy", () => {
  it.each([
    ["to a new name", {}, "file", "/a/b", "a/b", "775 0:0 file\n"],
    ["into a directory that is there", { "opt/x": { file: "" } }, "file", "/opt", "opt/file", "775 0:0 file\n"],
    ["into a directory that a slash makes", {}, "file", "/new/", "new/file", "775 0:0 file\n"],
    [
      "over a file, which keeps owner and mode",
      { a: { file: "old", mode: 0o600, uid: 7 } },
      "file",
      "/a",
      "a",
      "600 7:7 file\n",
    ],
    [
      "through a link inside the root",
      { l: { link: "/opt" }, "opt/x": { file: "" } },
      "file",
      "/l",
      "opt/file",
      "775 0:0 file\n",
    ],
    [
      "through a link that leads nowhere yet",
      { l: { link: "../../made/here" } },
      "file",
      "/l",
      "made/here",
      "775 0:0 file\n",
    ],
    ["a directory to a new name", {}, "tree", "/t", "t", "755 0:0 .hidden,lib,link,sub"],
    [
      "a directory into one that is there",
      { "opt/x": { file: "" } },
      "tree",
      "/opt",
      "opt/tree/sub/deep",
      "644 0:0 deep\n",
    ],
    ["what is in a directory", { "opt/x": { file: "" } }, "tree/.", "/opt", "opt", "755 0:0 .hidden,lib,link,sub,x"],
    ["a link's target", {}, "tree/link", "/a", "a", "775 0:0 file\n"],
    ["a link's target within a directory", {}, "tree", "/t", "t/link", "775 0:0 file\n"],
    [
      "behind a link to a directory",
      { lib: { link: "usr/lib" }, "usr/lib/x": { file: "" } },
      "tree/.",
      "/",
      "usr/lib/so",
      "644 0:0 so\n",
    ],
    ["a FIFO", {}, "fifo", "/f", "f", "644 0:0 "],
  ] as const)("copies %s", async (_, entries, source, destination, path, expected) => {
    const { copy, read } = await start(entries as Readonly<Record<string, Entry>>);
    await copy.copy(`${folder}/${source}`, destination);
    expect(read(path)).toBe(expected);
  });

  it.each([
    ["what is not there", {}, "nosuch", "/a", "no such file or directory"],
    ["a link that leads nowhere", {}, "dangling", "/a", "no such file or directory"],
    ["a directory around itself", {}, "loop", "/a", "leads to a directory around it"],
    ["a directory over a file", { a: { file: "" } }, "tree", "/a", '"/a" is not a directory'],
    ["a file below a file", { a: { file: "" } }, "file", "/a/b", "/a"],
    ["to a loop of links", { a: { link: "b" }, b: { link: "a" } }, "file", "/a", "symbolic links"],
  ] as const)("refuses %s", async (_, entries, source, destination, problem) => {
    const { copy } = await start(entries as Readonly<Record<string, Entry>>);
    await expect(copy.copy(`${folder}/${source}`, destination)).rejects.toThrow(problem);
  });

  it("writes a hard-linked file under all its names, and knows texts", async () => {
    const { copy, root, read } = await start({ ".singularity.d/labels.json": { file: "old" } });
    root.tree.add(0, "other", root.tree.inode(resolvePath(root.tree, ".singularity.d/labels.json")));
    await copy.copy(join(folder, "labels.json"), "/.singularity.d/labels.json");
    expect(read("other")).toContain("{}");
    expect([...root.texts.values()].map(String)).toEqual(["{}"]);
  });
});
