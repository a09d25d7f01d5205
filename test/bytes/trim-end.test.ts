import { describe, expect, it } from "vitest";
import { trimEnd } from "../../src/bytes/trim-end.ts";

describe("trimEnd()", () => {
  it.each([
    ["", "\n", ""],
    ["\n\n", "\n", ""],
    ["a\nb\n\n", "\n", "a\nb"],
    ["\n a \t ", " \t", "\n a"],
    ["a\n ", "\n", "a\n "],
  ])("%j without %j is %j", (text, characters, expected) => {
    expect(trimEnd(text, characters)).toBe(expected);
  });

  it("takes a long run that is not at the end as it is", () => {
    const text = `${"\n".repeat(5_000_000)}x`;
    expect(trimEnd(text, "\n")).toBe(text);
  });
});
