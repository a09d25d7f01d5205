import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { BUILD_OPTIONS } from "../../src/cli/build.ts";
import { PULL_OPTIONS } from "../../src/cli/pull.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

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

it("README.md names every option of build and pull that the help shows", async () => {
  const text = await readFile(join(ROOT, "README.md"), "utf8");
  const long = [...BUILD_OPTIONS, ...PULL_OPTIONS]
    .filter(({ hidden }) => hidden !== true)
    .map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] as string);
  expect(long.filter((flag) => !text.includes(`\`${flag}`))).toEqual([]);
});
