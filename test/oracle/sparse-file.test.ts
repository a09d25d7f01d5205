import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import type { BodyPart } from "../../src/bytes/file-body.ts";
import { addHostFile, readBuffer } from "../../src/sandbox/add-host-file.ts";
import { dataRuns } from "../../src/sandbox/data-runs.ts";
import { requireTool } from "../support/tools.ts";

const MIB = 1024 * 1024;
const SIZE = 80 * MIB;
const perl = requireTool("perl", "perl-base");

/** A file of which only these offsets are written, 5 bytes each. */
async function sparseFile({ onTestFinished }: TestContext, size: number, offsets: readonly number[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-sparse-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "file");
  const handle = await open(path, "w");
  await handle.truncate(size);
  for (const offset of offsets) await handle.write(Buffer.from("bytes"), 0, 5, offset);
  await handle.sync();
  await handle.close();
  return path;
}

/** What the store gets: where data lie, and how many bytes came as data. */
async function taken(path: string, during: () => Promise<void> = async () => {}) {
  const found: number[] = [];
  let [position, bytes] = [0, 0];
  await addHostFile(Buffer.from(path), await stat(path), {
    buffer: readBuffer(),
    failed: (cause) => cause as Error,
    changed: (seen) => new Error(`changed to ${seen}`),
    contents: {
      async add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array): Promise<number> {
        for await (const part of parts as AsyncIterable<BodyPart>) {
          if (part instanceof Uint8Array) {
            bytes += part.length;
            for (let at = part.indexOf(0x62); at >= 0; at = part.indexOf(0x62, at + 1)) found.push(position + at);
            position += part.length;
          } else position += part.zeros;
          await during();
        }
        expect(position).toBe(size);
        return 1;
      },
    },
  });
  return { found, bytes };
}

describe.skipIf(perl === undefined)("addHostFile() of a sparse file", () => {
  it.for<[number, readonly number[]]>([
    [SIZE, [0]],
    [SIZE, [SIZE - 5]],
    [SIZE + 1, [SIZE - 4]],
    [SIZE, [3, 40 * MIB + 17, SIZE - 5]],
    [SIZE - 1, [20 * MIB]],
  ])("of %i bytes with data at %j reads these alone", async ([size, offsets], context) => {
    const { found, bytes } = await taken(await sparseFile(context, size, offsets));
    expect(found).toEqual(offsets);
    expect(bytes).toBeLessThan(2 * MIB);
  });

  it("reads nothing of one that is a hole alone, as the kernel says so", async (context) => {
    expect(await taken(await sparseFile(context, SIZE, []))).toEqual({ found: [], bytes: 0 });
  });

  it("reads all of one whose blocks are fewer than its holes by less than 64 MiB", async (context) => {
    const { found, bytes } = await taken(await sparseFile(context, 60 * MIB, [5]));
    expect({ found, bytes }).toEqual({ found: [5], bytes: 60 * MIB });
  });

  it("gives the same where perl is missing", async (context) => {
    const path = await sparseFile(context, SIZE, [7, SIZE - 5]);
    const { PATH } = process.env;
    process.env.PATH = "/nowhere";
    context.onTestFinished(() => {
      process.env.PATH = PATH;
    });
    expect(await taken(path)).toEqual({ found: [7, SIZE - 5], bytes: SIZE });
  });

  it.for([
    ["shorter", 70 * MIB],
    ["longer", SIZE + 1],
  ] as const)("refuses one that gets %s meanwhile", async ([, size], context) => {
    const path = await sparseFile(context, SIZE, [7, 30 * MIB]);
    const handle = await open(path, "r+");
    context.onTestFinished(() => handle.close());
    await expect(taken(path, () => handle.truncate(size))).rejects.toThrow(`changed to ${size}`);
  });
});

describe.skipIf(perl === undefined)("dataRuns()", () => {
  it("asks nothing where nearly all of a file is on disk", async (context) => {
    const handle = await open(await sparseFile(context, SIZE, []));
    context.onTestFinished(() => handle.close());
    expect(await dataRuns(handle, { size: SIZE, blocks: (16 * MIB) / 512 + 1 })).toBeUndefined();
    expect(await dataRuns(handle, { size: SIZE, blocks: (16 * MIB) / 512 })).toEqual([]);
  });

  it("does not take a number of blocks for the truth", async (context) => {
    const path = await sparseFile(context, SIZE, [50 * MIB]);
    const handle = await open(path);
    context.onTestFinished(() => handle.close());
    const runs = (await dataRuns(handle, { size: SIZE, blocks: 0 })) ?? [];
    expect(runs).toHaveLength(1);
    expect(runs[0]?.from).toBeLessThanOrEqual(50 * MIB);
    expect(runs[0]?.to).toBeGreaterThanOrEqual(50 * MIB + 5);
  });
});
