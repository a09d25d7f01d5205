import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import tar from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../src/progress.ts";
import { createSource } from "../../src/source/open-source.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { type Blobs, digestOf, makeImage, makeLayer, type TestImage, tagged } from "../support/registry-image.ts";
import { never, pullAll, QUICK } from "./pull.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-archive-"));
  file = join(folder, "image.tar");
});
afterEach(() => rm(folder, { recursive: true }));

type Entry = readonly [
  name: string,
  content: Uint8Array | string | { readonly symlink: string } | { readonly link: string },
];

async function makeTar(entries: readonly Entry[], prefix = ""): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, content] of entries) {
    const header = { name: prefix + name, mtime: new Date(0) };
    if (typeof content === "string" || content instanceof Uint8Array) pack.entry(header, Buffer.from(content));
    else if ("symlink" in content) pack.entry({ ...header, type: "symlink", linkname: content.symlink });
    else pack.entry({ ...header, type: "link", linkname: content.link });
  }
  pack.finalize();
  return buffer(pack);
}

const blobEntries = (blobs: Blobs): Entry[] =>
  [...blobs].map(([digest, bytes]) => [`blobs/${digest.replace(":", "/")}`, bytes]);

function layoutEntries(blobs: Blobs, entries: readonly object[]): Entry[] {
  return [
    ["oci-layout", '{"imageLayoutVersion":"1.0.0"}'],
    ["index.json", JSON.stringify({ schemaVersion: 2, manifests: entries })],
    ...blobEntries(blobs),
  ];
}

/** Layers as `docker save` wrote them before 25: plain tars in folders; `second` shares the first's by a link. */
async function savedEntries(layers: readonly Buffer[], repoTags: readonly string[] = ["ep:v1"]): Promise<Entry[]> {
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    }),
  );
  const name = `${digestOf(config).slice(7)}.json`;
  const manifest = [{ Config: name, RepoTags: repoTags, Layers: layers.map((_, i) => `layer${i}/layer.tar`) }];
  return [
    ...layers.map((layer, i): Entry => [`layer${i}/layer.tar`, layer]),
    [name, config],
    ["manifest.json", JSON.stringify(manifest)],
  ];
}

const plainLayers = async () => [
  gunzipSync(await makeLayer({ a: "1" })),
  gunzipSync(await makeLayer({ b: "2".repeat(300_000) })),
];
const pull = (uri: string, options: SourceOptions = {}) => pullAll(createSource(uri, { ...QUICK, ...options }));

/** By digest: a matcher would walk the bytes one by one. */
function expectLayers(actual: readonly Buffer[], expected: readonly Buffer[]): void {
  expect(actual.map(digestOf)).toEqual(expected.map(digestOf));
}

