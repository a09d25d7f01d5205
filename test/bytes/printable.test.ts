import { describe, expect, it } from "vitest";
import { printable, printableLines, quote } from "../../src/bytes/printable.ts";
import { SifonError } from "../../src/errors.ts";

describe("printable()", () => {
  it.each([
    ["plain text", "naïve ✓ 日本 \u{1f600}", "naïve ✓ 日本 \u{1f600}"],
    ["a tab", "a\tb", "a\tb"],
    ["a line end", "a\r\nb", "a\\u000d\\u000ab"],
    ["an escape sequence", "\u001b[2J\u009b31m\u007f\u0000", "\\u001b[2J\\u009b31m\\u007f\\u0000"],
    ["bidirectional controls", "gpj.\u202eexe\u2066\u061c", "gpj.\\u202eexe\\u2066\\u061c"],
    ["what shows nothing", "a\u00ad\u200b\u200d\ufeffb", "a\\u00ad\\u200b\\u200d\\ufeffb"],
    ["separators", "a\u2028b\u2029c", "a\\u2028b\\u2029c"],
    ["tags beyond the basic plane", "a\u{e0041}b", "a\\udb40\\udc41b"],
  ])("%s", (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it("leaves JSON the JSON that it was", () => {
    const value = { "\u202e": "\u001b\u007f\u{e0041}\u2028\ud800\n" };
    const line = printable(JSON.stringify(value));
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Cs}]/u);
    expect(JSON.parse(line)).toEqual(value);
  });
});

describe("printableLines()", () => {
  it("keeps the line ends", () => {
    expect(printableLines("a\u001b\nb\u202e\n")).toBe("a\\u001b\nb\\u202e\n");
  });
});

describe("quote()", () => {
  it.each([
    ['say "hi"', '"say \\"hi\\""'],
    ["a\u202eb\n", '"a\\u202eb\\n"'],
    [undefined, '"undefined"'],
  ])("%j", (text, shown) => {
    expect(quote(text)).toBe(shown);
  });
});

describe("SifonError", () => {
  it("has a message of one line that no terminal obeys, whoever worded it", () => {
    expect(new SifonError("X", 'the file "a\u202e\u001b[2J\nb"').message).toBe('the file "a\\u202e\\u001b[2J\\u000ab"');
  });
});
