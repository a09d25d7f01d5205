import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { SifonError } from "../../src/errors.ts";
import { SifError } from "../../src/sif/errors.ts";
import { findDefinition, findJson, findPrimaryPartition } from "../../src/sif/image.ts";
import { DESCRIPTOR, HEADER, type HeaderRecord } from "../../src/sif/layout.ts";
import { getObject, MAX_DESCRIPTORS, readObject, readSif, streamObject } from "../../src/sif/reader.ts";
import { emptyRootSquashfs, minimalSif } from "./minimal-sif.ts";

const minimal = await minimalSif();

function withHeader(change: Partial<HeaderRecord>): Uint8Array {
  const bytes = minimal.slice();
  HEADER.write(bytes, 0, { ...HEADER.read(bytes), ...change });
  return bytes;
}

describe("readSif()", () => {
  it("reads header and objects", async () => {
    const image = await readSif(bytesAccess(minimal));
    expect(image.header).toMatchObject({
      launchScript: "#!/usr/bin/env run-singularity\n",
      version: "01",
      arch: 2,
      createdSec: 1_700_000_000,
      descriptorsFree: 45,
      descriptorsTotal: 48,
      dataOffset: 32_176,
      dataSize: 4688,
    });
    expect(
      image.objects.map(({ id, dataType, group, offset, size, name }) => [id, dataType, group, offset, size, name]),
    ).toEqual([
      [1, 0x4001, 1, 32_176, 32, ""],
      [2, 0x4006, 1, 32_208, 2, "oci-config.json"],
      [3, 0x4004, 1, 32_768, 4096, ""],
    ]);
    expect(findPrimaryPartition(image)?.id).toBe(3);
    expect(findDefinition(image)?.id).toBe(1);
    expect(findJson(image, "oci-config.json")?.id).toBe(2);
    expect(findJson(image, "inspect-metadata.json")).toBeUndefined();
  });

  it.each<[string, Uint8Array, string]>([
    ["an empty file", new Uint8Array(0), "HEADER_TRUNCATED"],
    ["127 bytes", minimal.subarray(0, 127), "HEADER_TRUNCATED"],
    ["a header alone", minimal.subarray(0, 128), "DESCRIPTORS_TRUNCATED"],
    ["a table one byte short", minimal.subarray(0, 32_175), "DESCRIPTORS_TRUNCATED"],
    ["another magic", withHeader({ magic: Buffer.from("SIF_MAGIX\0") }), "MAGIC_INVALID"],
    ["a magic without its zero", withHeader({ magic: Buffer.from("SIF_MAGIC1") }), "MAGIC_INVALID"],
    ["version 02", withHeader({ version: Buffer.from("02\0") }), "VERSION_UNSUPPORTED"],
    ["a table smaller than its slots", withHeader({ descriptorsSize: 28_079n }), "DESCRIPTORS_TRUNCATED"],
    ["a negative table offset", withHeader({ descriptorsOffset: -1n }), "DESCRIPTORS_TRUNCATED"],
    ["a negative number of slots", withHeader({ descriptorsTotal: -1n }), "DESCRIPTORS_TOO_MANY"],
    ["one slot too many", withHeader({ descriptorsTotal: BigInt(MAX_DESCRIPTORS) + 1n }), "DESCRIPTORS_TOO_MANY"],
    [
      "as many slots as allowed, which are not there",
      withHeader({ descriptorsTotal: BigInt(MAX_DESCRIPTORS) }),
      "DESCRIPTORS_TRUNCATED",
    ],
  ])("refuses %s", async (_what, bytes, code) => {
    const error = await readSif(bytesAccess(bytes, "x.sif")).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SifError);
    expect(error).toMatchObject({ code, name: "SifError" });
    expect((error as SifError).message).toContain('"x.sif"');
  });

  it.each<[string, Partial<HeaderRecord>]>([
    ["a wrong free count", { descriptorsFree: 48n }],
    ["another launch script", { launchScript: Buffer.from("#!/bin/sh\n") }],
    ["no launch script", { launchScript: new Uint8Array() }],
  ])("accepts %s", async (_what, change) => {
    expect((await readSif(bytesAccess(withHeader(change)))).objects).toHaveLength(3);
  });

  it("finds a table that stands elsewhere and is of another size", async () => {
    const bytes = new Uint8Array(64 * 1024);
    const table = minimal.subarray(4096, 4096 + 3 * DESCRIPTOR.size);
    bytes.set(table, 40_000);
    HEADER.write(bytes, 0, {
      ...HEADER.read(minimal),
      descriptorsOffset: 40_000n,
      descriptorsTotal: 3n,
      descriptorsSize: BigInt(table.length),
    });
    expect((await readSif(bytesAccess(bytes))).objects).toHaveLength(3);
  });

  it("gives objects or a typed error for any flipped byte and any cut", async () => {
    const read = async (bytes: Uint8Array): Promise<void> => {
      const access = bytesAccess(bytes);
      try {
        const image = await readSif(access);
        for (const object of image.objects) await readObject(access, object);
      } catch (error) {
        expect(error).toBeInstanceOf(SifonError);
      }
    };
    const place = fc.oneof(fc.nat(127), fc.integer({ min: 4096, max: 4096 + 4 * DESCRIPTOR.size }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 8 }), async (flips) => {
        const bytes = minimal.slice();
        for (const [offset, value] of flips) bytes[offset] = value;
        await read(bytes);
      }),
      { numRuns: 1000 },
    );
    await fc.assert(fc.asyncProperty(fc.nat(minimal.length), (size) => read(minimal.subarray(0, size))));
  });
});

describe("readObject()", () => {
  it("gives an object's bytes", async () => {
    const access = bytesAccess(minimal);
    const image = await readSif(access);
    expect(Buffer.from(await readObject(access, getObject(image, 1))).toString()).toBe(
      "bootstrap: docker\nfrom: alpine\n\n",
    );
    expect(Buffer.compare(await readObject(access, getObject(image, 3)), emptyRootSquashfs())).toBe(0);
  });

  it("refuses an object that the file does not hold", async () => {
    const access = bytesAccess(minimal.subarray(0, 36_863));
    const image = await readSif(access);
    await expect(readObject(access, getObject(image, 3))).rejects.toMatchObject({
      code: "OBJECT_OUTSIDE_FILE",
      details: { id: 3, offset: 32_768, end: 36_864, limit: 36_863 },
    });
  });

  it("getObject() refuses an ID that is not there", async () => {
    const image = await readSif(bytesAccess(minimal));
    expect(() => getObject(image, 4)).toThrow(expect.objectContaining({ code: "OBJECT_NOT_FOUND" }));
    expect(() => getObject(image, 0)).toThrow(expect.objectContaining({ code: "OBJECT_NOT_FOUND" }));
  });

  it("streamObject() gives the same bytes in pieces", async () => {
    const access = bytesAccess(minimal);
    const object = getObject(await readSif(access), 3);
    const pieces: Uint8Array[] = [];
    for await (const piece of streamObject(access, object)) pieces.push(piece);
    expect(Buffer.compare(Buffer.concat(pieces), emptyRootSquashfs())).toBe(0);
  });
});