describe("oci-archive:", () => {
  let image: TestImage;
  let layers: Buffer[];
  let entries: Entry[];
  beforeEach(async () => {
    layers = [await makeLayer({ a: "1" }), await makeLayer({ b: "2" })];
    image = await makeImage({ layers });
    entries = layoutEntries(image.blobs, [tagged(image.descriptor, "v1")]);
  });

  it.each([
    ["plain", (bytes: Buffer) => bytes, ""],
    ["with a leading ./", (bytes: Buffer) => bytes, "./"],
    ["gzip-ed", (bytes: Buffer) => gzipSync(bytes), ""],
    ["gzip-ed with a leading ./", (bytes: Buffer) => gzipSync(bytes), "./"],
  ])("is read in place, %s", async (_, pack, prefix) => {
    await writeFile(file, pack(await makeTar(entries, prefix)));
    expectLayers(await pull(`oci-archive:${file}`), layers);
    expectLayers(await pull(`oci-archive:${file}:v1@${image.descriptor.digest}`), layers);
    expect(await readdir(folder)).toEqual(["image.tar"]);
  });

  it.each(["plain", "gzip"])("comes from standard input, %s, spooled and said so", async (form) => {
    const bytes = await makeTar(entries);
    const events: ProgressEvent[] = [];
    const stdin = Readable.from([form === "gzip" ? gzipSync(bytes) : bytes]);
    const onProgress = (event: ProgressEvent) => events.push(event);
    expectLayers(await pull("oci-archive:-:v1", { stdin, spoolDirectory: folder, onProgress }), layers);
    expect(events).toContainEqual({ kind: "spool", what: expect.stringContaining("standard input"), path: folder });
    expect(await readdir(folder)).toEqual([]);
  });

  it("lists the images when there are several", async () => {
    const other = await makeImage({ layers: [] });
    const both = new Map([...image.blobs, ...other.blobs]);
    await writeFile(
      file,
      await makeTar(layoutEntries(both, [tagged(image.descriptor, "v1"), tagged(other.descriptor, "v2")])),
    );
    await expect(pull(`oci-archive:${file}`)).rejects.toMatchObject({
      code: "IMAGE_AMBIGUOUS",
      message: expect.stringMatching(/:v1 @.*:v2 @/),
    });
    expectLayers(await pull(`oci-archive:${file}:v1`), layers);
  });

  it("with long names in PAX and GNU headers is indexed right", async () => {
    const long: Entry = [`${"long/".repeat(60)}name`, "x".repeat(3000)];
    await writeFile(file, await makeTar([long, ...entries, long]));
    expectLayers(await pull(`oci-archive:${file}`), layers);
  });

  it("takes a path with a colon", async () => {
    const odd = join(folder, "a:b.tar");
    await writeFile(odd, await makeTar(entries));
    expectLayers(await pull(`oci-archive:${odd}`), layers);
  });

  it.each([
    ["cut inside a member", 1024 + 512 + 10, "ARCHIVE_INVALID"],
    ["cut inside a header", 1024 + 100, "ARCHIVE_INVALID"],
    ["empty", 0, "LAYOUT_INVALID"],
  ])("%s → error", async (_, size, code) => {
    await writeFile(file, (await makeTar(entries)).subarray(0, size));
    await expect(pull(`oci-archive:${file}`)).rejects.toMatchObject({ code });
  });

  it("gzip-ed and cut → error", async () => {
    const bytes = gzipSync(await makeTar(entries));
    await writeFile(file, bytes.subarray(0, bytes.length - 100));
    await expect(pull(`oci-archive:${file}`)).rejects.toMatchObject({ code: "ARCHIVE_INVALID" });
  });

  it.each([
    ["that is not there", () => "/none.tar", "ARCHIVE_NOT_FOUND", "no such file or directory"],
    ["that is a directory", () => folder, "ARCHIVE_NOT_FOUND", "is not a file"],
  ])("%s → error", async (_, path, code, message) => {
    await expect(pull(`oci-archive:${path()}`)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it("of noise → error", async () => {
    await writeFile(file, Buffer.alloc(5000, "noise"));
    await expect(pull(`oci-archive:${file}`)).rejects.toMatchObject({ code: "ARCHIVE_INVALID" });
  });
});

describe("docker-archive:", () => {
  it.each(["plain", "gzip"])("gives the only image of a docker save, %s", async (form) => {
    const layers = await plainLayers();
    const bytes = await makeTar(await savedEntries(layers));
    await writeFile(file, form === "gzip" ? gzipSync(bytes) : bytes);
    expectLayers(await pull(`docker-archive:${file}`), layers);
    const source = createSource(`docker-archive:${file}`, QUICK);
    const image = await source.resolve({ signal: never });
    await source.close();
    expect(image.layers.map(({ descriptor }) => descriptor.digest)).toEqual(layers.map(digestOf));
    expect(image.layers.map(({ diffId }) => diffId)).toEqual(layers.map(digestOf));
  });

  it.each([
    ["symlink", { symlink: "../layer0/layer.tar" }],
    ["hard link", { link: "layer0/layer.tar" }],
  ])("follows a %s between layers", async (_, link) => {
    const [layer = Buffer.alloc(0)] = await plainLayers();
    const entries = (await savedEntries([layer, layer])).map(
      (entry): Entry => (entry[0] === "layer1/layer.tar" ? [entry[0], link] : entry),
    );
    for (const pack of [(bytes: Buffer) => bytes, (bytes: Buffer) => gzipSync(bytes)]) {
      await writeFile(file, pack(await makeTar(entries)));
      expectLayers(await pull(`docker-archive:${file}`), [layer, layer]);
    }
  });

  it("takes layers that are stored compressed", async () => {
    const layers = await plainLayers();
    const stored = layers.map((layer) => gzipSync(layer));
    const entries = (await savedEntries(layers)).map((entry): Entry => {
      const index = /^layer(\d)/.exec(entry[0])?.[1];
      return index === undefined ? entry : [entry[0], stored[Number(index)] as Buffer];
    });
    await writeFile(file, await makeTar(entries));
    expectLayers(await pull(`docker-archive:${file}`), stored);
  });

  it("chooses by repo:tag, in any spelling, and lists the images without a choice", async () => {
    const [one, two] = await Promise.all([
      savedEntries(await plainLayers(), ["ep:v1", "host.io/x:1"]),
      savedEntries([], []),
    ]);
    const list = [one, two].flatMap((entries) => JSON.parse(String(entries.at(-1)?.[1])) as object[]);
    await writeFile(
      file,
      await makeTar([...one.slice(0, -1), ...two.slice(0, -1), ["manifest.json", JSON.stringify(list)]]),
    );
    for (const name of ["ep:v1", "docker.io/library/ep:v1", "host.io/x:1"])
      expect(await pull(`docker-archive:${file}:${name}`)).toHaveLength(2);
    await expect(pull(`docker-archive:${file}`)).rejects.toMatchObject({
      code: "IMAGE_AMBIGUOUS",
      message: expect.stringMatching(/ep:v1, host.io\/x:1, \(untagged, config [0-9a-f]{64}.json\)/),
    });
    await expect(pull(`docker-archive:${file}:ep`)).rejects.toMatchObject({ code: "IMAGE_NOT_IN_LAYOUT" });
  });

  it("that is an OCI archive is taken for one", async () => {
    const image = await makeImage();
    await writeFile(
      file,
      await makeTar(layoutEntries(image.blobs, [tagged(image.descriptor, "docker.io/library/ep:v1")])),
    );
    expect(await pull(`docker-archive:${file}`)).toHaveLength(2);
    expect(await pull(`docker-archive:${file}:ep:v1`)).toHaveLength(2);
  });

  it.each([
    ["no manifest.json", [["x", "y"]], "ARCHIVE_MANIFEST_MISSING"],
    ["a manifest.json that is not JSON", [["manifest.json", "{"]], "DOCUMENT_NOT_JSON"],
    ["a manifest.json of another shape", [["manifest.json", "{}"]], "DOCUMENT_SHAPE"],
    ["a config that is missing", [["manifest.json", '[{"Config":"c","Layers":[]}]']], "ARCHIVE_MEMBER_MISSING"],
    [
      "a link in a circle",
      [
        ["manifest.json", '[{"Config":"c","Layers":[]}]'],
        ["c", { symlink: "d" }],
        ["d", { symlink: "c" }],
      ],
      "ARCHIVE_MEMBER_MISSING",
    ],
    ["no image", [["manifest.json", "[]"]], "IMAGE_NOT_IN_LAYOUT"],
  ] as [string, Entry[], string][])("with %s → error", async (_, entries, code) => {
    await writeFile(file, await makeTar(entries));
    await expect(pull(`docker-archive:${file}`)).rejects.toMatchObject({ code });
  });
});

describe("docker-daemon:", () => {
  const serve = async (listener: RequestListener) => {
    const socket = join(folder, "docker.sock");
    const server = createServer(listener).listen(socket);
    await once(server, "listening");
    return { dockerHost: `unix://${socket}`, close: () => server.close() };
  };

  it("exports the image and leaves no file behind", async () => {
    const layers = await plainLayers();
    const bytes = await makeTar(await savedEntries(layers));
    const asked: string[] = [];
    const { dockerHost, close } = await serve((request, response) => {
      asked.push(request.url ?? "");
      response.end(bytes);
    });
    const events: ProgressEvent[] = [];
    const options = { spoolDirectory: folder, onProgress: (event: ProgressEvent) => events.push(event) };
    expectLayers(await pull("docker-daemon://ep:v1", { dockerHost, ...options }), layers);
    expectLayers(await pull("docker-daemon:team/ep", { env: { DOCKER_HOST: dockerHost }, ...options }), layers);
    expect(asked).toEqual(["/images/ep%3Av1/get", "/images/team%2Fep/get"]);
    expect(events).toContainEqual(expect.objectContaining({ kind: "spool" }));
    close();
    expect((await readdir(folder)).filter((name) => name !== "docker.sock")).toEqual([]);
  });

  it("that is not there", async () => {
    const dockerHost = `unix://${folder}/none.sock`;
    await expect(pull("docker-daemon:ep", { dockerHost })).rejects.toMatchObject({
      code: "DAEMON_UNREACHABLE",
      message: expect.stringMatching(
        /^Cannot connect to the Docker daemon at unix:\/\/.*none.sock. Is the docker daemon running\?/,
      ),
    });
  });

  it.each([
    [404, '{"message":"No such image: ep"}', "DAEMON_IMAGE_UNKNOWN", "No such image: ep"],
    [500, "broken", "DAEMON_FAILED", "status 500"],
    [200, "not a tar at all", "ARCHIVE_INVALID", "byte 0"],
  ])("that answers %i %s", async (status, body, code, message) => {
    const { dockerHost, close } = await serve((_, response) => void response.writeHead(status).end(body));
    await expect(pull("docker-daemon:ep", { dockerHost, spoolDirectory: folder })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    close();
  });

  it("that dies in the middle", async () => {
    const { dockerHost, close } = await serve((_, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("x", () => setTimeout(() => response.destroy(), 20));
    });
    await expect(pull("docker-daemon:ep", { dockerHost, spoolDirectory: folder })).rejects.toMatchObject({
      code: "DAEMON_FAILED",
    });
    expect((await readdir(folder)).filter((name) => name !== "docker.sock")).toEqual([]);
    close();
  });

  it.each(["", "npipe://x", "nonsense", "tcp://"])("at %j", async (dockerHost) => {
    const options = dockerHost === "" ? { env: { DOCKER_HOST: "ssh://x" } } : { dockerHost };
    await expect(pull("docker-daemon:ep", options)).rejects.toMatchObject({ code: "DAEMON_HOST_INVALID" });
  });
});
