import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withFileAccess } from "../../src/bytes/random-access.ts";
import { type CheckReport, checkImage } from "../../src/image/check.ts";
import { withImageFile } from "../../src/image/open-image.ts";
import { findJson, findPrimaryPartition } from "../../src/sif/image.ts";
import { DESCRIPTOR, DESCRIPTORS_OFFSET } from "../../src/sif/layout.ts";
import { readSif } from "../../src/sif/reader.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import { makeSif } from "../support/small-sif.ts";

let folder: string;
let whole: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-check-"));
  await makeSif(join(folder, "whole.sif"));
  whole = await readFile(join(folder, "whole.sif"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const check = (path: string): Promise<CheckReport> => withImageFile(path, (image) => checkImage(image));

async function checkBytes(bytes: Uint8Array): Promise<CheckReport> {
  const path = join(folder, "changed.sif");
  await writeFile(path, bytes);
  return check(path);
}

/** The file with some bytes of it replaced. */
function edited(change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(whole);
  change(bytes);
  return bytes;
}

describe("checkImage()", () => {
  it("finds what the build recorded", async () => {
    const report = await check(join(folder, "whole.sif"));
    expect(report).toMatchObject({
      size: whole.length,
      objectCount: 4,
      partitions: [{ objectId: 4, compressor: "gzip" }],
    });
    const [partition] = report.partitions;
    expect(report.record?.counts).toMatchObject({ entries: partition?.entryCount, fileSize: partition?.fileSize });
    expect(report.record?.layers).toHaveLength(2);
    expect(report.record?.manifest).toMatch(/^sha256:/);
  });

  it("has a record for lz4 and uncompressed images too", async () => {
    for (const kind of ["lz4", "none"] as const) {
      const path = join(folder, `${kind}.sif`);
      await makeSif(path, {}, { compression: kind === "lz4" ? { kind, level: "fast" } : { kind } });
      expect((await check(path)).record).toBeDefined();
    }
  });

  it("accepts a SIF without a record, and tells of bytes that no object has", async () => {
    const sif = await minimalSif();
    expect(await checkBytes(sif)).toMatchObject({ objectCount: 3, unusedSize: 0, record: undefined });
    const longer = Buffer.concat([sif, Buffer.alloc(7)]);
    expect(await checkBytes(longer)).toMatchObject({ objectCount: 3, unusedSize: 7 });
  });

  it("tells each count that is not the recorded one", async () => {
    const text = whole.toString("latin1");
    const counts = /"counts":\{"inodes":\{"directory":(\d+)[^}]*\},"entries":(\d+),"fileSize":(\d+)\}/.exec(text);
    for (const [group, what] of [
      [1, "kind directory"],
      [2, "number of names"],
      [3, "bytes of all files"],
    ] as const) {
      const value = counts![group]!;
      const place = text.indexOf(value, counts!.index + counts![0].lastIndexOf(value) - 0);
      const wrong = edited((bytes) => bytes.write(String(Number(value) ^ 1).padStart(value.length), place, "latin1"));
      await expect(checkBytes(wrong)).rejects.toMatchObject({
        code: "COUNT_MISMATCH",
        message: expect.stringContaining(what),
        details: { id: 4, recorded: Number(value) ^ 1, seen: Number(value) },
      });
    }
  });

  it("tells of objects that share bytes", async () => {
    const second = DESCRIPTORS_OFFSET + DESCRIPTOR.size;
    const { offset } = DESCRIPTOR.read(whole, second);
    const overlapping = edited((bytes) => bytes.writeBigInt64LE(offset - 1n, second + DESCRIPTOR.offsets.offset));
    await expect(checkBytes(overlapping)).rejects.toMatchObject({
      code: "OBJECTS_OVERLAP",
      details: { first: 1, id: 2 },
    });
  });

  it("tells of objects that have one ID", async () => {
    const [first, second] = [0, 1].map((slot) => DESCRIPTORS_OFFSET + slot * DESCRIPTOR.size) as [number, number];
    const { id } = DESCRIPTOR.read(whole, first);
    const shared = edited((bytes) => bytes.writeUInt32LE(id, second + DESCRIPTOR.offsets.id));
    await expect(checkBytes(shared)).rejects.toMatchObject({
      code: "OBJECT_ID_SHARED",
      message: expect.stringMatching(/have the ID 1: descriptors 1 \(bytes \d+ to \d+\) and 2 \(/),
      details: { id, firstSlot: 1, slot: 2 },
    });
  });

  it("tells of metadata that are no JSON", async () => {
    const { offset = 0 } = findJson(await withFileAccess(join(folder, "whole.sif"), readSif), "oci-config.json") ?? {};
    const broken = edited((bytes) => bytes.write("x", offset));
    await expect(checkBytes(broken)).rejects.toMatchObject({ code: "OBJECT_NOT_JSON", details: { id: 3, offset } });
  });

  it("is a typed error for the file cut anywhere, naming the object", async () => {
    for (let size = 0; size < whole.length; size += 997) {
      const error = await checkBytes(whole.subarray(0, size)).catch((e: unknown) => e);
      expect(error, `cut at ${size}`).toMatchObject({ code: expect.any(String), details: expect.anything() });
      if (size > 40_000) expect((error as Error).message).toMatch(/object 4/);
    }
  });

  it("finds any changed byte of the partition that its format can tell", async () => {
    const sif = await withFileAccess(join(folder, "whole.sif"), readSif);
    const { offset, size } = findPrimaryPartition(sif)!;
    const used = Number(whole.readBigUInt64LE(offset + 40));
    let missed = 0;
    for (let at = offset; at < offset + Math.min(used, size); at += 131) {
      const error = await checkBytes(edited((bytes) => bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at))).catch(
        (e) => e,
      );
      if (!(error instanceof Error)) missed++;
      else expect(error, `byte ${at}`).toMatchObject({ code: expect.any(String), details: expect.anything() });
    }
    // Times and owners are any numbers; blocks have checksums.
    expect(missed).toBeLessThan(8);
  });
});

describe("openImageFile()", () => {
  it.each([
    ["a missing file", "nosuch", "IMAGE_UNREADABLE", "no such file"],
    ["a directory", ".", "IMAGE_UNREADABLE", "sandbox"],
  ])("refuses %s", async (_what, name, code, says) => {
    await expect(check(join(folder, name))).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it.each([0, 1, 31, 41, 42, 127])("refuses %d bytes of text", async (size) => {
    await expect(checkBytes(Buffer.alloc(size, "a"))).rejects.toMatchObject({ code: "IMAGE_FORMAT_UNKNOWN" });
  });
});
