import { once } from "node:events";
import { createServer, get, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SifonError } from "../../src/errors.ts";
import { type OpenLayerOptions, readLayerEntries } from "../../src/layer/open-layer.ts";
import { LayerThreads } from "../../src/layer/thread/layer-threads.ts";
import type { Layer } from "../../src/oci/image.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { LAYER_THREAD } from "../../src/source/thread/program.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { cutEvenly } from "../support/chunks.ts";
import { filesToTar } from "../tar/file-tar.ts";
import { entry, header, pax, tar } from "../tar/tar-bytes.ts";
import { layerOf, sha256, skippableFrame, zstdFrame } from "./blobs.ts";

const TAR = tar(
  pax({ path: "a/long\xff" }),
  entry({ name: "short" }, "content".repeat(100)),
  header({ name: "d/", type: "5" }),
);
const STORED = gzipSync(TAR);
const signal = () => new AbortController().signal;

type Open = (layer: Layer, options: OpenLayerOptions) => AsyncGenerator<TarEntry, void, undefined>;

async function* readInThread(layer: Layer, options: OpenLayerOptions): AsyncGenerator<TarEntry, void, undefined> {
  const threads = new LayerThreads([layer], { ...options, program: LAYER_THREAD, threadCount: 1, bufferSize: 1 << 20 });
  const entries = threads.entries(0);
  try {
    for (let next = await entries.next(); next.done !== true; next = await entries.next()) yield next.value;
  } finally {
    await entries.return();
    await threads.close();
  }
}

async function pathsOf(open: Open, layer: Layer): Promise<string[]> {
  const seen: string[] = [];
  for await (const one of open(layer, { signal: signal() })) seen.push(one.path);
  return seen;
}

