import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withFileAccess } from "../../src/bytes/random-access.ts";
import { DataType, FsType, PartitionType } from "../../src/sif/data-type.ts";
import { addObject, addObjects, createSif, deleteObject, setPrimaryPartition } from "../../src/sif/edit.ts";
import type { SifImage } from "../../src/sif/image.ts";
import { HEADER } from "../../src/sif/layout.ts";
import { readSif } from "../../src/sif/reader.ts";
import type { NewObject } from "../../src/sif/writer.ts";
import { minimalSif } from "./minimal-sif.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sif-edit-"));
  path = join(folder, "x.sif");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const UUID = new Uint8Array(16).fill(9);
const read = (): Promise<SifImage> => withFileAccess(path, readSif);
const partition = (partitionType: number, arch: number): NewObject => ({
  dataType: DataType.partition,
  extra: { kind: "partition", fsType: FsType.squashfs, partitionType, arch },
});
const places = (image: SifImage): unknown[] => image.objects.map(({ id, offset, size }) => [id, offset, size]);

describe("createSif()", () => {
  it("makes an empty executable file of 32,176 bytes", async () => {
    await createSif(path, { uuid: UUID, timeSec: 7 });
    const { header, objects } = await read();
    expect(objects).toEqual([]);
    expect(header).toMatchObject({
      launchScript: "",
      arch: 0,
      createdSec: 7,
      descriptorsFree: 48,
      dataOffset: 32_176,
      dataSize: 0,
    });
    const { size, mode } = await stat(path);
    expect(size).toBe(32_176);
    expect(mode & 0o700).toBe(0o700);
  });

  it("does not touch a file that is there", async () => {
    await writeFile(path, "mine");
    await expect(createSif(path, { uuid: UUID, timeSec: 7 })).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(path, "utf8")).toBe("mine");
  });
});

describe("addObject()", () => {
  it("appends, aligned, outside groups, and counts", async () => {
    await createSif(path, { uuid: UUID, timeSec: 7 });
    expect(await addObject(path, { dataType: DataType.generic, name: "a" }, Buffer.from("abc"), { timeSec: 8 })).toBe(
      1,
    );
    expect(await addObject(path, partition(PartitionType.primarySystem, 4), Buffer.from("fs"), { timeSec: 9 })).toBe(2);
    const image = await read();
    expect(places(image)).toEqual([
      [1, 32_176, 3],
      [2, 32_768, 2],
    ]);
    expect(image.objects.map(({ group, sizeWithPadding, createdSec }) => [group, sizeWithPadding, createdSec])).toEqual(
      [
        [0, 3, 8],
        [0, 591, 9],
      ],
    );
    expect(image.header).toMatchObject({ arch: 4, createdSec: 7, modifiedSec: 9, descriptorsFree: 46, dataSize: 594 });
  });

  it("puts content behind the last object but takes the first free slot", async () => {
    await createSif(path, { uuid: UUID, timeSec: 7 });
    for (const text of ["one", "two", "three"]) {
      await addObject(path, { dataType: DataType.generic }, Buffer.from(text), { timeSec: 8 });
    }
    await deleteObject(path, 2, { timeSec: 9 });
    expect(await addObject(path, { dataType: DataType.generic }, Buffer.from("four"), { timeSec: 10 })).toBe(2);
    expect(places(await read())).toEqual([
      [1, 32_176, 3],
      [2, 32_187, 4],
      [3, 32_182, 5],
    ]);
  });

  it("refuses a second primary partition, and the 49th object, leaving the file as it was", async () => {
    await writeFile(path, await minimalSif());
    const second = addObject(path, partition(PartitionType.primarySystem, 2), Buffer.from("x"), { timeSec: 8 });
    await expect(second).rejects.toMatchObject({ code: "PRIMARY_EXISTS", details: { id: 3 } });
    expect(Buffer.compare(await readFile(path), await minimalSif())).toBe(0);
    for (let i = 3; i < 48; i++)
      await addObject(path, { dataType: DataType.generic }, Buffer.from("x"), { timeSec: 8 });
    const full = addObject(path, { dataType: DataType.generic }, Buffer.from("x"), { timeSec: 8 });
    await expect(full).rejects.toMatchObject({ code: "DESCRIPTORS_FULL", details: { limit: 48 } });
  });

  it("leaves the file as it was when the content fails", async () => {
    await writeFile(path, await minimalSif());
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("some");
      throw new Error("source died");
    }
    await expect(addObject(path, { dataType: DataType.generic }, broken(), { timeSec: 8 })).rejects.toThrow(
      "source died",
    );
    expect(Buffer.compare(await readFile(path), await minimalSif())).toBe(0);
  });
});

