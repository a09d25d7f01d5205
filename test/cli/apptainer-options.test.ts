import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import type { Context } from "../../src/cli/context.ts";
import { REFUSED_OPTIONS, refusalOf } from "../../src/cli/refused-options.ts";
import { APPTAINER_OPTIONS } from "../support/apptainer-options.ts";
import { sifon } from "../support/sifon.ts";

const all = commands({ environment: {} } as Context, () => {
  throw new Error("nothing is logged");
});

/** Commands of Apptainer's that ask key servers. */
const KEY_SERVERS = ["key search", "key push", "key pull"];

function find(name: string): Command {
  let found: Command | undefined;
  for (const word of name.split(" ")) found = (found?.commands ?? all).find((one) => one.name() === word);
  if (found === undefined) throw new Error(`there is no command ${name}`);
  return found;
}

describe("the options of Apptainer's commands", () => {
  it.each(Object.entries(APPTAINER_OPTIONS).filter(([name]) => !KEY_SERVERS.includes(name)))(
    "%s has all of them, or says what to do instead",
    (name, options) => {
      const own = new Set(find(name).options.map(({ long }) => long?.slice(2)));
      const names = options.split(" ").filter(Boolean);
      expect(names.filter((option) => !own.has(option) && refusalOf(name, `--${option}`) === undefined)).toEqual([]);
      expect(names.filter((option) => own.has(option) && refusalOf(name, `--${option}`) !== undefined)).toEqual([]);
    },
  );

  it.each(KEY_SERVERS)("%s is refused as a whole, whatever the options", async (name) => {
    for (const option of APPTAINER_OPTIONS[name]?.split(" ") ?? []) {
      const { stderr } = await sifon([...name.split(" "), `--${option}`, "https://localhost", "name"]);
      expect(stderr).toMatch(/^(FATAL|ERROR): .*key server/);
    }
  });

  it.each(Object.entries(REFUSED_OPTIONS))("%s refuses none that Apptainer has not", (name, refused) => {
    const names = new Set(APPTAINER_OPTIONS[name]?.split(" "));
    expect(Object.keys(refused).filter((option) => !names.has(option))).toEqual([]);
  });

  it("README names those that run refuses", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    expect(Object.keys(REFUSED_OPTIONS.run ?? {}).filter((name) => !readme.includes(`\`--${name}\``))).toEqual([]);
  });

  it.each([
    [["run", "--memory", "1G", "x.sif"], "run --memory: Sifon sets no limits. systemd does: systemd-run --user"],
    [["exec", "--rocm", "x.sif", "true"], "exec --rocm: of GPUs Sifon knows NVIDIA's driver alone (--nv)."],
    [["shell", "--security=uid:0", "x.sif"], "shell --security: programs of a container get no privileges"],
    [["build", "-B", "/a", "x.sif", "x.def"], "build --bind: what %post and %test see"],
    [["pull", "--sandbox", "docker://x"], "pull --sandbox: pull makes SIFs. For a directory: sifon build --sandbox"],
  ])("%j is one FATAL line", async (words, beginning) => {
    const { code, stderr } = await sifon(words);
    expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 255, lines: 2 });
    expect(stderr).toContain(`FATAL:   ${beginning}`);
  });

  it("an option that nobody has is a wrong call", async () => {
    const { code, stderr } = await sifon(["run", "--memori", "1G", "x.sif"]);
    expect(code).toBe(1);
    expect(stderr).toContain('Error for command "run": unknown flag: --memori\n');
  });
});
