import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const CONSUMER = `
import { convert, createSource, openSink, SifonError, type ConvertReport } from "sifon";
import { runContainer, type ProgramEnd } from "sifon/runtime";
import { openFileAccess, readSif, type SifObject } from "sifon/sif";
import { openHttpAccess, SquashfsImage } from "sifon/squashfs";

export async function pull(uri: string, signal: AbortSignal): Promise<ConvertReport | string> {
  const source = createSource(uri);
  try {
    return await convert({ source, sink: await openSink("x.sif", { overwrite: true }), signal });
  } catch (error) {
    if (error instanceof SifonError) return error.code;
    throw error;
  } finally {
    await source.close();
  }
}

export async function objects(path: string): Promise<readonly SifObject[]> {
  return (await readSif(await openFileAccess(path))).objects;
}

export async function names(address: string): Promise<string[]> {
  const image = await SquashfsImage.open(await openHttpAccess(address));
  const found: string[] = [];
  for await (const { path } of image.walk()) found.push(path);
  return found;
}

export const end = (image: string): Promise<ProgramEnd> =>
  runContainer({
    image,
    action: "exec",
    args: ["true"],
    options: { cleanEnv: true },
    environment: process.env,
    hostCwd: process.cwd(),
    onMessage: ({ text }) => process.stderr.write(text),
  });

// @ts-expect-error The declarations are there and are strict: no "any" stands in for them.
export const wrong: number = createSource("oci:x");
`;

it("the declarations of every entry point compile in a strict program, with those of the dependencies", () => {
  // A package may import itself by name, from a file inside it.
  const file = join(ROOT, "dist", `consumer-${process.pid}.mts`);
  writeFileSync(file, CONSUMER);
  try {
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { exports: object };
    for (const entry of Object.keys(exports)) expect(CONSUMER).toContain(`from "sifon${entry.slice(1)}"`);
    const flags = "--noEmit --strict --target es2023 --module nodenext --types node --skipLibCheck false".split(" ");
    const strict = ["--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--ignoreConfig"];
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const { stdout, status } = spawnSync(process.execPath, [compiler, ...flags, ...strict, file], { encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  } finally {
    rmSync(file, { force: true });
  }
});
