import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import tar from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSource } from "../../src/source/open-source.ts";
import { addBlob, type Blobs, digestOf, makeLayer } from "../support/registry-image.ts";
import { pullAll, QUICK } from "./pull.ts";

// Archives as tools write them that are not packaged for Debian, or not in this version: rebuilt member by member.

/** A member: bytes, a folder (`undefined`), or a symlink. */
type Member = readonly [name: string, content: Uint8Array | undefined | { readonly symlink: string }];
const OCI = "application/vnd.oci.image";
const hexOf = (bytes: Uint8Array) => digestOf(bytes).slice("sha256:".length);
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

async function makeTar(members: readonly Member[]): Promise<Buffer> {
  const pack = tar.pack();
  const mtime = new Date(0);
  for (const [name, content] of members) {
    if (content === undefined) pack.entry({ name, mtime, type: "directory" });
    else if (content instanceof Uint8Array) pack.entry({ name, mtime }, Buffer.from(content));
    else pack.entry({ name, mtime, type: "symlink", linkname: content.symlink });
  }
  pack.finalize();
  return buffer(pack);
}

function configOf(tars: readonly Uint8Array[]): Buffer {
  const rootfs = { type: "layers", diff_ids: tars.map(digestOf) };
  return json({ architecture: "amd64", os: "linux", config: { Cmd: ["sh"] }, rootfs });
}

/** Members of the folder `blobs/`, folders first, as Docker packs them. */
function blobMembers(blobs: Blobs): Member[] {
  const files = [...blobs].map(([digest, bytes]): Member => [`blobs/${digest.replace(":", "/")}`, bytes]);
  return [["blobs/", undefined], ["blobs/sha256/", undefined], ...files];
}

/**
 * kaniko --tarPath. It calls go-containerregistry's tarball.MultiWriteToFile, whose form is that of its
 * pkg/v1/tarball/write.go: the config named by its whole digest, layers gzip-ed as HEX.tar.gz and each only once,
 * manifest.json last, no folders. Without a destination the name is unset-repo/unset-image-name:latest.
 */
function kaniko(tars: readonly Buffer[]): readonly Member[] {
  const config = configOf(tars);
  const layers = tars.map((bytes) => gzipSync(bytes));
  const names = layers.map((bytes) => `${hexOf(bytes)}.tar.gz`);
  const RepoTags = ["unset-repo/unset-image-name:latest"];
  const once = new Map(layers.map((bytes, i) => [names[i] as string, bytes]));
  return [
    [digestOf(config), config],
    ...once,
    ["manifest.json", json([{ Config: digestOf(config), RepoTags, Layers: names }])],
  ];
}

/**
 * docker save before 25, as the image specification 1.2 of Docker has it: a folder for each layer with VERSION, json
 * and layer.tar; a layer that was there before is a symlink to it (10.0 on); `repositories` for the oldest readers.
 */
function dockerBefore25(tars: readonly Buffer[]): readonly Member[] {
  const config = configOf(tars);
  const first = new Map<string, string>();
  const folders = tars.map((_, i) => hexOf(Buffer.from(`layer ${i}`)));
  const members = tars.flatMap((bytes, i): Member[] => {
    const folder = folders[i] as string;
    const before = first.get(hexOf(bytes));
    first.set(hexOf(bytes), before ?? folder);
    return [
      [`${folder}/`, undefined],
      [`${folder}/VERSION`, Buffer.from("1.0")],
      [`${folder}/json`, json({ id: folder, ...(i > 0 && { parent: folders[i - 1] }) })],
      [`${folder}/layer.tar`, before === undefined ? bytes : { symlink: `../${before}/layer.tar` }],
    ];
  });
  const Layers = folders.map((folder) => `${folder}/layer.tar`);
  return [
    ...members,
    [`${hexOf(config)}.json`, config],
    ["manifest.json", json([{ Config: `${hexOf(config)}.json`, RepoTags: ["team/app:v1"], Layers }])],
    ["repositories", json({ "team/app": { v1: folders.at(-1) } })],
  ];
}

/** docker save of 25 and later: an OCI layout of plain layers, and a manifest.json that names blobs of it. */
function dockerSince25(tars: readonly Buffer[]): readonly Member[] {
  const blobs: Blobs = new Map();
  const config = addBlob(blobs, `${OCI}.config.v1+json`, configOf(tars));
  const layers = tars.map((bytes) => addBlob(blobs, `${OCI}.layer.v1.tar`, bytes));
  const manifest = { schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers };
  const descriptor = addBlob(blobs, `${OCI}.manifest.v1+json`, manifest);
  const annotations = {
    "io.containerd.image.name": "docker.io/team/app:v1",
    "org.opencontainers.image.ref.name": "v1",
  };
  const path = (digest: string) => `blobs/${digest.replace(":", "/")}`;
  const LayerSources = Object.fromEntries(layers.map((layer) => [layer.digest, layer]));
  const saved = { Config: path(config.digest), RepoTags: ["team/app:v1"], Layers: layers.map((l) => path(l.digest)) };
  return [
    ...blobMembers(blobs),
    ["index.json", json({ schemaVersion: 2, manifests: [{ ...descriptor, annotations }] })],
    ["manifest.json", json([{ ...saved, LayerSources }])],
    ["oci-layout", json({ imageLayoutVersion: "1.0.0" })],
    ["repositories", json({ "team/app": { v1: hexOf(configOf(tars)) } })],
  ];
}

