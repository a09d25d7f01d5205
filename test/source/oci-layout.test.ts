import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../src/progress.ts";
import { createSource } from "../../src/source/open-source.ts";
import { makeImage, makeIndex, makeLayer, tagged, writeLayout } from "../support/registry-image.ts";
import { never, pullAll, QUICK } from "./pull.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-layout-"));
});
afterEach(() => rm(folder, { recursive: true }));

const pull = (suffix = "", options = {}) => pullAll(createSource(`oci:${folder}${suffix}`, { ...QUICK, ...options }));
const resolve = (suffix = "") => createSource(`oci:${folder}${suffix}`, QUICK).resolve({ signal: never });

async function twoImages() {
  const one = await makeImage({ layers: [await makeLayer({ one: "1" })] });
  const two = await makeImage({ layers: [await makeLayer({ two: "2" })] });
  const entries = [tagged(one.descriptor, "one"), tagged(two.descriptor, "docker.io/library/two:2.0")];
  await writeLayout(folder, new Map([...one.blobs, ...two.blobs]), entries);
  return { one, two };
}

describe("OciLayoutSource", () => {
  it("gives the only image without a choice", async () => {
    const layers = [await makeLayer({ a: "1" }), await makeLayer({ b: "2" })];
    const image = await makeImage({ layers });
    await writeLayout(folder, image.blobs, [image.descriptor]);
    expect(await resolve()).toMatchObject({ reference: `oci:${folder}`, manifestDigest: image.descriptor.digest });
    expect(await pull()).toEqual(layers);
  });

  it.each([
    [":one", 0],
    [":docker.io/library/two:2.0", 1],
    [":2.0", 1],
  ])("chooses by tag %s", async (tag, which) => {
    const { one, two } = await twoImages();
    expect((await resolve(tag)).manifestDigest).toBe([one, two][which]?.descriptor.digest);
  });

  it("chooses by digest", async () => {
    const { two } = await twoImages();
    expect((await resolve(`@${two.descriptor.digest}`)).manifestDigest).toBe(two.descriptor.digest);
  });

  it("lists the images when there are several and no choice", async () => {
    const { one } = await twoImages();
    await expect(pull()).rejects.toMatchObject({
      code: "IMAGE_AMBIGUOUS",
      message: expect.stringMatching(
        /must specify a digest or a tag - layout contains multiple images: :one @sha256:.*, :docker.io\/library\/two:2.0 @/,
      ),
    });
    await expect(pull(":three")).rejects.toMatchObject({
      code: "IMAGE_NOT_IN_LAYOUT",
      message: expect.stringContaining('no image tagged "three". It holds: :one'),
    });
    await expect(pull(`:two@${one.descriptor.digest}`)).rejects.toMatchObject({ code: "IMAGE_NOT_IN_LAYOUT" });
  });

  it("takes two tags of one image for one image", async () => {
    const image = await makeImage();
    await writeLayout(folder, image.blobs, [tagged(image.descriptor, "a"), tagged(image.descriptor, "b")]);
    expect(await pull()).toHaveLength(2);
  });

  it.each(["nested", "flat"])("chooses the platform out of a %s index", async (form) => {
    const index = await makeIndex(
      [
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm64" },
      ],
      true,
    );
    const inner = JSON.parse(String(index.blobs.get(index.descriptor.digest))) as { manifests: object[] };
    await writeLayout(folder, index.blobs, form === "nested" ? [tagged(index.descriptor, "t")] : inner.manifests);
    for (const architecture of ["amd64", "arm64"]) {
      const platform = { os: "linux", architecture, explicit: true };
      const image = await createSource(`oci:${folder}`, { ...QUICK, platform }).resolve({ signal: never });
      expect(image.platform.architecture).toBe(architecture);
    }
    await expect(pull("", { platform: { os: "linux", architecture: "s390x", explicit: true } })).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
    });
  });

  it("tells of the config's transfer", async () => {
    const image = await makeImage();
    await writeLayout(folder, image.blobs, [image.descriptor]);
    const events: ProgressEvent[] = [];
    await pull("", { onProgress: (event: ProgressEvent) => events.push(event) });
    expect(events.map(({ kind }) => kind)).toEqual(["blob-start", "blob-end"]);
    expect(events[0]).toMatchObject({ role: "config", digest: expect.stringMatching(/^sha256:/) });
  });

  it("takes a path with a colon", async () => {
    const image = await makeImage();
    await writeLayout(join(folder, "a:b"), image.blobs, [image.descriptor]);
    expect(await pull("/a:b")).toHaveLength(2);
  });

  it("closes what is open", async () => {
    const image = await makeImage();
    await writeLayout(folder, image.blobs, [image.descriptor]);
    const source = createSource(`oci:${folder}`, QUICK);
    const { layers } = await source.resolve({ signal: never });
    const stream = await layers[0]!.open({ signal: never });
    await source.close();
    await source.close();
    expect(stream.destroyed).toBe(true);
    await expect(layers[0]!.open({ signal: never })).rejects.toMatchObject({ code: "SOURCE_CLOSED" });
  });

  it.each([
    ["no such folder", "/none", "LAYOUT_NOT_FOUND", "does not exist"],
    ["a file", "/index.json", "LAYOUT_NOT_FOUND", "oci-archive:"],
    ["a folder without index.json", "/blobs", "LAYOUT_INVALID", "index.json: no such file or directory"],
  ])("%s", async (_, suffix, code, message) => {
    await writeLayout(folder, new Map(), []);
    await expect(pull(suffix)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it.each([
    ["{", "DOCUMENT_NOT_JSON"],
    ["[]", "DOCUMENT_SHAPE"],
    ['{"manifests":[]}', "IMAGE_NOT_IN_LAYOUT"],
    ['{"manifests":[{"digest":"sha256:../../x","size":1,"mediaType":"x"}]}', "DIGEST_INVALID"],
  ])("index.json of %s → %s", async (text, code) => {
    await writeLayout(folder, new Map(), []);
    await writeFile(join(folder, "index.json"), text);
    await expect(pull()).rejects.toMatchObject({ code });
  });

  it.each(["manifest", "config", "layer"])("finds a %s that is missing, cut or altered", async (part) => {
    const layer = await makeLayer({ a: "1" });
    const image = await makeImage({ layers: [layer] });
    const manifest = JSON.parse(String(image.blobs.get(image.descriptor.digest))) as { config: { digest: string } };
    const digests = { manifest: image.descriptor.digest, config: manifest.config.digest, layer: "" };
    digests.layer = [...image.blobs.keys()].find((digest) => image.blobs.get(digest)?.equals(layer)) ?? "";
    const file = join(folder, "blobs/sha256", digests[part as "layer"].slice(7));

    await writeLayout(folder, image.blobs, [image.descriptor]);
    await rm(file);
    await expect(pull()).rejects.toMatchObject({
      code: "BLOB_MISSING",
      message: expect.stringContaining("its file there is missing: no such file or directory"),
    });
    await writeLayout(folder, image.blobs, [image.descriptor]);
    await truncate(file, 5);
    await expect(pull()).rejects.toMatchObject({ code: "BLOB_SIZE_MISMATCH" });
    await writeFile(
      file,
      Buffer.alloc(image.blobs.get(digests[part as "layer"] as `${string}:${string}`)?.length ?? 0),
    );
    await expect(pull()).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
  });
});
