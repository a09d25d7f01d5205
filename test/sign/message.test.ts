import { describe, expect, it } from "vitest";
import { digestOf, formatDigest, type HashAlgorithm, parseDigest } from "../../src/sign/digest.ts";
import { encodeMetadata, parseMetadata } from "../../src/sign/image-metadata.ts";

const SIZES: readonly (readonly [HashAlgorithm, number])[] = [
  ["sha224", 56],
  ["sha256", 64],
  ["sha384", 96],
  ["sha512", 128],
  ["sha512_224", 56],
  ["sha512_256", 64],
];

it.each(SIZES)("parseDigest() reads what formatDigest() wrote: %s", (algorithm, length) => {
  const digest = digestOf(algorithm, Buffer.from("x"));
  expect(digest.hex).toHaveLength(length);
  expect(parseDigest(formatDigest(digest))).toEqual(digest);
});

it.each(["", "sha256", "sha256:", "sha256:00", `sha1:${"0".repeat(40)}`, `sha256:${"A".repeat(64)}`, "md5:00"])(
  "parseDigest() refuses %j",
  (text) => expect(parseDigest(text)).toBeUndefined(),
);

const digest = digestOf("sha256", Buffer.from("x"));
const text = formatDigest(digest);
const metadata = { headerDigest: digest, objects: [{ relativeId: 2, descriptorDigest: digest, objectDigest: digest }] };

describe("image metadata", () => {
  it("is compact JSON with its keys in order", () => {
    expect(encodeMetadata(metadata)).toBe(
      `{"version":1,"header":{"digest":"${text}"},"objects":[{"relativeId":2,"descriptorDigest":"${text}","objectDigest":"${text}"}]}`,
    );
    expect(parseMetadata(encodeMetadata(metadata))).toEqual(metadata);
  });

  const header = { digest: text };
  const object = { relativeId: 0, descriptorDigest: text, objectDigest: text };
  it.each<[string, unknown]>([
    ["it is no object", null],
    ["it is no object", []],
    ["its version is 2, not 1", { version: 2 }],
    ["its version is undefined, not 1", {}],
    ["it has no list of objects", { version: 1, header }],
    ["its header is no object", { version: 1, objects: [] }],
    ["a digest is undefined", { version: 1, header: {}, objects: [] }],
    ['a digest is "sha256:1"', { version: 1, header: { digest: "sha256:1" }, objects: [] }],
    ["an object is no object", { version: 1, header, objects: [7] }],
    ["an object's relative ID is -1", { version: 1, header, objects: [{ ...object, relativeId: -1 }] }],
    ["an object's relative ID is 0.5", { version: 1, header, objects: [{ ...object, relativeId: 0.5 }] }],
    ["an object's relative ID is 4294967296", { version: 1, header, objects: [{ ...object, relativeId: 2 ** 32 }] }],
  ])("parseMetadata(): %s", (reason, value) => {
    expect(() => parseMetadata(JSON.stringify(value))).toThrow(new TypeError(reason));
  });

  it("parseMetadata() refuses what is no JSON", () => {
    expect(() => parseMetadata("{")).toThrow("it is no JSON");
  });
});
