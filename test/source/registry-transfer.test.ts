import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RegistrySource } from "../../src/source/registry/registry-source.ts";
import { makeImage } from "../support/registry-image.ts";
import {
  cutBlob,
  type FakeRegistry,
  type Fault,
  onPath,
  sendBlob,
  sendError,
  startFakeRegistry,
} from "../support/registry-server.ts";
import { fileTar } from "../tar/file-tar.ts";
import { NO_ANSWER, NOTHING_MORE, never, pullAll, sourceOf, WAYS } from "./pull.ts";

// 900,096 bytes in all.
const LAYER = fileTar(randomBytes(898_560));

let registry: FakeRegistry;
/** Path of the only layer. */
let layerPath: string;
beforeEach(async () => {
  registry = await startFakeRegistry();
  const image = await makeImage({ layers: [LAYER] });
  registry.push(image);
  layerPath = `/blobs/${[...image.blobs.keys()].find((digest) => image.blobs.get(digest)?.equals(LAYER))}`;
});
afterEach(() => registry.close());

/** Equality by `Buffer.equals`: a matcher would walk the bytes one by one. */
function expectLayer(layers: readonly Buffer[]): void {
  expect(layers.map((layer) => layer.equals(LAYER))).toEqual([true]);
}

const layerRequests = () => registry.requests.filter(({ url }) => url.endsWith(layerPath));
const ranges = () => layerRequests().map(({ headers }) => headers.range);

describe.each(WAYS)("a blob's download by %s", (way) => {
  const pull = (source: RegistrySource) => pullAll(source, never, way);

  it("goes on where the connection broke, fetching no byte twice", async () => {
    registry.faults.push(onPath(layerPath, (request, response) => cutBlob(request, response, LAYER, 200_000)));
    const { source, events } = sourceOf(registry);
    expectLayer(await pull(source));
    expect(ranges()).toEqual([undefined, "bytes=200000-", "bytes=400000-", "bytes=600000-", "bytes=800000-"]);
    expect(events).toHaveLength(4);
    expect(events[0]).toMatchObject({ kind: "retry", attempt: 2, attempts: 4, reason: expect.any(String) });
  });

  it("is whole for any cuts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 70_000, max: 500_000 }), { maxLength: 6 }), async (cuts) => {
        const left = [...cuts];
        registry.faults.splice(
          0,
          registry.faults.length,
          onPath(layerPath, (request, response) => {
            const cut = left.shift();
            if (cut === undefined) return false;
            cutBlob(request, response, LAYER, cut);
            return true;
          }),
        );
        expectLayer(await pull(sourceOf(registry).source));
      }),
      { numRuns: 8 },
    );
  });

  it("skips what it has when the server ignores the range", async () => {
    registry.faults.push(
      onPath(layerPath, (request, response) => {
        if (request.count === 1) return cutBlob(request, response, LAYER, 300_001);
        response.writeHead(200, { "content-length": LAYER.length }).end(LAYER);
      }),
    );
    expectLayer(await pull(sourceOf(registry).source));
    expect(ranges()).toEqual([undefined, "bytes=300001-"]);
  });

  it.each([
    ["another start", { "content-range": `bytes 5-${LAYER.length - 1}/${LAYER.length}` }],
    ["another size", { "content-range": `bytes 300000-${LAYER.length}/${LAYER.length + 1}` }],
    ["no range", {}],
  ])("asks for the whole blob after a 206 with %s", async (_, headers) => {
    registry.faults.push(
      onPath(layerPath, (request, response) => {
        if (request.count === 1) return cutBlob(request, response, LAYER, 300_000);
        if (request.headers.range === undefined) return false;
        response.writeHead(206, headers).end(LAYER.subarray(5));
      }),
    );
    expectLayer(await pull(sourceOf(registry).source));
    expect(ranges()).toEqual([undefined, "bytes=300000-", undefined]);
  });

  it("gives up after the stated number of tries without progress, naming the byte", async () => {
    registry.faults.push(onPath(layerPath, (request, response) => cutBlob(request, response, LAYER, 10)));
    await expect(pull(sourceOf(registry).source)).rejects.toMatchObject({
      code: "CONNECTION_LOST",
      message: expect.stringMatching(
        /^reading blob sha256:.* in 127.*some\/image: the connection .* at byte 40 of 900096.*gave up after 4 tries/,
      ),
    });
    expect(layerRequests()).toHaveLength(4);
  });

  it.each([
    ["stalls", 0],
    ["stalls in the middle", 100_000],
  ])("goes on with another connection when the server %s", async (_, bytes) => {
    registry.faults.push(
      onPath(layerPath, (request, response) => {
        if (request.count > 1) return false;
        if (bytes === 0) return true;
        response.writeHead(200, { "content-length": LAYER.length });
        response.write(LAYER.subarray(0, bytes));
        return true;
      }),
    );
    const { source, events } = sourceOf(registry, bytes === 0 ? NO_ANSWER : NOTHING_MORE);
    expectLayer(await pull(source));
    expect(ranges().slice(0, 2)).toEqual([undefined, bytes === 0 ? undefined : `bytes=${bytes}-`]);
    expect(events[0]).toMatchObject({
      reason: expect.stringMatching(bytes === 0 ? /did not answer/ : /sent nothing more/),
    });
  });

  it("fails when it stalls each time, telling byte and time", async () => {
    registry.faults.push(
      onPath(layerPath, (_, response) => {
        response.writeHead(200, { "content-length": LAYER.length });
        response.write(LAYER.subarray(0, 10));
      }),
    );
    await expect(pull(sourceOf(registry, NOTHING_MORE).source)).rejects.toMatchObject({
      code: "REGISTRY_TIMEOUT",
      message: expect.stringMatching(/sent nothing more after byte 10 of 900096 for 1 s; gave up after 4 tries/),
    });
  });

  it("takes an end before the last byte as a cut, and says so when it stays", async () => {
    registry.faults.push(onPath(layerPath, (_, response) => void response.writeHead(200).end(LAYER.subarray(0, 1000))));
    await expect(pull(sourceOf(registry).source)).rejects.toMatchObject({
      code: "BLOB_TRUNCATED",
      message: expect.stringContaining("it ended at byte 1000 of 900096"),
    });
  });

  it.each([-1, 1])("refuses a declared length of %i bytes more than the manifest's, once", async (difference) => {
    const length = LAYER.length + difference;
    registry.faults.push(
      onPath(
        layerPath,
        (_, response) => void response.writeHead(200, { "content-length": length }).end(Buffer.alloc(length)),
      ),
    );
    await expect(pull(sourceOf(registry).source)).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
    expect(layerRequests()).toHaveLength(1);
  });

  it("refuses more bytes than the manifest's where no length is declared", async () => {
    registry.faults.push(
      onPath(layerPath, (_, response) => void response.writeHead(200).end(Buffer.concat([LAYER, LAYER]))),
    );
    await expect(pull(sourceOf(registry).source)).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
  });

  it("lets the reader find a wrong digest", async () => {
    registry.faults.push(
      onPath(layerPath, (request, response) => sendBlob(request, response, Buffer.alloc(LAYER.length))),
    );
    await expect(pull(sourceOf(registry).source)).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
  });

  it.each([408, 429, 500, 502, 503, 504])("tries again after %i", async (status) => {
    registry.faults.push(
      onPath(layerPath, ({ count }, response) => (count > 2 ? false : sendError(response, status, "X", "later"))),
    );
    const { source, events } = sourceOf(registry);
    expectLayer(await pull(source));
    expect(events).toMatchObject([
      { kind: "retry", attempt: 2, reason: expect.stringContaining(`${status}`) },
      { attempt: 3 },
    ]);
  });

  it("resumes a blob of a store that signs its addresses anew", async () => {
    const store = await startFakeRegistry();
    registry.faults.push(
      onPath(
        layerPath,
        ({ count }, response) => void response.writeHead(307, { location: `${store.url}/x?sig=${count}` }).end(),
      ),
    );
    store.faults.push((request, response) => {
      if (request.url.endsWith("sig=2")) sendError(response, 403, "AccessDenied", "Request has expired");
      else cutBlob(request, response, LAYER, 500_000);
      return true;
    });
    expectLayer(await pull(sourceOf(registry).source));
    expect(store.requests.map(({ url, headers }) => [url, headers.range])).toEqual([
      ["/x?sig=1", undefined],
      ["/x?sig=2", "bytes=500000-"],
      ["/x?sig=3", "bytes=500000-"],
    ]);
    await store.close();
  });
});

