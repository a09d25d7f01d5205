import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { findOrMake } from "../../src/cache/lease.ts";
import { describeSelf, isGone } from "../../src/cache/lease-holder.ts";
import { DEAD_PID } from "./cache-folder.ts";

const signal = new AbortController().signal;

async function leasePath({ onTestFinished }: Pick<TestContext, "onTestFinished">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-lease-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "lease");
}

/** Something that is made once, and how many were at it at a time; it takes until so many others wait for it. */
function workshop(path: string, options: { readonly fail?: boolean; readonly others?: number } = {}) {
  const { fail = false, others = 0 } = options;
  const state = { made: 0, atOnce: 0, most: 0, waits: 0 };
  let allWait = (): void => {};
  const waited = new Promise<void>((resolve) => (allWait = resolve));
  if (others === 0) allWait();
  let result: string | undefined;
  const start = (timing: { beatMs?: number; silentMs?: number; lookMs?: number } = {}) =>
    findOrMake({
      path,
      find: async () => result,
      make: async () => {
        state.atOnce += 1;
        state.most = Math.max(state.most, state.atOnce);
        await waited;
        state.atOnce -= 1;
        if (fail) throw new Error("it cannot be made");
        state.made += 1;
        result = "made";
        return result;
      },
      onWait: () => {
        state.waits += 1;
        if (state.waits === others) allWait();
      },
      signal,
      timing: { lookMs: 10, ...timing },
    });
  return { state, start };
}

describe("findOrMake()", () => {
  it("makes once for all who ask together", async (context) => {
    const path = await leasePath(context);
    const { state, start } = workshop(path, { others: 3 });
    expect(await Promise.all([start(), start(), start(), start()])).toEqual(["made", "made", "made", "made"]);
    expect(state).toMatchObject({ made: 1, most: 1, waits: 3 });
    expect(await readdir(join(path, ".."))).toEqual([]);
  });

  it("lets the next one try where one has failed", async (context) => {
    const path = await leasePath(context);
    const { state, start } = workshop(path, { fail: true, others: 2 });
    const ends = await Promise.allSettled([start(), start(), start()]);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(state.most).toBe(1);
    expect(await readdir(join(path, ".."))).toEqual([]);
  });

  it("takes the lease of a process that is dead at once", async (context) => {
    const path = await leasePath(context);
    const [, kernel, namespace] = (await describeSelf()).split(" ");
    await writeFile(path, `00112233 ${kernel} ${namespace} ${DEAD_PID} 12345\n`);
    const { state, start } = workshop(path);
    await start({ silentMs: 600_000 });
    expect(state).toMatchObject({ made: 1, waits: 0 });
  });

  it.each([
    ["of another host", "00112233 5a1f pid:[4026531836] 17 12345\n"],
    ["that says nothing", ""],
    ["that says anything", "\0\0\0\0"],
  ])("takes a lease %s after it was silent for long enough", async (_what, text) => {
    const finished: (() => unknown)[] = [];
    const path = await leasePath({ onTestFinished: (done) => void finished.push(done as () => unknown) });
    await writeFile(path, text);
    const { state, start } = workshop(path);
    await start({ silentMs: 60 });
    expect(state).toMatchObject({ made: 1, waits: 1 });
    for (const done of finished) await done();
  });

  it("waits as long as there are beats, whatever the clocks say", async (context) => {
    const path = await leasePath(context);
    await writeFile(path, "00112233 5a1f pid:[4026531836] 17 12345\n");
    let looks = 0;
    let waits = 0;
    const silentMs = 100;
    const begunMs = performance.now();
    let isSilent = false;
    const made = await findOrMake({
      path,
      // A beat before each look, by another host's clock, far behind ours.
      find: async () => {
        isSilent ||= looks > 10 && performance.now() - begunMs > 4 * silentMs;
        if (!isSilent) await utimes(path, 1, ++looks);
        return undefined;
      },
      make: async () => isSilent,
      onWait: () => {
        waits += 1;
      },
      signal,
      timing: { silentMs, lookMs: 10 },
    });
    expect({ made, waits }).toEqual({ made: true, waits: 1 });
  });

  it("ends with the reason of its signal while it waits", async (context) => {
    const path = await leasePath(context);
    await writeFile(path, "00112233 5a1f pid:[4026531836] 17 12345\n");
    const controller = new AbortController();
    const waiting = findOrMake({
      path,
      find: async () => undefined,
      make: async () => "made",
      onWait: () => controller.abort(new Error("enough")),
      signal: controller.signal,
    });
    await expect(waiting).rejects.toThrow();
    expect(await readFile(path, "latin1")).toContain("5a1f");
  });

  it("shows beats while it works", async (context) => {
    const path = await leasePath(context);
    const seen = new Set<number>();
    await findOrMake({
      path,
      find: async () => undefined,
      make: async () => {
        while (seen.size < 3) {
          seen.add((await stat(path)).mtimeMs);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        return "made";
      },
      signal,
      timing: { beatMs: 5 },
    });
    expect(seen.size).toBe(3);
  });
});

describe("isGone()", () => {
  it.each([
    ["this process", (self: string) => self, false],
    ["a number that nobody has", (self: string) => self.replace(/ \d+ (\d+)\n/, ` ${DEAD_PID} $1\n`), true],
    ["this number at another time", (self: string) => self.replace(/\d+\n/, "1\n"), true],
    ["another boot", (self: string) => self.replace(/ [0-9a-f-]+ /, " 0-0 "), false],
    ["another namespace", (self: string) => self.replace(/pid:\[\d+\]/, "pid:[1]"), false],
    ["nothing", () => "", false],
  ])("tells of %s", async (_what, change, gone) => {
    expect(await isGone(change(await describeSelf()))).toBe(gone);
  });
});
