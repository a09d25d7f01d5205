import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { writeSlots } from "../../src/wasm/write-slots.ts";
import { smallFileSystem, temporaryDirectory } from "../sink/temporary-directory.ts";
import { reportMissing } from "../support/tools.ts";

const SLOT = 4096;
const memory = new SharedArrayBuffer(8 * SLOT);
for (let slot = 0; slot < 8; slot++) new Uint8Array(memory, slot * SLOT, SLOT).fill(65 + slot);
const bytesOf = ({ slot, size }: { slot: number; size: number }) => new Uint8Array(memory, slot * SLOT, size);

function opened(path: string): number {
  const fd = openSync(path, "w");
  onTestFinished(() => closeSync(fd));
  return fd;
}

const DONE = (done: number) => ({ done, errno: 0 });

it("writeSlots() writes each slot to its place in its file", () => {
  const directory = temporaryDirectory();
  const [one, two] = [join(directory, "1"), join(directory, "2")];
  const [a, b] = [opened(one), opened(two)];
  const writes = [
    { slot: 0, size: 3, fd: a, position: 2 },
    { slot: 1, size: 2, fd: a, position: 5 },
    { slot: 2, size: 1, fd: b, position: 7 },
    { slot: 3, size: 4, fd: a, position: 9 },
    // In front of the one before, and over it: the later one stays.
    { slot: 4, size: 3, fd: a, position: 8 },
  ];
  expect(writeSlots(writes, bytesOf)).toEqual([3, 2, 1, 4, 3].map(DONE));
  expect(readFileSync(one, "latin1")).toBe("\0\0AAABB\0EEEDD");
  expect(readFileSync(two, "latin1")).toBe("\0\0\0\0\0\0\0C");
});

it("writeSlots() tells an error of the writes behind it that it would have written with them, not of others", () => {
  const path = join(temporaryDirectory(), "x");
  const fd = opened(path);
  const full = opened("/dev/full");
  const writes = [
    { slot: 0, size: 2, fd, position: 0 },
    { slot: 1, size: 2, fd: full, position: 2 },
    { slot: 2, size: 2, fd: full, position: 4 },
    { slot: 3, size: 2, fd, position: 2 },
  ];
  const refused = { done: 0, errno: -28 };
  expect(writeSlots(writes, bytesOf)).toEqual([DONE(2), refused, refused, DONE(2)]);
  expect(readFileSync(path, "latin1")).toBe("AADD");
});

it("writeSlots() tells how far it came where the disk is full", () => {
  const directory = smallFileSystem(12);
  if (directory === undefined) return reportMissing("mounting a tmpfs is not allowed here");
  const fd = opened(join(directory, "x"));
  const writes = [0, 1, 2, 3, 4].map((slot) => ({ slot, size: 3000, fd, position: slot * 3000 }));
  const results = writeSlots(writes, bytesOf);
  // Whole pages of 4096 bytes, three of them.
  expect(results).toEqual([3000, 3000, 3000, 3000, 288].map((done) => ({ done, errno: done === 3000 ? 0 : -28 })));
});
