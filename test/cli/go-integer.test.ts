import { describe, expect, it } from "vitest";
import { type GoIntegerType, INT, INT32, parseGoInteger, UINT32 } from "../../src/cli/go-integer.ts";

const DECIMAL: GoIntegerType = { signed: false, bits: 32, base: 10 };

describe("parseGoInteger()", () => {
  it.each<[string, GoIntegerType, bigint]>([
    ["0", INT, 0n],
    ["-1", INT, -1n],
    ["+1", INT32, 1n],
    ["-2147483648", INT32, -2_147_483_648n],
    ["2147483647", INT32, 2_147_483_647n],
    ["4294967295", UINT32, 4_294_967_295n],
    ["9223372036854775807", INT, 9_223_372_036_854_775_807n],
    ["0xF", UINT32, 15n],
    ["-0x10", INT, -16n],
    ["0o17", UINT32, 15n],
    ["0b11", UINT32, 3n],
    ["010", UINT32, 8n],
    ["1_0", UINT32, 10n],
    ["0_7", UINT32, 7n],
    ["0x_f", UINT32, 15n],
    ["010", DECIMAL, 10n],
    ["08", DECIMAL, 8n],
  ])("reads %s", (text, type, value) => {
    expect(parseGoInteger(text, type)).toBe(value);
  });

  it.each<[string, GoIntegerType, string]>([
    ["", UINT32, 'strconv.ParseUint: parsing "": invalid syntax'],
    ["-1", UINT32, 'strconv.ParseUint: parsing "-1": invalid syntax'],
    ["+1", UINT32, 'strconv.ParseUint: parsing "+1": invalid syntax'],
    ["08", UINT32, 'strconv.ParseUint: parsing "08": invalid syntax'],
    ["1__0", UINT32, 'strconv.ParseUint: parsing "1__0": invalid syntax'],
    ["1_", INT, 'strconv.ParseInt: parsing "1_": invalid syntax'],
    ["0x", INT, 'strconv.ParseInt: parsing "0x": invalid syntax'],
    ["1.5", INT, 'strconv.ParseInt: parsing "1.5": invalid syntax'],
    [" 1", INT, 'strconv.ParseInt: parsing " 1": invalid syntax'],
    ["4294967296", UINT32, 'strconv.ParseUint: parsing "4294967296": value out of range'],
    ["2147483648", INT32, 'strconv.ParseInt: parsing "2147483648": value out of range'],
    ["9223372036854775808", INT, 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
    ["0x1", DECIMAL, 'strconv.ParseUint: parsing "0x1": invalid syntax'],
    ["1_0", DECIMAL, 'strconv.ParseUint: parsing "1_0": invalid syntax'],
  ])("refuses %j", (text, type, message) => {
    expect(parseGoInteger(text, type)).toBe(message);
  });
});
