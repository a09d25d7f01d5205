import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { computeDigest } from "../../src/oci/digest.ts";
import { createSource } from "../../src/source/open-source.ts";
import { addBlob, makeImage, makeIndex, makeLayer } from "../support/registry-image.ts";
import { type FakeRegistry, onPath, startFakeRegistry } from "../support/registry-server.ts";
import { NOTHING_MORE, never, pullAll, QUICK, readLayers, sourceOf } from "./pull.ts";

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await startFakeRegistry();
});
afterEach(() => registry.close());

const paths = () => registry.requests.map(({ method, url }) => `${method} ${url.replace(/[0-9a-f]{64}/, "*")}`);

describe("RegistrySource", () => {
  it("gives manifest, config and layers of a tag", async () => {
    const layers = [await makeLayer({ a: "1" }), await makeLayer({ b: "2" }), await makeLayer({ c: "3" })];
    const pushed = await makeImage({ layers });
    registry.push(pushed);
    const { source, events } = sourceOf(registry);
    const image = await source.resolve({ signal: never });
    expect(image).toMatchObject({
      reference: `docker://${registry.host}/some/image`,
      manifestDigest: pushed.descriptor.digest,
      platform: { os: "linux", architecture: "amd64" },
      config: { created: "2020-01-02T03:04:05Z", config: { Cmd: ["sh"] } },
    });
    expect(image.layers.map(({ diffId }) => diffId)).toEqual(image.config.diffIds);
    expect(paths()).toEqual(["GET /v2/some/image/manifests/latest", "GET /v2/some/image/blobs/sha256:*"]);
    expect(await readLayers(image)).toEqual(layers);
    expect(events).toEqual([]);
    await source.close();
  });

  it("opens a layer again, and two at once", async () => {
    registry.push(await makeImage());
    const { source } = sourceOf(registry);
    const image = await source.resolve({ signal: never });
    const [first, again] = await Promise.all([readLayers(image), readLayers(image)]);
    expect(first).toEqual(again);
    await source.close();
  });

  it("takes a manifest by digest", async () => {
    const pushed = await makeImage();
    registry.push(pushed);
    const source = createSource(`docker://${registry.host}/x@${pushed.descriptor.digest}`, QUICK);
    expect(await pullAll(source)).toHaveLength(2);
    expect(registry.requests[0]?.url).toBe(`/v2/x/manifests/${pushed.descriptor.digest}`);
  });

  it("tells the present digest by HEAD alone", async () => {
    const pushed = await makeImage();
    registry.push(pushed);
    const { source } = sourceOf(registry);
    expect(await source.currentDigest({ signal: never })).toBe(pushed.descriptor.digest);
    expect(paths()).toEqual(["HEAD /v2/some/image/manifests/latest"]);
    await source.close();
  });

  it.each([
    ["amd64", undefined],
    ["arm64", undefined],
    ["arm", "v7"],
  ])("chooses %s %s out of an index, past the attestations", async (architecture, variant) => {
    const platform = { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) };
    const all = [
      { os: "linux", architecture: "arm", variant: "v6" },
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm64", variant: "v8" },
      { os: "linux", architecture: "arm", variant: "v7" },
    ];
    registry.push(await makeIndex(all, true));
    const { source } = sourceOf(registry, { platform: { ...platform, explicit: true } });
    const image = await source.resolve({ signal: never });
    expect(image.platform).toMatchObject(platform);
    expect(computeDigest(registry.blobs.get(image.manifestDigest) as Buffer)).toBe(image.manifestDigest);
    await source.close();
  });

  it("names the platforms of an index that lacks the wanted one", async () => {
    registry.push(
      await makeIndex([
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm64" },
      ]),
    );
    const { source } = sourceOf(registry, { platform: { os: "linux", architecture: "ppc64le", explicit: true } });
    await expect(pullAll(source)).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
      message: expect.stringMatching(
        /^no child with platform linux\/ppc64le in index docker:.*linux\/amd64, linux\/arm64/,
      ),
    });
  });

  it("takes a lone image of another platform with a warning, unless a platform was asked for", async () => {
    registry.push(await makeImage({ platform: { os: "linux", architecture: "arm64" } }));
    const { source, events } = sourceOf(registry);
    await pullAll(source);
    expect(events).toMatchObject([{ kind: "warning", message: expect.stringContaining("linux/arm64") }]);
    const strict = sourceOf(registry, { platform: { os: "linux", architecture: "amd64", explicit: true } });
    await expect(pullAll(strict.source)).rejects.toMatchObject({
      code: "PLATFORM_MISMATCH",
      message: expect.stringContaining("image (linux/arm64) does not satisfy required platform (linux/amd64)"),
    });
  });

  it("refuses an index that leads in a circle", async () => {
    // A digest cannot contain itself; one level after the other is as far as an attacker gets.
    let inner = addBlob(registry.blobs, "application/vnd.oci.image.index.v1+json", { manifests: [] });
    for (let i = 0; i < 10; i++)
      inner = addBlob(registry.blobs, inner.mediaType, { mediaType: inner.mediaType, manifests: [inner] });
    registry.tags.set("latest", inner.digest);
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code: "INDEX_TOO_DEEP" });
  });

  it("refuses a manifest whose config counts other layers", async () => {
    registry.push(await makeImage({ manifest: { layers: [] } }));
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code: "CONFIG_LAYERS_MISMATCH" });
  });

  it("refuses an artifact", async () => {
    const config = addBlob(registry.blobs, "application/vnd.cncf.helm.config.v1+json", {});
    registry.push(
      await makeImage({ manifest: { config }, layerType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip" }),
    );
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code: "IMAGE_IS_ARTIFACT" });
  });

  it("takes foreign layers from their addresses when the registry lacks them", async () => {
    const layer = await makeLayer({ foreign: "bytes" });
    const mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    const other = await startFakeRegistry();
    const { digest, size } = addBlob(other.blobs, mediaType, layer);
    const urls = ["ftp://nowhere/", `${other.url}/gone`, `${other.url}/v2/x/blobs/${digest}`];
    registry.push(await makeImage({ layers: [layer], manifest: { layers: [{ mediaType, digest, size, urls }] } }));
    registry.blobs.delete(digest);
    expect(await pullAll(sourceOf(registry).source)).toEqual([layer]);
    await other.close();
  });

  it("has the next layers on their way while one is read, two at most", async () => {
    const layers = await Promise.all([0, 1, 2, 3, 4].map((i) => makeLayer({ f: `${i}` })));
    registry.push(await makeImage({ layers }));
    const { source } = sourceOf(registry);
    const image = await source.resolve({ signal: never });
    const before = registry.requests.length;
    const top = await image.layers[4]!.open({ signal: never });
    // The top one waits for its reader; the two below fill their buffers.
    const asked = () => registry.requests.slice(before).map(({ url }) => url.split("/").at(-1));
    await expect.poll(() => asked().length).toBe(2);
    // What must not be asked for has time to be.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked()).toHaveLength(2);
    expect(new Set(asked())).toEqual(new Set([3, 2].map((i) => image.layers[i]?.descriptor.digest)));
    top.destroy();
    await source.close();
  });

  it("keeps no connection after close(), and opens nothing any more", async () => {
    registry.push(await makeImage({ layers: [Buffer.alloc(20 << 20), Buffer.alloc(20 << 20, 1)] }));
    const { source } = sourceOf(registry);
    const image = await source.resolve({ signal: never });
    const stream = await image.layers[1]!.open({ signal: never });
    stream.read();
    await new Promise((resolve) => stream.once("readable", resolve));
    await source.close();
    await source.close();
    await expect.poll(() => registry.connections.size).toBe(0);
    expect(stream.destroyed).toBe(true);
    await expect(image.layers[0]!.open({ signal: never })).rejects.toMatchObject({ code: "SOURCE_CLOSED" });
    await expect(source.resolve({ signal: never })).rejects.toMatchObject({ code: "SOURCE_CLOSED" });
  });

  it("pauses the connection while its reader does", async () => {
    const size = 64 << 20;
    registry.push(await makeImage({ layers: [Buffer.alloc(size)] }));
    const { source, events } = sourceOf(registry, NOTHING_MORE);
    const image = await source.resolve({ signal: never });
    const stream = await image.layers[0]!.open({ signal: never });
    stream.read(0);
    await expect.poll(() => stream.readableLength).toBeGreaterThan(1 << 20);
    const told = events.length;
    // Longer than the stall timeout, which is a second at least: a paused connection is not a stalled one.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(stream.readableLength).toBeLessThan(3 << 20);
    expect(events).toHaveLength(told);
    let received = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) received += chunk.length;
    expect(received).toBe(size);
    await source.close();
  });

  it.each(["manifest", "config", "layer"])("stops at once when aborted during the %s", async (part) => {
    registry.push(await makeImage());
    const controller = new AbortController();
    const { source } = sourceOf(registry);
    const wanted = part === "manifest" ? "manifests" : "blobs";
    let seen = 0;
    registry.faults.push(
      onPath(wanted, () => {
        seen++;
        if (part === "layer" && seen === 1) return false;
        setTimeout(() => controller.abort(new Error("enough")), 20);
        return true;
      }),
    );
    // A stream that is aborted while it is read fails with Node's AbortError; the reason is its cause.
    const error: unknown = await pullAll(source, controller.signal).catch((reason: unknown) => reason);
    expect([error, (error as Error).cause]).toContainEqual(new Error("enough"));
    await expect.poll(() => registry.connections.size).toBe(0);
  });
});
