import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PromptIterator } from "../../src/bytes/prompt-iterator.ts";
import { SifonError } from "../../src/errors.ts";
import { readLayerEntries } from "../../src/layer/open-layer.ts";
import { LayerThreads } from "../../src/layer/thread/layer-threads.ts";
import { PIECE_SIZE as PIECE, SLOT_SIZE as SLOT } from "../../src/layer/thread/messages.ts";
import type { Layer } from "../../src/oci/image.ts";
import { LAYER_THREAD } from "../../src/source/thread/program.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { cutEvenly } from "../support/chunks.ts";
import { collectEntry } from "../tar/collect-entries.ts";
import { FULL, gnuSparse, octal, pairs, SPARSE_FORMS } from "../tar/sample-tars.ts";
import { base256, entry, header, longName, pad, pax, record, tar } from "../tar/tar-bytes.ts";
import { layerOf, sha256 } from "./blobs.ts";

const { signal } = new AbortController();

/** How a reader takes the contents of entries. */
const TAKINGS = ["all", "half", "nothing"] as const;
type Taking = (typeof TAKINGS)[number];

/** What of an entry a reader sees, and where in its content an error came. */
async function take(one: TarEntry, taking: Taking): Promise<object> {
  if (taking === "all") {
    const { content, holes, ...fields } = await collectEntry(one, one.size % 2 === 0 ? "body" : "buffered");
    const digest = sha256(Buffer.from(content, "latin1"));
    // In a small file holes may come as the zeros that they stand for.
    return { ...fields, digest, holes: one.size > PIECE ? holes : undefined };
  }
  const { path, kind, mode, uid, gid, mtimeSec, size, linkName, deviceMajor, deviceMinor, offset } = one;
  const fields = { path, kind, mode, uid, gid, mtimeSec, size, linkName, deviceMajor, deviceMinor, offset };
  // Of a small content that is cut short, a thread gives the error alone.
  if (taking === "half") for await (const _ of one.body()) if (size > PIECE) break;
  return fields;
}

/** Everything that comes of a layer: what its entries are, and the error that ends it. */
async function outcome(entries: PromptIterator<TarEntry>, taking: Taking): Promise<object[]> {
  const seen: object[] = [];
  try {
    for (let next = await entries.next(); next.done !== true; next = await entries.next())
      seen.push(await take(next.value, taking));
    // The end stays the end.
    seen.push({ end: (await entries.next()).done });
  } catch (error) {
    await entries.return();
    if (!(error instanceof SifonError)) throw error;
    const { cause: _, ...details } = error.details;
    seen.push({ type: error.constructor, code: error.code, message: error.message, details });
  }
  return seen;
}

/** Each layer by each way of taking contents, in this thread and in others. */
async function bothWays(layers: readonly Layer[]): Promise<{ readonly ours: object[][]; readonly theirs: object[][] }> {
  const all = layers.flatMap((layer) => TAKINGS.map((taking) => ({ layer, taking })));
  const [ours, theirs]: [object[][], object[][]] = [[], []];
  for (const { layer, taking } of all) ours.unshift(await outcome(readLayerEntries(layer, { signal }), taking));
  const threads = new LayerThreads(
    all.map(({ layer }) => layer),
    { program: LAYER_THREAD, signal, threadCount: 2, bufferSize: 2 * SLOT },
  );
  try {
    for (let i = all.length - 1; i >= 0; i--)
      theirs.push(await outcome(threads.entries(i), (all[i] as { taking: Taking }).taking));
  } finally {
    await threads.close();
  }
  return { ours, theirs };
}

