import { expect, it } from "vitest";
import { ELF_HEAD_SIZE, readElfArch } from "../../src/fstree/elf.ts";

function head(machine: number, bits: 32 | 64, order: "little" | "big"): Uint8Array {
  const bytes = Buffer.alloc(ELF_HEAD_SIZE);
  bytes.write(`\x7fELF${bits === 32 ? "\x01" : "\x02"}${order === "little" ? "\x01" : "\x02"}`, "latin1");
  if (order === "little") bytes.writeUInt16LE(machine, 18);
  else bytes.writeUInt16BE(machine, 18);
  return bytes;
}

it.each([
  [1, 3, 32, "little", "386"],
  [2, 62, 64, "little", "amd64"],
  [0, 62, 32, "little", "x32"],
  [3, 40, 32, "little", "arm"],
  [4, 183, 64, "little", "arm64"],
  [0, 183, 64, "big", "arm64be"],
  [5, 21, 64, "big", "ppc64"],
  [6, 21, 64, "little", "ppc64le"],
  [7, 8, 32, "big", "mips"],
  [8, 8, 32, "little", "mipsle"],
  [9, 8, 64, "big", "mips64"],
  [10, 8, 64, "little", "mips64le"],
  [11, 22, 64, "big", "s390x"],
  [12, 243, 64, "little", "riscv64"],
  [13, 258, 64, "little", "loong64"],
  [0, 2, 32, "big", "sparc"],
] as const)("readElfArch() gives %i for machine %i, %i bits, %s-endian (%s)", (code, machine, bits, order, _name) => {
  expect(readElfArch(head(machine, bits, order))).toBe(code);
});

it("readElfArch() gives 0 for what is not ELF", () => {
  expect(readElfArch(new Uint8Array(ELF_HEAD_SIZE))).toBe(0);
  expect(readElfArch(head(62, 64, "little").subarray(0, ELF_HEAD_SIZE - 1))).toBe(0);
  expect(readElfArch(Buffer.from("#!/bin/sh\necho hello world\n"))).toBe(0);
  expect(readElfArch(Buffer.from("\x7fELF\x03\x01\0\0\0\0\0\0\0\0\0\0\0\0\x3e\0", "latin1"))).toBe(0);
  expect(readElfArch(Buffer.from("\x7fELF\x02\x03\0\0\0\0\0\0\0\0\0\0\0\0\x3e\0", "latin1"))).toBe(0);
});
