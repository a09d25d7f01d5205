import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { archCode, archName, decodeArch, encodeArch, SifArch } from "../../src/sif/architecture.ts";
import { DataType } from "../../src/sif/data-type.ts";
import { decodeExtra, type Extra, encodeExtra } from "../../src/sif/extra.ts";
import type { Link, SifHeader, SifObject } from "../../src/sif/image.ts";
import { DESCRIPTOR, HEADER } from "../../src/sif/layout.ts";
import { headerFromRecord, headerToRecord, objectFromRecord, objectToRecord } from "../../src/sif/records.ts";

describe("HEADER", () => {
  it("has 128 bytes with the fields where the format has them", () => {
    expect(HEADER.size).toBe(128);
    expect(HEADER.offsets).toEqual({
      launchScript: 0,
      magic: 32,
      version: 42,
      architecture: 45,
      uuid: 48,
      createdSec: 64,
      modifiedSec: 72,
      descriptorsFree: 80,
      descriptorsTotal: 88,
      descriptorsOffset: 96,
      descriptorsSize: 104,
      dataOffset: 112,
      dataSize: 120,
    });
  });
});

describe("DESCRIPTOR", () => {
  it("has 585 bytes with the fields where the format has them", () => {
    expect(DESCRIPTOR.size).toBe(585);
    expect(DESCRIPTOR.offsets).toEqual({
      dataType: 0,
      used: 4,
      id: 5,
      group: 9,
      link: 13,
      offset: 17,
      size: 25,
      sizeWithPadding: 33,
      createdSec: 41,
      modifiedSec: 49,
      uid: 57,
      gid: 65,
      name: 73,
      extra: 201,
    });
  });
});

const count = fc.nat();
const time = fc.oneof(fc.nat(), fc.constant(-62_135_596_800));
const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 });
const code = fc.integer({ min: 0, max: 9 });

const header: fc.Arbitrary<SifHeader> = fc.record({
  launchScript: fc.stringMatching(/^[ -~]{0,30}\n?$/),
  version: fc.constant("01"),
  arch: fc.integer({ min: 0, max: 99 }),
  uuid,
  createdSec: time,
  modifiedSec: time,
  descriptorsFree: count,
  descriptorsTotal: count,
  descriptorsOffset: fc.maxSafeNat(),
  descriptorsSize: count,
  dataOffset: count,
  dataSize: fc.maxSafeNat(),
});

const typed: fc.Arbitrary<{ dataType: number; extra: Extra }> = fc.oneof(
  fc.record({
    dataType: fc.constantFrom<number>(DataType.definition, DataType.genericJson, DataType.generic, 0x4fff),
    extra: fc.constant<Extra>({ kind: "none" }),
  }),
  fc.record({
    dataType: fc.constant(DataType.partition),
    extra: fc.record({ kind: fc.constant("partition" as const), fsType: code, partitionType: code, arch: code }),
  }),
  fc.record({
    dataType: fc.constant(DataType.signature),
    extra: fc.record({
      kind: fc.constant("signature" as const),
      hashType: code,
      entity: fc.oneof(fc.constant(new Uint8Array()), fc.uint8Array({ minLength: 20, maxLength: 20, min: 1 })),
    }),
  }),
  fc.record({
    dataType: fc.constant(DataType.cryptographicMessage),
    extra: fc.record({ kind: fc.constant("message" as const), format: code, messageType: fc.nat() }),
  }),
  fc.record({
    dataType: fc.constant(DataType.sbom),
    extra: fc.record({ kind: fc.constant("sbom" as const), format: code }),
  }),
  fc.record({
    dataType: fc.constantFrom<number>(DataType.ociBlob, DataType.ociRootIndex),
    extra: fc.record({ kind: fc.constant("oci" as const), digest: fc.stringMatching(/^sha256:[0-9a-f]{64}$/) }),
  }),
);

const link: fc.Arbitrary<Link> = fc.oneof(
  fc.constant<Link>({ kind: "none" }),
  fc.record({ kind: fc.constant("object" as const), id: fc.integer({ min: 1, max: 48 }) }),
  fc.record({ kind: fc.constant("group" as const), group: fc.integer({ min: 1, max: 0x0fffffff }) }),
);

const object: fc.Arbitrary<SifObject> = fc
  .record({
    id: fc.integer({ min: 1, max: 0xffffffff }),
    group: fc.integer({ min: 0, max: 0x0fffffff }),
    link,
    offset: fc.maxSafeNat().map((n) => Math.floor(n / 2)),
    size: fc.maxSafeNat().map((n) => Math.floor(n / 2)),
    sizeWithPadding: fc.maxSafeNat(),
    createdSec: time,
    modifiedSec: time,
    name: fc.stringMatching(/^[ -~]{0,128}$/),
    typed,
  })
  .map(({ typed: { dataType, extra }, ...rest }) => ({ slot: 3, ...rest, dataType, extra }));

