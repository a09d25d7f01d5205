import { describe, expect, it } from "vitest";
import { cutEvenly } from "../support/chunks.ts";
import { type CollectedEntry, collectEntries } from "./collect-entries.ts";
import { extension, gnuSparse, octal, pairs, records, SPARSE_FILE, SPARSE_FORMS } from "./sample-tars.ts";
import { base256, entry, header, pad, pax, record, tar } from "./tar-bytes.ts";

describe("readTar() sparse files", () => {
  it.each(SPARSE_FORMS)("%s: content with its holes, for any chunk size", async (_, bytes) => {
    for (const size of [1 << 20, 512, 300, 7]) {
      const [sparse, next] = await collectEntries(cutEvenly(bytes, size), "buffered");
      expect(sparse).toMatchObject({ path: "sparse", kind: "file", size: 20, holes: 16, content: SPARSE_FILE });
      expect(next).toMatchObject({ path: "next", content: "n" });
    }
  });

  it.each(SPARSE_FORMS)("%s: skipped when not read", async (_, bytes) => {
    const entries: CollectedEntry[] = await collectEntries([bytes], "buffered");
    expect(entries.map((seen) => seen.path)).toEqual(["sparse", "next"]);
  });

  it("GNU old: reads extension blocks", async () => {
    const offsets = Array.from({ length: 4 + 21 + 3 }, (_, i) => i * 1024);
    const text = (from: number, to: number) =>
      offsets
        .slice(from, to)
        .map((offset) => pairs(offset, 512))
        .join("");
    const data = Buffer.alloc(28 * 512, "x");
    const bytes = tar(
      gnuSparse(data.length, 28 * 1024, text(0, 4), true),
      extension(text(4, 25), true),
      extension(text(25, 28)),
      data,
      entry({ name: "next" }),
    );
    const [sparse, next] = await collectEntries(cutEvenly(bytes, 1000));
    expect(sparse?.content).toBe(("x".repeat(512) + "\0".repeat(512)).repeat(28));
    expect(next?.path).toBe("next");
  });

  it("gives a file that is one hole, of a terabyte", async () => {
    const size = 2 ** 40;
    const old = header({ type: "S", magic: "gnu", size: 0, raw: [[483, base256(BigInt(size), 12)]] });
    const version = { "GNU.sparse.major": "1", "GNU.sparse.minor": "0" };
    const new10 = [records({ ...version, "GNU.sparse.realsize": String(size) }), entry({}, pad("0\n"))];
    for (const bytes of [tar(old), tar(...new10)]) {
      const [sparse] = await collectEntries([bytes]);
      expect(sparse).toMatchObject({ size, holes: size, content: "" });
    }
  });

  const v1 = { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "20" };
  it.each([
    ["overlapping regions", tar(gnuSparse(4, 20, pairs(5, 2, 6, 2)), pad("abcd")), "TAR_SPARSE_INVALID"],
    ["a region past the end", tar(gnuSparse(4, 20, pairs(5, 2, 19, 2)), pad("abcd")), "TAR_SPARSE_INVALID"],
    ["more stored than mapped", tar(gnuSparse(5, 20, pairs(5, 4)), pad("abcde")), "TAR_SPARSE_INVALID"],
    ["less stored than mapped", tar(gnuSparse(3, 20, pairs(5, 4)), pad("abc")), "TAR_SPARSE_INVALID"],
    [
      "a negative offset",
      tar(
        header({
          type: "S",
          magic: "gnu",
          raw: [
            [386, base256(-5n, 12)],
            [483, octal(9)],
          ],
        }),
      ),
      "TAR_SPARSE_INVALID",
    ],
    ["noise for a number", tar(gnuSparse(4, 20, "nonsense"), pad("abcd")), "TAR_SPARSE_INVALID"],
    ["noise for the size", tar(header({ type: "S", magic: "gnu", raw: [[483, "nonsense"]] })), "TAR_SPARSE_INVALID"],
    [
      "an offset without its size",
      tar(records({ "GNU.sparse.size": "9", "GNU.sparse.map": "1,2,3" }), entry({}, "ab")),
      "TAR_SPARSE_INVALID",
    ],
    [
      "noise in the map",
      tar(records({ "GNU.sparse.size": "9", "GNU.sparse.map": "1,x" }), entry({})),
      "TAR_PAX_INVALID",
    ],
    ["no size", tar(records({ "GNU.sparse.map": "1,2" }), entry({}, "ab")), "TAR_SPARSE_INVALID"],
    ["pairs out of turn", tar(pax(record("GNU.sparse.numbytes", "1")), entry({})), "TAR_PAX_INVALID"],
    [
      "an unknown version",
      tar(records({ "GNU.sparse.major": "2", "GNU.sparse.minor": "0" }), entry({})),
      "TAR_SPARSE_INVALID",
    ],
    ["a 1.0 map without an end", tar(records(v1), entry({}, Buffer.alloc(1024, "1"))), "TAR_SPARSE_INVALID"],
    ["a 1.0 map longer than the entry", tar(records(v1), entry({}, pad("500\n1\n"))), "TAR_SPARSE_INVALID"],
    ["a 1.0 map in an empty entry", tar(records(v1), entry({})), "TAR_SPARSE_INVALID"],
    ["a billion regions", tar(records(v1), entry({}, pad("1000000000\n"))), "TAR_LIMIT_EXCEEDED"],
    [
      "8 EiB of hole",
      tar(records({ ...v1, "GNU.sparse.realsize": "9223372036854775807" }), entry({}, pad("0\n"))),
      "TAR_LIMIT_EXCEEDED",
    ],
  ])("refuses %s", async (_, bytes, code) => {
    await expect(collectEntries([bytes])).rejects.toMatchObject({ code });
  });

  it.each([21, 20, 0])("refuses extension blocks without an end, of %i regions each", async (count) => {
    const block = extension(Array.from({ length: count }, (_, i) => pairs(i, 1)).join(""), true);
    const blocks = Buffer.concat(Array.from({ length: 2048 }, () => block));
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield gnuSparse(4, 20, "", true);
      for (let size = 0; size < 2 ** 30; size += blocks.length) yield blocks;
    }
    const { readTar } = await import("../../src/tar/read-tar.ts");
    await expect(readTar(endless(), { name: "sha256:test" }).next()).rejects.toMatchObject({
      code: "TAR_LIMIT_EXCEEDED",
      details: { limitName: "sparseRegionCount" },
    });
  });
});