const noise = (size: number, seed: number): Buffer => {
  const bytes = Buffer.alloc(size);
  for (let at = 0, x = seed; at + 4 <= size; at += 4) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes.writeUInt32LE(x >>> 8, at);
  }
  return bytes;
};
const file = (size: number, name = `file of ${size}`) => entry({ name }, noise(size, size));
const files = (...sizes: readonly number[]) => tar(...sizes.map((size) => file(size)));
const sparse = (records: Readonly<Record<string, string>>, content: string | Uint8Array) =>
  tar(pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", ...records }), entry({ name: "s" }, content), file(3));

const ARCHIVES: readonly (readonly [string, Buffer])[] = [
  ["nothing", Buffer.alloc(0)],
  ["no entries", tar()],
  ["one of everything", FULL],
  ["files about the size of a piece", files(PIECE - 1, 0, 1, PIECE, 2, PIECE + 1, 3, PIECE + 4, 5)],
  ["files about the size of a slot", files(SLOT - PIECE, SLOT - 4096, SLOT - 60, 7, SLOT, SLOT + 1, 2 * SLOT + 5)],
  ["what leaves less than a piece of a slot", files(...Array.from({ length: 9 }, (_, i) => PIECE - 100 * i), 3 * SLOT)],
  ["many small files", files(...Array.from({ length: 3000 }, (_, i) => (i * 37) % 900))],
  ["many directories", tar(...Array.from({ length: 9000 }, (_, i) => header({ type: "5", name: `d${i}/` })))],
  ["a name of 900 KiB", tar(file(5), pax({ path: "n".repeat(900 * 1024) }), file(7), file(2 * PIECE))],
  ["a name of a megabyte", tar(longName("L", "n".repeat((1 << 20) - 1)), file(0), file(9))],
  [
    "a target of a megabyte",
    tar(longName("K", "t".repeat((1 << 20) - 1)), header({ type: "2", magic: "gnu" }), file(9)),
  ],
  [
    "attributes of megabytes",
    tar(
      file(PIECE),
      ...[1, 2, 3].map((i) => pax({ [`SCHILY.xattr.user.${i}`]: `${i}`.repeat(1_000_000) })),
      file(SLOT),
      pax({ "SCHILY.xattr.user.\xff": "", "SCHILY.xattr.security.capability": "\0\x01\xff" }),
      file(4),
    ),
  ],
  ["attributes for all", tar(pax({ "SCHILY.xattr.user.a": "1", mtime: "77.5" }, "g"), file(1), header({ type: "5" }))],
  [
    "owners, times and devices at their limits",
    tar(
      header({ uid: base256(2n ** 32n - 1n, 8), gid: base256(-2n, 8), mtime: base256(2n ** 33n, 12), mode: 0o7777 }),
      header({ uid: 0, mtime: base256(-5n, 12), mode: 0 }),
      header({ type: "3", deviceMajor: 4095, deviceMinor: 1_048_575 }),
      header({ type: "4", deviceMajor: 0, deviceMinor: 1 }),
      header({ type: "6" }),
    ),
  ],
  ["bytes that are no UTF-8", tar(header({ name: "\xff\xfe", type: "2", linkName: "\x80/\xc3" }))],
  [
    "a hard link with data",
    tar(entry({ name: "a" }, "data"), entry({ name: "b", type: "1", linkName: "a" }, "data"), file(1)),
  ],
  ["a hard link with a size alone", tar(header({ type: "1", size: 700, linkName: "a" }), file(600))],
  ...SPARSE_FORMS.map(([name, bytes]) => [`sparse: ${name}`, bytes] as const),
  ["a file of holes", sparse({ "GNU.sparse.realsize": "5000000" }, pad("0\n"))],
  [
    "a hole of a terabyte",
    sparse({ "GNU.sparse.realsize": `${2 ** 40}` }, Buffer.concat([pad(`1\n${2 ** 40 - 3}\n3\n`), Buffer.from("end")])),
  ],
  [
    "regions of more than a slot, holes between",
    sparse(
      { "GNU.sparse.realsize": `${5 * SLOT}` },
      Buffer.concat([pad(`3\n7\n${SLOT + 9}\n${2 * SLOT}\n0\n${3 * SLOT}\n${2 * SLOT}\n`), noise(3 * SLOT + 9, 5)]),
    ),
  ],
  [
    "thousands of small regions",
    tar(
      pax({
        "GNU.sparse.size": "400000",
        "GNU.sparse.map": Array.from({ length: 20_000 }, (_, i) => `${i * 20},3`).join(","),
      }),
      entry({ name: "s" }, noise(60_000, 6)),
      file(1),
    ),
  ],
  [
    "a sparse file whose content is cut short",
    Buffer.concat([gnuSparse(900_000, 2_000_000, pairs(0, 900_000)), noise(700_000, 8)]),
  ],
  ["a wrong map", tar(file(1), gnuSparse(4, 20, pairs(5, 2, 6, 2)), pad("abcd"))],
  ["a map without a number", tar(file(1), gnuSparse(4, 20, `${octal(5)}no number..`), pad("abcd"))],
  ["no end blocks", file(700)],
  ["no last padding", file(700).subarray(0, 512 + 700)],
  ["garbage behind the end", Buffer.concat([files(3), noise(3 * SLOT, 9)])],
  ["a wrong checksum", tar(file(SLOT), file(8), header({ checksum: "wrong" }))],
  ["a lone zero block", Buffer.concat([file(1), Buffer.alloc(512), file(2)])],
  ["a header cut short", Buffer.concat([file(9), header({ name: "cut" }).subarray(0, 100)])],
  ["an extended header cut short", Buffer.concat([file(9), pax({ path: "x".repeat(2000) }).subarray(0, 900)])],
  ["a small content cut short", Buffer.concat([file(9), file(70_000, "cut").subarray(0, 60_000)])],
  ["a small content of which nothing is there", Buffer.concat([file(9), header({ name: "cut", size: 100 })])],
  ["a large content cut short", Buffer.concat([file(9), file(3 * SLOT, "cut").subarray(0, SLOT)])],
  [
    "a content of terabytes that is not there",
    Buffer.concat([file(9), header({ name: "cut", size: base256(2n ** 43n, 12) })]),
  ],
  ["a file beyond all limits", tar(file(9), header({ size: base256(2n ** 50n, 12) }))],
  ["a long name without an entry", Buffer.concat([file(9), longName("L", "x")])],
  [
    "extended headers without an end",
    Buffer.concat([file(9), ...Array.from({ length: 66 }, () => pax({ path: "x" }))]),
  ],
  ["a PAX record that is none", tar(file(9), pax("a=b\n"), file(8))],
  ["a record without a keyword behind many", tar(file(9), pax(record("path", "x") + "5 =b\n"), file(8))],
  ["a second volume", tar(file(9), header({ type: "M", magic: "gnu", name: "rest" }))],
  ["no tar", noise(100_000, 10)],
];

describe("what comes out of a layer's thread is what comes out of this one", () => {
  it.each(ARCHIVES)("%s", async (_, bytes) => {
    const stored = gzipSync(bytes, { level: 1 });
    const layer = layerOf({ stored, tar: bytes, chunks: cutEvenly(stored, 30_011) });
    const { ours, theirs } = await bothWays([layer]);
    expect(theirs).toEqual(ours);
    expect(ours.flat().length).toBeGreaterThan(0);
  });

  it("archives of random files and damage", async () => {
    const sizes = fc.array(fc.oneof(fc.nat(2000), fc.nat(2 * PIECE), fc.nat(2 * SLOT)), {
      minLength: 1,
      maxLength: 5,
    });
    const flips = fc.array(fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), bit: fc.nat(7) }), {
      maxLength: 2,
    });
    const layers = fc
      .sample(fc.tuple(sizes, flips, fc.boolean()), { numRuns: 4, seed: 1 })
      .map(([all, damage, isAttributed]) => {
        const parts = all.map((size, i) =>
          isAttributed
            ? [pax({ path: "p".repeat(size % 5000), "SCHILY.xattr.user.i": `${i}` }), file(size)]
            : [file(size)],
        );
        const bytes = tar(...parts.flat());
        for (const { at, bit } of damage) {
          const place = Math.floor(at * bytes.length);
          bytes[place] = (bytes[place] as number) ^ (1 << bit);
        }
        return layerOf({ stored: gzipSync(bytes, { level: 1 }), tar: bytes });
      });
    const { ours, theirs } = await bothWays(layers);
    expect(theirs).toEqual(ours);
  });
});
