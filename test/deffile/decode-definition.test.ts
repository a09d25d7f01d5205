import { describe, expect, it } from "vitest";
import { decodeDefinition } from "../../src/deffile/decode-definition.ts";

describe("decodeDefinition()", () => {
  it("reads UTF-8", () => {
    expect(decodeDefinition(Buffer.from("Bootstrap: docker # é ☃\n"), "a.def")).toBe("Bootstrap: docker # é ☃\n");
  });

  it.each([
    [
      "bytes that are not UTF-8",
      Buffer.from("a\nb\n\xe9\n", "latin1"),
      "a.def:3: bytes that are not UTF-8; expected text in UTF-8",
    ],
    ["a zero byte", Buffer.from("a\n\0"), "a.def:2: a zero byte; expected a definition file, which is text"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => decodeDefinition(bytes, "a.def")).toThrow(message);
  });
});
