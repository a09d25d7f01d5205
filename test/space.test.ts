import { describe, expect, it } from "vitest";
import type { Descriptor } from "../src/oci/descriptor.ts";
import type { ProgressEvent } from "../src/progress.ts";
import { checkSpace, estimateRewritten, estimateSize, type SpaceNeeds } from "../src/space.ts";

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const TAR = "application/vnd.oci.image.layer.v1.tar";
const layer = (size: number, mediaType = GZIP): Descriptor => ({ mediaType, size, digest: `sha256:${"0".repeat(64)}` });

describe("estimateSize()", () => {
  it.each([
    ["no layer", [], "gzip", 0, 0],
    ["one layer", [layer(1000)], "gzip", 1000, 500],
    ["many equal ones", [1, 2, 3, 4].map(() => layer(1000)), "gzip", 4000, 1000],
    ["a large one above small ones", [layer(100), layer(1000)], "gzip", 1100, 500],
    ["a plain tar, which may be holes", [layer(1000, TAR)], "gzip", 400, 0],
    ["lz4", [layer(1000)], "lz4", 1500, 500],
    ["no compression", [layer(1000)], "none", 2700, 500],
  ] as const)("of %s", (_, layers, compression, likely, least) => {
    expect(estimateSize(layers, compression)).toEqual({ likely, least });
  });
});

describe("estimateRewritten()", () => {
  it.each([
    ["blocks that are taken over", "gzip", "gzip", true, 1000, 1000],
    ["another block size", "gzip", "gzip", false, 1000, 500],
    ["gzip to lz4", "gzip", "lz4", false, 1500, 750],
    ["none to gzip", "none", "gzip", false, 371, 185],
    ["xz to gzip", "xz", "gzip", false, 1177, 588],
    ["zstd to none", "zstd", "none", false, 2843, 1421],
  ] as const)("of %s", (_, from, to, adopted, likely, least) => {
    expect(estimateRewritten(1000, { from, to, adopted })).toEqual({ likely, least });
  });
});

describe("checkSpace()", () => {
  const run = async (free: Readonly<Record<string, number | undefined>>, needs: Partial<SpaceNeeds> = {}) => {
    const events: ProgressEvent[] = [];
    const skipped: string[] = [];
    const side = { path: "/cache", size: 700, skip: (reason: string) => void skipped.push(reason) };
    await checkSpace({
      size: estimateSize([layer(1000)], "gzip"),
      directory: "/out",
      sideCopy: side,
      ignore: false,
      onProgress: (event) => events.push(event),
      askFreeSpace: async (path) => {
        const bytes = free[path];
        return bytes === undefined ? undefined : { free: bytes, fileSystem: path === "/same" ? "/out" : path };
      },
      ...needs,
    });
    return { events, skipped };
  };

  it("tells what goes where", async () => {
    const { events, skipped } = await run({ "/out": 5000, "/cache": 5000 });
    expect(events).toEqual([
      { kind: "space", use: "image", path: "/out", size: 1000, free: 5000 },
      { kind: "space", use: "cache", path: "/cache", size: 700, free: 5000 },
    ]);
    expect(skipped).toEqual([]);
  });

  it("refuses an image that will hardly fit, and says what helps", async () => {
    await expect(run({ "/out": 499, "/cache": 5000 })).rejects.toMatchObject({
      code: "SPACE_TOO_SMALL",
      message: expect.stringMatching(/^Not enough space in "\/out".*write to another file system\.$/),
    });
  });

  it.each([
    ["just enough", { "/out": 500 }, {}],
    ["a file system that does not tell", {}, {}],
    ["the user's word", { "/out": 0 }, { ignore: true }],
    ["an output that is no file", { "/out": 0 }, { directory: undefined }],
  ] as const)("lets pass %s", async (_, free, needs) => {
    const { events, skipped } = await run(free, { sideCopy: undefined, ...needs });
    expect(skipped).toEqual([]);
    expect(events.filter(({ kind }) => kind !== "space")).toEqual([]);
  });

  it.each([
    ["enough on its own file system", "/cache", { "/out": 1000, "/cache": 700 }, false],
    ["too little there", "/cache", { "/out": 1000, "/cache": 699 }, true],
    ["enough for both on one", "/same", { "/out": 1700, "/same": 1700 }, false],
    ["too little for both on one", "/same", { "/out": 1699, "/same": 1699 }, true],
  ] as const)("with %s decides about the cache's copy", async (_, path, free, skips) => {
    const skipped: string[] = [];
    await run(free, { sideCopy: { path, size: 700, skip: (reason) => void skipped.push(reason) } });
    expect(skipped.length > 0).toBe(skips);
  });
});
