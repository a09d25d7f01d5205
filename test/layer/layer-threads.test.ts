import { readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { visitAll } from "../../src/bytes/prompt-iterator.ts";
import { convert, createSource, openSink } from "../../src/index.ts";
import { readLayerEntries } from "../../src/layer/open-layer.ts";
import { LayerThreads } from "../../src/layer/thread/layer-threads.ts";
import { SLOT_SIZE as SLOT } from "../../src/layer/thread/messages.ts";
import type { Layer } from "../../src/oci/image.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { LAYER_THREAD } from "../../src/source/thread/program.ts";
import { cutEvenly } from "../support/chunks.ts";
import { type SyntheticEntry, writeSyntheticImage } from "../support/synthetic-image.ts";
import { filesToTar, fileTar } from "../tar/file-tar.ts";
import { layerOf, sha256, zstdFrame } from "./blobs.ts";

const never = () => new AbortController().signal;

/** Bytes that do not repeat soon, a different row for each seed. */
function bytesOf(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0, x = seed; at + 4 <= size; at += 4) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes.writeUInt32LE(x >>> 8, at);
  }
  return bytes;
}

function threadsOf(layers: readonly Layer[], options: Partial<ConstructorParameters<typeof LayerThreads>[1]> = {}) {
  return new LayerThreads(layers, {
    ...{ program: LAYER_THREAD, signal: never(), threadCount: 2, bufferSize: 4 * SLOT },
    ...options,
  });
}

/** Threads of this process, those of the kernel's list that are ours to count. */
const threadCount = () => readdirSync("/proc/self/task").length;

/** Waits for a process that had so many threads to have no more of them. */
async function untilGone(before: number): Promise<number> {
  for (let tries = 0; tries < 200 && threadCount() > before; tries++) await sleep(25);
  return threadCount();
}

