import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TarError } from "../../src/tar/errors.ts";
import { TAR_LIMITS } from "../../src/tar/limits.ts";
import { readTar } from "../../src/tar/read-tar.ts";
import { cut, streamOf } from "../support/chunks.ts";
import { collectEntries } from "./collect-entries.ts";
import { FULL } from "./sample-tars.ts";
import { base256, END, entry, header, longName, pax, record, tar } from "./tar-bytes.ts";

describe("readTar() damage", () => {
  it.each([
    ["a wrong checksum", tar(entry({}, "x"), header({ checksum: "wrong" })), "TAR_CHECKSUM_INVALID", 1024],
    ["text", Buffer.from("<html>".repeat(200)), "TAR_CHECKSUM_INVALID", 0],
    [
      "a lone zero block",
      Buffer.concat([entry({}, "x"), Buffer.alloc(512), entry({}, "y")]),
      "TAR_LONE_ZERO_BLOCK",
      1024,
    ],
    ["a negative size", tar(header({ size: base256(-1n, 12) })), "TAR_SIZE_NEGATIVE", 0],
    ["a negative PAX size", tar(pax({ size: "-1" }), header({})), "TAR_SIZE_NEGATIVE", 0],
    [
      "a negative size of an extended header",
      tar(header({ type: "x", size: base256(-1n, 12) })),
      "TAR_SIZE_NEGATIVE",
      0,
    ],
    ["noise for a mode", tar(header({ mode: "rwxr-xr-" })), "TAR_NUMBER_INVALID", 0],
    ["noise for a size", tar(header({ size: "12x" })), "TAR_NUMBER_INVALID", 0],
    ["noise for a device number", tar(header({ type: "3", deviceMajor: "8:0" })), "TAR_NUMBER_INVALID", 0],
    ["uid −2^31−1", tar(header({ uid: base256(-(2n ** 31n) - 1n, 8) })), "TAR_NUMBER_INVALID", 0],
    [
      "a negative device number",
      tar(header({ type: "4", deviceMinor: base256(-1n, 8) as never })),
      "TAR_NUMBER_INVALID",
      0,
    ],
    ["uid 2^32", tar(header({ uid: base256(2n ** 32n, 8) })), "TAR_LIMIT_EXCEEDED", 0],
    ["PAX gid 2^32", tar(pax({ gid: "4294967296" }), header({})), "TAR_LIMIT_EXCEEDED", 0],
    ["device major 4096", tar(header({ type: "3", deviceMajor: 4096 })), "TAR_LIMIT_EXCEEDED", 0],
    ["PAX size 2^63", tar(pax({ size: "9223372036854775808" }), header({})), "TAR_LIMIT_EXCEEDED", 0],
    ["base-256 size 2^80", tar(header({ size: base256(2n ** 80n, 12) })), "TAR_LIMIT_EXCEEDED", 0],
    ["a PAX header over the limit", tar(header({ type: "x", size: TAR_LIMITS.paxSize + 1 })), "TAR_LIMIT_EXCEEDED", 0],
    [
      "a long name over the limit",
      tar(header({ type: "L", size: TAR_LIMITS.longNameSize + 1 })),
      "TAR_LIMIT_EXCEEDED",
      0,
    ],
    ["PAX uid noise", tar(pax({ uid: "root" }), header({})), "TAR_PAX_INVALID", 0],
    ["PAX mtime noise", tar(pax({ mtime: "now" }), header({})), "TAR_PAX_INVALID", 0],
    ["PAX mtime 1e99", tar(pax({ mtime: "1e99" }), header({})), "TAR_PAX_INVALID", 0],
    ["NUL in a path", tar(pax({ path: "a\0b" }), header({})), "TAR_PAX_INVALID", 0],
    ["NUL in a link", tar(pax({ linkpath: "a\0b" }), header({ type: "2" })), "TAR_PAX_INVALID", 0],
    ["PAX length 0", tar(pax("0 a=b\n"), header({})), "TAR_PAX_INVALID", 0],
    ["PAX length too long", tar(pax("99 a=b\n"), header({})), "TAR_PAX_INVALID", 0],
    ["PAX length too short", tar(pax("5 a=b\n"), header({})), "TAR_PAX_INVALID", 0],
    ["PAX length of 11 digits", tar(pax("00000000006 a=b\n"), header({})), "TAR_PAX_INVALID", 0],
    ["PAX without a length", tar(pax("a=b\n"), header({})), "TAR_PAX_INVALID", 0],
    ["PAX without a keyword", tar(pax("5 =b\n"), header({})), "TAR_PAX_INVALID", 0],
    ["PAX without an equals sign", tar(pax("6 abc\n"), header({})), "TAR_PAX_INVALID", 0],
    ["PAX without a newline", tar(pax("6 a=bc"), header({})), "TAR_PAX_INVALID", 0],
    ["a second volume", tar(header({ type: "M", magic: "gnu", name: "rest" })), "TAR_MULTI_VOLUME", 0],
    ["a PAX header without an entry", tar(pax({ path: "x" })), "TAR_TRUNCATED", 1024],
    ["a long name without an entry", longName("L", "x"), "TAR_TRUNCATED", 1024],
  ])("refuses %s", async (_, bytes, code, offset) => {
    await expect(collectEntries([bytes])).rejects.toMatchObject({ code, details: { offset, name: "sha256:test" } });
  });

  it("refuses a chain of extended headers without an end", async () => {
    const chain = Array.from({ length: TAR_LIMITS.extendedHeaderCount + 1 }, () => pax({ path: "x" }));
    await expect(collectEntries(chain)).rejects.toMatchObject({ details: { limitName: "extendedHeaderCount" } });
  });

  it("accepts everything at its limit", async () => {
    const value = "v".repeat(TAR_LIMITS.paxSize - "1048576 SCHILY.xattr.user.a=\n".length);
    const records = record("SCHILY.xattr.user.a", value);
    expect(records.length).toBe(TAR_LIMITS.paxSize);
    const [seen] = await collectEntries([tar(pax(records), entry({ size: 0, uid: base256(2n ** 32n - 1n, 8) }))]);
    expect(seen?.xattrs["user.a"]?.length).toBe(value.length);
  });

  it("names the layer, the byte, the entry and the remedy", async () => {
    await expect(
      collectEntries([tar(entry({ name: "a" }), pax({ path: "d\xc3\xa9j\xc3\xa0", uid: "-" }), header({}))]),
    ).rejects.toThrow(
      'Cannot read the tar of layer sha256:test at byte 512: the extended header there is malformed: uid is "-", not a number. The layer is damaged',
    );
    await expect(
      collectEntries([entry({ name: "d\xc3\xa9j\xc3\xa0" }, "x".repeat(99)).subarray(0, 520)]),
    ).rejects.toThrow('at byte 520: the tar ends there, inside the content of "déjà", 91 bytes early.');
  });

  it("lets the source's own complaint win over the damage that it explains", async () => {
    async function* altered(): AsyncGenerator<Uint8Array> {
      yield tar(header({ checksum: "wrong" }));
      throw new Error("the digest is wrong");
    }
    await expect(readTar(altered(), { name: "sha256:test" }).next()).rejects.toThrow("the digest is wrong");
  });

  it("ends in a TarError or a whole entry list, cut anywhere", async () => {
    const whole = await collectEntries([FULL]);
    expect(whole).toHaveLength(7);
    const dataEnd = FULL.length - END.length;
    for (let size = 0; size < FULL.length; size++) {
      const result = await collectEntries([FULL.subarray(0, size)]).catch((error: unknown) => error);
      // A cut at an entry's border, or inside padding, is an archive without end blocks.
      if (Array.isArray(result)) {
        expect(whole.slice(0, result.length)).toEqual(result);
        if (size >= dataEnd) expect(result).toHaveLength(7);
      } else {
        expect(result).toBeInstanceOf(TarError);
        expect(result).toMatchObject({ code: "TAR_TRUNCATED", details: { offset: expect.any(Number) } });
        expect((result as TarError).details.offset).toBeLessThanOrEqual(size);
        expect(size).toBeLessThan(dataEnd);
      }
    }
  });

  it("ends in a TarError or a list, with any bits flipped and any chunking", async () => {
    const flips = fc.array(fc.record({ at: fc.nat(FULL.length - 1), bit: fc.nat(7) }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(flips, fc.array(fc.nat(3000), { maxLength: 5 }), async (all, sizes) => {
        const bytes = Buffer.from(FULL);
        for (const { at, bit } of all) bytes[at]! ^= 1 << bit;
        const result = await collectEntries(cut(bytes, sizes)).catch((error: unknown) => error);
        if (!Array.isArray(result)) expect(result).toBeInstanceOf(TarError);
      }),
      { numRuns: 1500 },
    );
  });

  it("ends in a TarError or a list, with a header of noise under a right checksum", async () => {
    const noise = fc.uint8Array({ minLength: 512, maxLength: 512 });
    const type = fc.constantFrom(..."01234567xgXLKSDMNVZ\0".split(""));
    await fc.assert(
      fc.asyncProperty(
        noise,
        type,
        fc.constantFrom("ustar" as const, "gnu" as const),
        async (bytes, typeFlag, magic) => {
          // Noise everywhere but in the size, so that the data behind is reached.
          const block = header({
            type: typeFlag,
            size: 600,
            magic,
            raw: [
              [0, bytes.subarray(0, 100)],
              [157, bytes.subarray(157, 257)],
              [265, bytes.subarray(265)],
            ],
          });
          const tail = Buffer.concat([Buffer.from(bytes), Buffer.from(bytes), FULL]);
          const result = await collectEntries([block, tail]).catch((error: unknown) => error);
          if (!Array.isArray(result)) expect(result).toBeInstanceOf(TarError);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("stops waiting for a source when the consumer leaves inside a body", async () => {
    let left = false;
    async function* source() {
      try {
        yield* streamOf(cut(FULL, [600, 100, 100]));
        await new Promise(() => {});
      } finally {
        left = true;
      }
    }
    for await (const seen of readTar(source(), { name: "sha256:test" })) {
      for await (const _ of seen.body()) break;
      break;
    }
    expect(left).toBe(true);
  });
});
