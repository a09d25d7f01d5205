import { generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DataType } from "../../src/sif/data-type.ts";
import { DESCRIPTOR } from "../../src/sif/layout.ts";
import { readSif } from "../../src/sif/reader.ts";
import { objectToRecord } from "../../src/sif/records.ts";
import { COVERED_DESCRIPTOR_SIZE, COVERED_HEADER_SIZE } from "../../src/sign/covered-bytes.ts";
import { pemSigner } from "../../src/sign/dsse/dsse.ts";
import { IntegrityError } from "../../src/sign/errors.ts";
import { SignedImage } from "../../src/sign/signed-image.ts";
import { type VerifyOptions, verifyImage } from "../../src/sign/verify-image.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import { descriptorAt, ED25519, ED25519_PUBLIC, patched, signedSif, verdictOf } from "./signed-file.ts";

const trust: VerifyOptions = { publicKey: ED25519_PUBLIC };
const { offsets } = DESCRIPTOR;
const X = Buffer.from("X");
/** A descriptor that lies on the bytes of object 2, in this group. */
const sixth = (group: number) => {
  const object = {
    slot: 5,
    id: 6,
    dataType: DataType.generic,
    group,
    link: { kind: "none" },
    offset: 32_208,
    size: 2,
    sizeWithPadding: 2,
    createdSec: 1,
    modifiedSec: 1,
    name: "",
    extra: { kind: "none" },
  } as const;
  return [descriptorAt(6), DESCRIPTOR.encode(objectToRecord(object))] as const;
};
const GONE = new Uint8Array(DESCRIPTOR.size);

let signed: Buffer;
beforeAll(async () => {
  signed = await signedSif([pemSigner(ED25519)]);
});

describe("verifyImage() finds", () => {
  it.each<[string, readonly (readonly [number, Uint8Array])[], string, readonly number[]]>([
    ["the launch script", [[2, X]], "header integrity compromised", []],
    ["the UUID", [[50, X]], "header integrity compromised", []],
    [
      "a size",
      [[descriptorAt(1) + offsets.size, Buffer.of(31)]],
      "data object descriptor integrity compromised: 1",
      [],
    ],
    [
      "a created time",
      [[descriptorAt(2) + offsets.createdSec, X]],
      "data object descriptor integrity compromised: 2",
      [1],
    ],
    ["a name", [[descriptorAt(2) + offsets.name, X]], "data object descriptor integrity compromised: 2", [1]],
    [
      "an extra",
      [[descriptorAt(3) + offsets.extra + 20, X]],
      "data object descriptor integrity compromised: 3",
      [1, 2],
    ],
    ["the first content", [[32_176, X]], "data object integrity compromised: 1", []],
    ["the last content", [[36_863, X]], "data object integrity compromised: 3", [1, 2]],
    ["a place outside", [[descriptorAt(3) + offsets.offset + 3, X]], "data object integrity compromised: 3", [1, 2]],
    ["a missing object", [[descriptorAt(2), GONE]], "object 2: signed object not found", []],
    ["a missing first object", [[descriptorAt(1), GONE]], "object 4: signed object not found", []],
    ["an added object", [sixth(1)], "object 6: object not signed", []],
    ["another for a missing one", [[descriptorAt(2), GONE], sixth(1)], "object 6: object not signed", []],
    ["another group", [sixth(2)], "signature not found for object group 2", [1, 2, 3]],
    ["an ungrouped object", [sixth(0)], "non-signature object not associated with object group", []],
    [
      "a link elsewhere",
      [[descriptorAt(4) + offsets.link, Buffer.of(2, 0, 0, 0)]],
      "signature not found for object group 1",
      [],
    ],
    ["an unknown hash type", [[descriptorAt(4) + offsets.extra, Buffer.of(85)]], "hash algorithm unsupported", []],
    ["a media type", [[36_864 + 18, X]], "signature format not recognized", []],
    [
      "another message",
      [[36_864 + 80, Buffer.from("AAAA")]],
      "signature object 4 not valid: dsse: verify envelope failed: accepted signatures do not match threshold, Found: 0, Expected 1",
      [],
    ],
    [
      "a damaged message",
      [[36_864 + 80, Buffer.from("!!!!")]],
      "signature object 4 not valid: dsse: verify envelope failed: unable to base64 decode payload (is payload in the right format?)",
      [],
    ],
  ])("%s that changed", async (_, edits, reason, verified) => {
    const { results, error } = await verdictOf(patched(signed, ...edits), trust);
    expect(error).toBeInstanceOf(IntegrityError);
    expect((error as Error).message).toBe(reason);
    expect(results.flatMap((one) => one.verified.map(({ id }) => id))).toEqual(verified);
  });
});

