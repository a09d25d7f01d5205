import { expect, test } from "vitest";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import { READ_AHEAD } from "../../../src/squashfs/reader/limits.ts";
import { ReadAhead } from "../../../src/squashfs/reader/read-ahead.ts";

const IMAGE = Uint8Array.from({ length: 8 * READ_AHEAD }, (_, i) => i >> 10);

function counted(): { readonly ahead: ReadAhead; readonly reads: number[] } {
  const bytes = bytesAccess(IMAGE);
  const reads: number[] = [];
  const source = {
    ...bytes,
    read(offset: number, size: number) {
      reads.push(offset);
      return bytes.read(offset, size);
    },
  };
  return { ahead: new ReadAhead(source, IMAGE.length), reads };
}

test("ReadAhead reads once what is gone through in four places in turn", async () => {
  const { ahead, reads } = counted();
  const places = [0, 2, 4, 6].map((window) => window * READ_AHEAD);
  for (let step = 0; step < READ_AHEAD; step += 4096) {
    for (const place of places) {
      const offset = place + step;
      expect(await ahead.read(offset, 4096)).toEqual(IMAGE.subarray(offset, offset + 4096));
    }
  }
  expect(reads).toEqual(places);
});

test("ReadAhead drops what has been gone through, not the other places", async () => {
  const { ahead, reads } = counted();
  await ahead.read(7 * READ_AHEAD, 8);
  for (let offset = 0; offset < 6 * READ_AHEAD; offset += 8000) await ahead.read(offset, 8000);
  const before = reads.length;
  await ahead.read(7 * READ_AHEAD + 8, 8);
  expect(reads).toHaveLength(before);
});

test("ReadAhead gives what is asked at the source's end, and more than a window at once", async () => {
  const { ahead } = counted();
  expect(await ahead.read(IMAGE.length - 3, 3)).toEqual(IMAGE.subarray(-3));
  expect(await ahead.read(5, 2 * READ_AHEAD)).toEqual(IMAGE.subarray(5, 5 + 2 * READ_AHEAD));
});
