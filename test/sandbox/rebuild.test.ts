import { createHash } from "node:crypto";
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildSandbox } from "../../src/build-sandbox.ts";
import { bytesAccess, withFileAccess } from "../../src/bytes/random-access.ts";
import { checkImage } from "../../src/image/check.ts";
import { withImageFile } from "../../src/image/open-image.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { rebuild } from "../../src/rebuild.ts";
import { recompress } from "../../src/recompress.ts";
import { SifArch } from "../../src/sif/architecture.ts";
import { DataType, HashType } from "../../src/sif/data-type.ts";
import { readObject, readSif } from "../../src/sif/reader.ts";
import { SifWriter } from "../../src/sif/writer.ts";
import { UNKNOWN_COUNTS, withBuildRecord } from "../../src/singularity-d/build-record.ts";
import { FileSink } from "../../src/sink/file-sink.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import { VERSION } from "../../src/version.ts";
import { buildImage, type Items, noise, prose } from "../squashfs/writer/image-builder.ts";

const ITEMS: Items = {
  ".singularity.d": { kind: "directory", mode: 0o755 },
  ".singularity.d/Singularity": { kind: "file", content: Buffer.from("bootstrap: docker\nfrom: x\n\n") },
  ".singularity.d/labels.json": { kind: "file", content: Buffer.from('{"maintainer":"me","n":1}') },
  ".singularity.d/runscript": { kind: "file", mode: 0o700, content: Buffer.from("#!/bin/sh\necho mine\n") },
  a: { kind: "directory", mode: 0o755 },
  "a/blocks": { kind: "file", content: prose(50_000, 1) },
  "a/hard": { linkTo: "a/blocks" },
  "a/hole": { kind: "file", content: [prose(4096, 2), { zeros: 40_960 }, noise(5000, 3)] },
  "a/incompressible": { kind: "file", content: noise(9000, 4) },
  "a/link": { kind: "symlink", mode: 0o777, target: "../../../etc/passwd" },
  "a/only-hole": { kind: "file", content: [{ zeros: 20_000 }] },
  "a/small": { kind: "file", mode: 0o4755, content: Buffer.from("small") },
  "a/zero": { kind: "file" },
  pipe: { kind: "fifo" },
};
/** What every build writes. */
const WRITTEN =
  /^(|\.singularity\.d.*|dev|proc|root|var.*|tmp|etc.*|sys|home|singularity|environment|\.run|\.exec|\.test|\.shell)$/;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-sandbox-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

async function putImage(name: string, options: Parameters<typeof buildImage>[1] = {}): Promise<string> {
  const { bytes } = await buildImage(ITEMS, options);
  await writeFile(at(name), bytes);
  return at(name);
}

/** What a reader sees of each path, the container's own files aside. */
async function describeImage(bytes: Uint8Array): Promise<Record<string, unknown>> {
  const image = await SquashfsImage.open(bytesAccess(bytes));
  await image.verifyContent();
  const seen: Record<string, unknown> = {};
  const first = new Map<number, string>();
  for await (const { path, inode } of image.walk()) {
    if (WRITTEN.test(path)) continue;
    const { kind, mode, uid, gid, mtimeSec, linkCount } = inode;
    const group = kind === "directory" ? path : (first.get(inode.ref) ?? path);
    first.set(inode.ref, group);
    const data =
      kind === "file"
        ? createHash("sha256")
            .update(await image.readWhole(inode))
            .digest("hex")
        : kind === "symlink"
          ? inode.target
          : "";
    seen[path] = { kind, mode, uid, gid, mtimeSec, linkCount, group, data };
  }
  return seen;
}

async function partitionOf(sif: Uint8Array): Promise<Uint8Array> {
  const access = bytesAccess(sif);
  const { objects } = await readSif(access);
  return readObject(access, objects.find(({ dataType }) => dataType === DataType.partition) as (typeof objects)[0]);
}

