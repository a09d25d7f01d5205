import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import tar from "tar-stream";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { Digest } from "../../src/oci/digest.ts";
import type { Platform } from "../../src/oci/platform.ts";

/** Blobs by digest, manifests among them, as a registry or a layout keeps them. */
export type Blobs = Map<Digest, Buffer>;

/** An image made in memory. */
export interface TestImage {
  readonly blobs: Blobs;
  /** Of the manifest, or of the index over several. */
  readonly descriptor: Descriptor;
}

export interface TestImageOptions {
  /** The stored bytes of each layer, lowest first; small tars by default. */
  readonly layers?: readonly Uint8Array[];
  readonly layerType?: string;
  readonly platform?: Platform;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Digests of the uncompressed layers; made up by default. */
  readonly diffIds?: readonly string[];
  /** Members that replace those of the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

const OCI = "application/vnd.oci.image";

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function addBlob(blobs: Blobs, mediaType: string, content: Uint8Array | object): Descriptor {
  const bytes = content instanceof Uint8Array ? Buffer.from(content) : Buffer.from(JSON.stringify(content));
  const digest = digestOf(bytes);
  blobs.set(digest, bytes);
  return { mediaType, digest, size: bytes.length };
}

/** A gzip-ed tar of text files. */
export async function makeLayer(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name, mtime: new Date(0) }, content);
  pack.finalize();
  return gzipSync(await buffer(pack));
}

export async function makeImage(options: TestImageOptions = {}): Promise<TestImage> {
  const blobs: Blobs = new Map();
  const { platform = { os: "linux", architecture: "amd64" }, layerType = `${OCI}.layer.v1.tar+gzip` } = options;
  const layers = options.layers ?? [await makeLayer({ "etc/base": "base" }), await makeLayer({ "etc/top": "top" })];
  const config = addBlob(blobs, `${OCI}.config.v1+json`, {
    created: "2020-01-02T03:04:05Z",
    ...platform,
    config: { Env: ["PATH=/bin"], Cmd: ["sh"], ...options.config },
    rootfs: { type: "layers", diff_ids: options.diffIds ?? layers.map((_, i) => digestOf(Buffer.from(`diff ${i}`))) },
  });
  const descriptor = addBlob(blobs, `${OCI}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config,
    layers: layers.map((layer) => addBlob(blobs, layerType, layer)),
    ...options.manifest,
  });
  return { blobs, descriptor };
}

/** An index over images, each with its platform; attestations as BuildKit adds them, if asked for. */
export async function makeIndex(platforms: readonly Platform[], attestation = false): Promise<TestImage> {
  const blobs: Blobs = new Map();
  const manifests: object[] = [];
  for (const platform of platforms) {
    const image = await makeImage({ platform, layers: [await makeLayer({ arch: platform.architecture })] });
    for (const [digest, bytes] of image.blobs) blobs.set(digest, bytes);
    manifests.push({ ...image.descriptor, platform });
  }
  if (attestation) {
    const statement = addBlob(blobs, `${OCI}.manifest.v1+json`, { attestation: true });
    manifests.unshift({ ...statement, platform: { os: "unknown", architecture: "unknown" } });
  }
  const descriptor = addBlob(blobs, `${OCI}.index.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests,
  });
  return { blobs, descriptor };
}

/** Writes an OCI layout; `entries` are the manifests of its index.json. */
export async function writeLayout(folder: string, blobs: Blobs, entries: readonly object[]): Promise<void> {
  const shelf = join(folder, "blobs", "sha256");
  await mkdir(shelf, { recursive: true });
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: entries }));
  for (const [digest, bytes] of blobs) await writeFile(join(shelf, digest.slice("sha256:".length)), bytes);
}

/** A descriptor as an index entry with a tag. */
export function tagged(descriptor: Descriptor, tag: string): object {
  return { ...descriptor, annotations: { "org.opencontainers.image.ref.name": tag } };
}
