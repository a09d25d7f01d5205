import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { containerFiles } from "../../src/singularity-d/container-files.ts";
import { definitionOfReference } from "../../src/singularity-d/definition-text.ts";
import { requireTool } from "../support/tools.ts";
import { apptainerDoes, make, ready, rootOf } from "./busybox-image.ts";

/** What `env -0` printed. */
function valuesOf(output: string): Map<string, string> {
  return new Map(
    output.split("\0").map((item) => [item.slice(0, item.indexOf("=")), item.slice(item.indexOf("=") + 1)]),
  );
}

describe.skipIf(!ready)("image ENV under Apptainer", () => {
  const values: readonly [string, string][] = [
    ["PLAIN", "a b"],
    ["QUOTE", `say "hi" it's`],
    ["DOLLAR", "$HOME ${USER} $(id) $$ $1"],
    ["BACKTICK", "`id`"],
    ["BACKSLASH", "back\\slash \\n \\\\ \\$ end\\"],
    ["NEWLINE", "line1\nline2\n"],
    ["TAB", "a\tb"],
    ["CONTROL", "\u0001\u0007\u001b[1m\u007f"],
    ["RETURN", "a\rb"],
    ["NBSP", "a\u00a0b"],
    ["EMOJI", "é ☃ 😀"],
    ["BRACES", "a}b{c}}"],
    ["SHELL_WORDS", "* ? ~ a;b&c|d>e<f # ! %s (x) [y]"],
    ["PROCESS", "<(id >(id) $((1)) <("],
    ["TILDE", "~/x"],
    ["EQUALS", "a=b=c"],
    ["SPACES", "  two  spaces  "],
    ["DASH", "-n"],
    ["RETURNS", "\r\n a\r\r\nb\r"],
    ["LAST", "ok"],
  ];

  it("reaches programs byte for byte", async () => {
    const { ours } = await make({ Env: values.map(([name, value]) => `${name}=${value}`) });
    const { status, stdout, stderr } = apptainerDoes(["exec", ours, "/bin/env", "-0"]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const seen = valuesOf(stdout);
    for (const [name, value] of values) expect([name, seen.get(name)]).toEqual([name, value]);
  });

  it("reaches programs byte for byte, whatever the values", async () => {
    const unit = fc.constantFrom(...Array.from("aA1 '\"\\$`{}()[]*?~!#&|;<>=%\n\t\r\u0001é\u00a0😀-:"));
    const random = fc.sample(fc.string({ unit }), 500);
    const { ours } = await make({ Env: random.map((value, i) => `V${i}=${value}`) });
    const { stdout, stderr } = apptainerDoes(["exec", ours, "/bin/env", "-0"]);
    expect(stderr).toBe("");
    const seen = valuesOf(stdout);
    expect(random.map((_value, i) => seen.get(`V${i}`))).toEqual(random);
  });

  it("is the same under plain shells that source the files", async () => {
    const files = containerFiles({
      config: {
        created: undefined,
        architecture: undefined,
        os: undefined,
        variant: undefined,
        config: { Env: values.map(([name, value]) => `${name}=${value}`) },
        diffIds: [],
      },
      definition: definitionOfReference("oci:x"),
      architecture: "amd64",
      timeSec: 0,
    });
    const script = files.entries.find(({ path }) => path.endsWith("10-docker2singularity.sh"))!;
    for (const shell of ["dash", "bash", "busybox"]) {
      const program = requireTool(shell);
      if (program === undefined) continue;
      const args = shell === "busybox" ? ["sh", "-s"] : ["-s"];
      const input = Buffer.concat([script.content, Buffer.from("\nexec env -0\n")]);
      const stdout = execFileSync(program, args, { input, env: { PATH: process.env.PATH }, encoding: "utf8" });
      const seen = valuesOf(stdout);
      for (const [name, value] of values) expect([shell, name, seen.get(name)]).toEqual([shell, name, value]);
    }
  });

  it("skips what no environment can hold and lets the rest through, as Apptainer does", async () => {
    const config = {
      Env: ["BAD-NAME=x", "1BAD=x", "", "=x", "NOEQ", "EMPTY=", "PATH=/opt/x:/bin", "D=1", "D=2", "LAST=ok"],
    };
    const { ours, theirs } = await make(config, rootOf(), { withTheirs: true });
    const environment = (sif: string): string[] =>
      apptainerDoes(["exec", "--cleanenv", sif, "/bin/env"])
        .stdout.split("\n")
        .filter((line) => !/^(APPTAINER|SINGULARITY)_(NAME|CONTAINER)=/.test(line));
    expect(environment(ours)).toEqual(environment(theirs));
    expect(environment(ours)).toContain("PATH=/opt/x:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin");
  });

  it("gives way to --env and APPTAINERENV_, and wins over the host", async () => {
    const { ours } = await make({ Env: ["V=image"] });
    const seenValue = (args: readonly string[], env: Readonly<Record<string, string>>): string =>
      apptainerDoes(["exec", ...args, ours, "/bin/sh", "-c", 'echo "$V"'], env).stdout.trim();
    expect(seenValue([], { V: "host" })).toBe("image");
    expect(seenValue([], { APPTAINERENV_V: "forced" })).toBe("forced");
    expect(seenValue(["--env", "V=flag"], {})).toBe("flag");
  });
});
