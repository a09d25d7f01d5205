import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hostLister } from "../../src/build/files/copy-from-host.ts";
import { expandGlob } from "../../src/build/files/glob.ts";

const folder = mkdtempSync(join(tmpdir(), "sifon-glob-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FILES = [
  "a",
  "b",
  "ab",
  "a-b",
  "a.b",
  ".h",
  "A",
  "1",
  "]",
  "!",
  "a b",
  "é",
  "*",
  "d/a",
  "d/.h",
  "d/e/a",
  "e/a",
  "\\",
];
for (const file of FILES) {
  mkdirSync(join(folder, file, ".."), { recursive: true });
  writeFileSync(join(folder, file), "");
}

const glob = async (pattern: string) =>
  (await expandGlob(`${folder}/${pattern}`, hostLister)).map((path) =>
    Buffer.from(path, "latin1")
      .toString("utf8")
      .slice(folder.length + 1),
  );

describe("expandGlob()", () => {
  it.each([
    ["a", ["a"]],
    ["nosuch", ["nosuch"]],
    ["nosuch*", ["nosuch*"]],
    ["a*", ["a", "a b", "a-b", "a.b", "ab"]],
    [".*", [".h"]],
    ["\\.*", [".h"]],
    ["*/a", ["d/a", "e/a"]],
    ["*/*/a", ["d/e/a"]],
    ["**/a", ["d/a", "e/a"]],
    ["*/", ["d/", "e/"]],
    ["d//a", ["d//a"]],
    ["[ab]", ["a", "b"]],
    ["[a-b]", ["a", "b"]],
    ["[!a-z]", ["!", "*", "1", "A", "\\", "]", "é"]],
    ["[^a-zA-Z]", ["!", "*", "1", "\\", "]", "é"]],
    ["[]]", ["]"]],
    ["[!]a]", ["!", "*", "1", "A", "\\", "b", "d", "e", "é"]],
    ["[[:digit:]]", ["1"]],
    ["[[:upper:]1]", ["1", "A"]],
    ["[a-]b", ["ab"]],
    ["a[.-]b", ["a-b", "a.b"]],
    ["[z-a]", ["[z-a]"]],
    ["[a", ["[a"]],
    ["\\*", ["*"]],
    ["\\[ab]", ["[ab]"]],
    ["a\\ b", ["a b"]],
    ["a?b", ["a b", "a-b", "a.b"]],
    ["?", ["!", "*", "1", "A", "\\", "]", "a", "b", "d", "e", "é"]],
    ["d/../[b]", ["d/../b"]],
  ])("%s", async (pattern, expected) => {
    expect(await glob(pattern)).toEqual(expected);
  });
});
