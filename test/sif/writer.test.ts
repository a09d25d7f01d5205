import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DataType, FsType, PartitionType } from "../../src/sif/data-type.ts";
import { readObject, readSif } from "../../src/sif/reader.ts";
import { SifWriter } from "../../src/sif/writer.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import { emptyRootSquashfs, minimalSif } from "./minimal-sif.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const hexAt = (bytes: Uint8Array, offset: number, size: number): string =>
  Buffer.from(bytes.subarray(offset, offset + size)).toString("hex");

const OPTIONS = { uuid: new Uint8Array(16).fill(7), timeSec: 5 };
const PRIMARY = {
  dataType: DataType.partition,
  extra: { kind: "partition", fsType: FsType.squashfs, partitionType: PartitionType.primarySystem, arch: 2 },
} as const;

describe("SifWriter", () => {
  it("writes the golden minimal SIF to the byte", async () => {
    expect(sha256(emptyRootSquashfs())).toBe("8c339c025082dfcfeb61f36d108e595473464a20724fd4f5d4d9d911eaadbca5");
    const bytes = await minimalSif();
    // Names what differs before the digest does.
    expect(hexAt(bytes, 0, 32)).toBe("23212f7573722f62696e2f656e762072756e2d73696e67756c61726974790a00");
    expect(hexAt(bytes, 32, 16)).toBe("5349465f4d4147494300303100303200");
    expect(hexAt(bytes, 80, 16)).toBe("2d000000000000003000000000000000");
    expect(hexAt(bytes, 112, 16)).toBe("b07d0000000000005012000000000000");
    expect(hexAt(bytes, 0x1000, 17)).toBe("0140000001" + "01000000" + "010000f0" + "00000000");
    expect(hexAt(bytes, 0x1492 + 17, 24)).toBe("0080000000000000" + "0010000000000000" + "2e12000000000000");
    expect(hexAt(bytes, 0x155b, 12)).toBe("010000000200000030320000");
    expect(bytes.length).toBe(36_864);
    expect(sha256(bytes)).toBe("3261159e921a0c457fdcf6f873e69cb41565cdd09309c8350fb054663f006da1");
  });

  it("pads the partition to whole pages and passes patches and rewinds through the window", async () => {
    const sink = new MemorySink();
    const writer = await SifWriter.begin(sink, OPTIONS);
    const window = await writer.beginPartition();
    expect(window.position).toBe(0);
    await window.write(Buffer.from("hsqs-0123456789"));
    await window.patch(0, Buffer.from("HSQS"));
    await window.rewind(10);
    await window.write(Buffer.from("!"));
    expect(window.position).toBe(11);
    expect(await writer.endPartition(4)).toBe(1);
    await writer.add({ dataType: DataType.generic, name: "late" }, Buffer.from("tail"));
    await writer.finish();
    const { header, objects } = await readSif(bytesAccess(sink.bytes));
    expect(objects.map(({ offset, size }) => [offset, size])).toEqual([
      [32_768, 4096],
      [36_864, 4],
    ]);
    expect(objects[0]?.sizeWithPadding).toBe(32_768 - 32_176 + 4096);
    expect(header.arch).toBe(4);
    expect(Buffer.from(sink.bytes.subarray(32_768, 32_780)).toString("latin1")).toBe("HSQS-01234!\0");
  });

  it("takes content as a stream", async () => {
    const sink = new MemorySink();
    const writer = await SifWriter.begin(sink, OPTIONS);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("ab");
      yield Buffer.from("c");
    }
    await writer.add({ dataType: DataType.generic }, pieces());
    await writer.finish();
    expect(Buffer.from(sink.bytes.subarray(32_176)).toString()).toBe("abc");
  });

  it("replace() moves an object behind all others and keeps its ID", async () => {
    const sink = new MemorySink();
    const writer = await SifWriter.begin(sink, OPTIONS);
    const id = await writer.add({ dataType: DataType.genericJson, name: "j" }, Buffer.from("{}"));
    await (await writer.beginPartition()).write(emptyRootSquashfs());
    await writer.endPartition(2);
    await writer.replace(id, Buffer.from('{"a":1}'));
    await writer.add({ dataType: DataType.generic }, Buffer.from("late"));
    await writer.finish();
    const access = bytesAccess(sink.bytes);
    const { header, objects } = await readSif(access);
    expect(objects.map(({ offset, size, sizeWithPadding, name }) => [offset, size, sizeWithPadding, name])).toEqual([
      [36_864, 7, 7, "j"],
      [32_768, 4096, 590 + 4096, ""],
      [36_871, 4, 4, ""],
    ]);
    expect(Buffer.from(await readObject(access, objects[0]!)).toString()).toBe('{"a":1}');
    expect(header.dataSize).toBe(36_875 - 32_176);
    await expect(writer.replace(9, Buffer.alloc(0))).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("refuses a second primary partition", async () => {
    const writer = await SifWriter.begin(new MemorySink(), OPTIONS);
    await writer.add(PRIMARY, emptyRootSquashfs());
    await expect(writer.beginPartition()).rejects.toMatchObject({ code: "PRIMARY_EXISTS", details: { id: 1 } });
  });

  it("refuses details of another type", async () => {
    const writer = await SifWriter.begin(new MemorySink(), OPTIONS);
    await expect(writer.add({ ...PRIMARY, dataType: DataType.generic }, Buffer.alloc(0))).rejects.toMatchObject({
      code: "EXTRA_INVALID",
    });
  });

  it.each([
    [2, true],
    [3, false],
  ])("with two descriptors %i objects fit: %s", async (count, fits) => {
    const writer = await SifWriter.begin(new MemorySink(), { ...OPTIONS, descriptorCount: 2 });
    const adding = async (): Promise<void> => {
      for (let i = 0; i < count; i++) await writer.add({ dataType: DataType.generic }, Buffer.from("x"));
    };
    if (fits) await adding();
    else await expect(adding()).rejects.toMatchObject({ code: "DESCRIPTORS_FULL" });
  });

  it.each([
    ["x".repeat(31), true],
    ["x".repeat(32), false],
  ])("a launch script of %s", async (launchScript, fits) => {
    const begun = SifWriter.begin(new MemorySink(), { ...OPTIONS, launchScript });
    if (fits) await begun;
    else await expect(begun).rejects.toThrow(RangeError);
  });

  it("refuses other objects while a partition is open", async () => {
    const writer = await SifWriter.begin(new MemorySink(), OPTIONS);
    await writer.beginPartition();
    await expect(writer.add({ dataType: DataType.generic }, Buffer.alloc(0))).rejects.toMatchObject({
      code: "INTERNAL",
    });
    await expect(writer.finish()).rejects.toMatchObject({ code: "INTERNAL" });
  });
});
