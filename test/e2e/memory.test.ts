import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startSifon } from "../support/sifon.ts";
import { type SyntheticEntry, writeSyntheticImage } from "../support/synthetic-image.ts";

const MIB = 2 ** 20;
let folder: string;

function* files(count: number, size: number): Generator<SyntheticEntry> {
  for (let i = 0; i < count; i++) yield { path: `d${Math.floor(i / 100)}/file-${i}`, size };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-memory-"));
  await writeSyntheticImage(join(folder, "mixed"), [files(400, 200_000), files(50_000, 300)]);
  await writeSyntheticImage(join(folder, "many"), [files(400_000, 0)]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a conversion; its peak of resident memory, as the kernel keeps it. */
async function run(image: string, flags: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const output = join(folder, "out.sif");
  const { child, ended } = startSifon(["build", "--force", ...flags, output, `oci:${join(folder, image)}:latest`], {
    env,
  });
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const text = readFileSync(`/proc/${child.pid}/status`, "latin1");
      peak = Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1]) * 1024 || peak;
    } catch {
      // It has ended.
    }
  }, 5);
  const { code, stderr } = await ended;
  clearInterval(timer);
  await rm(output, { force: true });
  return { peak, code, stderr };
}

describe("--memory", () => {
  it.each([
    ["98M", [], {}],
    ["110M", [], {}],
    ["128M", ["--workers", "16"], {}],
    ["128M", ["--workers", "16", "--block-size", "1M"], {}],
    ["160M", ["--workers", "16"], {}],
    ["128M", ["--workers", "16"], { SIFON_MEMORY: "128M" }],
  ])("%s holds, with %j and %o", async (memory, flags, env) => {
    const given = Object.keys(env).length > 0 ? [] : ["--memory", memory];
    const { peak, code, stderr } = await run("mixed", [...given, ...flags], env);
    expect(code, stderr).toBe(0);
    expect(peak).toBeGreaterThan(60 * MIB);
    expect(peak).toBeLessThanOrEqual(Number.parseInt(memory, 10) * MIB);
  });

  it("refuses less than the least, and names it", async () => {
    const { code, stderr } = await run("mixed", ["--memory", "64M"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("A memory limit of 64 MiB is too small: the least is 97 MiB");
  });

  it("refuses an image whose tree does not fit, in time, and leaves nothing", async () => {
    const { peak, code, stderr } = await run("many", ["--memory", "110M", "--workers", "0"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("more files than the memory limit of 110 MiB holds");
    expect(peak).toBeLessThanOrEqual(110 * MIB);
    expect((await readdir(folder)).sort()).toEqual(["many", "mixed"]);
  });
});
