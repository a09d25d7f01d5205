import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { BufferedFile } from "../../src/sink/buffered-file.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const KIB = 1024;

/** Bytes that tell where they stand. */
function pattern(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE((i ^ (seed * 0x9e37)) >>> 0, i);
  return bytes;
}

// The buffer holds 512 KiB; what is larger goes past it.
it.each<[string, number[]]>([
  ["at the buffer's size", [512 * KIB]],
  ["one byte more", [512 * KIB + 1]],
  ["small, large, small", [100, 3 * 1024 * KIB, 7]],
  ["large after a buffer that is on its way", [400 * KIB, 300 * KIB, 600 * KIB, 1]],
  ["large ones in a row", [600 * KIB, 700 * KIB, 513 * KIB]],
])("BufferedFile.append() keeps the order of pieces: %s", async (_, sizes) => {
  const path = join(temporaryDirectory(), "x");
  const handle = await open(path, "wx");
  const file = new BufferedFile(handle, { path });
  const pieces = sizes.map(pattern);
  for (const piece of pieces) {
    const borrowed = Buffer.from(piece);
    await file.append(borrowed);
    borrowed.fill(0xee);
  }
  const expected = Buffer.concat(pieces);
  expect(file.position).toBe(expected.length);
  await file.patch(50, Buffer.from("patched"));
  expected.write("patched", 50);
  await file.rewind(expected.length - 1);
  await file.append(pattern(900 * KIB, 99));
  await file.flush();
  await handle.close();
  expect(readFileSync(path).equals(Buffer.concat([expected.subarray(0, -1), pattern(900 * KIB, 99)]))).toBe(true);
});

it("BufferedFile synchronises every 64 MiB, one call at a time, and flush() waits for it", async () => {
  const path = join(temporaryDirectory(), "x");
  const handle = await open(path, "wx");
  let running = 0;
  const seen: number[] = [];
  const sync = async () => {
    seen.push(++running);
    await handle.datasync();
    running--;
  };
  const file = new BufferedFile(handle, { path, sync });
  const piece = Buffer.alloc(8 * 1024 * KIB, 1);
  for (let i = 0; i < 17; i++) await file.append(piece);
  await file.flush();
  expect(running).toBe(0);
  expect(seen.length).toBeGreaterThan(0);
  expect(new Set(seen)).toEqual(new Set([1]));
  await handle.close();
});

it("BufferedFile fails where synchronising on the way did: the kernel reports a disk's error once", async () => {
  const path = join(temporaryDirectory(), "x");
  const handle = await open(path, "wx");
  const sync = () => Promise.reject(Object.assign(new Error("i/o error"), { code: "EIO" }));
  const file = new BufferedFile(handle, { path, sync });
  const piece = Buffer.alloc(16 * 1024 * KIB, 1);
  const writing = async () => {
    for (let i = 0; i < 4; i++) await file.append(piece);
    await file.flush();
  };
  await expect(writing()).rejects.toMatchObject({ code: "WRITE_FAILED" });
  await expect(file.append(piece)).rejects.toMatchObject({ code: "WRITE_FAILED" });
  await handle.close();
});

it("BufferedFile.quiesce() waits for a large piece's write, and no other is begun", async () => {
  const begun: (() => void)[] = [];
  const write = (_bytes: Uint8Array, _from: number, length: number) =>
    new Promise<{ bytesWritten: number }>((resolve) => begun.push(() => resolve({ bytesWritten: length })));
  const file = new BufferedFile({ write, truncate: async () => {} }, { path: "x" });
  await file.append(pattern(100 * KIB, 1));
  // What the buffer holds goes first.
  const appended = expect(file.append(pattern(600 * KIB, 2))).rejects.toThrow("aborted");
  await nextTurn();
  let isOver = false;
  const over = file.quiesce().then(() => {
    isOver = true;
  });
  await nextTurn();
  expect(isOver).toBe(false);
  begun[0]?.();
  await Promise.all([over, appended]);
  await nextTurn();
  expect(begun).toHaveLength(1);
});
