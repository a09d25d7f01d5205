import { expect, it } from "vitest";
import { MergeError } from "../../src/layer/merge/errors.ts";
import { mergeLayers } from "../../src/layer/merge/merge-layers.ts";
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
import { describeNaive, NaiveError, naiveApply } from "../support/naive-apply.ts";

const IMPLICIT_MTIME = 4_000_000_000;

/** Cases that the property test found, shrunk; what is expected is what the naive apply gives. */
const cases: readonly (readonly [what: string, layers: readonly (readonly TarEntry[])[]])[] = [
  [
    "a whiteout below a file that its own layer turns into a directory",
    [[file("a", "1"), file("a/a", "2")], [whiteout("a/a")]],
  ],
  [
    "a link to a file that its layer went through, hidden",
    [[file("c", "1")], [file("c/a", "2"), hardlink("a", "c")], [file("c", "3")]],
  ],
  [
    "a symlink replaced by a directory, which upper entries go through",
    [[symlink("a", "../b"), dir("a")], [file("a/a", "1")]],
  ],
  ["a file, then a symlink loop, hidden", [[file("a", "1"), symlink("a", "a")], [dir("a/a")], [file("a", "2")]]],
  ["a symlink to the root, with its own name below it", [[symlink("b", "..")], [symlink("b/b/a", "a")]]],
  ["a symlink to the root, replaced through itself", [[symlink("b", "..")], [dir("b/b")]]],
  [
    "a link to a file that became a directory below an upper one",
    [[file("b", "1"), file("b/a", "2"), hardlink("a", "b")], [dir("b")]],
  ],
  [
    "a whiteout after entries that went through a lower symlink",
    [[symlink("b/c", "a")], [file("b/c/a", "1"), whiteout("b")]],
  ],
  ["an opaque marker in the root, by way of a symlink", [[symlink("b", "a")], [symlink("b/b", ".."), opaque("b/b")]]],
  [
    "an implicit directory below an opaque one, seen first by a whiteout",
    [[whiteout("a/c/a"), file("a/c/a", "1")], [opaque("a")]],
  ],
  [
    "an opaque marker above a file that turns into a symlink",
    [[file("c", "1"), symlink("c", "a"), file("a/a", "2")], [opaque("c")]],
  ],
  [
    "a late link, its target's directory a lower symlink",
    [[symlink("a", ".")], [hardlink("b/a", "c/a"), symlink("c", "a")]],
  ],
  [
    "a symlink through a directory that only a whiteout made",
    [[whiteout("b/a"), symlink("a", "b/../c"), file("a/a", "1")]],
  ],
  [
    "a directory of the layer, replaced below an upper one",
    [[file("c", "1"), file("c/c/c", "2"), file("c/c", "3")], [file("c/c/a", "4")]],
  ],
  [
    "a file and a directory at one path, linked",
    [[file("c", "1"), dir("c"), hardlink("b/c", "c")], [hardlink("c/a", "b/c")]],
  ],
  ["a loop that an alias breaks", [[symlink("b", ".")], [symlink("a", "a"), file("b/a", "1"), file("a/a", "2")]]],
  [
    "a chain of symlinks back to the first name",
    [[symlink("b", "c"), symlink("c", "."), file("b", "1")], [symlink("b/b", "a")]],
  ],
  [
    "a symlink over its layer's entries, below an upper directory",
    [[file("c", "1"), symlink("c/b/a", "a"), symlink("c/b", "/b")], [file("c/b/b", "2")]],
  ],
  [
    "a link that replaces the symlink its target's path goes through",
    [[symlink("c", "."), hardlink("c", "c/b"), symlink("b", "a")]],
  ],
  [
    "a whiteout and a symlink at one path, below an opaque marker",
    [[whiteout("a"), symlink("a", "a")], [opaque("a")], []],
  ],
  [
    "a symlink that came after the entries moved along it",
    [[symlink("b", "a")], [file("b/a", "1"), symlink("a", "../c/a")]],
  ],
  [
    "a link to a file that its layer went through, below a directory made anew",
    [[file("c", "1")], [file("c/a", "2"), hardlink("a", "c")], [whiteout("c"), symlink("c/a", "a")]],
  ],
  [
    "a directory of the layer that upper names were moved into, replaced",
    [[file("a/a", "1"), symlink("b", ".."), file("a", "2")], [file("b/a/a", "3")]],
  ],
  [
    "a directory that came after the entries moved through it, a symlink further down",
    [[symlink("b", "..")], [symlink("a", "/b")], [file("a/a", "1"), dir("b")]],
  ],
  [
    "a directory of the layer that an upper symlink was moved into, replaced",
    [[file("c/a", "1"), symlink("a", "."), file("c", "2")], [symlink("a/c/a", "a")]],
  ],
  [
    "a symlink that leads up from a directory which is a lower symlink",
    [[symlink("b", "../c/a")], [symlink("b/c", ".."), symlink("b/c/a", "a")]],
  ],
  [
    "a link whose target leads up from a directory which is a lower symlink",
    [
      [symlink("b", "d/e"), file("d/y", "1")],
      [symlink("b/c", ".."), file("y", "2"), hardlink("x", "b/c/y")],
    ],
  ],
  [
    "a lower symlink that leads up from a directory which is a symlink further down",
    [[symlink("b", "d/e")], [symlink("a", "b/../c")], [file("a/x", "1"), file("b/z", "2")]],
  ],
  [
    "a symlink of the layer that upper names are moved over, gone through after that",
    [[symlink("c", "a"), symlink("a", ".."), symlink("c/a", "a")], [file("a/c", "1")]],
  ],
  [
    "a file of the layer that upper names are moved over, linked to after that",
    [[file("c", "1")], [file("c", "2"), symlink("a", ".."), hardlink("d", "c")], [file("a/c", "3")]],
  ],
  [
    "a link whose target goes up from a file",
    [[symlink("c/a", "a")], [entry("fifo", "b"), symlink("a", "b/../c"), hardlink("b/a", "a/a"), symlink("a", "a")]],
  ],
  [
    "a link whose target goes up from a name that is gone",
    [
      [file("c/a", "1"), file("b", "2")],
      [whiteout("b"), symlink("a", "b/../c"), hardlink("d", "a/a")],
    ],
  ],
];

it.each(cases)("mergeLayers() %s", async (_, layers) => {
  const contents = new MemoryContents();
  const signal = new AbortController().signal;
  const merged = mergeLayers(layersOf(...layers), { contents, signal, implicitMtimeSec: IMPLICIT_MTIME });
  let expected: string[];
  try {
    expected = describeNaive(naiveApply(layers));
  } catch (error) {
    expect(error).toBeInstanceOf(NaiveError);
    return expect(merged).rejects.toBeInstanceOf(MergeError);
  }
  expect(describeTree((await merged).tree, contents, IMPLICIT_MTIME)).toEqual(expected);
});
