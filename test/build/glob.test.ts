import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { hostLister } from "../../src/build/files/copy-from-host.ts";
import { expandGlob } from "../../src/build/files/glob.ts";
import { mustRun } from "../support/command.ts";
import { requireTool } from "../support/tools.ts";

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

/** Patterns of letters that the files have, of all wildcards, and of brackets well made and not. */
const LETTER = fc.constantFrom("a", "b", "d", "e", "1", "A", "é", ".", "-", "h");
const BRACKET = fc
  .tuple(
    fc.constantFrom("[", "[!", "[^"),
    fc.array(fc.oneof(LETTER, fc.constantFrom("a-b", "A-Z", "]", "[:digit:]", "[:alpha:]", "!", "^", "\\\\", "\\]")), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.constantFrom("]", "]", "]", ""),
  )
  .map(([open, inner, close]) => open + inner.join("") + close);
const PATTERN = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: LETTER },
      { weight: 3, arbitrary: fc.constantFrom("*", "?", "**") },
      { weight: 2, arbitrary: BRACKET },
      { weight: 2, arbitrary: fc.constant("/") },
      { weight: 1, arbitrary: fc.constantFrom("\\*", "\\[", "\\a", "\\\\", "]", "!") },
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) => parts.join("").replaceAll(/\/+/g, "/"));

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
    ["[z-ab]", ["b"]],
    ["[\u{1f600}-\u{fffd}]", ["[\u{1f600}-\u{fffd}]"]],
    ["[-]", ["[-]"]],
    ["[!]", ["[!]"]],
    ["[a[:digit:]", ["[a[:digit:]"]],
    ["*/a/", ["*/a/"]],
    ["*//[a]", ["d/a", "e/a"]],
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

  it.skipIf(requireTool("bash") === undefined)("finds what bash finds", async () => {
    const patterns = fc.sample(PATTERN, 1500);
    // One shell for all; each pattern as a word of its script, which is what the patterns of %files are to Apptainer.
    const script = patterns.map((pattern) => `printf '%s\\n' ${folder}/${pattern}; echo`).join("\n");
    const { stdout } = await mustRun("bash", [], { stdin: script, env: { LC_ALL: "C.UTF-8" } });
    const expected = stdout.split("\n\n").map((lines) => lines.replaceAll(`${folder}/`, "").split("\n"));
    for (const [index, pattern] of patterns.entries()) {
      expect([pattern, ...(await glob(pattern))]).toEqual([pattern, ...(expected[index] as string[])]);
    }
  });
});
