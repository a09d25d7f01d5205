import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_CONFIG_SIZE, parseImageConfig } from "../../src/oci/config.ts";
import {
  checkRunnable,
  MAX_MANIFEST_LAYERS,
  MAX_MANIFEST_SIZE,
  type Manifest,
  parseManifest,
} from "../../src/oci/manifest.ts";
import { isForeignLayer, layerCompression, ManifestType } from "../../src/oci/media-types.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const CONFIG = { mediaType: "application/vnd.oci.image.config.v1+json", digest: DIGEST, size: 2 };
const LAYER = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: DIGEST, size: 3 };

function parse(document: unknown, mediaType?: string) {
  const text = typeof document === "string" ? document : JSON.stringify(document);
  return parseManifest(Buffer.from(text), { what: 'the manifest of "x"', mediaType });
}

describe("parseManifest()", () => {
  it.each([
    ["the registry's type", ManifestType.dockerManifest, undefined, ManifestType.dockerManifest],
    [
      "the registry's type with parameters",
      `${ManifestType.ociManifest}; charset=utf-8`,
      undefined,
      ManifestType.ociManifest,
    ],
    ["its own type under a general one", "application/json", ManifestType.dockerManifest, ManifestType.dockerManifest],
    ["its members", "text/plain", undefined, ManifestType.ociManifest],
    ["its members, no type at all", undefined, undefined, ManifestType.ociManifest],
  ])("reads a manifest by %s", (_, contentType, mediaType, expected) => {
    const manifest = parse({ schemaVersion: 2, mediaType, config: CONFIG, layers: [LAYER] }, contentType);
    expect(manifest).toEqual({ kind: "manifest", mediaType: expected, config: CONFIG, layers: [LAYER] });
  });

  it("reads an index with platforms, urls and annotations", () => {
    const entry = {
      mediaType: ManifestType.ociManifest,
      digest: DIGEST,
      size: 1,
      urls: ["https://x/y"],
      annotations: { a: "b" },
    };
    const platform = { os: "linux", architecture: "arm", variant: "v7" };
    expect(parse({ manifests: [{ ...entry, platform }, entry] })).toEqual({
      kind: "index",
      mediaType: ManifestType.ociIndex,
      manifests: [{ ...entry, platform }, entry],
    });
  });

  it("takes null lists as empty, as Go writes them", () => {
    expect(parse({ config: CONFIG, layers: null })).toMatchObject({ layers: [] });
  });

  it.each([
    ["DOCUMENT_NOT_JSON", "not JSON", "{"],
    ["DOCUMENT_NOT_JSON", "an HTML page", "\n<!DOCTYPE html>"],
    ["DOCUMENT_NOT_JSON", "not JSON", ""],
    ["DOCUMENT_SHAPE", "the document is a list of 0", "[]"],
    ["DOCUMENT_SHAPE", "the document is missing", "null"],
    ["DOCUMENT_SHAPE", "config.digest is 7, must be a string", { config: { ...CONFIG, digest: 7 } }],
    ["DOCUMENT_SHAPE", "layers[1].size is -1", { config: CONFIG, layers: [LAYER, { ...LAYER, size: -1 }] }],
    ["DOCUMENT_SHAPE", "layers[0].size is 1.5", { config: CONFIG, layers: [{ ...LAYER, size: 1.5 }] }],
    ["DOCUMENT_SHAPE", "layers is an object", { config: CONFIG, layers: {} }],
    ["DOCUMENT_SHAPE", "config.annotations.a is 1", { config: { ...CONFIG, annotations: { a: 1 } } }],
    [
      "DOCUMENT_SHAPE",
      `at most ${MAX_MANIFEST_LAYERS}`,
      { config: CONFIG, layers: Array(MAX_MANIFEST_LAYERS + 1).fill(LAYER) },
    ],
    ["DIGEST_INVALID", 'of the manifest of "x"', { config: { ...CONFIG, digest: "sha256:1" } }],
    ["DIGEST_INVALID", "algorithm", { config: CONFIG, layers: [{ ...LAYER, digest: "../../etc/passwd:" }] }],
    ["MEDIA_TYPE_UNKNOWN", "application/x", { mediaType: "application/x", config: CONFIG }],
    ["MEDIA_TYPE_UNKNOWN", "neither", {}],
    ["MANIFEST_AMBIGUOUS", "at once", { manifests: [], config: CONFIG }],
    [
      "MANIFEST_AMBIGUOUS",
      "at once",
      { mediaType: ManifestType.ociManifest, manifests: [], layers: [], config: CONFIG },
    ],
    ["MANIFEST_SCHEMA_1", "schema 1", { schemaVersion: 1, fsLayers: [] }],
    ["MANIFEST_SCHEMA_1", "schema 1", { mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" }],
    ["DOCUMENT_TOO_LARGE", `limit ${MAX_MANIFEST_SIZE}`, " ".repeat(MAX_MANIFEST_SIZE + 1)],
  ])("%s: %s", (code, message, document) => {
    expect(() => parse(document)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  it("gives a document or an OciError for any JSON", () => {
    const leaf = fc.oneof(fc.jsonValue(), fc.constant(LAYER), fc.constant(CONFIG), fc.constant([LAYER]));
    const document = fc.dictionary(fc.constantFrom("config", "layers", "manifests", "mediaType", "__proto__"), leaf);
    fc.assert(
      fc.property(document, (value) => {
        try {
          parse(value);
        } catch (error) {
          expect(error).toMatchObject({ name: "OciError" });
        }
      }),
    );
  });
});

describe("checkRunnable()", () => {
  const check = (config: object, layers: object[]) =>
    checkRunnable(
      {
        kind: "manifest",
        mediaType: "",
        config: { ...CONFIG, ...config },
        layers: layers.map((l) => ({ ...LAYER, ...l })),
      } as Manifest,
      "x",
    );

  it.each([
    [{}, []],
    [{}, [{}]],
    [
      { mediaType: "application/vnd.docker.container.image.v1+json" },
      [{ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" }],
    ],
    [{ mediaType: "application/x" }, [{}]],
  ])("takes %j %j", (config, layers) => {
    expect(() => check(config, layers)).not.toThrow();
  });

  it.each([
    [
      "IMAGE_IS_ARTIFACT",
      "helm",
      { mediaType: "application/vnd.cncf.helm.config.v1+json" },
      [{ mediaType: "application/tar+gzip" }],
    ],
    ["IMAGE_IS_ARTIFACT", "empty", { mediaType: "application/vnd.oci.empty.v1+json" }, []],
    ["LAYER_TYPE_UNSUPPORTED", "layer 2", {}, [{}, { mediaType: "application/vnd.in-toto+json" }]],
    [
      "LAYER_TYPE_UNSUPPORTED",
      "holders of its key",
      {},
      [{ mediaType: "application/vnd.oci.image.layer.v1.tar+encrypted" }],
    ],
  ])("%s: %s", (code, message, config, layers) => {
    expect(() => check(config, layers)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});

describe("layerCompression() and isForeignLayer()", () => {
  it.each([
    ["application/vnd.oci.image.layer.v1.tar", "none", false],
    ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd", false],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip", true],
    ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip", true],
    ["application/octet-stream", undefined, false],
  ])("%s → %s, %s", (type, compression, foreign) => {
    expect(layerCompression(type)).toBe(compression);
    expect(isForeignLayer(type)).toBe(foreign);
  });
});

describe("parseImageConfig()", () => {
  const parseConfig = (document: unknown) =>
    parseImageConfig(Buffer.from(JSON.stringify(document)), 'the config of "x"');

  it("reads what is there", () => {
    expect(
      parseConfig({
        created: "2020-01-01T00:00:00Z",
        architecture: "amd64",
        os: "linux",
        variant: "",
        config: { Env: ["A=b"], Odd: 1 },
        rootfs: { type: "layers", diff_ids: [DIGEST] },
      }),
    ).toEqual({
      created: "2020-01-01T00:00:00Z",
      architecture: "amd64",
      os: "linux",
      variant: undefined,
      config: { Env: ["A=b"], Odd: 1 },
      diffIds: [DIGEST],
    });
  });

  it.each([{}, { config: null, rootfs: null }])("takes %j as empty", (document) => {
    expect(parseConfig(document)).toMatchObject({ config: {}, diffIds: [], os: undefined });
  });

  it.each([
    ["DOCUMENT_SHAPE", "config is a list of 0", { config: [] }],
    ["DOCUMENT_SHAPE", "created is 1", { created: 1 }],
    ["DOCUMENT_SHAPE", "rootfs.diff_ids[0] is 1", { rootfs: { diff_ids: [1] } }],
    ["DIGEST_INVALID", 'the config of "x"', { rootfs: { diff_ids: ["x"] } }],
    ["DOCUMENT_TOO_LARGE", "limit", "x".repeat(MAX_CONFIG_SIZE)],
  ])("%s: %s", (code, message, document) => {
    expect(() => parseConfig(document)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});