async function textOf(sif: Uint8Array, path: string): Promise<string> {
  const image = await SquashfsImage.open(bytesAccess(await partitionOf(sif)));
  return Buffer.from(await image.readWhole(path)).toString();
}

async function rebuilt(path: string, options: Partial<Parameters<typeof rebuild>[0]> = {}) {
  const sink = new MemorySink();
  const report = await rebuild({ path, sink, workers: 0, ...options });
  return { bytes: sink.bytes.slice(), report };
}

describe("rebuild()", () => {
  it.each([
    ["the same compressor and block size: blocks are taken over", { kind: "gzip", level: "default" }, 4096, true],
    ["another block size", { kind: "gzip", level: "default" }, 8192, false],
    ["another compressor", { kind: "lz4", level: "fast" }, 4096, false],
    ["none", { kind: "none" }, 4096, false],
  ] as const)("keeps every file: %s", async (_, compression, blockSize, adopted) => {
    const path = await putImage("in.sqfs");
    const { bytes, report } = await rebuilt(path, { compression, blockSize });
    expect(report.adopted).toBe(adopted);
    expect(await describeImage(await partitionOf(bytes))).toEqual(await describeImage(await readFile(path)));
  });

  it.each([{ kind: "lz4", level: "best" }, { kind: "none" }] as const)(
    "takes blocks of $kind over",
    async (compression) => {
      const path = await putImage("in.sqfs", { compression });
      const { bytes, report } = await rebuilt(path, { compression, blockSize: 4096 });
      expect(report.adopted).toBe(true);
      expect(await describeImage(await partitionOf(bytes))).toEqual(await describeImage(await readFile(path)));
    },
  );

  it("keeps the container's files, moves the definition to the history, overlays the labels", async () => {
    const { bytes } = await rebuilt(await putImage("in.sqfs"), { blockSize: 4096 });
    const definition = `bootstrap: localimage\nfrom: ${at("in.sqfs")}\n\n`;
    expect(await textOf(bytes, ".singularity.d/runscript")).toBe("#!/bin/sh\necho mine\n");
    expect(await textOf(bytes, ".singularity.d/Singularity")).toBe(definition);
    expect(await textOf(bytes, ".singularity.d/bootstrap_history/Apptainer0")).toBe("bootstrap: docker\nfrom: x\n\n");
    const labels = JSON.parse(await textOf(bytes, ".singularity.d/labels.json"));
    expect(labels).toMatchObject({
      maintainer: "me",
      "org.label-schema.usage.singularity.deffile.bootstrap": "localimage",
    });
    const access = bytesAccess(bytes);
    const { objects } = await readSif(access);
    expect(objects.map(({ name }) => name)).toEqual(["", "inspect-metadata.json", ""]);
    const metadata = JSON.parse(Buffer.from(await readObject(access, objects[1] as (typeof objects)[0])).toString());
    expect(metadata.data.attributes).toMatchObject({
      runscript: "#!/bin/sh\necho mine",
      deffile: definition.trimEnd(),
    });
  });

  it.each([
    [4096, true],
    [8192, false],
  ])("records what it wrote, which a check holds it to, and where the image came from (blocks of %i)", async (size) => {
    const origin = { manifest: "sha256:aa", config: "sha256:bb", layers: ["sha256:cc"] };
    const former = withBuildRecord('{"data":{}}', { version: "0.0.1", ...origin, counts: UNKNOWN_COUNTS });
    const { bytes } = await buildImage(ITEMS);
    const sink = new MemorySink();
    const writer = await SifWriter.begin(sink, { uuid: new Uint8Array(16).fill(7), timeSec: 1000 });
    await writer.add({ dataType: DataType.genericJson, name: "inspect-metadata.json" }, Buffer.from(former));
    const partition = await writer.beginPartition();
    await partition.write(bytes);
    await writer.endPartition(SifArch.amd64);
    await writer.finish();
    await writeFile(at("in.sif"), sink.bytes);
    await writeFile(at("out.sif"), (await rebuilt(at("in.sif"), { blockSize: size })).bytes);
    const { record, partitions } = await withImageFile(at("out.sif"), (image) => checkImage(image));
    expect(record).toMatchObject({ version: VERSION, ...origin });
    expect(record?.counts.entries).toBe(partitions[0]?.entryCount);
    // A SquashFS file has no record, and what is made of it no origin.
    await writeFile(at("other.sif"), (await rebuilt(await putImage("in.sqfs"), { blockSize: size })).bytes);
    const other = await withImageFile(at("other.sif"), (image) => checkImage(image));
    expect(other.record).toEqual({ version: VERSION, layers: [], counts: expect.anything() });
    expect(other.record?.counts.inodes).toEqual(record?.counts.inodes);
  });

  it("tells where the SIF goes and what it will take", async () => {
    const path = await putImage("in.sqfs");
    const events: ProgressEvent[] = [];
    const sink = await FileSink.open(at("out.sif"));
    await rebuild({ path, sink, workers: 0, onProgress: (event) => events.push(event) });
    expect(events.filter(({ kind }) => kind === "space")).toEqual([
      { kind: "space", use: "image", path: folder, size: expect.any(Number), free: expect.any(Number) },
    ]);
  });

  it("gives the same bytes twice", async () => {
    const path = await putImage("in.sqfs");
    const [first, second] = [await rebuilt(path), await rebuilt(path)];
    expect(Buffer.compare(first.bytes, second.bytes)).toBe(0);
  });

  it.each([0, 100, 3000])("refuses an image cut to %i bytes, and leaves nothing", async (size) => {
    const path = await putImage("in.sqfs");
    await writeFile(path, (await readFile(path)).subarray(0, size));
    const sink = await FileSink.open(at("out.sif"));
    await expect(rebuild({ path, sink, workers: 0 })).rejects.toMatchObject({ code: expect.any(String) });
    expect(await readdir(folder)).toEqual(["in.sqfs"]);
  });

  it("reads a directory, links as links", async () => {
    await mkdir(at("box/d"), { recursive: true });
    await writeFile(at("box/d/f"), prose(300_000, 5));
    await link(at("box/d/f"), at("box/g"));
    await symlink("/etc", at("box/outside"));
    await chmod(at("box/d"), 0o1777);
    const { bytes } = await rebuilt(at("box"));
    const seen = await describeImage(await partitionOf(bytes));
    expect(Object.keys(seen)).toEqual(["d", "d/f", "g", "outside"]);
    expect(seen).toMatchObject({
      d: { mode: 0o1777 },
      g: { group: "d/f" },
      outside: { kind: "symlink", data: "/etc" },
    });
  });
});

