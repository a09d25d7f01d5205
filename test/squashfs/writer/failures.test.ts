import { expect, it, vi } from "vitest";
import type { BodyPart } from "../../../src/bytes/file-body.ts";
import { FsTree } from "../../../src/fstree/tree.ts";
import { FileSink } from "../../../src/sink/file-sink.ts";
import { MemorySink } from "../../../src/sink/memory-sink.ts";
import type { Sink } from "../../../src/sink/sink.ts";
import { SquashfsWriter } from "../../../src/squashfs/writer.ts";
import type { Compression } from "../../../src/wasm/compression.ts";
import { createBlockEncoder } from "../../../src/wasm/create-block-encoder.ts";
import { smallFileSystem } from "../../sink/temporary-directory.ts";
import { reportMissing } from "../../support/tools.ts";
import { buildImage, type Item, noise, testCore } from "./image-builder.ts";

const BLOCK = 4096;
const compression: Compression = { kind: "gzip", level: "default" };

function open(options: { readonly sink?: Sink; readonly workers?: number; readonly signal?: AbortSignal } = {}) {
  const core = testCore(BLOCK);
  const encoder = createBlockEncoder({ compression, blockSize: BLOCK, workers: options.workers ?? 0, core });
  const { sink = new MemorySink(), signal } = options;
  const writer = new SquashfsWriter({ sink, encoder, compression, core, ...(signal === undefined ? {} : { signal }) });
  return { encoder, writer };
}

/** A sink that breaks at its nth write. */
class BrokenSink extends MemorySink {
  #left: number;
  readonly error: Error = new Error("broken sink");

  constructor(writes: number) {
    super();
    this.#left = writes;
  }

  override async write(bytes: Uint8Array): Promise<void> {
    if (this.#left-- <= 0) throw this.error;
    await super.write(bytes);
  }
}

it.each([0, 1, 5, 20, 39])("SquashfsWriter passes on a sink's error, at write %d", async (writes) => {
  const items: Record<string, Item> = {};
  for (let i = 0; i < 10; i++) items[`f${i}`] = { kind: "file", content: noise(3 * BLOCK + 100, i) };
  for (const workers of [0, 1])
    await expect(buildImage(items, { sink: new BrokenSink(writes), workers })).rejects.toThrow("broken sink");
});

it("SquashfsWriter goes on failing with the first error", async () => {
  const { writer, encoder } = open({ sink: new BrokenSink(1) });
  const fill = async () => {
    for (let i = 0; i < 50; i++) await writer.contents.add(BLOCK, noise(BLOCK, i));
  };
  await expect(fill()).rejects.toThrow("broken sink");
  await expect(writer.contents.add(1, noise(1, 1))).rejects.toThrow("broken sink");
  await expect(writer.finish(new FsTree(), { mtimeSec: 0 })).rejects.toThrow("broken sink");
  await encoder.close();
});

it("SquashfsWriter reports a full disk as the sink does", async () => {
  const directory = smallFileSystem(1024);
  if (directory === undefined) return reportMissing("mounting a tmpfs is not allowed here");
  const sink = await FileSink.open(`${directory}/x`);
  const items: Record<string, Item> = { f: { kind: "file", content: noise(4 << 20, 1) } };
  await expect(buildImage(items, { sink })).rejects.toMatchObject({ code: "DISK_FULL" });
  await sink.abort(undefined);
});

it("contents.add() passes on what its source throws, and takes nothing more", async () => {
  const { writer, encoder } = open();
  async function* parts(): AsyncGenerator<BodyPart> {
    yield noise(3 * BLOCK, 1);
    throw new Error("truncated blob");
  }
  await expect(writer.contents.add(5 * BLOCK, parts())).rejects.toThrow("truncated blob");
  await expect(writer.contents.add(1, noise(1, 1))).rejects.toThrow("truncated blob");
  await encoder.close();
});

it.each([
  ["too few bytes", 10, [noise(9, 1)]],
  ["too many bytes", 10, [noise(5, 1), noise(6, 1)]],
  ["bytes for an empty file", 0, [noise(1, 1)]],
  ["too long a hole", 5 * BLOCK, [{ zeros: 5 * BLOCK + 1 }]],
] satisfies [string, number, BodyPart[]][])("contents.add() refuses %s", async (_what, size, list) => {
  async function* parts(): AsyncGenerator<BodyPart> {
    yield* list;
  }
  const { writer } = open();
  await expect(writer.contents.add(size, parts())).rejects.toThrow(RangeError);
  const [first] = list;
  if (first instanceof Uint8Array) await expect(open().writer.contents.add(size, first)).rejects.toThrow(RangeError);
});

it("contents.add() takes one content at a time", async () => {
  const { writer } = open();
  const first = writer.contents.add(BLOCK, noise(BLOCK, 1));
  await expect(writer.contents.add(BLOCK, noise(BLOCK, 1))).rejects.toThrow(TypeError);
  await first;
});

it.each([0, 1])("an abort ends contents.add() that waits for a slot, with %d workers", async (workers) => {
  const controller = new AbortController();
  const { writer, encoder } = open({ signal: controller.signal, workers });
  const endless = async () => {
    for (let i = 0; ; i++) await writer.contents.add(2 * BLOCK, noise(2 * BLOCK, i));
  };
  const running = endless();
  setTimeout(() => controller.abort(new Error("stop")), 20);
  await expect(running).rejects.toThrow("stop");
  await expect(writer.finish(new FsTree(), { mtimeSec: 0 })).rejects.toThrow("stop");
  await encoder.close();
});

it("closing the encoder ends a writer that waits for it", async () => {
  const { writer, encoder } = open({ workers: 1 });
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const endless = async () => {
    for (let i = 0; ; i++) await writer.contents.add(2 * BLOCK, noise(2 * BLOCK, i));
  };
  const running = endless();
  setTimeout(() => void encoder.close(), 60);
  await expect(running).rejects.toMatchObject({ code: "ENCODER_CLOSED" });
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
