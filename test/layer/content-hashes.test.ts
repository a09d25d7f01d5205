import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { LayerThreads } from "../../src/layer/thread/layer-threads.ts";
import { PIECE_SIZE as PIECE, SLOT_SIZE as SLOT } from "../../src/layer/thread/messages.ts";
import { LAYER_THREAD } from "../../src/source/thread/program.ts";
import { loadCore } from "../../src/wasm/core.ts";
import { collectEntry } from "../tar/collect-entries.ts";
import { entry, header, pad, pax, tar } from "../tar/tar-bytes.ts";
import { layerOf } from "./blobs.ts";

/** Small and large in turns, over the ends of some slots. */
const SIZES = [0, 1, 7, PIECE - 1, PIECE, PIECE + 1, 3000, SLOT + 5, 100_000, 100_000, 100_000, 120_000, 2 * PIECE, 9];

it("a layer's thread gives files of up to a piece the core's hash of their content, and no others one", async () => {
  const holes = pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "5000" });
  const archive = tar(
    ...SIZES.map((size, i) => entry({ name: `file ${i}` }, randomBytes(size))),
    holes,
    entry({ name: "holes" }, Buffer.concat([pad("1\n4000\n3\n"), Buffer.from("end")])),
    header({ type: "5", name: "directory/" }),
  );
  const { signal } = new AbortController();
  const options = { program: LAYER_THREAD, signal, threadCount: 1, bufferSize: 2 * SLOT };
  const threads = new LayerThreads([layerOf({ stored: gzipSync(archive), tar: archive })], options);
  const core = loadCore({ blockSize: PIECE });
  const hashed: number[] = [];
  try {
    const entries = threads.entries(0);
    for (let next = await entries.next(); next.done !== true; next = await entries.next()) {
      const { contentHash, size } = next.value;
      const { content } = await collectEntry(next.value);
      if (contentHash !== undefined) hashed.push(size);
      const isSmall = size > 0 && size <= PIECE;
      expect(contentHash).toEqual(isSmall ? core.contentHash(Buffer.from(content, "latin1")) : undefined);
    }
  } finally {
    await threads.close();
  }
  expect(hashed).toEqual([...SIZES.filter((size) => size > 0 && size <= PIECE), 5000]);
});
