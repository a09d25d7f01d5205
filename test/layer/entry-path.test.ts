import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameOf, normalizePath, parentOf } from "../../src/layer/merge/entry-path.ts";

describe("normalizePath()", () => {
  it.each([
    ["", ""],
    [".", ""],
    ["/", ""],
    ["./", ""],
    ["//", ""],
    ["..", ""],
    ["../", ""],
    ["a", "a"],
    ["a/", "a"],
    ["./a", "a"],
    ["./a/", "a"],
    ["/a", "a"],
    ["/a/", "a"],
    ["//a", "a"],
    ["././a", "a"],
    ["a//", "a"],
    ["a//b", "a/b"],
    ["a/./b", "a/b"],
    ["a/../b", "b"],
    ["a/..", ""],
    ["./../a", "a"],
    [".a/..b", ".a/..b"],
    ["./.a/", ".a"],
    ["a/.", "a"],
    ["...", "..."],
  ])("makes of %j the path %j", (path, expected) => {
    expect(normalizePath(path, "layer")).toBe(expected);
  });

  it("gives what name by name comes to, for any path", () => {
    const part = fc.constantFrom("", ".", "..", "a", ".b", "..c", "d.");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 7 }), (parts) => {
        const names: string[] = [];
        for (const name of parts) {
          if (name === "..") names.pop();
          else if (name !== "" && name !== ".") names.push(name);
        }
        expect(normalizePath(parts.join("/"), "layer")).toBe(names.join("/"));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("parentOf() and nameOf()", () => {
  it.each([
    ["", "", ""],
    ["a", "", "a"],
    ["a/b", "a", "b"],
    ["usr/share/doc", "usr/share", "doc"],
  ])("cut %j into %j and %j", (path, parent, name) => {
    expect([parentOf(path), nameOf(path)]).toEqual([parent, name]);
  });
});