describe("Retry-After", () => {
  const refuse = (retryAfter: string): Fault =>
    onPath("/manifests/", ({ count }, response) => {
      if (count > 1) return false;
      response.setHeader("retry-after", retryAfter);
      response.setHeader("ratelimit-limit", "100;w=21600");
      sendError(response, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.");
      return true;
    });

  it.each([
    ["1", 1000],
    ["0", 0],
  ])("of %s s is waited for", async (text, delayMs) => {
    registry.faults.push(refuse(text));
    const { source, events } = sourceOf(registry);
    await pullAll(source);
    const [event] = events;
    expect(event).toMatchObject({ kind: "retry" });
    expect(event?.kind === "retry" && event.delayMs).toBeGreaterThanOrEqual(delayMs);
  });

  it("that is too long ends in an error that tells it and the limit", async () => {
    registry.faults.push(refuse("3600"));
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({
      code: "RATE_LIMITED",
      message: expect.stringMatching(
        /toomanyrequests: .*limit 100 requests in 6 h.*You have reached.*Log in .* again in 3600 s/,
      ),
    });
    expect(registry.requests).toHaveLength(1);
  });
});

describe("the manifest's download", () => {
  it.each([
    ["a dying connection", (_: unknown, response: import("node:http").ServerResponse) => void response.destroy()],
    [
      "a cut body",
      (_: unknown, response: import("node:http").ServerResponse) =>
        void response.writeHead(200, { "content-length": 1000 }).write("{", () => response.destroy()),
    ],
    ["silence", () => {}],
  ])("outlasts %s", async (what, fault) => {
    registry.faults.push(
      onPath("/manifests/", (request, response) => (request.count > 1 ? false : fault(request, response))),
    );
    const { source, events } = sourceOf(registry, what === "silence" ? NO_ANSWER : {});
    expectLayer(await pullAll(source));
    expect(events[0]).toMatchObject({ kind: "retry", attempt: 2 });
    if (what !== "silence") expect(events).toHaveLength(1);
  });

  it("outlasts nothing when the signal is aborted during the wait", async () => {
    registry.faults.push(onPath("/manifests/", (_, response) => sendError(response, 503, "X", "down")));
    const controller = new AbortController();
    const { source } = sourceOf(registry, {
      retry: { attempts: 2, baseDelayMs: 60_000, maxDelayMs: 60_000 },
      onProgress: () => controller.abort(new Error("enough")),
    });
    await expect(source.resolve({ signal: controller.signal })).rejects.toThrow();
    await source.close();
  });

  it("is not begun when the signal is aborted already", async () => {
    const { source } = sourceOf(registry);
    await expect(source.resolve({ signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    expect(registry.requests).toEqual([]);
    await source.close();
    expect(never.aborted).toBe(false);
  });
});