describe("records", () => {
  it("decode(encode(header)) is the header", () => {
    fc.assert(
      fc.property(header, (value) => {
        expect(headerFromRecord(HEADER.read(HEADER.encode(headerToRecord(value))))).toEqual(value);
      }),
    );
  });

  it("decode(encode(object)) is the object", () => {
    fc.assert(
      fc.property(object, (value) => {
        expect(objectFromRecord(DESCRIPTOR.read(DESCRIPTOR.encode(objectToRecord(value))), 3)).toEqual(value);
      }),
    );
  });

  it.each([
    ["no link", { kind: "none" }, "00000000"],
    ["an object", { kind: "object", id: 2 }, "02000000"],
    ["a group", { kind: "group", group: 1 }, "010000f0"],
  ] as const)("writes %s", (_what, value, hex) => {
    const [sample] = fc.sample(object, 1);
    const bytes = DESCRIPTOR.encode(objectToRecord({ ...sample!, link: value }));
    expect(Buffer.from(bytes.subarray(13, 17)).toString("hex")).toBe(hex);
  });

  it("objectToRecord() refuses a name over 128 bytes", () => {
    const [sample] = fc.sample(object, 1);
    expect(() => DESCRIPTOR.encode(objectToRecord({ ...sample!, name: "x".repeat(129) }))).toThrow(RangeError);
  });
});

describe("encodeExtra()", () => {
  it.each<[string, number, Extra, string]>([
    ["nothing", DataType.definition, { kind: "none" }, ""],
    [
      "a partition",
      DataType.partition,
      { kind: "partition", fsType: 1, partitionType: 2, arch: 12 },
      "0100000002000000313200",
    ],
    [
      "a message",
      DataType.cryptographicMessage,
      { kind: "message", format: 2, messageType: 0x200 },
      "0200000000020000",
    ],
    ["an SBOM", DataType.sbom, { kind: "sbom", format: 4 }, "04000000"],
    ["a digest", DataType.ociBlob, { kind: "oci", digest: "sha256:00" }, Buffer.from("sha256:00").toString("hex")],
  ])("writes %s", (_what, dataType, extra, hex) => {
    expect(Buffer.from(encodeExtra(dataType, extra)).toString("hex")).toBe(hex);
  });

  it("writes 4 bytes of hash and 256 of entity for a signature", () => {
    const entity = new Uint8Array(20).fill(0xab);
    const bytes = encodeExtra(DataType.signature, { kind: "signature", hashType: 3, entity });
    expect(bytes.length).toBe(260);
    expect(Buffer.from(bytes.subarray(0, 26)).toString("hex")).toBe(`03000000${"ab".repeat(20)}0000`);
  });

  it.each<[number, Extra]>([
    [DataType.partition, { kind: "none" }],
    [DataType.definition, { kind: "sbom", format: 1 }],
  ])("refuses type %i with %o", (dataType, extra) => {
    expect(() => encodeExtra(dataType, extra)).toThrow(expect.objectContaining({ code: "EXTRA_INVALID" }));
  });
});

describe("decodeExtra()", () => {
  it("reads a digest that fills the field", () => {
    const stored = new Uint8Array(384).fill(0x61);
    expect(decodeExtra(DataType.ociBlob, stored)).toEqual({ kind: "oci", digest: "a".repeat(384) });
  });
});

describe("architectures", () => {
  it.each([
    ["unknown", 0, "00"],
    ["386", 1, "01"],
    ["amd64", 2, "02"],
    ["arm", 3, "03"],
    ["arm64", 4, "04"],
    ["ppc64", 5, "05"],
    ["ppc64le", 6, "06"],
    ["mips", 7, "07"],
    ["mipsle", 8, "08"],
    ["mips64", 9, "09"],
    ["mips64le", 10, "10"],
    ["s390x", 11, "11"],
    ["riscv64", 12, "12"],
    ["loong64", 13, "13"],
  ])("%s is %i", (name, value, digits) => {
    expect(archCode(name)).toBe(value);
    expect(archName(value)).toBe(name);
    expect(Buffer.from(encodeArch(value)).toString("latin1")).toBe(`${digits}\0`);
    expect(decodeArch(encodeArch(value))).toBe(value);
  });

  it("gives unknown for what has no code", () => {
    expect(archCode("sparc64")).toBe(SifArch.unknown);
    expect(archCode("toString")).toBe(SifArch.unknown);
    expect(archName(77)).toBe("unknown");
    expect(decodeArch(Buffer.from("x2\0"))).toBe(SifArch.unknown);
  });
});
