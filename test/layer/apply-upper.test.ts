import { describe, expect, it } from "vitest";
import { mergeLayers } from "../../src/layer/merge/merge-layers.ts";
import { applyUpper } from "../../src/layer/upper/apply-upper.ts";
import type { UpperMarks } from "../../src/layer/upper/marks.ts";
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
  whiteout,
} from "../support/entries.ts";

const { signal } = new AbortController();
const xattr = (name: string, value: string) => ({ name, value: Buffer.from(value) });
const gone = (path: string) => entry("charDevice", path, { deviceMajor: 0, deviceMinor: 0, mode: 0 });
const opaqueDir = (path: string, prefix = "user") => dir(path, { xattrs: [xattr(`${prefix}.overlay.opaque`, "y")] });
const root = dir("./");

const BASE = [
  file("a", "1"),
  dir("d"),
  file("d/x", "2"),
  dir("d/e"),
  file("d/e/deep", "3"),
  hardlink("linked", "a"),
  symlink("s", "d"),
];

async function apply(upper: readonly TarEntry[], marks: UpperMarks = "kernel", base: readonly TarEntry[] = BASE) {
  const contents = new MemoryContents();
  const { tree } = await mergeLayers(layersOf(base), { contents, signal, implicitMtimeSec: 0 });
  async function* entries(): AsyncGenerator<TarEntry> {
    yield* upper;
  }
  const report = await applyUpper(tree, entries(), {
    ...{ contents, marks, name: "the overlay", signal },
    capture: (path) => path.endsWith(".sh"),
  });
  return { lines: describeTree(tree, contents, 0), report, tree };
}

/** Paths with what they hold: `a=content`, `b/`, `c->target`, `d==a` for a hard link to a. */
function brief(lines: readonly string[]): string[] {
  return lines
    .filter((line) => !line.startsWith(" "))
    .map((line) => {
      const [path, kind, , , ...rest] = line.split(" ");
      const shared = rest.indexOf("=");
      if (shared >= 0) return `${path}==${rest[shared + 1]}`;
      if (kind === "directory") return `${path}/`;
      if (kind === "symlink") return `${path}->${rest[2]}`;
      return kind === "file" ? `${path}=${rest[2]}` : `${path} ${kind} ${rest[2]}`;
    });
}

const UNTOUCHED = ["a=1", "d/", "d/e/", "d/e/deep=3", "d/x=2", "linked==a", "s->d"];
type Row = readonly [what: string, upper: readonly TarEntry[], expected: readonly string[]];

const rows: readonly Row[] = [
  ["nothing but the root", [root], UNTOUCHED],
  [
    "a new file",
    [root, file("./n", "new")],
    ["a=1", "d/", "d/e/", "d/e/deep=3", "d/x=2", "linked==a", "n=new", "s->d"],
  ],
  [
    "a file over one of two names: the other keeps the former content",
    [root, file("./a", "new")],
    ["a=new", "d/", "d/e/", "d/e/deep=3", "d/x=2", "linked=1", "s->d"],
  ],
  ["a whiteout of a file", [root, gone("./a")], ["d/", "d/e/", "d/e/deep=3", "d/x=2", "linked=1", "s->d"]],
  ["a whiteout of a directory", [root, gone("./d")], ["a=1", "linked==a", "s->d"]],
  ["a whiteout of a link", [root, gone("./s")], UNTOUCHED.slice(0, -1)],
  ["a whiteout of nothing", [root, gone("./none")], UNTOUCHED],
  [
    "a whiteout in a directory that is kept",
    [root, dir("./d"), gone("./d/x")],
    ["a=1", "d/", "d/e/", "d/e/deep=3", "linked==a", "s->d"],
  ],
  ["an opaque directory", [root, opaqueDir("./d"), file("./d/n", "4")], ["a=1", "d/", "d/n=4", "linked==a", "s->d"]],
  ["an opaque directory of root's overlay", [root, opaqueDir("./d", "trusted")], ["a=1", "d/", "linked==a", "s->d"]],
  [
    "an opaque directory of other whiteouts (x) is not opaque",
    [
      root,
      dir("./d", { xattrs: [xattr("user.overlay.opaque", "x")] }),
      file("./d/x", "", { xattrs: [xattr("user.overlay.whiteout", "y")] }),
    ],
    ["a=1", "d/", "d/e/", "d/e/deep=3", "linked==a", "s->d"],
  ],
  [
    "a directory for a file",
    [root, dir("./a"), file("./a/n", "4")],
    ["a/", "a/n=4", "d/", "d/e/", "d/e/deep=3", "d/x=2", "linked=1", "s->d"],
  ],
  ["a file for a directory", [root, file("./d", "4")], ["a=1", "d=4", "linked==a", "s->d"]],
  ["a directory for a link to one", [root, dir("./s"), file("./s/n", "4")], [...UNTOUCHED.slice(0, -1), "s/", "s/n=4"]],
  ["a link for a directory", [root, symlink("./d", "a")], ["a=1", "d->a", "linked==a", "s->d"]],
  [
    "hard links inside the upper directory",
    [root, file("./m", "4"), dir("./d"), hardlink("./d/m", "./m")],
    ["a=1", "d/", "d/e/", "d/e/deep=3", "d/m=4", "d/x=2", "linked==a", "m==d/m", "s->d"],
  ],
  [
    "devices and FIFOs that are no whiteouts",
    [
      root,
      entry("charDevice", "./null", { deviceMajor: 1, deviceMinor: 3 }),
      entry("blockDevice", "./b", { deviceMajor: 0, deviceMinor: 0 }),
      entry("fifo", "./p"),
    ],
    [
      "a=1",
      "b blockDevice 0,0",
      "d/",
      "d/e/",
      "d/e/deep=3",
      "d/x=2",
      "linked==a",
      "null charDevice 1,3",
      "p fifo ",
      "s->d",
    ],
  ],
  [
    "names that only look like a layer's whiteouts",
    [root, whiteout("a"), opaque("")],
    [".wh..wh..opq=", ".wh.a=", ...UNTOUCHED],
  ],
];

