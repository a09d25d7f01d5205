import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { mustRun } from "../support/command.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

it("README.md: the library example converts an image", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const example = /```js\n(.*?)```/s.exec(readme)?.[1] ?? "";
  expect(example).toContain('from "sifon"');
  expect(example.split("\n").length).toBeLessThanOrEqual(18);

  // A package may import itself by name, from a file inside it.
  const inside = join(ROOT, "bench/out");
  await mkdir(inside, { recursive: true });
  const script = join(inside, `readme-example-${process.pid}.mjs`);
  const folder = await mkdtemp(join(tmpdir(), "sifon-readme-"));
  try {
    await writeFile(script, example.replace("docker://alpine", `oci:${join(ROOT, "fixtures/hello/image")}:latest`));
    const { stdout } = await mustRun(process.execPath, [script], { cwd: folder });
    expect(stdout).toMatch(/\d+ files, \d+ bytes\n$/);
    const { size } = await stat(join(folder, "alpine.sif"));
    expect(stdout).toContain(`${size} bytes`);
  } finally {
    await rm(script, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
});

it.each(["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "fixtures/README.md"])(
  "%s: its links lead to files",
  async (name) => {
    const text = await readFile(join(ROOT, name), "utf8");
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target]) => target as string);
    for (const link of links) await expect(stat(join(ROOT, name, "..", link)), link).resolves.toBeDefined();
  },
);

it("CONTRIBUTING.md and README.md: every npm command they name is a script", async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const texts = await Promise.all(["README.md", "CONTRIBUTING.md"].map((name) => readFile(join(ROOT, name), "utf8")));
  const named = [...texts.join("\n").matchAll(/npm (?:run )?([a-z0-9:]+)/g)].map(([, script]) => script as string);
  const unknown = named.filter((script) => !(script in scripts) && !["ci", "install"].includes(script));
  expect(unknown).toEqual([]);
});
