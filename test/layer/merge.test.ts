import { describe, expect, it } from "vitest";
import type { MergeOptions, MergeResult } from "../../src/layer/merge/contract.ts";
import { MAX_LAYERS, MAX_TARGET_SIZE } from "../../src/layer/merge/limits.ts";
import { mergeLayers } from "../../src/layer/merge/merge-layers.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import {
  describeTree,
  dir,
  entry,
  file,
  hardlink,
  layersOf,
  MemoryContents,
  opaque,
  symlink,
  type TestLayer,
  whiteout,
} from "../support/entries.ts";
import { describeNaive, naiveApply } from "../support/naive-apply.ts";

const IMPLICIT_MTIME = 77_777;

interface Merged extends MergeResult {
  readonly lines: string[];
  readonly contents: MemoryContents;
  readonly events: ProgressEvent[];
  readonly inputs: TestLayer[];
}

async function merge(layers: readonly (readonly TarEntry[])[], more: Partial<MergeOptions> = {}): Promise<Merged> {
  const contents = new MemoryContents();
  const events: ProgressEvent[] = [];
  const inputs = layersOf(...layers);
  const onProgress = (event: ProgressEvent) => events.push(event);
  const signal = new AbortController().signal;
  const result = await mergeLayers(inputs, { contents, signal, onProgress, implicitMtimeSec: IMPLICIT_MTIME, ...more });
  return { ...result, lines: describeTree(result.tree, contents, IMPLICIT_MTIME), contents, events, inputs };
}

/** Paths of a merged tree with what they hold, short: `a=content`, `b/`, `c->target`, `d==a` for a hard link to a. */
function brief({ lines }: Merged): string[] {
  return lines
    .filter((line) => !line.startsWith(" "))
    .map((line) => {
      const [path, kind, , , ...rest] = line.split(" ");
      const shared = rest.indexOf("=");
      if (shared >= 0) return `${path}==${rest[shared + 1]}`;
      if (kind === "directory") return `${path}/`;
      if (kind === "symlink") return `${path}->${rest[2]}`;
      return kind === "file" ? `${path}=${rest.slice(2).join(" ")}` : `${path} ${kind}`;
    });
}

type Row = readonly [what: string, layers: readonly (readonly TarEntry[])[], expected: readonly string[]];