describe("an edit that is not completed", () => {
  /** Pieces, then a failure or a signal. */
  async function* pieces(sizes: readonly number[], atEnd: () => void): AsyncGenerator<Uint8Array> {
    for (const size of sizes) yield Buffer.alloc(size, "new");
    atEnd();
    yield Buffer.from("more");
  }

  it.each([
    ["nothing", [], []],
    ["behind the end of the file", [], [1000, 1000]],
    ["over what an object that is gone left, in memory", [70_000], [30_000, 30_000]],
    ["over it, in a file, and behind the end", [700_000], [300_000, 300_000, 300_000]],
  ])("gives back what it wrote: %s", async (_, gone, sizes) => {
    await writeFile(path, await minimalSif());
    for (const size of gone) {
      await addObject(path, { dataType: DataType.generic }, Buffer.alloc(size, "former"), { timeSec: 8 });
      await deleteObject(path, 4, { timeSec: 8 });
    }
    const former = await readFile(path);
    const failing = addObject(
      path,
      { dataType: DataType.generic, alignment: 512 },
      pieces(sizes, () => {
        throw new Error("source died");
      }),
      { timeSec: 9 },
    );
    await expect(failing).rejects.toThrow("source died");
    expect((await readFile(path)).equals(former)).toBe(true);
    const controller = new AbortController();
    const stopped = addObject(
      path,
      { dataType: DataType.generic, alignment: 512 },
      pieces(sizes, () => controller.abort(new Error("stopped"))),
      { timeSec: 9, signal: controller.signal },
    );
    await expect(stopped).rejects.toThrow("stopped");
    expect((await readFile(path)).equals(former)).toBe(true);
  });

  it.each<[string, (options: { timeSec: number; signal: AbortSignal }) => Promise<unknown>]>([
    ["deleteObject()", (options) => deleteObject(path, 3, options)],
    ["setPrimaryPartition()", (options) => setPrimaryPartition(path, 4, options)],
  ])("%s heeds a signal that came before", async (_, edit) => {
    await writeFile(path, await minimalSif());
    await addObject(path, partition(PartitionType.system, 4), Buffer.from("x"), { timeSec: 8 });
    const former = await readFile(path);
    await expect(edit({ timeSec: 9, signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped");
    expect((await readFile(path)).equals(former)).toBe(true);
  });

  it("addObjects() adds all or none", async () => {
    await writeFile(path, await minimalSif());
    const first = { object: { dataType: DataType.generic }, content: Buffer.from("first") };
    const broken = pieces([10], () => {
      throw new Error("source died");
    });
    const adding = addObjects(path, [first, { object: { dataType: DataType.generic }, content: broken }], {
      timeSec: 8,
    });
    await expect(adding).rejects.toThrow("source died");
    expect((await readFile(path)).equals(Buffer.from(await minimalSif()))).toBe(true);
    expect(await addObjects(path, [first, first], { timeSec: 8 })).toEqual([4, 5]);
    const primary = { object: partition(PartitionType.primarySystem, 2), content: Buffer.from("x") };
    await createSif(path, { uuid: UUID, timeSec: 7, overwrite: true });
    await expect(addObjects(path, [primary, primary], { timeSec: 8 })).rejects.toMatchObject({
      code: "PRIMARY_EXISTS",
      details: { id: 1 },
    });
  });
});

describe("addObject() of OCI objects", () => {
  it("describes them by the digest of their content", async () => {
    await createSif(path, { uuid: UUID, timeSec: 7 });
    await addObject(path, { dataType: DataType.ociBlob }, Buffer.from("hi\n"), { timeSec: 8 });
    expect((await read()).objects[0]?.extra).toEqual({
      kind: "oci",
      digest: "sha256:98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4",
    });
  });
});

describe("deleteObject()", () => {
  it("frees the slot, keeps the bytes and forgets the architecture of a primary partition", async () => {
    await writeFile(path, await minimalSif());
    await deleteObject(path, 3, { timeSec: 1_700_000_001 });
    const image = await read();
    expect(image.objects.map(({ id }) => id)).toEqual([1, 2]);
    expect(image.header).toMatchObject({ arch: 0, descriptorsFree: 46, modifiedSec: 1_700_000_001, dataSize: 4688 });
    expect((await stat(path)).size).toBe(36_864);
  });

  it("refuses an ID that is not there", async () => {
    await writeFile(path, await minimalSif());
    await expect(deleteObject(path, 4, { timeSec: 8 })).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
  });
});

describe("setPrimaryPartition()", () => {
  it("swaps the roles and the architecture", async () => {
    await writeFile(path, await minimalSif());
    const id = await addObject(path, partition(PartitionType.system, 4), Buffer.from("x"), { timeSec: 8 });
    await setPrimaryPartition(path, id, { timeSec: 9 });
    const { header, objects } = await read();
    expect(header.arch).toBe(4);
    expect(
      objects.map(({ extra, modifiedSec }) => [extra.kind === "partition" ? extra.partitionType : 0, modifiedSec]),
    ).toEqual([
      [0, 1_700_000_000],
      [0, 1_700_000_000],
      [PartitionType.system, 9],
      [PartitionType.primarySystem, 9],
    ]);
  });

  it.each([
    [1, "OBJECT_NOT_PARTITION"],
    [4, "PARTITION_NOT_SYSTEM"],
    [5, "OBJECT_NOT_FOUND"],
  ])("refuses object %i: %s", async (id, code) => {
    await writeFile(path, await minimalSif());
    await addObject(path, partition(PartitionType.overlay, 2), Buffer.from("x"), { timeSec: 8 });
    await expect(setPrimaryPartition(path, id, { timeSec: 9 })).rejects.toMatchObject({ code });
  });
});

describe("deterministic files", () => {
  it("keep their times through edits", async () => {
    const bytes = Buffer.from(await minimalSif());
    const zero = -62_135_596_800n;
    HEADER.write(bytes, 0, { ...HEADER.read(bytes), uuid: new Uint8Array(16), createdSec: zero, modifiedSec: zero });
    await writeFile(path, bytes);
    await addObject(path, { dataType: DataType.generic }, Buffer.from("x"), { timeSec: 8 });
    const { header, objects } = await read();
    expect([header.modifiedSec, objects[3]?.createdSec]).toEqual([Number(zero), Number(zero)]);
  });
});

describe("a damaged file", () => {
  it("keeps a launch script that is no text when it is edited", async () => {
    await createSif(path, { uuid: UUID, timeSec: 7 });
    await addObject(path, { dataType: DataType.generic }, Buffer.from("data"), { timeSec: 8 });
    const bytes = await readFile(path);
    bytes.fill(0xff, 0, 32);
    await writeFile(path, bytes);
    await deleteObject(path, 1, { timeSec: 9 });
    expect((await readFile(path)).subarray(0, 32)).toEqual(Buffer.alloc(32, 0xff));
    expect((await read()).objects).toEqual([]);
  });

  it("is not made as long as an object says that it does not hold", async () => {
    await createSif(path, { uuid: UUID, timeSec: 7 });
    await addObject(path, { dataType: DataType.generic }, Buffer.from("data"), { timeSec: 8 });
    const bytes = await readFile(path);
    bytes.writeBigUInt64LE(2n ** 52n, 4096 + 17);
    await writeFile(path, bytes);
    const adding = addObject(path, { dataType: DataType.generic }, Buffer.from("more"), { timeSec: 9 });
    await expect(adding).rejects.toMatchObject({ code: "OBJECT_OUTSIDE_FILE", details: { id: 1 } });
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });
});
