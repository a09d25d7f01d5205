import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConvertTuning } from "../../src/build/tuning.ts";
import { type ConvertReport, convert } from "../../src/convert.ts";
import { openSink } from "../../src/sink/open-sink.ts";
import { createSource } from "../../src/source/open-source.ts";
import { makeImage, type TestImageOptions, writeLayout } from "./registry-image.ts";

/** Builds a SIF of a small image. */
export async function makeSif(
  path: string,
  image: TestImageOptions = {},
  tuning: ConvertTuning = {},
): Promise<ConvertReport> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-small-sif-"));
  const { blobs, descriptor } = await makeImage({ diffIds: [], ...image });
  await writeLayout(folder, blobs, [descriptor]);
  const source = createSource(`oci:${folder}`);
  try {
    const sink = await openSink(path, { overwrite: true });
    return await convert({ source, sink, workers: 0, ...tuning });
  } finally {
    await source.close();
    await rm(folder, { recursive: true, force: true });
  }
}