describe("applyUpper()", () => {
  it.each(rows)("%s", async (_, upper, expected) => {
    const { lines } = await apply(upper);
    expect(brief(lines)).toEqual([...expected].sort());
  });

  it.each([
    ["a whiteout by name", [root, whiteout("a")], ["d/", "d/e/", "d/e/deep=3", "d/x=2", "linked=1", "s->d"]],
    ["a whiteout by device", [root, gone("./a")], ["d/", "d/e/", "d/e/deep=3", "d/x=2", "linked=1", "s->d"]],
    [
      "a mark of opacity behind what the directory has",
      [root, dir("./d"), file("./d/.a", "4"), dir("./d/e"), file("./d/e/n", "5"), opaque("./d")],
      ["a=1", "d/", "d/.a=4", "d/e/", "d/e/n=5", "linked==a", "s->d"],
    ],
    ["an opaque root", [root, file("./n", "4"), opaque("")], ["n=4"]],
    ["AUFS plumbing", [root, file("./.wh..wh.plnk", "")], UNTOUCHED],
  ] as const)("of fuse-overlayfs: %s", async (_, upper, expected) => {
    const { lines } = await apply(upper, "fuse-overlayfs");
    expect(brief(lines)).toEqual([...expected].sort());
  });

  it("gives a directory the attributes of its copy, and no attribute of the overlay", async () => {
    const books = [
      "trusted.overlay.origin",
      "user.overlay.impure",
      "user.fuseoverlayfs.opaque",
      "trusted.overlay.overlay.x",
    ];
    const { lines } = await apply([
      dir("./", { mode: 0o711, mtimeSec: 9, xattrs: books.map((name) => xattr(name, "n")) }),
      dir("./d", {
        mode: 0o2750,
        uid: 5,
        gid: 6,
        mtimeSec: 7,
        xattrs: [xattr("user.overlay.origin", ""), xattr("user.kept", "k")],
      }),
      file("./a", "4", { xattrs: [xattr("security.capability", "c"), xattr("trusted.overlay.metacopy", "")] }),
    ]);
    expect(lines).toContain(" directory 711 0:0 9  ");
    expect(lines).toContain("d directory 2750 5:6 7 user.kept=6b ");
    expect(lines).toContain("a file 644 0:0 1 security.capability=63 4");
  });

  it("counts, and returns captured contents", async () => {
    const { report } = await apply([root, file("./run.sh", "echo"), gone("./a"), opaqueDir("./d"), file("./d/x", "4")]);
    expect(report).toMatchObject({ written: 4, removed: 3 });
    expect([...report.captured.values()].map((content) => Buffer.from(content).toString())).toEqual(["echo"]);
  });

  it.each([
    ["a name whose directory is missing", [file("./no/x", "1")], "MALFORMED_NAME"],
    ["a name in a file", [file("./a/x", "1")], "MALFORMED_NAME"],
    ["a root that is a file", [file("./", "1")], "ROOT_NOT_A_DIRECTORY"],
    ["a hard link to nothing", [hardlink("./h", "./none")], "DANGLING_HARD_LINK"],
    ["a hard link to a directory", [hardlink("./h", "./d")], "HARD_LINK_TO_DIRECTORY"],
  ] as const)("refuses %s", async (_, upper, code) => {
    await expect(apply(upper)).rejects.toMatchObject({ code });
  });
});