describe("LayerThreads", () => {
  it.each([
    ["nothing", Buffer.alloc(0)],
    ["a byte", Buffer.from("x")],
    ["a slot less a byte", bytesOf(SLOT - 1, 1)],
    ["a slot", bytesOf(SLOT, 2)],
    ["a slot and a byte", bytesOf(SLOT + 1, 3)],
    ["more than the whole buffer", bytesOf(6 * SLOT + 77, 4)],
  ])("gives %s as it is, however it is stored and cut up", async (_, data) => {
    const tar = fileTar(data);
    const members = Buffer.concat(cutEvenly(tar, 100_000).map((part) => gzipSync(part)));
    const layers = [gzipSync(tar), zstdFrame(tar, 100_000), members].flatMap((stored) => [
      layerOf({ stored, tar }),
      layerOf({ stored, tar, chunks: cutEvenly(stored, 70_001) }),
    ]);
    const threads = threadsOf(layers);
    try {
      for (let i = layers.length - 1; i >= 0; i--)
        expect((await filesToTar(threads.entries(i))).equals(tar)).toBe(true);
    } finally {
      await threads.close();
    }
  });

  it("takes whole chunks that a source gives away, and leaves all others alone", async () => {
    const stored = gzipSync(fileTar(bytesOf(3 * SLOT, 5)), { level: 0 });
    for (const givesChunksAway of [true, false]) {
      const chunks = cutEvenly(stored, 65_536).map((chunk) => new Uint8Array(chunk));
      const stream = Object.assign(Readable.from(chunks, { objectMode: false }), { givesChunksAway });
      const threads = threadsOf([{ ...layerOf({ stored }), open: async () => stream }]);
      await filesToTar(threads.entries(0));
      await threads.close();
      expect(chunks.every(({ byteLength }) => (byteLength === 0) === givesChunksAway)).toBe(true);
    }
  });

  it("reads the next layer down ahead, within its buffer, and tells of it in its turn", async () => {
    const datas = [fileTar(bytesOf(12 * SLOT, 6)), fileTar(bytesOf(2 * SLOT, 7))];
    let sent = 0;
    const stored = datas.map((data) => gzipSync(data, { level: 0 }));
    async function* counted(): AsyncGenerator<Uint8Array> {
      for (const chunk of cutEvenly(stored[0] as Buffer, 65_536)) {
        sent += chunk.length;
        yield chunk;
      }
    }
    const lower = layerOf({ stored: stored[0] as Buffer, tar: datas[0] as Buffer, chunks: counted() });
    const upper = layerOf({ stored: stored[1] as Buffer, tar: datas[1] as Buffer });
    const events: ProgressEvent[] = [];
    const threads = threadsOf([lower, upper], { onProgress: (event) => events.push(event) });
    try {
      const first = threads.entries(1);
      await first.next();
      // However long that takes; and what would come beyond the limit has time to.
      for (let last = -1; sent <= 4 * SLOT || last !== sent; ) {
        last = sent;
        await sleep(100);
      }
      // Four slots, a batch in zlib's hands, what may be on its way, and the streams' own.
      expect(sent).toBeLessThan(9 * SLOT);
      expect(new Set(events.map((event) => ("digest" in event ? event.digest : "")))).toEqual(
        new Set([upper.descriptor.digest]),
      );
      await visitAll(first, () => {});
      expect((await filesToTar(threads.entries(0))).equals(datas[0] as Buffer)).toBe(true);
      const kinds = events.map((event) => ("digest" in event ? `${event.kind} ${event.digest}` : event.kind));
      expect(kinds.indexOf(`blob-start ${lower.descriptor.digest}`)).toBeGreaterThan(
        kinds.indexOf(`blob-end ${upper.descriptor.digest}`),
      );
      expect(kinds.at(-1)).toBe(`blob-end ${lower.descriptor.digest}`);
    } finally {
      await threads.close();
    }
  });

  it("reads a hundred layers with as many threads as it was given, and again out of order", async () => {
    const datas = Array.from({ length: 100 }, (_, i) => fileTar(bytesOf(i * 100, i)));
    const layers = datas.map((data) => layerOf({ stored: gzipSync(data), tar: data }));
    const threads = threadsOf(layers);
    const before = threadCount();
    try {
      for (let i = 99; i >= 0; i--)
        expect((await filesToTar(threads.entries(i))).equals(datas[i] as Buffer)).toBe(true);
      expect(threadCount() - before).toBeLessThanOrEqual(2);
      const [a, b] = [threads.entries(70), threads.entries(3)];
      await a.next();
      expect((await filesToTar(b)).equals(datas[3] as Buffer)).toBe(true);
      await a.return();
      expect((await filesToTar(threads.entries(70))).equals(datas[70] as Buffer)).toBe(true);
    } finally {
      await threads.close();
    }
  });

  it("throws the error of a layer that was read ahead when it is asked for", async () => {
    const good = layerOf({ stored: gzipSync(fileTar(bytesOf(SLOT, 8))) });
    const wrong = sha256(Buffer.from("wrong"));
    const bad = layerOf({ stored: gzipSync(fileTar(bytesOf(SLOT, 9))), digest: wrong });
    const threads = threadsOf([bad, good]);
    try {
      await filesToTar(threads.entries(1));
      await expect(filesToTar(threads.entries(0))).rejects.toMatchObject({
        code: "BLOB_DIGEST_MISMATCH",
        details: { digest: wrong, size: bad.descriptor.size },
      });
    } finally {
      await threads.close();
    }
  });

  it("keeps what an error says: class, message, byte, cause", async () => {
    const stored = gzipSync(fileTar(bytesOf(SLOT, 10)));
    stored[stored.length >> 1] = (stored[stored.length >> 1] as number) ^ 0xff;
    const layer = layerOf({ stored });
    const threads = threadsOf([layer]);
    const ours = await filesToTar(readLayerEntries(layer, { signal: never() })).catch((error: unknown) => error);
    const theirs = await filesToTar(threads.entries(0)).catch((error: unknown) => error);
    await threads.close();
    expect(theirs).toBeInstanceOf((ours as Error).constructor);
    expect(theirs).toMatchObject({
      message: (ours as Error).message,
      details: { offset: (ours as { details: { offset: number } }).details.offset, compression: "gzip" },
      cause: { code: "Z_DATA_ERROR" },
    });
  });

  it.each(["abort", "leave", "close"] as const)("leaves no thread behind after: %s", async (how) => {
    const stored = gzipSync(fileTar(bytesOf(20 * SLOT, 11)), { level: 0 });
    const layers = [0, 1].map(() => layerOf({ stored, chunks: cutEvenly(stored, 65_536) }));
    const before = threadCount();
    const aborter = new AbortController();
    const threads = threadsOf(layers, { signal: aborter.signal });
    const entries = threads.entries(1);
    await entries.next();
    expect(threadCount()).toBeGreaterThan(before);
    if (how === "abort") {
      const reason = new Error("enough");
      aborter.abort(reason);
      await expect(filesToTar(entries)).rejects.toBe(reason);
      await expect(filesToTar(threads.entries(0))).rejects.toBe(reason);
    } else if (how === "leave") {
      await entries.return();
    }
    await threads.close();
    expect(await untilGone(before)).toBeLessThanOrEqual(before);
    expect(layers.every(({ streams }) => streams.every(({ destroyed }) => destroyed))).toBe(true);
  });
});

describe("convert() with layer threads", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-threads-"));
    function* files(from: number, count: number, size: number): Generator<SyntheticEntry> {
      for (let i = from; i < from + count; i++) yield { path: `d${i % 7}/file-${i}`, size: size + i };
    }
    await writeSyntheticImage(join(folder, "image"), [
      files(0, 40, 300_000),
      [...files(20, 300, 900), { path: "large", size: 3_000_001 }],
      files(300, 20, 130_000),
    ]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    [0, 0],
    [0, 1],
    [2, 1],
    [2, 3],
  ])("with %i workers and %i layer threads gives the same bytes", async (workers, layerThreads) => {
    const run = async (name: string, threads: { workers: number; layerThreads: number }): Promise<Buffer> => {
      const source = createSource(`oci:${join(folder, "image")}:latest`);
      const path = join(folder, name);
      try {
        await convert({ source, sink: await openSink(path, { overwrite: true }), sourceDateEpoch: "1", ...threads });
      } finally {
        await source.close();
      }
      return readFile(path);
    };
    const plain = await run("plain.sif", { workers: 0, layerThreads: 0 });
    expect((await run("threads.sif", { workers, layerThreads })).equals(plain)).toBe(true);
  });
});
