import { describe, expect, it } from "vitest";
import { parseBuildArgument, readBuildArgumentFile, readBuildArguments } from "../../src/deffile/build-arguments.ts";

describe("parseBuildArgument()", () => {
  it.each([
    ["A=b", ["A", "b"]],
    [" A = b c ", ["A", "b c"]],
    ["A=", ["A", ""]],
    ["A=b=c", ["A", "b=c"]],
    ["_9=x", ["_9", "x"]],
    ["A", undefined],
    ["=b", undefined],
    ["A-B=c", undefined],
    ["", undefined],
  ])("%j", (text, expected) => {
    expect(parseBuildArgument(text)).toEqual(expected);
  });
});

describe("readBuildArguments()", () => {
  it("takes the last of two values", () => {
    expect(readBuildArguments(["A=1", "B=2", "A=3"], "--build-arg")).toEqual(
      new Map([
        ["A", "3"],
        ["B", "2"],
      ]),
    );
  });

  it("refuses what is no pair", () => {
    expect(() => readBuildArguments(["FOO"], "--build-arg")).toThrow(
      'Cannot use --build-arg: "FOO" is not a key=value pair',
    );
  });
});

describe("readBuildArgumentFile()", () => {
  it("reads a pair a line, comments and blank lines aside", () => {
    expect([...readBuildArgumentFile("# a\r\n\nA=1\r\n  B = 2\n", "x.args")]).toEqual([
      ["A", "1"],
      ["B", "2"],
    ]);
  });

  it("names the file", () => {
    expect(() => readBuildArgumentFile("A=1\nb\n", "x.args")).toThrow('Cannot use --build-arg-file x.args: "b" is not');
  });
});
