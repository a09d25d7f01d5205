import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { expect, test } from "vitest";
import { streamChunks } from "../../src/bytes/stream-chunks.ts";

test("streamChunks() gives every chunk as it was pushed, however many wait", async () => {
  const pushed = [1, 700, 65536, 3].map((size, i) => Buffer.alloc(size, i));
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  for (const chunk of pushed) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => setImmediate(resolve));
  const seen: Uint8Array[] = [];
  for await (const chunk of streamChunks(stream)) seen.push(chunk);
  expect(seen.map((chunk) => chunk.length)).toEqual(pushed.map((chunk) => chunk.length));
  expect(Buffer.concat(seen).equals(Buffer.concat(pushed))).toBe(true);
});

test("streamChunks() gives nothing for an empty stream", async () => {
  const seen = [];
  for await (const chunk of streamChunks(Readable.from([]))) seen.push(chunk);
  expect(seen).toEqual([]);
});

test("streamChunks() holds a source back that is faster than the consumer", async () => {
  let made = 0;
  const stream = new Readable({
    highWaterMark: 4096,
    read() {
      this.push(++made > 100 ? null : Buffer.alloc(1024));
    },
  });
  let most = 0;
  let taken = 0;
  for await (const _ of streamChunks(stream)) {
    taken++;
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, made - taken);
  }
  expect(taken).toBe(100);
  expect(most).toBeLessThanOrEqual(8);
});

test("streamChunks() gives what came before an error, then throws it", async () => {
  const error = new Error("cable cut");
  const stream = new PassThrough();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const chunk of streamChunks(stream)) seen.push(Buffer.from(chunk).toString());
  })();
  stream.write("a");
  await new Promise((resolve) => setImmediate(resolve));
  stream.destroy(error);
  await expect(reading).rejects.toBe(error);
  expect(seen).toEqual(["a"]);
});

test.each([
  ["while it is read", false],
  ["before it is read", true],
])("streamChunks() throws where the stream is closed %s", async (_, before) => {
  const stream = new PassThrough();
  if (before) {
    stream.destroy();
    await once(stream, "close");
  } else {
    setImmediate(() => stream.destroy());
  }
  await expect(streamChunks(stream).next()).rejects.toMatchObject({ code: "ERR_STREAM_PREMATURE_CLOSE" });
});

test("streamChunks() destroys the stream when its reader leaves, and hears its late error", async () => {
  const stream = new PassThrough();
  stream.write("a");
  for await (const _ of streamChunks(stream)) break;
  expect(stream.destroyed).toBe(true);
  stream.emit("error", new Error("late"));
});