/**
 * buildx --output type=oci with provenance (its default): index.json names an index, in which an attestation manifest
 * stands beside the image's, tied to it by annotations (BuildKit's docs/attestations/attestation-storage.md).
 */
function buildkit(tars: readonly Buffer[]): readonly Member[] {
  const blobs: Blobs = new Map();
  const config = addBlob(blobs, `${OCI}.config.v1+json`, configOf(tars));
  const layers = tars.map((bytes) => addBlob(blobs, `${OCI}.layer.v1.tar+gzip`, gzipSync(bytes)));
  const type = `${OCI}.manifest.v1+json`;
  const image = addBlob(blobs, type, { schemaVersion: 2, mediaType: type, config, layers });
  const statement = addBlob(blobs, "application/vnd.in-toto+json", { _type: "https://in-toto.io/Statement/v0.1" });
  const empty = addBlob(blobs, `${OCI}.config.v1+json`, { architecture: "unknown", os: "unknown", config: {} });
  const attestation = addBlob(blobs, type, { schemaVersion: 2, mediaType: type, config: empty, layers: [statement] });
  const index = addBlob(blobs, `${OCI}.index.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: [
      { ...image, platform: { architecture: "amd64", os: "linux" } },
      {
        ...attestation,
        annotations: {
          "vnd.docker.reference.digest": image.digest,
          "vnd.docker.reference.type": "attestation-manifest",
        },
        platform: { architecture: "unknown", os: "unknown" },
      },
    ],
  });
  const annotations = {
    "io.containerd.image.name": "docker.io/team/app:v1",
    "org.opencontainers.image.ref.name": "v1",
  };
  return [
    ...blobMembers(blobs),
    ["index.json", json({ schemaVersion: 2, manifests: [{ ...index, annotations }] })],
    ["oci-layout", json({ imageLayoutVersion: "1.0.0" })],
  ];
}

/** Docker with containerd's image store: BuildKit's layout, and a manifest.json that names its gzip-ed layers. */
function dockerOfContainerd(tars: readonly Buffer[]): readonly Member[] {
  const path = (bytes: Uint8Array) => `blobs/sha256/${hexOf(bytes)}`;
  const Layers = tars.map((bytes) => path(gzipSync(bytes)));
  const saved = [{ Config: path(configOf(tars)), RepoTags: ["team/app:v1"], Layers }];
  return [...buildkit(tars), ["manifest.json", json(saved)]];
}

describe("archives member by member as a tool writes them", () => {
  let folder: string;
  let file: string;
  let tars: readonly Buffer[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-writers-"));
    file = join(folder, "image.tar");
    const layers = await Promise.all([{ a: "1" }, { b: "2".repeat(300_000) }].map((files) => makeLayer(files)));
    const [a, b] = layers.map((bytes) => gunzipSync(bytes)) as [Buffer, Buffer];
    // The same layer twice: kaniko stores it once, Docker as a link.
    tars = [a, b, a];
  });
  afterEach(() => rm(folder, { recursive: true }));

  it.each([
    ["kaniko", kaniko, "docker-archive:", ["", ":unset-repo/unset-image-name:latest"]],
    ["docker save before 25", dockerBefore25, "docker-archive:", ["", ":team/app:v1"]],
    ["docker save since 25", dockerSince25, "docker-archive:", ["", ":team/app:v1"]],
    ["docker save since 25, as the OCI layout that it is", dockerSince25, "oci-archive:", ["", ":v1"]],
    ["docker save of containerd's store", dockerOfContainerd, "docker-archive:", ["", ":team/app:v1"]],
    ["BuildKit's type=oci", buildkit, "oci-archive:", ["", ":v1", ":docker.io/team/app:v1"]],
    ["BuildKit's type=oci under the other name", buildkit, "docker-archive:", ["", ":team/app:v1"]],
  ] as const)("%s: every layer, plain and gzip-ed, by each name", async (_, write, scheme, names) => {
    const bytes = await makeTar(write(tars));
    for (const stored of [bytes, gzipSync(bytes)]) {
      await writeFile(file, stored);
      for (const name of names) {
        const platform = { os: "linux", architecture: "amd64", explicit: true };
        const layers = await pullAll(createSource(`${scheme}${file}${name}`, { ...QUICK, platform }));
        const plain = layers.map((layer) => (layer[0] === 0x1f ? gunzipSync(layer) : layer));
        expect(plain.map(digestOf)).toEqual(tars.map(digestOf));
      }
    }
  });
});