describe("verifyImage() lets be", () => {
  it.each<[string, number]>([
    ["the header's architecture", 45],
    ["the header's times", 64],
    ["a modified time", descriptorAt(2) + offsets.modifiedSec],
    ["a size with padding", descriptorAt(2) + offsets.sizeWithPadding],
    ["an entity of a PEM signature", descriptorAt(4) + offsets.extra + 4],
    ["a known hash type", descriptorAt(4) + offsets.extra],
  ])("%s", async (_, offset) => {
    expect((await verdictOf(patched(signed, [offset, Buffer.of(5)]), trust)).error).toBeUndefined();
  });
});

describe("verifyImage()", () => {
  it("verifies what is chosen alone", async () => {
    const damaged = patched(signed, [36_863, X]);
    const verdict = await verdictOf(damaged, { ...trust, objects: [1] });
    expect(verdict.error).toBeUndefined();
    expect(verdict.results[0]?.verified.map(({ id }) => id)).toEqual([1]);
    expect((await verdictOf(damaged, { ...trust, objects: [3] })).error).toMatchObject({ code: "OBJECT_COMPROMISED" });
    const twoGroups = patched(signed, sixth(2));
    expect((await verdictOf(twoGroups, { ...trust, groups: [1] })).error).toBeUndefined();
  });

  it.each<[VerifyOptions, string]>([
    [{ groups: [0] }, "invalid group ID"],
    [{ groups: [2] }, "group not found"],
    [{ objects: [0] }, "invalid object ID"],
    [{ objects: [9] }, "object not found"],
    [{ objects: [4] }, "invalid group ID"],
    [{ legacy: "primary" }, "signature not found for object 3"],
    [{ legacy: "all" }, "signature not found for object 1"],
    [{ publicKey: undefined as never }, "key material not provided for DSSE envelope signature"],
  ])("%j ends with its reason", async (options, reason) => {
    const { error } = await verdictOf(signed, { ...trust, ...options });
    expect((error as Error).message).toBe(reason);
  });

  it("refuses another key, and an image without signatures", async () => {
    const other = generateKeyPairSync("ed25519").publicKey;
    expect((await verdictOf(signed, { publicKey: other })).error).toMatchObject({ code: "SIGNATURE_INVALID" });
    expect((await verdictOf(await minimalSif(), trust)).error).toMatchObject({ code: "SIGNATURE_NOT_FOUND" });
  });

  it("requires every signature to hold", async () => {
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const both = await signedSif([pemSigner(ED25519), pemSigner(other.privateKey)]);
    const { results, error } = await verdictOf(both, trust);
    expect(results.map((one) => one.error?.code)).toEqual([undefined, "SIGNATURE_INVALID"]);
    expect(error).toBe(results[1]?.error);
  });

  it("reads each object once, however many signatures there are", async () => {
    const twice = await signedSif([pemSigner(ED25519), pemSigner(ED25519), pemSigner(ED25519)]);
    const access = bytesAccess(twice);
    const reads: string[] = [];
    const counting = {
      ...access,
      read: (offset: number, size: number) => {
        reads.push(`${offset}+${size}`);
        return access.read(offset, size);
      },
    };
    await verifyImage(counting, trust);
    expect(reads.filter((read) => ["32176+32", "32208+2", "32768+4096"].includes(read))).toHaveLength(3);
  });

  it("ends with a typed error on every truncated file", async () => {
    for (const size of [0, 100, 4096, 20_000, 32_200, 36_864, 37_000, signed.length - 1]) {
      const { error } = await verdictOf(signed.subarray(0, size), trust);
      expect(error, String(size)).toHaveProperty("code");
    }
  });

  it("covers 61 bytes of the header and 557 of a descriptor", async () => {
    const image = await SignedImage.read(bytesAccess(signed));
    expect(image.coveredHeader).toHaveLength(COVERED_HEADER_SIZE);
    expect(image.coveredDescriptor((await readSif(bytesAccess(signed))).objects[2]!)).toHaveLength(
      COVERED_DESCRIPTOR_SIZE,
    );
  });
});
