import { once } from "node:events";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { inflateSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { createBlockEncoder } from "../../src/wasm/create-block-encoder.ts";
import { EncoderThreads } from "../../src/wasm/encoder-threads.ts";

const BLOCK = 16384;
const threadCount = () => readdirSync("/proc/self/task").length;

async function until(isSo: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 400 && !isSo(); tries++) await sleep(25);
  return isSo();
}

/** The number of threads once those of the tests before are gone: the kernel takes a moment. */
async function settled(): Promise<number> {
  let count = threadCount();
  for (let calm = 0; calm < 10; calm++) {
    await sleep(25);
    if (count === threadCount()) continue;
    count = threadCount();
    calm = 0;
  }
  return count;
}

/** Threads that nobody but a test begins: their own clock stands still. */
function idleThreads(count: number): EncoderThreads {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    return new EncoderThreads(count);
  } finally {
    vi.useRealTimers();
  }
}

describe("EncoderThreads", () => {
  it.each(["soon, by themselves", "at once, when told"])(
    "start %s, and encode every block from the first on",
    async (how) => {
      const threads = new EncoderThreads(2);
      if (how.startsWith("at once")) threads.begin();
      expect(await until(() => threads.isReady)).toBe(true);
      const compression = { kind: "gzip", level: "default" } as const;
      const encoder = createBlockEncoder({ compression, blockSize: BLOCK, workers: 3, threads });
      const blocks = Array.from({ length: 20 }, async (_, i) => {
        const buffer = await encoder.acquire();
        buffer.fill(i);
        const block = await encoder.encode(buffer, BLOCK);
        const value = inflateSync(block.bytes).at(-1);
        block.release();
        return value;
      });
      expect(await Promise.all(blocks)).toEqual(Array.from({ length: 20 }, (_, i) => i));
      await encoder.close();
      await threads.close();
    },
  );

  it("are ready only while one of those that wait runs", async () => {
    const threads = idleThreads(1);
    const taken = threads.take();
    await once(taken, "online");
    expect(threads.isReady).toBe(false);
    threads.begin();
    // Started this moment: it cannot run yet, though the one that was taken does.
    expect(threads.isReady).toBe(false);
    expect(await until(() => threads.isReady)).toBe(true);
    const waited = threads.take();
    expect(threads.isReady).toBe(false);
    await Promise.all([taken.terminate(), waited.terminate(), threads.close()]);
  });

  it("start nothing once they are closed, and end what nobody has taken", async () => {
    const before = await settled();
    const idle = new EncoderThreads(2);
    await idle.close();
    idle.begin();
    await sleep(100);
    expect(threadCount()).toBeLessThanOrEqual(before);
    const begun = new EncoderThreads(2);
    begun.begin();
    expect(await until(() => threadCount() > before)).toBe(true);
    await begun.close();
    await begun.close();
    expect(await until(() => threadCount() <= before)).toBe(true);
  });
});
