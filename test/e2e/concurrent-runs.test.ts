import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { busybox, busyboxLayer } from "../support/runnable-image.ts";
import { sifon } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const RUNS = 100;
const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);

describe.skipIf(!ready)("many runs at once", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-concurrent-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("answers each, and leaves no mount and no process", async () => {
    const image = join(folder, "image.sif");
    await makeSif(image, { layers: [await busyboxLayer()], config: { Env: ["PATH=/bin"] } });
    const runs = Array.from({ length: RUNS }, (_, index) =>
      // What runs in the background ends with its own run, and with no other: namespaces' numbers are used again.
      sifon(["exec", image, "sh", "-c", `sleep 64 & echo answer ${index}; exit ${index % 7}`], { cwd: folder }),
    );
    const results = (await Promise.all(runs)).map(({ code, stdout, stderr }) => ({ code, stdout, stderr }));
    const expected = results.map((_, index) => ({ code: index % 7, stdout: `answer ${index}\n`, stderr: "" }));
    expect(results).toEqual(expected);
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(folder);
    expect(await processesWith(folder)).toEqual([]);
  });
});

/** Command lines of the processes that have the folder in them. */
async function processesWith(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(folder));
}
