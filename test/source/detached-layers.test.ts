import { randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { appendFile, mkdtemp, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import tar from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { visitAll } from "../../src/bytes/prompt-iterator.ts";
import { BlobCache } from "../../src/cache/blob-cache.ts";
import { SifonError } from "../../src/errors.ts";
import { convert, openSink } from "../../src/index.ts";
import { openLayer } from "../../src/layer/open-layer.ts";
import { type DetachedLayer, detachingOf } from "../../src/oci/detached-layer.ts";
import type { Image, ImageSource, Layer } from "../../src/oci/image.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { createSource } from "../../src/source/open-source.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { collect } from "../support/chunks.ts";
import { startForwardProxy } from "../support/forward-proxy.ts";
import { digestOf, makeImage, makeLayer, type TestImage, tagged, writeLayout } from "../support/registry-image.ts";
import {
  cutBlob,
  type FakeRegistry,
  type Fault,
  guardWith,
  onPath,
  sendBlob,
  sendError,
  startFakeRegistry,
} from "../support/registry-server.ts";
import { filesToTar, fileTar } from "../tar/file-tar.ts";
import { never, pullAll, QUICK, readLayers, sourceOf, threadsFor, WAYS } from "./pull.ts";

const LAYER = fileTar(randomBytes(900_000));
const LAYER_PATH = `/blobs/${digestOf(LAYER)}`;

let folder: string;
let registry: FakeRegistry;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-detached-"));
  registry = await startFakeRegistry();
  registry.push(await makeImage({ layers: [LAYER] }));
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true });
});

const byName = (bytes: readonly Buffer[]) => bytes.map(digestOf);

/** Everything of an error but its causes, which are copies. */
function tell(error: unknown): object {
  if (!(error instanceof SifonError)) return { strange: String(error) };
  const { cause, ...details } = error.details;
  return { type: error.constructor, code: error.code, message: error.message, details, hasCause: cause !== undefined };
}

