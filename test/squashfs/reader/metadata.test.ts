import { expect, test } from "vitest";
import type { RandomAccess } from "../../../src/bytes/random-access.ts";
import { METADATA_STORED } from "../../../src/squashfs/format.ts";
import { MetadataRegion } from "../../../src/squashfs/reader/metadata.ts";
import { ReadAhead } from "../../../src/squashfs/reader/read-ahead.ts";

test.each([
  ["a Buffer, whose slice() is no copy", (bytes: Uint8Array) => Buffer.from(bytes)],
  ["a plain array", (bytes: Uint8Array) => bytes],
])("MetadataRegion.block() keeps nothing of a window that is lent: %s", async (_, lend) => {
  const content = Uint8Array.of(1, 2, 3, 4);
  const stored = Uint8Array.of(content.length, METADATA_STORED >> 8, ...content);
  const lent: Uint8Array[] = [];
  const source: RandomAccess = {
    name: "lent",
    size: stored.length,
    async read(offset, size) {
      const window = lend(stored.slice(offset, offset + size));
      lent.push(window);
      return window;
    },
    async close() {},
  };
  const context = { source, readAhead: new ReadAhead(source, source.size) } as unknown;
  const region = new MetadataRegion(
    context as ConstructorParameters<typeof MetadataRegion>[0],
    "inode table",
    0,
    source.size,
  );
  const { data } = await region.block(0);
  for (const window of lent) window.fill(0xff);
  expect(lent).toHaveLength(1);
  expect(new Uint8Array(data)).toEqual(content);
});
