import { chmod, mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imageKey } from "../../src/cache/image-folder.ts";
import { withImageFile } from "../../src/image/open-image.ts";
import { hostPlatform } from "../../src/oci/platform.ts";
import { addBlob } from "../support/registry-image.ts";
import { sendError } from "../support/registry-server.ts";
import { createImagePlace, makeSmallImage } from "./place.ts";

const FRESH = ["HEAD manifest", "GET manifest", "GET blob", "GET blob", "GET blob"];

describe("imageFile()", () => {
  it("converts once; after that one HEAD request is all", async (context) => {
    const place = await createImagePlace(context);
    const first = await place.fetch();
    expect(first).toMatchObject({ cached: true, converted: true });
    expect(place.requests()).toEqual(FRESH);
    const second = await place.fetch();
    expect(second).toMatchObject({ path: first.path, cached: true, converted: false });
    expect(place.requests()).toEqual(["HEAD manifest"]);
    expect(place.events.at(-1)).toEqual({ kind: "image-reused", reference: place.uri, path: first.path });
    expect(await place.files()).toHaveLength(1);
    await withImageFile(first.path, async (image) => {
      expect(await (await image.root()).lookup("etc/top")).toBeDefined();
    });
  });

  it("keeps the image under the name that Apptainer gives it", async (context) => {
    const image = await makeSmallImage();
    const place = await createImagePlace(context, image);
    const { path } = await place.fetch();
    expect(path).toBe(join(place.root, "oci-tmp", imageKey(image.descriptor.digest, hostPlatform())));
    // printf '%064damd64' 0 | sha256sum
    expect(imageKey(`sha256:${"0".repeat(64)}`, { architecture: "amd64" })).toBe(
      "a3f0d347ad71ec0f4d98a3f6f639a09b6fe2a1f8b00807d89bb650b5d9010a76",
    );
  });

  it("goes by the digest of an index where there is one", async (context) => {
    const { blobs, descriptor } = await makeSmallImage();
    const manifests = [{ ...descriptor, platform: hostPlatform() }];
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const index = { blobs, descriptor: addBlob(blobs, mediaType, { schemaVersion: 2, mediaType, manifests }) };
    const place = await createImagePlace(context, index);
    const { path } = await place.fetch();
    expect(path.endsWith(imageKey(index.descriptor.digest, hostPlatform()))).toBe(true);
    expect(await place.fetch()).toMatchObject({ path, converted: false });
  });

  it("asks nothing where the reference has a digest", async (context) => {
    const image = await makeSmallImage();
    const place = await createImagePlace(context, image);
    const uri = `${place.uri}@${image.descriptor.digest}`;
    await place.fetch();
    place.requests();
    expect(await place.fetch({ uri })).toMatchObject({ converted: false });
    expect(await place.fetch({ uri, offline: true })).toMatchObject({ converted: false });
    expect(place.requests()).toEqual([]);
  });

  it("converts anew where the tag has moved, and takes the image of the digest that it asked for", async (context) => {
    const place = await createImagePlace(context);
    const first = await place.fetch();
    const next = await makeSmallImage({ config: { Env: ["PATH=/next"] } });
    // The tag moves once more between the HEAD request and the GET.
    place.registry.push(next, "next");
    let moved = false;
    place.registry.faults.push(({ method, url }) => {
      if (method === "HEAD") place.registry.tags.set("latest", next.descriptor.digest);
      if (method === "GET" && url.includes("/manifests/") && !moved) {
        moved = true;
        place.registry.tags.set("latest", `sha256:${"0".repeat(64)}`);
      }
      return false;
    });
    const second = await place.fetch();
    expect(moved).toBe(true);
    expect(second.path).not.toBe(first.path);
    expect(second.path.endsWith(imageKey(next.descriptor.digest, hostPlatform()))).toBe(true);
    expect(await place.files()).toHaveLength(2);
  });

  it("gets on with a registry that does not answer HEAD requests", async (context) => {
    const place = await createImagePlace(context);
    place.registry.faults.push(({ method }, response) => {
      if (method !== "HEAD") return false;
      sendError(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
      return true;
    });
    await place.fetch();
    place.requests();
    expect(await place.fetch()).toMatchObject({ converted: false });
    expect(place.requests()).toEqual(["HEAD manifest", "GET manifest"]);
  });

  it("asks nobody with --offline, and takes what the reference led to last", async (context) => {
    const place = await createImagePlace(context);
    const { path } = await place.fetch();
    place.requests();
    expect(await place.fetch({ offline: true })).toMatchObject({ path, converted: false });
    expect(place.requests()).toEqual([]);
  });

  it("says with --offline what is not there", async (context) => {
    const place = await createImagePlace(context);
    const message = `${place.uri} is not in the cache at "${place.root}", and no request is allowed.`;
    await expect(place.fetch({ offline: true })).rejects.toMatchObject({ code: "NOT_IN_CACHE", message });
    const { path } = await place.fetch();
    await truncate(path, 50_000).catch(() => {});
    await writeFile(path, "");
    await expect(place.fetch({ offline: true })).rejects.toMatchObject({ code: "NOT_IN_CACHE" });
  });

  it("tells of --offline where the registry is gone and the image is there", async (context) => {
    const place = await createImagePlace(context);
    await place.fetch();
    place.registry.stop();
    await place.registry.close();
    const source = { noHttps: true, retry: { attempts: 1 } };
    await expect(place.fetch({ source })).rejects.toMatchObject({ code: "REGISTRY_UNREACHABLE" });
    const warning = place.events.findLast(({ kind }) => kind === "warning");
    expect(warning).toMatchObject({
      message: expect.stringMatching(
        /^The image is in the cache as it was on .* UTC, and runs without a request \(offline\)$/,
      ),
    });
  });

  it.each([
    ["is cut", async (path: string) => truncate(path, (await stat(path)).size - 4096)],
    ["is empty", (path: string) => truncate(path, 0)],
    ["is no SIF", (path: string) => writeFile(path, "x".repeat(100_000))],
    [
      "has lost its last pages",
      async (path: string) => {
        const bytes = await readFile(path);
        await writeFile(path, bytes.fill(0, bytes.length - 8192));
      },
    ],
    [
      "has another header",
      async (path: string) => {
        const bytes = await readFile(path);
        await writeFile(path, bytes.fill(0xff, 40, 128));
      },
    ],
  ] as const)("never uses a file that %s", async (_what, damage) => {
    const finished: (() => Promise<unknown>)[] = [];
    const place = await createImagePlace({
      onTestFinished: (done) => void finished.push(done as () => Promise<unknown>),
    });
    try {
      const { path } = await place.fetch();
      const right = await readFile(path);
      await damage(path);
      expect(await place.fetch()).toMatchObject({ path, converted: true });
      expect((await readFile(path)).equals(right)).toBe(true);
      expect(place.events).toContainEqual({
        kind: "warning",
        message: `Cached image ${path} is damaged; it is not used`,
      });
    } finally {
      for (const done of finished) await done();
    }
  });

  it("leaves nothing with --disable-cache once it is released", async (context) => {
    const place = await createImagePlace(context);
    const temporaryDirectory = join(place.home, "tmp");
    await mkdir(temporaryDirectory);
    const image = await place.fetch({ disableCache: true, temporaryDirectory });
    expect(image).toMatchObject({ cached: false, converted: true });
    expect(image.path.startsWith(temporaryDirectory)).toBe(true);
    expect((await stat(image.path)).size).toBeGreaterThan(0);
    await image.release();
    await image.release();
    expect(await readdir(temporaryDirectory)).toEqual([]);
    expect(await readdir(place.home)).toEqual(["tmp"]);
  });

  it("goes on with a temporary file where the cache cannot be written", async (context) => {
    const place = await createImagePlace(context);
    const env = { HOME: place.home, SIFON_CACHEDIR: "/proc/nowhere" };
    const image = await place.fetch({ env });
    context.onTestFinished(() => image.release());
    expect(image.cached).toBe(false);
    expect(place.events).toContainEqual({
      kind: "warning",
      message: expect.stringContaining("Cache disabled - cache location /proc/nowhere/cache is not writable. "),
    });
  });

  it("says that others can change what is in the cache; root runs nothing from it", async (context) => {
    const place = await createImagePlace(context);
    const { path } = await place.fetch();
    const folder = join(place.root, "oci-tmp");
    await chmod(folder, 0o777);
    const image = await place.fetch();
    context.onTestFinished(() => image.release());
    const isRoot = process.geteuid?.() === 0;
    expect(image.path === path).toBe(!isRoot);
    expect(place.events).toContainEqual({
      kind: "warning",
      message: expect.stringMatching(
        /oci-tmp: others may write to it \(mode 0777\)\. Name a cache of your own with SIFON_CACHEDIR, /,
      ),
    });
    const offline = place.fetch({ offline: true });
    if (isRoot) await expect(offline).rejects.toMatchObject({ code: "NOT_IN_CACHE" });
    else expect((await offline).path).toBe(path);
  });

  it("leaves nothing of a conversion that failed, and does not stand in the way of the next", async (context) => {
    const place = await createImagePlace(context);
    let broken = true;
    place.registry.faults.push(({ url }, response) => {
      if (!broken || !url.includes("/blobs/")) return false;
      sendError(response, 404, "BLOB_UNKNOWN", "blob unknown");
      return true;
    });
    await expect(place.fetch()).rejects.toMatchObject({ code: "BLOB_UNKNOWN" });
    expect(await place.files()).toEqual([]);
    broken = false;
    expect(await place.fetch()).toMatchObject({ converted: true });
  });

  it("keeps an image of a layout on this machine by its digest", async (context) => {
    const place = await createImagePlace(context);
    const layout = join(place.home, "layout");
    const image = await makeSmallImage();
    await mkdir(join(layout, "blobs", "sha256"), { recursive: true });
    for (const [digest, bytes] of image.blobs) await writeFile(join(layout, "blobs", "sha256", digest.slice(7)), bytes);
    await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [image.descriptor] }));
    const first = await place.fetch({ uri: `oci:${layout}` });
    expect(first.converted).toBe(true);
    // The registry's image is the same one.
    expect(await place.fetch()).toMatchObject({ path: first.path, converted: false });
    expect(await place.fetch({ uri: `oci:${layout}`, offline: true })).toMatchObject({ converted: false });
    await chmod(layout, 0o700);
  });
});