describe("a registry's layer that its thread fetches", () => {
  const faults: Readonly<Record<string, readonly Fault[]>> = {
    "a blob that is gone": [onPath(LAYER_PATH, (_, response) => sendError(response, 404, "BLOB_UNKNOWN", "gone"))],
    "a body that always ends too soon": [
      onPath(LAYER_PATH, (_, response) => void response.writeHead(200).end(LAYER.subarray(0, 1000))),
    ],
    "a connection that always breaks": [
      onPath(LAYER_PATH, (request, response) => cutBlob(request, response, LAYER, 10)),
    ],
    "another size": [
      onPath(LAYER_PATH, (_, response) => void response.writeHead(200, { "content-length": 3 }).end("abc")),
    ],
    "other bytes": [
      onPath(LAYER_PATH, (request, response) => sendBlob(request, response, Buffer.alloc(LAYER.length, "x"))),
    ],
    "a rate limit that lasts": [
      onPath(LAYER_PATH, (_, response) => {
        response.setHeader("retry-after", "3600");
        sendError(response, 429, "TOOMANYREQUESTS", "slow down");
      }),
    ],
    "a password that is refused, and echoed": [
      onPath(LAYER_PATH, ({ headers }, response) => {
        response.setHeader("www-authenticate", 'Basic realm="r"');
        sendError(response, 401, "UNAUTHORIZED", `no: ${headers.authorization} is PASS`);
      }),
    ],
    "a token service that fails": [
      onPath("/token", (_, response) => sendError(response, 500, "X", "broken")),
      onPath(LAYER_PATH, (request, response) =>
        guardWith(`Bearer realm="http://${request.headers.host}/token"`, () => false)(request, response),
      ),
    ],
    "a circle of redirects": [
      onPath(LAYER_PATH, ({ url }, response) => void response.writeHead(307, { location: url }).end()),
    ],
    "no HTTP": [onPath(LAYER_PATH, (_, response) => void response.socket?.end("garbage\r\n\r\n"))],
  };

  it.each(Object.keys(faults))(
    "fails with the same error and after the same tries, where there is %s",
    async (name) => {
      registry.faults.push(...(faults[name] ?? []));
      const outcomes: object[] = [];
      for (const way of WAYS) {
        registry.requests.length = 0;
        const { source, events } = sourceOf(registry, { credentials: { username: "me", password: "PASS" } });
        const error = tell(await pullAll(source, never, way).catch((reason: unknown) => reason));
        // Waits are random.
        const told = events.map((event) => ({ ...event, delayMs: 0 }));
        outcomes.push({
          error,
          told,
          asked: registry.requests.map(({ method, url, headers }) => [
            method,
            url,
            headers.range,
            headers.authorization,
          ]),
        });
      }
      expect(outcomes[0]).toMatchObject({ error: { code: expect.any(String) } });
      expect(JSON.stringify(outcomes[0])).not.toContain("is PASS");
      expect(outcomes[1]).toEqual(outcomes[0]);
    },
  );

  it("waits as long as the registry asks, and tells of it", async () => {
    registry.faults.push(
      onPath(LAYER_PATH, ({ count }, response) => {
        if (count > 1) return false;
        response.setHeader("retry-after", "1");
        sendError(response, 429, "TOOMANYREQUESTS", "slow down");
        return true;
      }),
    );
    const { source, events } = sourceOf(registry);
    expect(byName(await pullAll(source, never, "layer threads"))).toEqual([digestOf(LAYER)]);
    expect(events).toMatchObject([{ kind: "retry", attempt: 2, reason: expect.stringContaining("429") }]);
    expect((events[0] as { delayMs: number }).delayMs).toBeGreaterThanOrEqual(1000);
  });

  it("ends with what a listener throws at a retry", async () => {
    const outcomes: object[] = [];
    for (const way of WAYS) {
      let refusals = 0;
      registry.faults.splice(
        0,
        1,
        onPath(LAYER_PATH, (_, response) => (refusals++ > 0 ? false : sendError(response, 503, "X", "down"))),
      );
      const onProgress = (event: ProgressEvent): void => {
        if (event.kind === "retry") throw new Error("enough");
      };
      const { source } = sourceOf(registry, { onProgress, retry: { baseDelayMs: 500, maxDelayMs: 500 } });
      const { layers } = await source.resolve({ signal: never });
      const [layer] = layers as [Layer];
      const threads = threadsFor(layers, never);
      const reading =
        way === "layer threads" ? filesToTar(threads.entries(0)) : collect(openLayer(layer, { signal: never }));
      outcomes.push(tell(await reading.catch((reason: unknown) => reason)));
      await threads.close();
      await source.close();
    }
    expect(outcomes[0]).toMatchObject({ code: "BLOB_READ_FAILED", message: expect.stringContaining("enough") });
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  it("is asked for once; the next ones are on their way meanwhile, over few connections", async () => {
    const bytes = Array.from({ length: 12 }, (_, i) => fileTar(Buffer.alloc(200_000 + i, `layer ${i}`)));
    registry.push(await makeImage({ layers: bytes }));
    let opened = 0;
    const known = new Set<unknown>();
    registry.faults.push(() => {
      for (const connection of registry.connections) if (!known.has(connection)) opened++;
      for (const connection of registry.connections) known.add(connection);
      return undefined;
    });
    const { source } = sourceOf(registry);
    const image = await source.resolve({ signal: never });
    const order = image.layers.map(({ descriptor }) => descriptor.digest).reverse();
    const asked = () =>
      registry.requests.filter(({ url }) => url.includes("/blobs/")).map(({ url }) => url.split("/").at(-1));
    const threads = threadsFor(image.layers, never);
    try {
      const top = threads.entries(11);
      await top.next();
      // Two are read, and each thread has begun its next one.
      await expect.poll(() => asked().length).toBe(1 + 4);
      expect(new Set(asked().slice(1))).toEqual(new Set(order.slice(0, 4)));
      await visitAll(top, () => {});
      for (let i = 10; i >= 0; i--)
        expect((await filesToTar(threads.entries(i))).equals(bytes[i] as Buffer)).toBe(true);
      expect(asked()).toHaveLength(1 + order.length);
      expect(new Set(asked().slice(1))).toEqual(new Set(order));
      // The source's own, and two or three a thread, which are kept from one layer to the next.
      expect(opened).toBeLessThanOrEqual(1 + 6);
    } finally {
      await threads.close();
      await source.close();
    }
  });

  it.each(WAYS)("is fetched through the environment's proxy, by %s", async (way) => {
    const proxy = await startForwardProxy(registry.host);
    try {
      const options = { ...QUICK, env: { ...QUICK.env, http_proxy: proxy.url } };
      const layers = await pullAll(createSource("docker://registry.example/some/image", options), never, way);
      expect(byName(layers)).toEqual([digestOf(LAYER)]);
      expect(proxy.asked.at(-1)).toBe(`http://registry.example/v2/some/image${LAYER_PATH}`);
    } finally {
      proxy.close();
    }
  });

  it("gives the signal's reason at once, and leaves no connection", async () => {
    registry.faults.push(
      onPath(LAYER_PATH, (_, response) => {
        response.writeHead(200, { "content-length": LAYER.length });
        response.write(LAYER.subarray(0, 100_000));
        return true;
      }),
    );
    const { source } = sourceOf(registry);
    const { layers } = await source.resolve({ signal: never });
    const aborter = new AbortController();
    const threads = threadsFor(layers, aborter.signal);
    const reading = filesToTar(threads.entries(0));
    await expect.poll(() => registry.requests.at(-1)?.url).toContain(LAYER_PATH);
    const reason = new Error("enough");
    aborter.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await threads.close();
    await source.close();
    await expect.poll(() => registry.connections.size).toBe(0);
  });

  it("fails when the source is closed, and leaves no connection", async () => {
    const outcomes: object[] = [];
    for (const way of WAYS) {
      registry.faults.splice(
        0,
        1,
        onPath(LAYER_PATH, (_, response) => {
          response.writeHead(200, { "content-length": LAYER.length });
          response.write(LAYER.subarray(0, 100_000));
          return true;
        }),
      );
      const { source } = sourceOf(registry);
      const image = await source.resolve({ signal: never });
      registry.requests.length = 0;
      const reading = readLayers(image, never, way).catch((reason: unknown) => reason);
      await expect.poll(() => registry.requests.at(-1)?.url).toContain(LAYER_PATH);
      await source.close();
      await expect.poll(() => registry.connections.size).toBe(0);
      outcomes.push(tell(await reading));
      const [layer] = image.layers as [Layer];
      await expect(detachingOf(layer)?.({ signal: never })).rejects.toMatchObject({ code: "SOURCE_CLOSED" });
    }
    expect(outcomes).toMatchObject([
      {},
      { code: "BLOB_READ_FAILED", message: expect.stringContaining("Premature close") },
    ]);
  });
});

it("a layer that is opened in another way than its source's is opened so, and fed to its thread", async () => {
  const { source } = sourceOf(registry);
  const { layers } = await source.resolve({ signal: never });
  let opened = 0;
  const wrapped = layers.map((layer) => ({
    ...layer,
    open: (options: { readonly signal: AbortSignal }) => {
      opened++;
      return layer.open(options);
    },
  }));
  const threads = threadsFor(wrapped, never);
  expect((await filesToTar(threads.entries(0))).equals(LAYER)).toBe(true);
  expect(opened).toBe(1);
  await threads.close();
  await source.close();
});

/** What the layers of an image are detached with. */
async function detached(source: ImageSource): Promise<(DetachedLayer | undefined)[]> {
  const { layers } = await source.resolve({ signal: never });
  return Promise.all(layers.map(async (layer) => detachingOf(layer)?.({ signal: never })));
}

it.each([
  ["a cache that is written", true, [], [false]],
  ["a cache that has it", false, [LAYER], [false]],
  ["a cache that has others", false, [Buffer.from("other")], [true]],
])("a layer is detached from %s or not", async (_, write, kept, expected) => {
  const env = { SIFON_CACHEDIR: folder };
  const filled = await BlobCache.open({ env, write: true });
  for (const bytes of kept) await filled.keep(digestOf(bytes), bytes);
  const { source } = sourceOf(registry, { cache: await BlobCache.open({ env, write }) });
  expect((await detached(source)).map((one) => one !== undefined)).toEqual(expected);
  const { source: again } = sourceOf(registry, { cache: await BlobCache.open({ env, write }) });
  expect(byName(await pullAll(again, never, "layer threads"))).toEqual([digestOf(LAYER)]);
  await source.close();
});

describe("a layer of a file that its thread reads", () => {
  const layers = [fileTar(Buffer.alloc(700_001, "some layer")), Buffer.alloc(0), LAYER];
  let image: TestImage;

  async function archive(): Promise<Buffer> {
    const pack = tar.pack();
    pack.entry({ name: "oci-layout" }, '{"imageLayoutVersion":"1.0.0"}');
    const manifests = [tagged(image.descriptor, "latest")];
    pack.entry({ name: "index.json" }, JSON.stringify({ schemaVersion: 2, manifests }));
    for (const [digest, bytes] of image.blobs) pack.entry({ name: `blobs/${digest.replace(":", "/")}` }, bytes);
    pack.finalize();
    return buffer(pack);
  }

  beforeEach(async () => {
    image = await makeImage({ layers });
    await writeLayout(join(folder, "layout"), image.blobs, [tagged(image.descriptor, "latest")]);
    await writeFile(join(folder, "plain.tar"), await archive());
    await writeFile(join(folder, "small.tar.gz"), gzipSync(await archive(), { level: 1 }));
  });

  const open = (uri: string, options: SourceOptions = {}) => createSource(uri, { ...QUICK, ...options });

  it.each([
    ["a layout", () => open(`oci:${folder}/layout:latest`), true],
    ["an archive", () => open(`oci-archive:${folder}/plain.tar:latest`), true],
    ["a compressed archive", () => open(`oci-archive:${folder}/small.tar.gz:latest`), false],
    [
      "standard input",
      async () => open("oci-archive:-:latest", { stdin: Readable.from([await archive()]), spoolDirectory: folder }),
      true,
    ],
  ])("in %s is what it is named", async (_, openIt, isDetached) => {
    const source = await openIt();
    expect((await detached(source)).map((one) => one !== undefined)).toEqual(layers.map(() => isDetached));
    expect(byName(await pullAll(source, never, "layer threads"))).toEqual(byName(layers));
  });

  it.each([
    ["is gone", (path: string) => unlink(path)],
    ["is cut short", (path: string) => truncate(path, 1000)],
    ["is longer", (path: string) => appendFile(path, "more")],
    ["has other bytes", (path: string) => writeFile(path, Buffer.alloc(LAYER.length))],
  ])("and %s fails with the same error", async (_, spoil) => {
    await spoil(join(folder, "layout/blobs", digestOf(LAYER).replace(":", "/")));
    const outcomes: object[] = [];
    for (const way of WAYS) {
      const source = open(`oci:${folder}/layout:latest`);
      outcomes.push(tell(await pullAll(source, never, way).catch((reason: unknown) => reason)));
    }
    expect(outcomes[0]).toMatchObject({ code: expect.stringMatching(/^BLOB_/) });
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  it("fails with the same error where it is cut short once it was looked at", async () => {
    const outcomes: object[] = [];
    for (const way of WAYS) {
      const source = open(`oci-archive:${folder}/plain.tar:latest`);
      const found: Image = await source.resolve({ signal: never });
      await truncate(join(folder, "plain.tar"), 1_000_000);
      outcomes.push(tell(await readLayers(found, never, way).catch((reason: unknown) => reason)));
      await source.close();
      await writeFile(join(folder, "plain.tar"), await archive());
    }
    expect(outcomes[0]).toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
    expect(outcomes[1]).toEqual(outcomes[0]);
  });
});

it.each([
  [0, "latest"],
  [2, "latest"],
  [2, "broken"],
])(
  "a conversion with %i layer threads of an image that is %s leaves nothing on its signal",
  async (layerThreads, tag) => {
    const whole = await makeImage({ layers: [await makeLayer({ a: "1" })], diffIds: [] });
    const broken = await makeImage({ layers: [Buffer.alloc(1000, "no tar")], diffIds: [] });
    registry.push(tag === "latest" ? whole : broken, "latest");
    const { signal } = new AbortController();
    for (let i = 0; i < 3; i++) {
      const { source } = sourceOf(registry);
      const sink = await openSink(join(folder, "image.sif"), { overwrite: true });
      const converted = convert({ source, sink, signal, layerThreads, workers: 0 });
      if (tag === "latest") await converted;
      else await expect(converted).rejects.toBeInstanceOf(SifonError);
      await source.close();
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
  },
);
