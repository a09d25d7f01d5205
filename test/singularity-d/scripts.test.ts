import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ACTION_SCRIPTS } from "../../src/singularity-d/action-scripts.ts";
import { ENV_SCRIPTS, START_SCRIPT } from "../../src/singularity-d/env-scripts.ts";
import { imageEnvScript } from "../../src/singularity-d/image-env-script.ts";
import { imageRunscript } from "../../src/singularity-d/runscript.ts";
import { escapeDoubleQuoted, escapeSingleQuoted } from "../../src/singularity-d/shell-quote.ts";
import { requireTool } from "../support/tools.ts";

/** Shells that a script must get along with: none of them does the same things beyond POSIX. */
const SHELLS: readonly Shell[] = [
  { name: "dash", debianPackage: "dash", flags: [] },
  { name: "bash", debianPackage: "bash", flags: ["--posix", "--norc"] },
  { name: "busybox", debianPackage: "busybox-static", flags: ["sh"] },
].flatMap(({ name, debianPackage, flags }) => {
  const program = requireTool(name, debianPackage);
  return program === undefined ? [] : [{ name, program, flags }];
});

interface Shell {
  readonly name: string;
  readonly program: string;
  readonly flags: readonly string[];
}

function run(shell: Shell, script: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  return spawnSync(shell.program, [...shell.flags, "-c", script, "script", ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

describe("escapes", () => {
  it.each([
    ["plain", "plain", "plain"],
    ['\\"`$', '\\\\\\"\\`\\$', '\\"`$'],
    ["it's", "it's", `it'"'"'s`],
    ["'", "'", `'"'"'`],
  ])("of %s", (text, double, single) => {
    expect(escapeDoubleQuoted(text)).toBe(double);
    expect(escapeSingleQuoted(text)).toBe(single);
  });
});

describe("imageEnvScript()", () => {
  it("has the form that runtimes know", () => {
    const script = imageEnvScript(["A=a b", "B", "C=", "PATH=/x:/bin", 'Q="\\`$', "N=l1\nl2"]);
    expect(script).toBe(`#!/bin/sh
export A="\${A:-"a b"}"
export B="\${B:-}"
export C="\${C:-""}"
export PATH="/x:/bin"
export Q="\${Q:-"\\"\\\\\\\`\\$"}"
export N="\${N:-"l1
l2"}"
`);
  });

  it.each([["BAD-NAME=x"], ["1BAD=x"], [""], ["=x"], [" A=x"], ["A B=x"], ["É=x"], ["A\n=x"], ["NUL=a\0b"]])(
    "drops %j",
    (element) => {
      expect(imageEnvScript([element, "GOOD=1"])).toBe(`#!/bin/sh\nexport GOOD="\${GOOD:-"1"}"\n`);
    },
  );

  it("gives any value back in every shell, and lets a set one stand", () => {
    const value = fc.string({
      unit: fc.constantFrom(...Array.from("aA1 '\"\\$`{}()[]*?~!#&|;<>=%\n\t\r\u0001é\u00a0😀-:")),
    });
    for (const which of SHELLS) {
      fc.assert(
        fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (values) => {
          const script = imageEnvScript(values.map((v, i) => `V${i}=${v}`));
          const { stdout, stderr } = run(which, `${script}env -0`);
          expect(stderr).toBe("");
          const seen = new Map(
            stdout.split("\0").map((item) => [item.split("=", 1)[0], item.slice(item.indexOf("=") + 1)]),
          );
          for (const [i, v] of values.entries()) expect(seen.get(`V${i}`)).toBe(v);
        }),
        { numRuns: 40 },
      );
      expect(run(which, `${imageEnvScript(["V=image", "W=image"])}echo "$V $W"`, [], { V: "set", W: "" }).stdout).toBe(
        "set image\n",
      );
    }
  });
});

describe("imageRunscript()", () => {
  const words = ["it's", 'dq"x', "$HOME", "`id`", "back\\slash", "", "two  words", "new\nline", "-n", "*"];

  it("has the marker line and quotes as Apptainer does", () => {
    const lines = imageRunscript({
      entrypoint: ["/bin/echo", "it's", 'dq"x', "$HOME", "`id`", "back\\slash"],
      cmd: [],
    }).split("\n");
    expect(lines[0]).toBe("#!/bin/sh");
    expect(lines[1]).toBe(`OCI_ENTRYPOINT='"/bin/echo" "it'"'"'s" "dq\\"x" "\\$HOME" "\\\`id\\\`" "back\\\\slash"'`);
    expect(lines[2]).toBe("OCI_CMD=''");
    expect(lines.slice(-3)).toEqual([`eval "set \${SINGULARITY_OCI_RUN}"`, 'exec "$@"', ""]);
  });

  const show = ["printf", "<%s>"];
  const shown = (...parts: readonly string[]): string => parts.map((part) => `<${part}>`).join("");
  it.each<[string, { entrypoint: string[]; cmd: string[]; preferCmd?: boolean }, string[], string]>([
    ["ENTRYPOINT", { entrypoint: [...show, ...words], cmd: [] }, [], shown(...words)],
    ["ENTRYPOINT with arguments", { entrypoint: [...show, "e"], cmd: [] }, ["a b", "c"], shown("e", "a b", "c")],
    ["CMD", { entrypoint: [], cmd: [...show, ...words] }, [], shown(...words)],
    ["CMD with arguments", { entrypoint: [], cmd: ["false"] }, [...show, "a b"], shown("a b")],
    ["both", { entrypoint: show, cmd: words }, [], shown(...words)],
    ["both with arguments", { entrypoint: show, cmd: ["c"] }, ["a"], shown("a")],
    ["neither with arguments", { entrypoint: [], cmd: [] }, [...show, "a"], shown("a")],
    ["preferCmd", { entrypoint: ["false"], cmd: [...show, "c"], preferCmd: true }, [], shown("c")],
    ["preferCmd with arguments", { entrypoint: ["false"], cmd: ["c"], preferCmd: true }, [...show, "a"], shown("a")],
    ["preferCmd without CMD", { entrypoint: [...show, "e"], cmd: [], preferCmd: true }, [], shown("e")],
  ])("%s", (_what, command, args, expected) => {
    const script = imageRunscript(command);
    for (const which of SHELLS) {
      for (const env of [{}, { SINGULARITY_NO_EVAL: "1" }]) {
        const { stdout, stderr, status } = run(which, script, args, env);
        expect([which.name, stderr, status, stdout]).toEqual([which.name, "", 0, expected]);
      }
    }
  });

  it("evaluates arguments, and with SINGULARITY_NO_EVAL does not", () => {
    const script = imageRunscript({ entrypoint: show, cmd: [] });
    for (const which of SHELLS) {
      expect(run(which, script, ["$FOO"], { FOO: "bar" }).stdout).toBe("<bar>");
      expect(run(which, script, ["$FOO", '"'], { FOO: "bar", SINGULARITY_NO_EVAL: "1" }).stdout).toBe('<$FOO><">');
    }
  });

  it("mentions a default shell only where the image names no program", () => {
    expect(imageRunscript({ entrypoint: [], cmd: [] })).toContain("/bin/bash");
    expect(imageRunscript({ entrypoint: ["x"], cmd: [] })).not.toContain("/bin/bash");
    expect(imageRunscript({ entrypoint: [], cmd: ["x"] })).not.toContain("/bin/bash");
  });
});

describe("scripts", () => {
  const all = { ...ACTION_SCRIPTS, ...ENV_SCRIPTS, startscript: START_SCRIPT };
  it.each(Object.entries(all).filter(([name]) => name !== "94-appsbase.sh"))(
    "%s begins with #!/bin/sh, ends with a newline, and parses",
    (_name, text) => {
      expect(text.startsWith("#!/bin/sh\n")).toBe(true);
      expect(text.endsWith("\n")).toBe(true);
      for (const { program, flags } of SHELLS) {
        expect(spawnSync(program, [...flags, "-n"], { input: text, encoding: "utf8" }).stderr).toBe("");
      }
    },
  );

  it("99-base.sh and 99-runtimevars.sh set what they should", () => {
    const print = 'echo "$LD_LIBRARY_PATH|$PS1|$PATH"';
    const script = `unset PS1\n${ENV_SCRIPTS["99-base.sh"]}${ENV_SCRIPTS["99-runtimevars.sh"]}${print}`;
    for (const which of SHELLS) {
      const first = (env: Record<string, string>): string =>
        run(which, script, [], { PATH: "/p", ...env }).stdout.split("\n")[0]!;
      expect(first({})).toBe("/.singularity.d/libs|Apptainer> |/p");
      expect(first({ LD_LIBRARY_PATH: "/l" })).toBe("/l:/.singularity.d/libs|Apptainer> |/p");
      expect(first({ SING_USER_DEFINED_PREPEND_PATH: "/a", SING_USER_DEFINED_APPEND_PATH: "/z" })).toBe(
        "/.singularity.d/libs|Apptainer> |/a:/p:/z",
      );
      expect(first({ SING_USER_DEFINED_PREPEND_PATH: "/a", SING_USER_DEFINED_PATH: "/only" })).toBe(
        "/.singularity.d/libs|Apptainer> |/only",
      );
    }
  });
});
