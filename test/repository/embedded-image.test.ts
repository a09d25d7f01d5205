import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const HELLO = fileURLToPath(new URL("../../fixtures/hello", import.meta.url));

it("fixtures/hello/generate.mjs makes the committed image again, byte for byte", async () => {
  const target = await mkdtemp(join(tmpdir(), "sifon-hello-"));
  try {
    await promisify(execFile)(process.execPath, [join(HELLO, "generate.mjs"), target]);
    expect(await filesOf(target)).toEqual(await filesOf(join(HELLO, "image")));
  } finally {
    await rm(target, { recursive: true, force: true });
  }
});

async function filesOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(paths.map(async (path) => [path, await readFile(path, "base64")] as const));
  return Object.fromEntries(contents.map(([path, text]) => [path.slice(folder.length), text]));
}
