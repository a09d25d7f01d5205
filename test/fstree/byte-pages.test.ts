import { expect, it } from "vitest";
import { BytePages } from "../../src/fstree/byte-pages.ts";
import { TreeError } from "../../src/fstree/errors.ts";

const PAGE = 1 << 18;
/** Longest string that a page of the usual size takes, with room for the longest prefix. */
const FITS = PAGE - 5;

it.each([0, 1, 127, 128, 16_383, 16_384, FITS - 1, FITS, FITS + 1, 3 * PAGE])(
  "BytePages keeps a string of %i bytes, and the one after it",
  (size) => {
    const pages = new BytePages();
    const text = "\xff".repeat(size);
    const references = [pages.add(text), pages.add("next")];
    expect(references.map((reference) => pages.get(reference))).toEqual([text, "next"]);
    expect(pages.equals(references[0] as number, text)).toBe(true);
  },
);

it("BytePages refuses what its pages have no room for, and keeps the rest", () => {
  const pages = new BytePages(2);
  const kept = [pages.add("a".repeat(FITS)), pages.add("b".repeat(FITS))];
  const full = new TreeError("NAMES_TOO_LARGE", { limit: 2 * PAGE });
  expect(() => pages.add("c")).toThrow(full.message);
  expect(() => pages.add("c")).toThrow(TreeError);
  expect(kept.map((reference) => pages.get(reference).slice(0, 2))).toEqual(["aa", "bb"]);
});
