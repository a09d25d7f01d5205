import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { runCommand } from "./support/command.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const HELLO = `oci:${join(ROOT, "fixtures/hello/image")}:latest`;

/** README.md's example with another image, as a script that finds the built package by its name. */
async function runExample(image: string) {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const example = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
  expect(example).toContain('"docker://alpine"');
  expect(example.split("\n").length).toBeLessThanOrEqual(18);
  const folder = await mkdtemp(join(tmpdir(), "sifon-example-"));
  // A package may import itself by name, from a file inside it.
  const script = join(ROOT, "dist", `readme-example-${process.pid}.mjs`);
  try {
    await writeFile(script, example.replace("docker://alpine", image));
    const result = await runCommand(process.execPath, ["--trace-warnings", script], { cwd: folder });
    const sif = await readFile(join(folder, "alpine.sif")).catch(() => undefined);
    return { ...result, sif };
  } finally {
    await rm(script, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

it("README.md's example converts an image, tells its blobs and ends by itself", async () => {
  const { code, stdout, stderr, sif } = await runExample(HELLO);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.slice(0, -1)).toHaveLength(4);
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/^sha256:[0-9a-f]{64} \d+$/);
  expect(lines.at(-1)).toMatch(new RegExp(`^\\d+ files, ${sif?.length} bytes$`));
  expect(sif?.toString("latin1", 32, 41)).toBe("SIF_MAGIC");
});

it("README.md's example rejects for an image that is not there, and leaves no file", async () => {
  const { code, stderr, sif } = await runExample("oci:nowhere");
  expect(code).toBe(1);
  expect(stderr).toContain("LAYOUT_NOT_FOUND");
  expect(sif).toBeUndefined();
});