const rows: readonly Row[] = [
  ["same path twice in one tar: the last wins", [[file("a", "1"), file("a", "2")]], ["a=2"]],
  [
    "same directory twice: children merge",
    [[dir("d"), file("d/x", "1"), dir("d"), file("d/y", "2")]],
    ["d/", "d/x=1", "d/y=2"],
  ],
  ["directory, then a symlink of the same name", [[dir("d"), file("d/x", "1"), symlink("d", "t")]], ["d->t"]],
  ["file, then a directory of the same name", [[file("d", "1"), dir("d"), file("d/x", "2")]], ["d/", "d/x=2"]],
  ["file, then a path below it", [[file("d", "1"), file("d/x", "2")]], ["d/", "d/x=2"]],
  ["upper file over lower", [[file("a", "1")], [file("a", "2")]], ["a=2"]],
  ["upper file over lower directory", [[dir("a"), file("a/x", "1")], [file("a", "2")]], ["a=2"]],
  ["upper directory over lower file", [[file("a", "1")], [dir("a"), file("a/x", "2")]], ["a/", "a/x=2"]],
  ["upper implicit directory over lower file", [[file("a", "1")], [file("a/x", "2")]], ["a/", "a/x=2"]],
  [
    "a file between two directories is a barrier",
    [[dir("a"), file("a/x", "1")], [file("a", "2")], [file("a/y", "3")]],
    ["a/", "a/y=3"],
  ],
  [
    "directory over directory merges",
    [
      [dir("a"), file("a/x", "1")],
      [dir("a"), file("a/y", "2")],
    ],
    ["a/", "a/x=1", "a/y=2"],
  ],
  ["whiteout of a file", [[file("a", "1"), file("b", "2")], [whiteout("a")]], ["b=2"]],
  ["whiteout of something absent", [[file("b", "2")], [whiteout("a"), whiteout("d/a")]], ["b=2"]],
  ["whiteout below a lower file", [[file("b", "2")], [whiteout("b/a")]], ["b=2"]],
  ["whiteout beside a file of its own layer", [[file("a", "1")], [file("a", "2"), whiteout("a")]], ["a=2"]],
  ["whiteout before a file of its own layer", [[file("a", "1")], [whiteout("a"), file("a", "2")]], ["a=2"]],
  [
    "whiteout of a directory, entries below it in the same layer",
    [
      [dir("d"), file("d/x", "1")],
      [whiteout("d"), dir("d"), file("d/y", "2")],
    ],
    ["d/", "d/y=2"],
  ],
  ["whiteout stored as a hard link", [[file("a", "1"), file("b", "2")], [hardlink(".wh.a", "b")]], ["b=2"]],
  ["whiteout stored as a directory", [[file("a", "1")], [dir(".wh.a")]], []],
  ["opaque before its siblings", [[file("d/x", "1")], [opaque("d"), file("d/y", "2")]], ["d/", "d/y=2"]],
  ["opaque after its siblings", [[file("d/x", "1")], [file("d/y", "2"), opaque("d")]], ["d/", "d/y=2"]],
  ["opaque with nothing below", [[file("a", "1")], [opaque("d"), opaque("e/f")]], ["a=1"]],
  ["opaque keeps the directory", [[dir("d"), file("d/x", "1")], [opaque("d")]], ["d/"]],
  [
    "opaque in a chain of parents",
    [
      [file("a/b/c/x", "1"), file("a/y", "2")],
      [opaque("a"), file("a/b/z", "3")],
    ],
    ["a/", "a/b/", "a/b/z=3"],
  ],
  [
    "opaque with whiteouts beside it",
    [[file("d/x", "1")], [whiteout("d/x"), opaque("d"), file("d/x", "2")]],
    ["d/", "d/x=2"],
  ],
  [
    "opaque in the root",
    [
      [file("a", "1"), dir("d")],
      [opaque(""), file("b", "2")],
    ],
    ["b=2"],
  ],
  ["opaque does not reach higher layers", [[file("d/x", "1")], [opaque("d")], [file("d/z", "3")]], ["d/", "d/z=3"]],
  [
    "AUFS plumbing is gone",
    [[dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "x"), file(".wh..wh.aufs", ""), file("a", "1")]],
    ["a=1"],
  ],
  [
    "AUFS plumbing as the target of a link",
    [
      [
        dir(".wh..wh.plnk"),
        file(".wh..wh.plnk/1.2", "x"),
        hardlink("a", ".wh..wh.plnk/1.2"),
        hardlink("b", ".wh..wh.plnk/1.2"),
      ],
    ],
    ["a=x", "b==a"],
  ],
  ["an implicit parent stays when its files are deleted", [[file("d/x", "1")], [whiteout("d/x")]], ["d/"]],
  [
    "names are normalised and clamped",
    [
      [
        file("./a", "1"),
        file("/b", "2"),
        file("c//d", "3"),
        dir("e/"),
        file("x/../f", "4"),
        file("../../g", "5"),
        file("h/./i", "6"),
      ],
    ],
    ["a=1", "b=2", "c/", "c/d=3", "e/", "f=4", "g=5", "h/", "h/i=6"],
  ],
  [
    "names that are not UTF-8, or begin with dots",
    [[file("\xff\xfe", "1"), file("..a", "2"), file("...", "3")]],
    ["...=3", "..a=2", "\xff\xfe=1"],
  ],
  [
    "symlink as parent, inside the root",
    [[symlink("evil", "/etc"), file("evil/x", "1")]],
    ["etc/", "etc/x=1", "evil->/etc"],
  ],
  [
    "symlink as parent, upwards",
    [[dir("d"), symlink("d/evil", "../../../etc"), file("d/evil/x", "1")]],
    ["d/", "d/evil->../../../etc", "etc/", "etc/x=1"],
  ],
  [
    "implicit directory above a lower symlink",
    [[dir("usr"), dir("usr/lib"), file("usr/lib/y", "1"), symlink("lib", "usr/lib")], [file("lib/x", "2")]],
    ["lib->usr/lib", "usr/", "usr/lib/", "usr/lib/x=2", "usr/lib/y=1"],
  ],
  [
    "implicit directory above a symlink that comes first in its layer",
    [
      [symlink("lib", "usr/lib"), dir("usr"), dir("usr/lib"), file("usr/lib/y", "1")],
      [file("lib/d/x", "2")],
      [file("lib/y", "3")],
    ],
    ["lib->usr/lib", "usr/", "usr/lib/", "usr/lib/d/", "usr/lib/d/x=2", "usr/lib/y=3"],
  ],
  [
    "implicit directory above a chain of symlinks",
    [[symlink("a", "b")], [symlink("b", "/c"), dir("c")], [file("a/x", "1")]],
    ["a->b", "b->/c", "c/", "c/x=1"],
  ],
  [
    "explicit directory above a lower symlink replaces it",
    [
      [dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib")],
      [dir("lib"), file("lib/x", "2")],
    ],
    ["lib/", "lib/x=2", "usr/", "usr/lib/"],
  ],
  [
    "a symlink between two directories takes the entries of the layers that saw it",
    [[symlink("lib", "usr/lib")], [file("lib/x", "2")], [dir("lib"), file("lib/x", "3")]],
    ["lib/", "lib/x=3", "usr/", "usr/lib/", "usr/lib/x=2"],
  ],
  [
    "whiteout through a lower symlink",
    [[file("d/x", "1"), file("d/y", "2"), symlink("s", "d")], [whiteout("s/x")]],
    ["d/", "d/y=2", "s->d"],
  ],
  ["hard link in a layer", [[file("a", "1"), hardlink("b", "a")]], ["a=1", "b==a"]],
  [
    "hard links with ./ and /",
    [[file("a", "1"), hardlink("./b", "./a"), hardlink("c", "/a"), hardlink("d", "x/../a")]],
    ["a=1", "b==a", "c==a", "d==a"],
  ],
  ["hard link before its target", [[hardlink("b", "a"), file("a", "1")]], ["a=1", "b==a"]],
  [
    "hard link before its target, which a lower layer has too",
    [[file("a", "0")], [hardlink("b", "a"), file("a", "1")]],
    ["a=1", "b=0"],
  ],
  ["hard link made to the earlier of two", [[file("a", "1"), hardlink("b", "a"), file("a", "2")]], ["a=2", "b=1"]],
  ["hard link to a lower file", [[file("a", "1")], [hardlink("b", "a")]], ["a=1", "b==a"]],
  ["hard link to a file two layers down", [[file("a", "1")], [], [hardlink("b", "a")]], ["a=1", "b==a"]],
  [
    "hard link to a lower file that is deleted above",
    [[file("a", "1")], [hardlink("b", "a")], [whiteout("a")]],
    ["b=1"],
  ],
  [
    "hard link to a lower file that is deleted with its directory",
    [[file("d/a", "1")], [hardlink("b", "d/a")], [whiteout("d")]],
    ["b=1"],
  ],
  [
    "hard link and target in one layer, target overwritten above",
    [[file("a", "1"), hardlink("b", "a")], [file("a", "2")]],
    ["a=2", "b=1"],
  ],
  [
    "hard link and target in one layer, target deleted above",
    [[file("a", "1"), hardlink("b", "a")], [whiteout("a")]],
    ["b=1"],
  ],
  [
    "three names, one overwritten above",
    [[file("t1", "old"), hardlink("t2", "t1"), hardlink("t3", "t1")], [file("t1", "new")]],
    ["t1=new", "t2=old", "t3==t2"],
  ],
  [
    "a chain, its middle and end deleted above",
    [
      [file("end", "x"), hardlink("link1", "end"), hardlink("link10", "link1"), hardlink("link2", "link10")],
      [whiteout("end"), whiteout("link1")],
    ],
    ["link10=x", "link2==link10"],
  ],
  [
    "a chain over layers, its middle and end deleted above",
    [
      [file("end", "x")],
      [hardlink("link1", "end")],
      [hardlink("link2", "link1")],
      [hardlink("link3", "link2")],
      [whiteout("end"), whiteout("link2")],
    ],
    ["link1=x", "link3==link1"],
  ],
  ["hard link to a symlink", [[symlink("s", "t"), hardlink("h", "s")]], ["h->t", "s==h"]],
  ["hard link to a lower symlink", [[symlink("s", "t")], [hardlink("h", "s")], [whiteout("s")]], ["h->t"]],
  [
    "hard link below a symlink",
    [[dir("d"), file("d/a", "1"), symlink("s", "d"), hardlink("h", "s/a")]],
    ["d/", "d/a=1", "h==d/a", "s->d"],
  ],
  ["hard link onto its own name", [[file("a", "1"), hardlink("a", "a")]], ["a=1"]],
  ["hard link onto a hidden name is ignored", [[hardlink("b", "nothing")], [file("b", "1")]], ["b=1"]],
  ["empty layers, layers of whiteouts alone", [[], [file("a", "1")], [whiteout("a"), whiteout("b")], []], []],
];

