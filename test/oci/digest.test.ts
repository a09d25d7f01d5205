import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  computeDigest,
  createDigestHash,
  digestAlgorithm,
  digestHex,
  isDigest,
  parseDigest,
} from "../../src/oci/digest.ts";

const HEX64 = "a".repeat(64);

describe("parseDigest()", () => {
  it.each([`sha256:${HEX64}`, `sha512:${HEX64}${HEX64}`])("takes %s", (text) => {
    expect(parseDigest(text)).toBe(text);
    expect(isDigest(text)).toBe(true);
  });

  it.each([
    ["", "it has no colon"],
    [HEX64, "it has no colon"],
    [":", "the algorithm"],
    [`md5:${"a".repeat(32)}`, "the algorithm"],
    [`SHA256:${HEX64}`, "the algorithm"],
    [`toString:${HEX64}`, "the algorithm"],
    ["sha256:", "0 hexadecimal digits"],
    [`sha256:${HEX64.slice(1)}`, "63 hexadecimal digits"],
    [`sha256:${HEX64}a`, "65 hexadecimal digits"],
    [`sha256:${HEX64.toUpperCase()}`, "characters other than"],
    [`sha256:${HEX64.slice(1)}/`, "characters other than"],
    [`sha256:${HEX64}\n`, "characters other than"],
    [`sha512:${HEX64}`, "64 hexadecimal digits, not 128"],
  ])("refuses %j", (text, problem) => {
    expect(() => parseDigest(text)).toThrow(
      expect.objectContaining({ code: "DIGEST_INVALID", message: expect.stringContaining(problem) }),
    );
    expect(isDigest(text)).toBe(false);
  });
});

describe("computeDigest()", () => {
  it("gives the published digest of no bytes", () => {
    expect(computeDigest(new Uint8Array())).toBe(
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
  });

  it("agrees with the running hash over any chunking, and parses", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.constantFrom("sha256", "sha512"),
        (chunks, algorithm) => {
          const digest = computeDigest(Buffer.concat(chunks), algorithm);
          const hash = createDigestHash(digest);
          for (const chunk of chunks) hash.update(chunk);
          expect(hash.digest("hex")).toBe(digestHex(parseDigest(digest)));
          expect(digestAlgorithm(digest)).toBe(algorithm);
        },
      ),
    );
  });
});
