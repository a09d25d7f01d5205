import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { processMark } from "../../src/bytes/process-mark.ts";
import { unpackImage } from "../../src/cli/unpack-image.ts";
import { makeSif } from "../support/small-sif.ts";

it("unpackImage() removes what killed runs have left behind, and nothing of those that go on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sifon-unpack-test-"));
  const image = join(folder, "image.sif");
  await makeSif(image);
  const place = join(folder, "place");
  const name = (mark: string) => `.sifon-unpacked.${mark}-0123456789ab.tmp`;
  // Past the kernel's largest number of a process.
  const ended = name(processMark().replace(/\d+$/, "4194305"));
  for (const left of [ended, name(processMark())]) {
    await mkdir(join(place, left, "root"), { recursive: true });
    await writeFile(join(place, left, "root/file"), "");
  }
  const tools = {
    ...{ values: { text: () => place, flag: () => true }, log: { warning() {}, info() {} } },
    context: { signal: new AbortController().signal },
  } as unknown as Parameters<typeof unpackImage>[2];
  const { directory, remove } = await unpackImage(image, new Error("no mount"), tools);
  expect(await readdir(join(directory, "etc"))).toContain("base");
  expect(await readdir(place)).toHaveLength(2);
  expect(await readdir(place)).not.toContain(ended);
  await remove();
  expect(await readdir(place)).toEqual([name(processMark())]);
  await rm(folder, { recursive: true });
});
