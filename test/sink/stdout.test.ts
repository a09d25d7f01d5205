import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import type { ProgressEvent } from "../../src/progress.ts";
import { openSink } from "../../src/sink/open-sink.ts";
import { PipeSink } from "../../src/sink/pipe-sink.ts";
import { reportMissing } from "../support/tools.ts";
import { smallFileSystem, temporaryDirectory } from "./temporary-directory.ts";

const OPEN_SINK = fileURLToPath(new URL("../../dist/sink/open-sink.js", import.meta.url));

/** Writes "head", 3 MiB of x, "tail", and patches the head to HEAD, at whatever stdout is. */
const PROGRAM = `
const { openSink } = await import(${JSON.stringify(OPEN_SINK)});
const sink = await openSink(process.argv[2] ?? "-", { onProgress: (e) => console.error(JSON.stringify(e)) });
console.error(sink.constructor.name);
try {
  await sink.write(Buffer.from("head"));
  for (let i = 0; i < 48; i++) await sink.write(Buffer.alloc(65536, "x"));
  await sink.write(Buffer.from("tail, too long"));
  await sink.rewind(4 + 48 * 65536);
  await sink.write(Buffer.from("tail"));
  await sink.patch(0, Buffer.from("HEAD"));
  if (process.argv[3] === "abort") throw new Error("stop");
  await sink.finish();
} catch (error) {
  console.error("code=" + error.code);
  await sink.abort(error);
  process.exitCode = 1;
}
`;
const EXPECTED = `HEAD${"x".repeat(3 << 20)}tail`;

/** Runs the program in a shell line, as $RUN. */
function shell(line: string, directory: string) {
  const program = join(directory, "program.mjs");
  writeFileSync(program, PROGRAM);
  const env = { ...process.env, RUN: `${process.execPath} ${program}`, TMPDIR: join(directory, "tmp") };
  execFileSync("mkdir", ["-p", env.TMPDIR]);
  return spawnSync("bash", ["-c", line], { cwd: directory, env, encoding: "latin1" });
}

it.each([
  ["a file", "$RUN > out", "InPlaceSink", EXPECTED],
  ["a file behind a place", "{ echo first; $RUN; } > out", "InPlaceSink", `first\n${EXPECTED}`],
  ["a file in append mode", "echo first > out; $RUN >> out", "PipeSink", `first\n${EXPECTED}`],
  ["a longer file, not truncated", "printf %4000000s > out; $RUN 1<> out", "PipeSink", undefined],
  ["a pipe", "$RUN | cat > out", "PipeSink", EXPECTED],
  ["a slow pipe", "$RUN | (sleep 0.3; cat) > out", "PipeSink", EXPECTED],
  ["a named pipe", "mkfifo p; cat p > out & $RUN p; wait", "PipeSink", EXPECTED],
  ["a device", "$RUN > /dev/null; echo > out", "PipeSink", "\n"],
  ["a name", "$RUN out", "FileSink", EXPECTED],
])("openSink() writes to %s", (_what, line, kind, expected) => {
  const directory = temporaryDirectory();
  const { stderr } = shell(line, directory);
  expect(stderr).toContain(kind);
  expect(stderr).not.toContain("code=");
  const out = readFileSync(join(directory, "out"), "latin1");
  expect(out === expected || (expected === undefined && out.startsWith(EXPECTED) && out.length === 4_000_000)).toBe(
    true,
  );
  expect(readdirSync(join(directory, "tmp"))).toEqual([]);
});

it("openSink() tells the place and the size of the spool", () => {
  const { stderr } = shell("$RUN | cat > out", temporaryDirectory());
  expect(stderr).toMatch(/"kind":"spool".*\/tmp"/);
  expect(stderr).toContain(`${EXPECTED.length} bytes`);
});

it("openSink() reports a reader that closes early", () => {
  const { stderr } = shell("$RUN | head -c 100 > out; exit $" + "{PIPESTATUS[0]}", temporaryDirectory());
  expect(stderr).toContain("code=CLOSED_OUTPUT");
});

it.each([
  ["in place", "{ echo first; $RUN - abort; } > out", "first\n"],
  ["to a pipe", "$RUN - abort | cat > out", ""],
])("Sink.abort() takes back what was written %s", (_how, line, expected) => {
  const directory = temporaryDirectory();
  shell(line, directory);
  expect(readFileSync(join(directory, "out"), "latin1")).toBe(expected);
  expect(readdirSync(join(directory, "tmp"))).toEqual([]);
});

it("openSink() reports a full device", () => {
  const { stderr } = shell("$RUN > /dev/full", temporaryDirectory());
  expect(stderr).toContain("code=DISK_FULL");
});

it("PipeSink reports a spool that is full, and how to move it", async () => {
  const spoolDirectory = smallFileSystem(1024);
  if (spoolDirectory === undefined) return reportMissing("mounting a tmpfs is not allowed here");
  const sink = await PipeSink.open({ destination: new PassThrough(), spoolDirectory });
  const fill = async () => {
    for (let i = 0; i < 8; i++) await sink.write(Buffer.alloc(1 << 20));
  };
  await expect(fill()).rejects.toMatchObject({ code: "DISK_FULL", message: expect.stringContaining("TMPDIR") });
  await sink.abort(undefined);
});

it("PipeSink keeps the pace of its destination and names it once", async () => {
  let under = 0;
  let most = 0;
  const destination = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      under += chunk.length;
      most = Math.max(most, under);
      setImmediate(() => {
        under -= chunk.length;
        done();
      });
    },
  });
  const events: ProgressEvent[] = [];
  const sink = await PipeSink.open({ destination, onProgress: (event) => events.push(event) });
  await sink.write(Buffer.alloc(4 << 20));
  await sink.finish();
  expect(most).toBeLessThanOrEqual(256 * 1024);
  expect(events.map((event) => event.kind)).toEqual(["spool", "spool"]);
});

it("openSink() refuses an existing file", async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "x"), "");
  await expect(openSink(join(directory, "x"))).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
});
