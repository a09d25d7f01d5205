import { expect, it } from "vitest";
import type { Context } from "../../src/cli/context.ts";
import { run } from "../../src/cli/run.ts";

/** What `--help` of a command prints. */
async function help(path: readonly string[]): Promise<string> {
  const parts: string[] = [];
  const stdout = { write: (part: string) => parts.push(part) };
  const context = { environment: {}, stdout, signal: new AbortController().signal };
  expect(await run([...path, "--help"], context as unknown as Context)).toBe(0);
  return parts.join("");
}

it("the help of every command gives its words their names", async () => {
  const seen: string[] = [];
  const visit = async (path: readonly string[]): Promise<void> => {
    const text = await help(path);
    expect(text).toMatch(new RegExp(`^Usage: ${["sifon", ...path].join(" ")}`));
    expect(text).not.toMatch(/\[words|^ {2}words/m);
    seen.push(path.join(" "));
    const commands = text.split("\nCommands:\n")[1] ?? "";
    for (const [, name] of commands.matchAll(/^ {2}([a-z]+)/gm))
      if (name !== "help") await visit([...path, name as string]);
  };
  await visit([]);
  expect(seen).toEqual(
    expect.arrayContaining(["", "build", "pull", "registry login", "cache clean", "sif add", "key list"]),
  );
});