describe("buildSandbox()", () => {
  it("writes the files of an image, holes as holes, and they come back", async () => {
    const path = await putImage("in.sqfs");
    await buildSandbox({ from: { path }, directory: at("box") });
    const hole = await stat(at("box/a/only-hole"));
    expect([hole.size, hole.blocks]).toEqual([20_000, 0]);
    expect((await stat(at("box/a/blocks"))).nlink).toBe(2);
    const { bytes } = await rebuilt(at("box"), { allRoot: true });
    expect(await describeImage(await partitionOf(bytes))).toEqual(await describeImage(await readFile(path)));
    expect((await readdir(folder)).sort()).toEqual(["box", "in.sqfs"]);
  });

  it("does not replace what is there, unless told to", async () => {
    const path = await putImage("in.sqfs");
    await mkdir(at("box"));
    await writeFile(at("box/mine"), "");
    const job = { from: { path }, directory: at("box") };
    await expect(buildSandbox(job)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(await readdir(at("box"))).toEqual(["mine"]);
    await buildSandbox({ ...job, overwrite: true });
    expect(await readdir(at("box"))).not.toContain("mine");
    expect((await readdir(folder)).sort()).toEqual(["box", "in.sqfs"]);
  });

  it("leaves nothing when it is aborted on the way", async () => {
    const path = await putImage("in.sqfs");
    const abort = new AbortController();
    const onProgress = (event: ProgressEvent) => {
      if (event.kind === "stage" && event.stage === "tables") abort.abort(new Error("enough"));
    };
    const job = buildSandbox({ from: { path }, directory: at("box"), signal: abort.signal, onProgress });
    await expect(job).rejects.toThrow("enough");
    expect(await readdir(folder)).toEqual(["in.sqfs"]);
  });

  it("writes nowhere but into the directory, whatever links the image has", async () => {
    const { bytes } = await buildImage({
      ".singularity.d": { kind: "symlink", target: at("outside") },
      etc: { kind: "symlink", target: `../../../../../..${at("outside")}` },
    });
    await mkdir(at("outside"));
    await writeFile(at("in.sqfs"), bytes);
    await buildSandbox({ from: { path: at("in.sqfs") }, directory: at("box") });
    expect(await readdir(at("outside"))).toEqual([]);
  });
});

describe("recompress()", () => {
  it("keeps a SIF's other objects, drops signatures with a word", async () => {
    const { bytes } = await buildImage(ITEMS);
    const sink = new MemorySink();
    const writer = await SifWriter.begin(sink, { uuid: new Uint8Array(16).fill(7), timeSec: 1000 });
    await writer.add({ dataType: DataType.definition }, Buffer.from("def"));
    const partition = await writer.beginPartition();
    await partition.write(bytes);
    await writer.endPartition(SifArch.arm64);
    const signature = { kind: "signature", hashType: HashType.sha256, entity: new Uint8Array(20) } as const;
    await writer.add({ dataType: DataType.signature, extra: signature }, Buffer.from("signed"));
    await writer.add(
      { dataType: DataType.generic, name: "mine", link: { kind: "object", id: 2 } },
      Buffer.from("data"),
    );
    await writer.finish();
    await writeFile(at("in.sif"), sink.bytes);

    const events: ProgressEvent[] = [];
    const sinkOut = await FileSink.open(at("out.sif"));
    const compression = { kind: "lz4", level: "fast" } as const;
    await recompress({ path: at("in.sif"), sink: sinkOut, compression, workers: 0, onProgress: (e) => events.push(e) });
    expect(events.filter(({ kind }) => kind === "warning")).toHaveLength(1);
    await withFileAccess(at("out.sif"), async (access) => {
      const { header, objects } = await readSif(access);
      expect(header).toMatchObject({ arch: SifArch.arm64, uuid: new Uint8Array(16).fill(7), createdSec: 1000 });
      expect(objects.map(({ id, dataType, name, link }) => [id, dataType, name, link.kind])).toEqual([
        [1, DataType.definition, "", "none"],
        [2, DataType.partition, "", "none"],
        [3, DataType.generic, "mine", "object"],
      ]);
    });
    const out = await readFile(at("out.sif"));
    expect(await describeImage(await partitionOf(out))).toEqual(await describeImage(bytes));
  });

  it.each(["gzip", "lz4", "none"] as const)("goes from gzip to %s and back without a difference", async (kind) => {
    const path = await putImage("in.sqfs");
    const compression = kind === "none" ? { kind } : ({ kind, level: "fast" } as const);
    const [there, back] = [new MemorySink(), new MemorySink()];
    await recompress({ path, sink: there, compression, blockSize: 8192, workers: 0 });
    await writeFile(at("there.sqfs"), there.bytes);
    await recompress({ path: at("there.sqfs"), sink: back, blockSize: 4096, workers: 0 });
    expect(await describeImage(back.bytes)).toEqual(await describeImage(await readFile(path)));
  });
});
