import { describe, expect, it } from "vitest";
import { singleIdFilter } from "../../../src/build/scripts/single-id-filter.ts";

const X64 = 0xc000_003e;
const ARM64 = 0xc000_00b7;
const ALLOW = 0x7fff_0000;
const SUCCEED = 0x0005_0000;
const DEVICE = 0o020644;

/** Runs a filter as the kernel does, over the fields of `struct seccomp_data`. */
function decide(filter: Uint8Array, audit: number, number: number, args: readonly number[] = []): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(audit, 4);
  for (const [index, value] of args.entries()) data.writeUInt32LE(value, 16 + 8 * index);
  const program = Buffer.from(filter);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const value = program.readUInt32LE(at + 4);
    switch (program.readUInt16LE(at)) {
      case 0x20:
        accumulator = data.readUInt32LE(value);
        break;
      case 0x15:
        at += 8 * (program[at + (accumulator === value ? 2 : 3)] as number);
        break;
      case 0x05:
        at += 8 * value;
        break;
      case 0x54:
        accumulator &= value;
        break;
      case 0x06:
        return value;
      default:
        throw new Error(`unknown code at ${at}`);
    }
  }
  throw new Error("the filter ran past its end");
}

describe("singleIdFilter()", () => {
  it.each([
    ["chown", "x64", X64, 92, [], SUCCEED],
    ["setfsgid, the last plain call", "x64", X64, 123, [], SUCCEED],
    ["read", "x64", X64, 0, [], ALLOW],
    ["mknod of a device", "x64", X64, 133, [0, DEVICE], SUCCEED],
    ["mknod of a block device", "x64", X64, 133, [0, 0o060600], SUCCEED],
    ["mknod of a FIFO", "x64", X64, 133, [0, 0o010644], ALLOW],
    ["mknodat of a device", "x64", X64, 259, [0, 0, DEVICE], SUCCEED],
    ["mknodat of a file, its other arguments whatever they are", "x64", X64, 259, [DEVICE, DEVICE, 0o100644], ALLOW],
    ["a 32-bit program's call of the same number", "x64", 0x4000_0003, 92, [], ALLOW],
    ["fchownat", "arm64", ARM64, 54, [], SUCCEED],
    ["mknodat of a device", "arm64", ARM64, 33, [0, 0, DEVICE], SUCCEED],
    ["mknodat of a FIFO", "arm64", ARM64, 33, [0, 0, 0o010644], ALLOW],
    ["chown's number on x64", "arm64", ARM64, 92, [], ALLOW],
  ] as const)("%s (%s)", (_, architecture, audit, number, args, expected) => {
    expect(decide(singleIdFilter(architecture) as Uint8Array, audit, number, args)).toBe(expected);
  });

  it("is not made where the calls' numbers are not known", () => {
    expect(singleIdFilter("mips")).toBeUndefined();
  });
});