describe("mergeLayers()", () => {
  it.each(rows)("%s", async (_, layers, expected) => {
    const merged = await merge(layers);
    expect(brief(merged)).toEqual([...expected].sort());
    expect(merged.lines).toEqual(describeNaive(naiveApply(layers)));
  });

  it("gives directories the topmost entry's metadata, implicit ones the first further down", async () => {
    const { lines } = await merge([
      [dir("a", { mode: 0o700, uid: 1 }), dir("b", { mode: 0o711, uid: 2 }), dir("", { mode: 0o1777, uid: 9 })],
      [dir("b", { mode: 0o750, uid: 3 })],
      [file("a/x", ""), file("b/x", ""), file("c/x", "")],
    ]);
    expect(lines.filter((line) => line.includes(" directory "))).toEqual([
      " directory 1777 9:0 1  ",
      "a directory 700 1:0 1  ",
      "b directory 750 3:0 1  ",
      "c directory 755 0:0 implicit",
    ]);
  });

  it.each([
    ["whiteout", [whiteout("d"), file("d/y", "")]],
    ["whiteout after", [file("d/y", ""), whiteout("d")]],
    ["a file in between", [file("d", ""), file("d/y", "")]],
  ])("starts a directory anew that is removed and made again without an entry: %s", async (_, upper) => {
    const { lines } = await merge([[dir("d", { mode: 0o700, uid: 5 }), file("d/x", "")], upper]);
    expect(lines[1]).toBe("d directory 755 0:0 implicit");
  });

  it("keeps modes, owners, times, devices and xattrs as the header says", async () => {
    const xattrs = [{ name: "security.capability", value: Buffer.from("0100000200200000", "hex") }];
    const { lines, tree } = await merge([
      [
        entry("file", "su", { mode: 0o4755, uid: 3_000_000_000, gid: 2 ** 32 - 1, mtimeSec: 2 ** 32 - 1, xattrs }),
        entry("charDevice", "null", { mode: 0o666, deviceMajor: 1, deviceMinor: 3 }),
        entry("blockDevice", "sda", { mode: 0o660, deviceMajor: 8, deviceMinor: 1_048_575 }),
        entry("fifo", "pipe", { mode: 0o600 }),
        hardlink("su2", "su"),
      ],
      [whiteout("su")],
    ]);
    expect(lines).toEqual([
      " directory 755 0:0 implicit",
      "null charDevice 666 0:0 1  1,3",
      "pipe fifo 600 0:0 1  ",
      "sda blockDevice 660 0:0 1  8,1048575",
      "su2 file 4755 3000000000:4294967295 4294967295 security.capability=0100000200200000 ",
    ]);
    expect(tree.inodes.xattrSetCount).toBe(1);
  });

  it.each([
    ["DANGLING_HARD_LINK", [[hardlink("b", "a")]]],
    ["DANGLING_HARD_LINK", [[file("a", "1")], [whiteout("a"), hardlink("b", "a")]]],
    ["DANGLING_HARD_LINK", [[file("d/a", "1")], [opaque("d")], [hardlink("b", "d/a")]]],
    ["DANGLING_HARD_LINK", [[file("d/a", "1")], [file("d", "2")], [hardlink("b", "d/a")]]],
    ["DANGLING_HARD_LINK", [[hardlink("b", "b")]]],
    ["DANGLING_HARD_LINK", [[hardlink("b", "c"), hardlink("c", "b")]]],
    ["HARD_LINK_TO_DIRECTORY", [[dir("d"), hardlink("b", "d")]]],
    ["HARD_LINK_TO_DIRECTORY", [[file("d/x", "1")], [hardlink("b", "d")]]],
    ["HARD_LINK_TO_DIRECTORY", [[hardlink("b", "/")]]],
    ["MALFORMED_WHITEOUT", [[file(".wh.", "")]]],
    ["MALFORMED_WHITEOUT", [[file("d/.wh..", "")]]],
    ["MALFORMED_WHITEOUT", [[file("d/.wh...", "")]]],
    ["MALFORMED_NAME", [[file("a\0b", "")]]],
    ["MALFORMED_NAME", [[symlink("a", "")]]],
    ["NAME_TOO_LONG", [[file(`d/${"x".repeat(256)}`, "")]]],
    ["PATH_TOO_LONG", [[file("d/".repeat(40_000), "")]]],
    ["TARGET_TOO_LONG", [[symlink("a", "x".repeat(MAX_TARGET_SIZE + 1))]]],
    ["SYMLINK_LOOP", [[symlink("a", "b"), symlink("b", "a"), file("a/x", "1")]]],
    ["SYMLINK_LOOP", [[symlink("a", "b"), symlink("b", "a")], [file("a/x", "1")]]],
    ["ROOT_NOT_A_DIRECTORY", [[symlink("./", "/etc")]]],
  ])("fails with %s (%#)", async (code, layers) => {
    await expect(merge(layers)).rejects.toMatchObject({ name: "MergeError", code });
  });

  it("names link, target and layer of a dangling hard link", async () => {
    const layers = [[file("x", "")], [hardlink("usr/b", "./usr/a")]];
    await expect(merge(layers)).rejects.toThrow(
      'Cannot merge "usr/b" of layer sha256:layer2: it is a hard link to "usr/a", which neither that layer nor the ones below it have.',
    );
  });

  it("refuses more layers than it has numbers for", async () => {
    await expect(merge(Array.from({ length: MAX_LAYERS + 1 }, () => []))).rejects.toMatchObject({
      code: "TOO_MANY_LAYERS",
    });
  });

  it("takes names of 255 bytes, paths of 4,096 and targets of 4,096", async () => {
    const long = `${"d".repeat(255)}/`.repeat(15) + "f".repeat(256 - 1);
    const { tree } = await merge([[file(long, "1"), symlink("s", "t".repeat(MAX_TARGET_SIZE))]]);
    expect(long).toHaveLength(15 * 256 + 255);
    expect(tree.nodeCount).toBe(18);
  });

  it("reads each layer once and skips hidden bytes", async () => {
    const merged = await merge([
      [file("a", "old"), file("b", "kept"), dir("d"), file("d/x", "gone")],
      [file("a", "newer"), whiteout("d")],
    ]);
    expect(merged.inputs.map((layer) => layer.opened)).toEqual([1, 1]);
    expect(merged.contents.stored).toEqual(["", "newer", "kept"]);
    expect(merged.scanReason).toBeUndefined();
    expect(merged.layers).toEqual([
      {
        name: "sha256:layer1",
        entries: 4,
        entriesHidden: 3,
        bytesRead: 11,
        bytesHidden: 7,
        bytesKept: 4,
        rescuedFiles: 0,
      },
      {
        name: "sha256:layer2",
        entries: 2,
        entriesHidden: 0,
        bytesRead: 5,
        bytesHidden: 0,
        bytesKept: 5,
        rescuedFiles: 0,
      },
    ]);
  });

  it("rescues a hidden target by reading its layer again, as far as needed", async () => {
    const merged = await merge([
      [
        file("z", "0"),
        file("a", "old", { streamed: true }),
        hardlink("b", "a"),
        hardlink("c", "a"),
        file("y", "1"),
        file("w", "2"),
      ],
      [whiteout("a")],
    ]);
    expect(merged.inputs.map(({ opened, taken }) => [opened, taken])).toEqual([
      [2, 6 + 2],
      [1, 1],
    ]);
    expect(merged.events).toEqual([{ kind: "rescue", digest: "sha256:layer1", fileCount: 1 }]);
    expect(merged.layers[0]).toMatchObject({ rescuedFiles: 1, bytesHidden: 0, bytesKept: 6 });
    expect(brief(merged)).toEqual(["b=old", "c==b", "w=2", "y=1", "z=0"]);
  });

  it("needs no second pass for a hidden target that a higher link was waiting for", async () => {
    const merged = await merge([[file("a", "1")], [hardlink("b", "a")], [file("a", "2")]]);
    expect(merged.inputs.map((layer) => layer.opened)).toEqual([1, 1, 1]);
    expect(brief(merged)).toEqual(["a=2", "b=1"]);
  });

  it("moves entries behind a lower symlink without a second pass", async () => {
    const merged = await merge([[symlink("lib", "usr/lib"), dir("usr"), dir("usr/lib")], [file("lib/x", "2")]]);
    expect(merged.scanReason).toBeUndefined();
    expect(merged.inputs.map((layer) => layer.opened)).toEqual([1, 1]);
  });

  it("scans all layers where one pass cannot tell, stores nothing twice, and says so", async () => {
    const merged = await merge([
      [symlink("lib", "usr/lib"), file("y", "1")],
      [file("lib/x", "2")],
      [dir("lib"), file("lib/x", "3"), file("z", "4", { mode: 0o755 })],
    ]);
    expect(merged.scanReason).toBeDefined();
    expect(merged.events).toMatchObject([{ kind: "warning" }]);
    expect(brief(merged)).toEqual(["lib/", "lib/x=3", "usr/", "usr/lib/", "usr/lib/x=2", "y=1", "z=4"]);
    expect([...merged.contents.stored].sort()).toEqual(["", "1", "2", "3", "4"]);
    expect(merged.layers.map((layer) => layer.bytesKept)).toEqual([1, 1, 2]);
  });

  it.each([false, true])("captures files by their path in the tree (streamed: %s)", async (streamed) => {
    const capture = (path: string) => path.startsWith(".singularity.d/");
    const merged = await merge(
      [
        [file("elsewhere", "linked", { streamed }), symlink("meta", ".singularity.d/env")],
        [
          file(".singularity.d/labels.json", "{}", { streamed }),
          file(".singularity.d/empty", ""),
          file(".singularity.d/large", "x".repeat((1 << 20) + 1)),
          hardlink(".singularity.d/link", "elsewhere"),
          file("other", "not"),
        ],
      ],
      { capture },
    );
    const { tree, captured } = merged;
    const found = [...captured].map(([inode, bytes]) => [inode, Buffer.from(bytes).toString()]);
    const inodeOf = (path: string) => tree.inode(path.split("/").reduce((node, name) => tree.lookup(node, name), 0));
    expect(new Map(found as [number, string][])).toEqual(
      new Map([
        [inodeOf(".singularity.d/labels.json"), "{}"],
        [inodeOf(".singularity.d/empty"), ""],
        [inodeOf(".singularity.d/link"), "linked"],
      ]),
    );
  });

  it("notes the architecture of executable ELF files", async () => {
    const elf = Buffer.alloc(64);
    elf.write("\x7fELF\x02\x01", "latin1");
    elf.writeUInt16LE(183, 18);
    const { tree } = await merge([
      [
        file("buffered", "", { content: elf, mode: 0o755 }),
        file("streamed", "", { content: elf, mode: 0o100, streamed: true }),
        file("library", "", { content: elf, mode: 0o644 }),
      ],
    ]);
    const archOf = (name: string) => tree.inodes.elfArch(tree.inode(tree.lookup(0, name)));
    expect([archOf("buffered"), archOf("streamed"), archOf("library")]).toEqual([4, 4, 0]);
  });

  it("stops when aborted, and passes on what the store throws", async () => {
    const controller = new AbortController();
    const layer = [file("a", "1"), file("b", "2")];
    const signal = controller.signal;
    const abortingStore = {
      async add() {
        controller.abort(new Error("stopped"));
        return 1;
      },
    };
    await expect(merge([layer], { signal, contents: abortingStore })).rejects.toThrow("stopped");
    const failingStore = { add: () => Promise.reject(new Error("disk full")) };
    await expect(merge([layer], { contents: failingStore })).rejects.toThrow("disk full");
  });

  it("notices a layer that changed between its passes", async () => {
    let pass = 0;
    const changing = {
      name: "sha256:changing",
      async *entries() {
        yield* pass++ === 0 ? [file("a", "1"), hardlink("b", "a")] : [];
      },
    };
    const options = { contents: new MemoryContents(), signal: new AbortController().signal, implicitMtimeSec: 0 };
    const upper = layersOf([whiteout("a")]);
    await expect(mergeLayers([changing, ...upper], options)).rejects.toMatchObject({ code: "LAYER_CHANGED" });
  });
});

it("mergeLayers() joins deep directories behind a symlink without deep calls", async () => {
  const deep = Array.from({ length: 2000 }, () => "a").join("/");
  const merged = await merge([[symlink("l", "d")], [file(`d/${deep}/x`, "1")], [file(`l/${deep}/f`, "2")]]);
  expect(merged.scanReason).toMatch(/deep directories/);
  expect(merged.lines.filter((line) => line.includes(`d/${deep}/x`) || line.includes(`d/${deep}/f`))).toHaveLength(2);
});