/** What a layer gives does not depend on the thread that reads it. */
describe.each<[string, Open, runs: number]>([
  ["readLayerEntries()", readLayerEntries, 60],
  ["LayerThreads.entries()", readInThread, 4],
])("%s", (_way, open, numRuns) => {
  const paths = (layer: Layer) => pathsOf(open, layer);

  it.each([
    ["plain", TAR],
    ["gzip", STORED],
    ["gzip with zeros behind", Buffer.concat([STORED, Buffer.alloc(9999)])],
    ["zstd", zstdFrame(TAR)],
    ["zstd frames", Buffer.concat([skippableFrame(3), zstdFrame(TAR.subarray(0, 700)), zstdFrame(TAR.subarray(700))])],
  ])("reads a layer stored as %s, whatever its media type says", async (_, stored) => {
    for (const mediaType of [
      "application/vnd.oci.image.layer.v1.tar",
      "application/vnd.oci.image.layer.v1.tar+zstd",
      "x/y",
    ]) {
      expect(await paths(layerOf({ stored, tar: TAR, mediaType }))).toEqual(["a/long\xff", "d/"]);
    }
  });

  it.each([
    ["an empty blob", Buffer.alloc(0), Buffer.alloc(0)],
    ["an empty tar", gzipSync(Buffer.alloc(1024)), Buffer.alloc(1024)],
  ])("takes %s for an empty layer", async (_, stored, inside) => {
    expect(await paths(layerOf({ stored, tar: inside }))).toEqual([]);
  });

  it("checks what stands behind the tar's end before it ends", async () => {
    const stored = gzipSync(Buffer.concat([TAR, Buffer.alloc(1 << 20, "garbage")]));
    expect(await paths(layerOf({ stored }))).toHaveLength(2);
    await expect(paths(layerOf({ stored, tar: TAR }))).rejects.toMatchObject({ code: "DIFF_ID_MISMATCH" });
    await expect(paths(layerOf({ stored, digest: sha256(TAR) }))).rejects.toMatchObject({
      code: "BLOB_DIGEST_MISMATCH",
    });
  });

  it("opens again, also while another is open", async () => {
    const layer = layerOf({ stored: STORED, tar: TAR });
    const first = open(layer, { signal: signal() });
    await first.next();
    expect(await paths(layer)).toHaveLength(2);
    expect((await first.next()).value?.path).toBe("d/");
    expect((await first.next()).done).toBe(true);
  });
  const flipped = (bytes: Buffer, at: number) => Buffer.from(bytes).fill(bytes[at]! ^ 0x40, at, at + 1);
  const wrong = sha256(Buffer.from("wrong"));
  const middle = STORED.length >> 1;
  const page = Buffer.from("<html>Service Unavailable</html>".repeat(30));

  it.each([
    ["truncated on the way", layerOf({ stored: STORED, chunks: [STORED.subarray(0, middle)] }), "BLOB_SIZE_MISMATCH"],
    ["nothing at all", layerOf({ stored: STORED, chunks: [] }), "BLOB_SIZE_MISMATCH"],
    ["too long", layerOf({ stored: STORED, chunks: [STORED, Buffer.alloc(1)] }), "BLOB_SIZE_MISMATCH"],
    ["another digest", layerOf({ stored: STORED, digest: wrong }), "BLOB_DIGEST_MISMATCH"],
    [
      "altered on the way, so that gzip stumbles",
      layerOf({ stored: STORED, chunks: [flipped(STORED, middle)] }),
      "BLOB_DIGEST_MISMATCH",
    ],
    [
      "altered on the way, so that tar stumbles",
      layerOf({ stored: TAR, chunks: [flipped(TAR, 10)] }),
      "BLOB_DIGEST_MISMATCH",
    ],
    ["altered magic", layerOf({ stored: STORED, chunks: [flipped(STORED, 0)] }), "BLOB_DIGEST_MISMATCH"],
    [
      "a web page of the right size",
      layerOf({ stored: STORED, chunks: [page.subarray(0, STORED.length)] }),
      "BLOB_DIGEST_MISMATCH",
    ],
    ["a web page for a blob", layerOf({ stored: STORED, chunks: [page] }), "BLOB_SIZE_MISMATCH"],
    ["another tar", layerOf({ stored: STORED, diffId: wrong }), "DIFF_ID_MISMATCH"],
    ["another tar, damaged", layerOf({ stored: gzipSync(flipped(TAR, 10)), tar: TAR }), "DIFF_ID_MISMATCH"],
    ["corrupt gzip, as it was pushed", layerOf({ stored: flipped(STORED, middle) }), "LAYER_CORRUPT"],
    [
      "corrupt gzip checksum, as it was pushed",
      layerOf({ stored: flipped(STORED, STORED.length - 6) }),
      "LAYER_CORRUPT",
    ],
    ["truncated gzip, as it was pushed", layerOf({ stored: STORED.subarray(0, middle) }), "LAYER_CORRUPT"],
    ["truncated zstd, as it was pushed", layerOf({ stored: zstdFrame(TAR).subarray(0, 2000) }), "LAYER_CORRUPT"],
    [
      "corrupt zstd, as it was pushed",
      layerOf({ stored: Buffer.concat([zstdFrame(TAR), Buffer.from("tail")]) }),
      "LAYER_CORRUPT",
    ],
    [
      "garbage behind gzip, as it was pushed",
      layerOf({ stored: Buffer.concat([STORED, Buffer.from("tail")]) }),
      "LAYER_TRAILING_GARBAGE",
    ],
    ["corrupt tar, as it was pushed", layerOf({ stored: gzipSync(flipped(TAR, 10)) }), "TAR_CHECKSUM_INVALID"],
    ["truncated tar, as it was pushed", layerOf({ stored: gzipSync(TAR.subarray(0, 1700)) }), "TAR_TRUNCATED"],
    ["no tar at all, as it was pushed", layerOf({ stored: page }), "TAR_CHECKSUM_INVALID"],
    ["xz", layerOf({ stored: Buffer.from("\xfd7zXZ\0more", "latin1") }), "LAYER_COMPRESSION_UNSUPPORTED"],
  ])("%s: one error that names the blob, and the source is let go", async (_, layer, code) => {
    const error: unknown = await paths(layer).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code });
    expect(error).toBeInstanceOf(SifonError);
    expect((error as Error).message).toContain(layer.descriptor.digest);
    expect(layer.streams[0]?.destroyed).toBe(true);
  });

  it("ends in Sifon's errors or the whole layer, with any bits flipped on the way", async () => {
    for (const stored of [TAR, STORED, zstdFrame(TAR)]) {
      await fc.assert(
        fc.asyncProperty(
          fc.nat(stored.length - 1),
          fc.nat(7),
          fc.integer({ min: 1, max: 500 }),
          async (at, bit, size) => {
            const bytes = Buffer.from(stored);
            bytes[at]! ^= 1 << bit;
            // Every flip breaks the digest, and nothing else is blamed for it; but a frame header that then asks for
            // more than the limits allow is refused at once, before the digest can be known.
            await expect(paths(layerOf({ stored, tar: TAR, chunks: cutEvenly(bytes, size) }))).rejects.toMatchObject({
              code: expect.stringMatching(/^(BLOB_DIGEST_MISMATCH|LAYER_LIMIT_EXCEEDED)$/),
            });
          },
        ),
        { numRuns },
      );
    }
  });

  it("names the blob and the byte when the source breaks", async () => {
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield STORED.subarray(0, 100);
      throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    }
    const layer = layerOf({ stored: STORED, chunks: breaking() });
    await expect(paths(layer)).rejects.toMatchObject({ code: "BLOB_READ_FAILED", cause: { code: "ECONNRESET" } });
    await expect(paths(layerOf({ stored: STORED, chunks: breaking() }))).rejects.toThrow(
      `Cannot read blob ${layer.descriptor.digest} at byte 100: read ECONNRESET.`,
    );
  });

  it("names the blob when it does not open", async () => {
    const open = () => Promise.reject(new Error("connect ECONNREFUSED"));
    await expect(paths({ ...layerOf({ stored: STORED }), open })).rejects.toMatchObject({
      code: "BLOB_READ_FAILED",
      details: { digest: sha256(STORED), offset: 0, reason: "connect ECONNREFUSED" },
    });
  });

  it("passes Sifon's own errors of the source on as they are", async () => {
    const own = new SifonError("REGISTRY_GONE", "the registry is gone");
    const stream = Readable.from([], { objectMode: false });
    const layer = { ...layerOf({ stored: STORED }), open: async () => stream };
    stream.destroy(own);
    await expect(paths(layer)).rejects.toBe(own);
  });

  async function serve<T>(
    answer: RequestListener,
    use: (layer: Layer & { readonly responses: IncomingMessage[] }) => Promise<T>,
  ): Promise<T> {
    const server = createServer(answer).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const responses: IncomingMessage[] = [];
    const open = async ({ signal: abort }: { readonly signal: AbortSignal }) => {
      const request = get({ port, host: "127.0.0.1", signal: abort });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      responses.push(response);
      return response;
    };
    try {
      return await use({ ...layerOf({ stored: LARGE, tar: LARGE_TAR }), open, responses });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
  const LARGE_TAR = tar(entry({ name: "large" }, Buffer.alloc(32 << 20, "0123456789abcdef-")), entry({ name: "last" }));
  const LARGE = gzipSync(LARGE_TAR, { level: 0 });

  it("reads it whole", async () => {
    const events: ProgressEvent[] = [];
    const data = await serve(
      (_, response) => response.end(LARGE),
      (layer) => filesToTar(open(layer, { signal: signal(), onProgress: (event) => events.push(event) })),
    );
    expect(data.equals(LARGE_TAR)).toBe(true);
    expect(events.at(-1)?.kind).toBe("blob-end");
  });

  it("does not run ahead of its consumer", async () => {
    let sent = 0;
    await serve(
      (_, response) => {
        void (async () => {
          for (const chunk of cutEvenly(LARGE, 65_536)) {
            sent += chunk.length;
            if (!response.write(chunk)) await once(response, "drain").catch(() => {});
            if (response.destroyed) return;
          }
          response.end();
        })();
      },
      async (layer) => {
        const entries = open(layer, { signal: signal() });
        await entries.next();
        // The server goes on for as long as anyone takes its bytes.
        for (let last = -1; last !== sent; ) {
          last = sent;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        expect(sent).toBeLessThan(LARGE.length / 2);
        await entries.return();
        expect(layer.responses[0]?.destroyed).toBe(true);
      },
    );
  });

  it("reports a connection that dies", async () => {
    await serve(
      (_, response) => {
        response.writeHead(200, { "content-length": LARGE.length });
        response.write(LARGE.subarray(0, 1 << 20), () => response.destroy());
      },
      async (layer) => {
        await expect(paths(layer)).rejects.toMatchObject({ code: "BLOB_READ_FAILED" });
      },
    );
  });

  it("gives the signal's reason when aborted, also while the source stands still", async () => {
    await serve(
      (_, response) => void response.write(LARGE.subarray(0, 1 << 20)),
      async (layer) => {
        const aborter = new AbortController();
        const reason = new Error("enough");
        const reading = (async () => {
          let size = 0;
          for await (const one of open(layer, { signal: aborter.signal })) {
            for await (const part of one.body()) {
              size += (part as Uint8Array).length;
              if (size > 500_000) setTimeout(() => aborter.abort(reason), 20);
            }
          }
        })();
        await expect(reading).rejects.toBe(reason);
        expect(layer.responses[0]?.destroyed).toBe(true);
        await expect(open(layer, { signal: aborter.signal }).next()).rejects.toBe(reason);
      },
    );
  });
});
