import { describe, expect, it } from "vitest";
import { expandWords } from "../../src/build/files/expand-words.ts";

const environment = { HOME: "/home/me", V: "value", EMPTY: "" };

describe("expandWords()", () => {
  it.each([
    ["a.txt", ["a.txt"]],
    ["$V/x", ["value/x"]],
    ["${V}x", ["valuex"]],
    ["[$EMPTY]", ["[]"]],
    ["\\$V", ["\\$V"]],
    ["a$", ["a$"]],
    ["~/x", ["/home/me/x"]],
    ["~", ["/home/me"]],
    ["a~", ["a~"]],
    ["~other/x", ["~other/x"]],
    ["{a,b}.txt", ["a.txt", "b.txt"]],
    ["x{a,{b,c}d}{1,2}", ["xa1", "xa2", "xbd1", "xbd2", "xcd1", "xcd2"]],
    ["{a,}", ["a", ""]],
    ["{a}", ["{a}"]],
    ["{a,b", ["{a,b"]],
    ["\\{a,b}", ["\\{a,b}"]],
    ["{a\\,b}", ["{a\\,b}"]],
    ["{1..3}", ["1", "2", "3"]],
    ["{3..1}", ["3", "2", "1"]],
    ["{08..10}", ["08", "09", "10"]],
    ["{1..9..4}", ["1", "5", "9"]],
    ["{a..c}", ["a", "b", "c"]],
    ["{1..b}", ["{1..b}"]],
    ["{1..99999999}", ["{1..99999999}"]],
    ["{-1..1}", ["-1", "0", "1"]],
  ])("%s", (word, expected) => {
    expect(expandWords(word, environment)).toEqual(expected);
  });

  it.each([
    ["$(rm -rf x)", "COMMAND_IN_PATH"],
    ["`id`", "COMMAND_IN_PATH"],
    ["$NOSUCH/x", "VARIABLE_UNSET"],
    ["${NOSUCH}", "VARIABLE_UNSET"],
  ])("refuses %s", (word, code) => {
    expect(() => expandWords(word, environment)).toThrow(expect.objectContaining({ code }));
  });
});
