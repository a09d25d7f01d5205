import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toByteString } from "../../src/bytes/byte-string.ts";
import { escapeName } from "../../src/bytes/escape-name.ts";

/** What C reads. */
function readEscapes(text: string): string {
  const letters: Readonly<Record<string, string>> = { a: "\x07", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r" };
  return text.replace(/\\(\d{3}|.)/g, (_, one: string) =>
    one.length === 3 ? String.fromCharCode(Number.parseInt(one, 8)) : (letters[one] ?? one),
  );
}

describe("escapeName()", () => {
  it.each([
    ["", ""],
    ["a b.txt", "a b.txt"],
    ["caf\u00e9 \u65e5\u672c \u{1f40d}", "caf\u00e9 \u65e5\u672c \u{1f40d}"],
    ["tab\tline\nend\r\b\v\f\x07", String.raw`tab\tline\nend\r\b\v\f\a`],
    [String.raw`\n`, String.raw`\\n`],
    ["\x1b[2J\x7f", String.raw`\033[2J\177`],
    ["\u009b\u202e\u2028\u200b", String.raw`\302\233\342\200\256\342\200\250\342\200\213`],
    ["\ufffd", "\ufffd"],
  ])("of %j", (name, expected) => {
    expect(escapeName(toByteString(name))).toBe(toByteString(expected));
  });

  it.each([
    ["a byte that begins nothing", "x\xff", String.raw`x\377`],
    ["a character cut short", "\xe2\x82", String.raw`\342\202`],
    ["a surrogate", "\xed\xa0\x80", String.raw`\355\240\200`],
    ["an overlong form", "\xc0\xaf", String.raw`\300\257`],
    ["beyond U+10FFFF", "\xf4\x90\x80\x80", String.raw`\364\220\200\200`],
  ])("shows the bytes of what is not UTF-8: %s", (_, name, expected) => {
    expect(escapeName(name)).toBe(expected);
  });

  it("can be undone, and leaves one printable line, whatever the bytes", () => {
    const names = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
    fc.assert(
      fc.property(fc.oneof(names, fc.string({ unit: "binary" }).map(toByteString)), (name) => {
        const escaped = escapeName(name);
        expect(readEscapes(escaped)).toBe(name);
        expect(Buffer.from(escaped, "latin1").toString("utf8")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});
