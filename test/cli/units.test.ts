import { describe, expect, it } from "vitest";
import { formatBytes, parseBytes } from "../../src/cli/units.ts";

describe("formatBytes()", () => {
  it.each([
    [0, "0B"],
    [1023, "1023B"],
    [1024, "1.0KiB"],
    [3_670_016, "3.5MiB"],
    [2 ** 40, "1.0TiB"],
    [2 ** 50, "1024.0TiB"],
  ])("writes %d as %s", (count, expected) => {
    expect(formatBytes(count)).toBe(expected);
  });
});

describe("parseBytes()", () => {
  it.each([
    ["0", 0],
    ["4096", 4096],
    ["4k", 4096],
    ["128KiB", 131_072],
    ["1.5G", 1_610_612_736],
    ["1 MB", 1_048_576],
    ["", undefined],
    ["-1", undefined],
    ["1x", undefined],
    ["k", undefined],
  ])("reads %j as %s", (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });
});
