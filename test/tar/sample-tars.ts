import { entry, header, longName, pad, pax, record, tar } from "./tar-bytes.ts";

export const octal = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;
/** Regions of a sparse file: offset and size in turns. */
export const pairs = (...values: number[]): string => values.map(octal).join("");

/** The GNU header of an old sparse file: up to four pairs, flag, real size. */
export function gnuSparse(stored: number, realSize: number, regions: string, isExtended = false): Buffer {
  const raw: [number, string][] = [
    [386, regions],
    [482, isExtended ? "\x01" : "\0"],
    [483, octal(realSize)],
  ];
  return header({ type: "S", magic: "gnu", name: "sparse", size: stored, raw });
}

/** A block of further regions. */
export function extension(regions: string, isExtended = false): Buffer {
  const block = Buffer.alloc(512);
  block.write(regions, 0, 504, "latin1");
  block[504] = isExtended ? 1 : 0;
  return block;
}

/** "ab" at 5, "cd" at 10, a hole at the end: 20 bytes. */
export const SPARSE_FILE = "\0\0\0\0\0ab\0\0\0cd\0\0\0\0\0\0\0\0";
export const MAP_1_0: Buffer = pad("2\n5\n2\n10\n2\n");
export const records = (more: Record<string, string>): Buffer => pax({ "GNU.sparse.name": "sparse", ...more });

/** That file, and another behind it, in each form that sparse files have. */
export const SPARSE_FORMS: readonly (readonly [string, Buffer])[] = [
  ["GNU old", tar(gnuSparse(4, 20, pairs(5, 2, 10, 2, 20, 0)), pad("abcd"), entry({ name: "next" }, "n"))],
  [
    "PAX 0.0",
    tar(
      pax(
        record("GNU.sparse.size", "20") +
          record("GNU.sparse.numblocks", "2") +
          record("GNU.sparse.offset", "5") +
          record("GNU.sparse.numbytes", "2") +
          record("GNU.sparse.offset", "10") +
          record("GNU.sparse.numbytes", "2"),
      ),
      entry({ name: "sparse" }, "abcd"),
      entry({ name: "next" }, "n"),
    ),
  ],
  [
    "PAX 0.1",
    tar(
      records({ "GNU.sparse.size": "20", "GNU.sparse.numblocks": "2", "GNU.sparse.map": "5,2,10,2" }),
      entry({ name: "GNUSparseFile.1/sparse" }, "abcd"),
      entry({ name: "next" }, "n"),
    ),
  ],
  [
    "PAX 1.0",
    tar(
      records({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "20" }),
      entry({ name: "GNUSparseFile.1/sparse", size: 516 }, Buffer.concat([MAP_1_0, Buffer.from("abcd")])),
      entry({ name: "next" }, "n"),
    ),
  ],
];

export const SPARSE_V1: Readonly<Record<string, string>> = {
  "GNU.sparse.major": "1",
  "GNU.sparse.minor": "0",
  "GNU.sparse.realsize": "2000",
  "GNU.sparse.name": "s",
};

/** One of everything. */
export const FULL: Buffer = tar(
  pax({ comment: "global" }, "g"),
  entry({ name: "plain" }, "content ".repeat(100)),
  pax({ path: "\xff/long", mtime: "123.4", "SCHILY.xattr.user.a": "\0\x01" }),
  entry({ name: "short" }, "more"),
  longName("L", "n".repeat(150)),
  longName("K", "t".repeat(150)),
  header({ type: "1", magic: "gnu" }),
  header({ type: "5", name: "dir/" }),
  header({
    type: "S",
    magic: "gnu",
    size: 3,
    raw: [
      [386, "00000000005\x0000000000003\0"],
      [483, "00000000020\0"],
    ],
  }),
  pad("abc"),
  pax(SPARSE_V1),
  entry({ name: "GNUSparseFile.0/s" }, Buffer.concat([pad("1\n1000\n600\n"), Buffer.alloc(600, "y")])),
  header({ type: "3", name: "dev" }),
);
