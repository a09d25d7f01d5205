import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type TestContext } from "vitest";
import { makeImage, type TestImageOptions } from "../support/registry-image.ts";
import { type FakeRegistry, startFakeRegistry } from "../support/registry-server.ts";
import { type SifonEnd, type SifonProcess, startSifon } from "../support/sifon.ts";

type StartOptions = NonNullable<Parameters<typeof startSifon>[1]>;

/** Where one run of the command line works: a directory for its output, one for temporary files, a home. */
export interface Workplace {
  readonly out: string;
  readonly tmp: string;
  /** Variables of every run here. */
  readonly env: Readonly<Record<string, string | undefined>>;
  start(args: readonly string[], options?: StartOptions): SifonProcess;
  run(args: readonly string[], options?: StartOptions): Promise<SifonEnd>;
}

/** A fresh one, gone after the test. */
export async function createWorkplace({ onTestFinished }: Pick<TestContext, "onTestFinished">): Promise<Workplace> {
  const root = await mkdtemp(join(tmpdir(), "sifon-cli-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const [out, tmp, home] = ["out", "tmp", "home"].map((name) => join(root, name)) as [string, string, string];
  for (const folder of [out, tmp, home]) await mkdir(folder);
  const env = { TMPDIR: tmp, HOME: home, LC_ALL: "C", NODE_OPTIONS: "--trace-warnings", http_proxy: undefined };
  const start = (args: readonly string[], options: StartOptions = {}) =>
    startSifon(args, { cwd: out, ...options, env: { ...env, ...options.env } });
  return { out, tmp, env, start, run: (args, options) => start(args, options).ended };
}

/** A registry of this test alone, with one image in it. */
export async function createRegistry(
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
  options: TestImageOptions = {},
): Promise<FakeRegistry> {
  const registry = await startFakeRegistry();
  onTestFinished(() => registry.close());
  // Without digests of the tars: those that makeImage makes up are wrong.
  registry.push(await makeImage({ diffIds: [], ...options }));
  return registry;
}

export interface ExpectedFailure {
  readonly code?: number;
  /** What the FATAL line has to say, each. */
  readonly says: readonly (string | RegExp)[];
  /** Names and contents that have to be in the output directory; none by default. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Asserts that a run failed as every failure has to: one FATAL line, an exit code, nothing left. */
export async function expectFailure(place: Workplace, end: SifonEnd, expected: ExpectedFailure): Promise<void> {
  const lines = end.stderr.split("\n");
  const fatal = lines.filter((line) => line.startsWith("FATAL:"));
  expect(fatal, end.stderr).toHaveLength(1);
  expect(lines.slice(-2), "FATAL is the last line").toEqual([fatal[0], ""]);
  for (const part of expected.says) expect(fatal[0]).toMatch(part);
  expectHygiene(end);
  expect(end.code, end.stderr).toBe(expected.code ?? 255);
  await expectLeft(place, expected.files ?? {});
}

/** No stack, no warning of Node's, no process left. */
export function expectHygiene(end: SifonEnd): void {
  expect(end.stderr).not.toMatch(/^\s+at |\(node:\d+\)|unhandled|MaxListeners|Internal error/m);
  expect(end.leftProcesses).toBe(false);
}

/** The output directory holds these files and nothing else, the one for temporary files nothing. */
export async function expectLeft(place: Workplace, files: Readonly<Record<string, string>>): Promise<void> {
  expect((await readdir(place.out)).sort()).toEqual(Object.keys(files).sort());
  for (const [name, text] of Object.entries(files)) {
    expect((await readFile(join(place.out, name))).toString("latin1")).toBe(text);
  }
  expect(await readdir(place.tmp)).toEqual([]);
}

/** Puts a file where the output will go. */
export async function putFile(place: Workplace, name: string, text: string): Promise<void> {
  await writeFile(join(place.out, name), text);
}
