import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesAccess, openFileAccess, type RandomAccess, windowAccess } from "../../src/bytes/random-access.ts";

const CONTENT = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-random-access-"));
  file = join(folder, "file");
  await writeFile(file, CONTENT);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SOURCES: [string, () => Promise<RandomAccess>][] = [
  ["bytesAccess()", async () => bytesAccess(CONTENT)],
  ["openFileAccess()", () => openFileAccess(file)],
  ["windowAccess()", async () => windowAccess(bytesAccess(new Uint8Array([9, ...CONTENT, 9])), 1, CONTENT.length)],
];

describe.each(SOURCES)("%s", (_, open) => {
  test.each([
    [0, 0],
    [0, 1],
    [999, 1],
    [1000, 0],
    [10, 500],
    [0, 1000],
  ])("read(%i, %i)", async (offset, size) => {
    const source = await open();
    expect(source.size).toBe(1000);
    expect(new Uint8Array(await source.read(offset, size))).toEqual(CONTENT.slice(offset, offset + size));
    await source.close();
    await source.close();
  });

  test.each([
    [0, 1001],
    [1000, 1],
    [1001, 0],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [Number.NaN, 1],
  ])("read(%d, %d) is a RangeError", async (offset, size) => {
    const source = await open();
    await expect(source.read(offset, size)).rejects.toBeInstanceOf(RangeError);
    await source.close();
  });
});

describe("openFileAccess()", () => {
  test("says when the file became shorter", async () => {
    const path = join(folder, "shrinking");
    await writeFile(path, CONTENT);
    const source = await openFileAccess(path);
    await truncate(path, 600);
    await expect(source.read(500, 200)).rejects.toMatchObject({
      code: "SOURCE_TRUNCATED",
      details: { offset: 500, seen: 600, limit: 1000 },
    });
    await source.close();
  });

  test("gives the file system's error for what is not there", async () => {
    await expect(openFileAccess(join(folder, "nothing"))).rejects.toHaveProperty("code", "ENOENT");
  });
});

test("windowAccess() refuses a window that is not inside, and leaves the source open", async () => {
  const source = await openFileAccess(file);
  expect(() => windowAccess(source, 990, 11)).toThrow(RangeError);
  await windowAccess(source, 10, 20).close();
  expect((await source.read(0, 1000)).length).toBe(1000);
  await source.close();
});
