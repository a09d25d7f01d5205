import { randomBytes } from "node:crypto";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BlobCache } from "../../src/cache/blob-cache.ts";
import { blobPath } from "../../src/cache/blob-folder.ts";
import type { Digest } from "../../src/oci/digest.ts";
import type { Layer } from "../../src/oci/image.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { RegistrySource } from "../../src/source/registry/registry-source.ts";
import { makeImage, makeIndex, type TestImage } from "../support/registry-image.ts";
import { cutBlob, type FakeRegistry, onPath, sendError, startFakeRegistry } from "../support/registry-server.ts";
import { never, pullAll, QUICK } from "./pull.ts";

const LAYERS = [randomBytes(300_000), randomBytes(200_000), randomBytes(100_000), randomBytes(50_000)];

let registry: FakeRegistry;
let image: TestImage;
let home: string;
let events: ProgressEvent[];
beforeEach(async () => {
  registry = await startFakeRegistry();
  image = await makeImage({ layers: LAYERS });
  registry.push(image);
  home = await mkdtemp(join(tmpdir(), "sifon-source-cache-"));
  events = [];
});
afterEach(async () => {
  await registry.close();
  await rm(home, { recursive: true, force: true });
});

async function openCache(write = true): Promise<BlobCache> {
  return BlobCache.open({ env: { HOME: home }, write, onProgress: (event) => events.push(event) });
}

function sourceWith(cache: BlobCache, digest?: Digest): RegistrySource {
  const reference = { registry: registry.host, repository: "some/image", tag: digest ? undefined : "latest", digest };
  const onProgress = (event: ProgressEvent) => events.push(event);
  return new RegistrySource(`docker://${registry.host}/some/image`, reference, { ...QUICK, cache, onProgress });
}

/** Pulls all layers, which have to be right; gives the requests that it took. */
async function pull(cache: BlobCache, digest?: Digest): Promise<string[]> {
  registry.requests.length = 0;
  events.length = 0;
  const layers = await pullAll(sourceWith(cache, digest));
  expect(layers.map((layer, i) => layer.equals(LAYERS[i] as Buffer))).toEqual(LAYERS.map(() => true));
  return registry.requests.map(({ method, url }) => `${method} ${url.replace(/sha256:[0-9a-f]+/, "DIGEST")}`);
}

const kinds = () => events.filter(({ kind }) => kind === "blob-reused").length;
const layerDigest = (i: number) =>
  [...image.blobs].find(([, bytes]) => bytes.equals(LAYERS[i] as Buffer))?.[0] as Digest;

describe("RegistrySource with a cache", () => {
  it("needs a HEAD for a tag, and nothing for a digest, the second time", async () => {
    const cache = await openCache();
    const first = await pull(cache);
    expect(first.filter((line) => line.startsWith("GET")).length).toBe(6);
    expect(await pull(cache)).toEqual(["HEAD /v2/some/image/manifests/latest"]);
    expect(kinds()).toBe(5);
    expect(await pull(cache, image.descriptor.digest)).toEqual([]);
    expect(await pull(await openCache(false), image.descriptor.digest)).toEqual([]);
  });

  it("keeps index and manifest of a multi-platform image", async () => {
    const index = await makeIndex([
      { os: "linux", architecture: "arm64" },
      { os: "linux", architecture: "amd64" },
    ]);
    registry.push(index, "multi");
    const cache = await openCache();
    const { digest } = index.descriptor;
    for (const expected of [4, 0]) {
      registry.requests.length = 0;
      const source = sourceWith(cache, digest);
      const [layer] = (await source.resolve({ signal: never })).layers;
      await buffer(await (layer as Layer).open({ signal: never }));
      // Both documents, the config and the layer.
      expect(registry.requests.length).toBe(expected);
      await source.close();
    }
  });

  it("fetches only what is not there, after a HEAD that finds the place", async () => {
    const cache = await openCache();
    await pull(cache);
    await rm(blobPath(cache.root, layerDigest(1)));
    expect(await pull(cache, image.descriptor.digest)).toEqual([
      "HEAD /v2/some/image/manifests/DIGEST",
      "GET /v2/some/image/blobs/DIGEST",
    ]);
  });

  it("notices a damaged blob, drops it and fetches it anew in the same run", async () => {
    const cache = await openCache();
    await pull(cache);
    const path = blobPath(cache.root, layerDigest(2));
    await writeFile(path, Buffer.alloc(100_000));
    expect(await pull(cache)).toEqual(["HEAD /v2/some/image/manifests/latest", "GET /v2/some/image/blobs/DIGEST"]);
    expect(events).toContainEqual({ kind: "warning", message: expect.stringContaining(layerDigest(2)) });
    expect(await pull(cache)).toEqual(["HEAD /v2/some/image/manifests/latest"]);
  });

  it("sees that a tag has moved", async () => {
    const cache = await openCache();
    await pull(cache);
    registry.push(await makeImage({ layers: LAYERS, config: { Cmd: ["other"] } }));
    const requests = await pull(cache);
    expect(requests.filter((line) => line.includes("manifests"))).toEqual([
      "HEAD /v2/some/image/manifests/latest",
      "GET /v2/some/image/manifests/latest",
    ]);
    expect(kinds()).toBe(4);
  });

  it("does without HEAD where the registry refuses it", async () => {
    registry.faults.push(({ method }, response) => {
      if (method === "HEAD") sendError(response, 405, "UNSUPPORTED", "no");
      return method === "HEAD";
    });
    const cache = await openCache();
    await pull(cache);
    await pull(cache);
    expect(kinds()).toBe(5);
  });

  it("goes on with what a broken run has left", async () => {
    const cache = await openCache();
    const bottom = LAYERS[0] as Buffer;
    const path = `/blobs/${layerDigest(0)}`;
    registry.faults.push(
      onPath(path, ({ count, ...request }, response) => {
        if (count === 1) return cutBlob({ count, ...request }, response, bottom, 120_000);
        if (count > 4) return false;
        sendError(response, 404, "BLOB_UNKNOWN", "gone");
      }),
    );
    await expect(pull(cache)).rejects.toMatchObject({ code: "BLOB_UNKNOWN" });
    registry.faults.length = 0;
    await pull(await openCache());
    const asked = registry.requests.filter(({ url }) => url.endsWith(path)).map(({ headers }) => headers.range);
    expect(asked).toEqual(["bytes=120000-"]);
    expect(events).toContainEqual(expect.objectContaining({ kind: "blob-resumed", offset: 120_000, size: 300_000 }));
  });

  it("tells what it will write, and lets go of it", async () => {
    const cache = await openCache();
    const source = sourceWith(cache);
    const { sideCopy } = await source.resolve({ signal: never });
    expect(sideCopy).toMatchObject({ path: cache.root, size: 650_000 });
    sideCopy?.skip("no room.");
    expect(cache.writable).toBe(false);
    expect(events).toContainEqual({ kind: "warning", message: "Cache disabled - no room." });
    await source.close();
    await pull(cache);
    await expect(stat(blobPath(cache.root, layerDigest(0)))).rejects.toThrow("ENOENT");
  });
});
