import { describe, expect, it } from "vitest";
import { interpreterOf } from "../../src/runtime/action/interpreter.ts";

/** An ELF file's head with one program header of the kind PT_INTERP behind one of another kind. */
function elf(bits: 32 | 64, isLittle: boolean, name: string, at = 200): Uint8Array {
  const head = new Uint8Array(512);
  const view = new DataView(head.buffer);
  head.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, isLittle ? 1 : 2]);
  const is64 = bits === 64;
  const [table, entrySize] = is64 ? [64, 56] : [52, 32];
  const word = (offset: number, value: number) =>
    is64 ? view.setBigUint64(offset, BigInt(value), isLittle) : view.setUint32(offset, value, isLittle);
  word(is64 ? 32 : 28, table);
  view.setUint16(is64 ? 54 : 42, entrySize, isLittle);
  view.setUint16(is64 ? 56 : 44, 2, isLittle);
  view.setUint32(table, 6, isLittle);
  view.setUint32(table + entrySize, 3, isLittle);
  word(table + entrySize + (is64 ? 8 : 4), at);
  word(table + entrySize + (is64 ? 32 : 16), name.length + 1);
  head.set(Buffer.from(name, "latin1"), at);
  return head;
}

describe("interpreterOf()", () => {
  it.each([
    ["#!/bin/sh\necho", "/bin/sh"],
    ["#! \t/usr/bin/env -S python3 -u\n", "/usr/bin/env"],
    ["#!/no/end", "/no/end"],
    ["#!/opt/caf\u00e9/bin/python\n", "/opt/caf\u00e9/bin/python"],
    ["#!\n/bin/sh", undefined],
    ["#!", undefined],
    ["# !/bin/sh\n", undefined],
    ["", undefined],
    ["\x7fELF", undefined],
  ])("of %j is %j", (text, expected) => {
    expect(interpreterOf(Buffer.from(text))).toBe(expected);
  });

  it.each([
    [64, true],
    [64, false],
    [32, true],
    [32, false],
  ] as const)("is the loader of an ELF file of %i bits, little-endian: %s", (bits, isLittle) => {
    expect(interpreterOf(elf(bits, isLittle, "/lib/ld.so"))).toBe("/lib/ld.so");
  });

  it("is none where the loader's name or the headers lie behind what was read", () => {
    expect(interpreterOf(elf(64, true, "/lib/ld.so").subarray(0, 205))).toBeUndefined();
    expect(interpreterOf(elf(64, true, "/lib/ld.so").subarray(0, 100))).toBeUndefined();
  });
});
