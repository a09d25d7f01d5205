import { spawn } from "node:child_process";
import { mkdtemp, open, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStream } from "../../src/bytes/open-stream.ts";
import { readWholeFile, readWholeStream, readWholeText, untilAborted } from "../../src/bytes/read-whole.ts";
import { mustRun } from "../support/command.ts";

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-stream-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function newFifo(): Promise<string> {
  const path = join(await newFolder(), "fifo");
  await mustRun("mkfifo", [path]);
  return path;
}

/** Lets a shell write into `$0`. */
function write(script: string, path: string): void {
  const child = spawn("sh", ["-c", script, path], { stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
}

describe("readWholeFile()", () => {
  it.each([
    ["that is empty", ""],
    ["of some bytes", "abc"],
    ["of several reads", "x".repeat(600_000)],
  ])("reads a file %s", async (_, text) => {
    const path = join(await newFolder(), "file");
    await writeFile(path, text);
    expect(await readWholeText(path)).toBe(text);
  });

  it.each([
    ["whose writer comes late", "sleep 0.3; printf abc >$0", "abc"],
    ["whose writer writes in pieces", "{ printf a; sleep 0.2; printf b; sleep 0.2; printf c; } >$0", "abc"],
    ["whose writer waits before it writes", "{ sleep 0.3; printf abc; } >$0", "abc"],
    ["whose writer comes late and writes nothing", "sleep 0.3; : >$0", ""],
    ["with more than it holds at a time", "head -c 300000 /dev/zero | tr '\\0' x >$0", "x".repeat(300_000)],
  ])("reads a FIFO %s", async (_, script, expected) => {
    const path = await newFifo();
    write(script, path);
    expect(await readWholeText(path)).toBe(expected);
  });

  it("waits for a writer until it is told to stop, and holds no thread meanwhile", async () => {
    const path = await newFifo();
    const stop = new AbortController();
    // More than libuv has threads.
    const readings = Array.from({ length: 6 }, () => readWholeFile(path, { signal: stop.signal }));
    const answers = Promise.allSettled(readings);
    await setTimeout(100);
    const file = await open(path.replace(/fifo$/, "file"), "w");
    await file.close();
    stop.abort(new Error("enough"));
    for (const answer of await answers) {
      expect(answer).toMatchObject({ status: "rejected", reason: { message: "enough" } });
    }
  });

  it("refuses at once when it was told to stop before", async () => {
    const path = await newFifo();
    await expect(readWholeFile(path, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });

  it.each([[0], [2], [3], [4]])("keeps to a limit of %i bytes", async (limit) => {
    const path = join(await newFolder(), "file");
    await writeFile(path, "abc");
    const read = readWholeText(path, { limit });
    if (limit >= 3) expect(await read).toBe("abc");
    else await expect(read).rejects.toMatchObject({ code: "FILE_TOO_LARGE", details: { path, limit } });
  });

  it.each([["/dev/zero"], ["/dev/urandom"]])("keeps to the limit on %s", async (path) => {
    await expect(readWholeFile(path)).rejects.toMatchObject({ code: "FILE_TOO_LARGE", details: { path } });
  });

  it("keeps to the limit on a FIFO without end", async () => {
    const path = await newFifo();
    write("cat /dev/zero >$0", path);
    await expect(readWholeFile(path)).rejects.toMatchObject({ code: "FILE_TOO_LARGE", details: { path } });
  });

  it("reads a file of /proc, which tells no size, and keeps to the limit there", async () => {
    expect(await readWholeText("/proc/self/status")).toMatch(/^Name:/);
    // Longer than the room at first.
    expect((await readWholeText("/proc/self/smaps")).length).toBeGreaterThan(10_000);
    await expect(readWholeFile("/proc/self/smaps", { limit: 5000 })).rejects.toMatchObject({ code: "FILE_TOO_LARGE" });
  });

  it("finds nothing in /dev/null", async () => {
    expect(await readWholeText("/dev/null")).toBe("");
  });

  it("says what the file system says", async () => {
    const folder = await newFolder();
    await symlink("link", join(folder, "link"));
    await expect(readWholeFile(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(readWholeFile(folder)).rejects.toMatchObject({ code: "EISDIR" });
    await expect(readWholeFile(join(folder, "link"))).rejects.toMatchObject({ code: "ELOOP" });
  });
});

describe("readWholeStream()", () => {
  it("ends a wait for more at the signal", async () => {
    const stream = new PassThrough();
    stream.write("abc");
    const stop = new AbortController();
    const reading = readWholeStream(stream, "it", { signal: stop.signal });
    setImmediate(() => stop.abort(new Error("enough")));
    await expect(reading).rejects.toThrow("enough");
    expect(stream.destroyed).toBe(true);
  });
});

describe("untilAborted()", () => {
  it("gives what an iterable gives, and its own error", async () => {
    async function* source() {
      yield Buffer.from("a");
      throw new Error("broken");
    }
    const seen: string[] = [];
    const read = async () => {
      for await (const chunk of untilAborted(source(), undefined)) seen.push(chunk.toString());
    };
    await expect(read()).rejects.toThrow("broken");
    expect(seen).toEqual(["a"]);
  });

  it("destroys a stream that is left early", async () => {
    const stream = Readable.from([Buffer.from("a"), Buffer.from("b")], { objectMode: false });
    for await (const chunk of untilAborted(stream, undefined)) {
      expect(chunk.toString()).toBe("a");
      break;
    }
    expect(stream.destroyed).toBe(true);
  });
});

describe("openStream()", () => {
  it("gives a FIFO's bytes as they come", async () => {
    const path = await newFifo();
    write("{ printf a; sleep 30; } >$0", path);
    const stream = await openStream(path);
    for await (const chunk of stream) {
      expect(String(chunk)).toBe("a");
      break;
    }
    expect(stream.destroyed).toBe(true);
  });
});
