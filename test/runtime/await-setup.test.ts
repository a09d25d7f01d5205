import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { awaitSetup } from "../../src/runtime/engine/await-setup.ts";

const isRoot = process.geteuid?.() === 0;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A process that waits, with root's privileges where the tests have them. */
async function waiting(options: { uid?: number; gid?: number } = {}): Promise<number> {
  const child = spawn("sleep", ["600"], { stdio: "ignore", cwd: "/", ...options });
  children.push(child);
  await once(child, "spawn");
  return child.pid as number;
}

describe("awaitSetup()", () => {
  it("is ready once the process has no privileges any more", async () => {
    expect(await awaitSetup(await waiting(isRoot ? { uid: 65534, gid: 65534 } : {}))).toBe("ready");
  });

  it("tells that the process has ended", async () => {
    const pid = await waiting();
    const gone = once(children[0] as ChildProcess, "exit");
    children[0]?.kill("SIGKILL");
    await gone;
    expect(await awaitSetup(pid)).toBe("gone");
  });

  // An ordinary user's processes have no privileges that they could keep.
  it.runIf(isRoot).each([0, 1, 150])("gives up what is not done after %i ms", async (limitMs) => {
    expect(await awaitSetup(await waiting(), { limitMs })).toBe("late");
  });

  it.runIf(isRoot)("ends when it is aborted, before and while it waits", async () => {
    const pid = await waiting();
    expect(await awaitSetup(pid, { signal: AbortSignal.abort() })).toBe("aborted");
    expect(await awaitSetup(pid, { signal: AbortSignal.timeout(30) })).toBe("aborted");
  });
});
