import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { AMD64, ARGS_PROGRAM, apptainerDoes, busybox, make, ready, rootOf } from "./busybox-image.ts";

describe.skipIf(!ready)("runscript under Apptainer", () => {
  const words = ["it's", 'dq"x', "$HOME", "`id`", "back\\slash", "", "two  words", "new\nline", "-n", "*"];
  const cases: readonly [what: string, config: object, args: readonly string[]][] = [
    ["ENTRYPOINT alone", { Entrypoint: [...ARGS_PROGRAM, ...words] }, []],
    ["ENTRYPOINT and arguments", { Entrypoint: [...ARGS_PROGRAM, "e"] }, ["a b", "c"]],
    ["CMD alone", { Cmd: [...ARGS_PROGRAM, ...words] }, []],
    ["CMD replaced by arguments", { Cmd: ["/bin/false"] }, [...ARGS_PROGRAM, "x y"]],
    ["ENTRYPOINT and CMD", { Entrypoint: [...ARGS_PROGRAM, "e"], Cmd: words }, []],
    ["ENTRYPOINT, CMD and arguments", { Entrypoint: [...ARGS_PROGRAM, "e"], Cmd: ["c"] }, ["a"]],
    ["neither, with arguments", {}, [...ARGS_PROGRAM, "x"]],
    ["a shell-form ENTRYPOINT", { Entrypoint: ["/bin/sh", "-c", 'echo "$0" "$1" \'$x\''] }, ["a", "b"]],
  ];

  it.each(cases)("%s: the words are as Apptainer's own image gives them", async (_what, config, args) => {
    const { ours, theirs } = await make(config, rootOf(), { withTheirs: true });
    for (const flags of [[], ["--no-eval"]]) {
      const seen = apptainerDoes(["run", ...flags, ours, ...args]);
      const expected = apptainerDoes(["run", ...flags, theirs, ...args]);
      expect(seen).toEqual(expected);
      expect(seen.status).toBe(0);
    }
  });

  it("protects words of ENTRYPOINT and CMD from the shell", async () => {
    const { ours } = await make({ Entrypoint: ARGS_PROGRAM, Cmd: words });
    for (const flags of [[], ["--no-eval"]]) {
      const { stdout } = apptainerDoes(["run", ...flags, ours]);
      expect(stdout).toBe(words.map((word) => `<${word}>\n`).join(""));
    }
  });

  it("evaluates arguments once, and with --no-eval not at all", async () => {
    const { ours } = await make({ Entrypoint: ARGS_PROGRAM, Env: ["FOO=bar"] });
    expect(apptainerDoes(["run", ours, "$FOO"]).stdout).toBe("<bar>\n");
    expect(apptainerDoes(["run", "--no-eval", ours, "$FOO", 'a"b']).stdout).toBe('<$FOO>\n<a"b>\n');
  });

  it("takes a first word that begins with a dash as a program's name, not as an option of set", async () => {
    const { ours } = await make({ Cmd: ["/bin/true"] });
    expect(apptainerDoes(["run", ours, "-c"]).stderr).toBe('FATAL:   "-c": executable file not found in $PATH\n');
  });

  it("preferCmd runs CMD alone", async () => {
    const config = { Entrypoint: ["/bin/false"], Cmd: [...ARGS_PROGRAM, "cmd"] };
    const { ours } = await make(config, rootOf(), { preferCmd: true });
    expect(apptainerDoes(["run", ours]).stdout).toBe("<cmd>\n");
    expect(apptainerDoes(["run", ours, "/bin/printf", "args"]).stdout).toBe("args");
  });

  it.each([[[]], [["--no-eval"]]])("without ENTRYPOINT, CMD and arguments starts sh %j", async (flags) => {
    const { ours } = await make({ Env: ["FOO=bar"] });
    const { status, stdout } = apptainerDoes(["run", ...flags, ours], {}, 'echo "shell $0 $FOO"; exit 3\n');
    expect([status, stdout]).toEqual([3, "shell /bin/sh bar\n"]);
  });

  it("without ENTRYPOINT, CMD and arguments starts bash where there is one", async () => {
    const { ours } = await make({}, rootOf({ "bin/bash": { file: "#!/bin/sh\necho bash here\n", mode: 0o755 } }));
    expect(apptainerDoes(["run", ours]).stdout).toBe("bash here\n");
  });

  it("runs images without a shell, and says so where there is nothing to run", async () => {
    const program = { file: readFileSync(busybox!), mode: 0o755, elfArch: AMD64 };
    const bare = { printf: program, "etc/passwd": { file: "" }, "etc/group": { file: "" } };
    const withEntrypoint = await make({ Entrypoint: ["/printf", "<%s>\\n", "a b"] }, bare);
    expect(apptainerDoes(["run", withEntrypoint.ours, "c"]).stdout).toBe("<a b>\n<c>\n");
    const { ours } = await make({}, bare);
    expect(apptainerDoes(["run", ours, "/printf", "x"]).stdout).toBe("x");
    const { status, stdout, stderr } = apptainerDoes(["run", ours]);
    expect(stdout).toBe("");
    expect(stderr).toContain("no shell: give the program to run");
    expect(status).toBe(1);
  });

  it("works when it is executed by the image's own shell", async () => {
    for (const [_what, config, args] of cases) {
      const { ours } = await make(config);
      const direct = apptainerDoes(["exec", ours, "/.singularity.d/runscript", ...args]);
      const run = apptainerDoes(["run", ours, ...args]);
      expect(direct).toEqual(run);
    }
  });
});
