import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../src/source/registry/challenge.ts";
import { retryAfterMs } from "../../src/source/registry/retry-after.ts";

describe("parseChallenges()", () => {
  it.each([
    [undefined, []],
    ["", []],
    ["Basic", [["basic", {}]]],
    ['Basic realm="a b"', [["basic", { realm: "a b" }]]],
    [
      'BEARER Realm="https://x/token", Service=y , scope="a:b:pull,push"',
      [["bearer", { realm: "https://x/token", service: "y", scope: "a:b:pull,push" }]],
    ],
    [
      'Basic realm="x", Bearer realm="y",service="z"',
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y", service: "z" }],
      ],
    ],
    [
      ['Basic realm="x"', 'Bearer realm="y"'],
      [
        ["basic", { realm: "x" }],
        ["bearer", { realm: "y" }],
      ],
    ],
    ['Bearer realm="a\\"b\\\\c"', [["bearer", { realm: 'a"b\\c' }]]],
    ['Bearer realm="unclosed', [["bearer", {}]]],
    ["\u0000", []],
  ])("%j", (header, expected) => {
    expect(parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)])).toEqual(expected);
  });

  it("ends for any text", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseChallenges(text)));
    expect(parseChallenges(`Bearer ${'a="\\'.repeat(100_000)}`)).toHaveLength(1);
  });
});

describe("retryAfterMs()", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["0", 0],
    ["120", 120_000],
    ["-1", undefined],
    ["soon", undefined],
    ["Thu, 01 Jan 2026 00:01:00 GMT", 60_000],
    ["Thu, 01 Jan 2015 00:00:00 GMT", 0],
  ])("%s → %s", (text, expected) => {
    expect(retryAfterMs({ headers: { "retry-after": text } }, now)).toBe(expected);
  });
});
