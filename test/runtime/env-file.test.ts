import { describe, expect, it } from "vitest";
import { evaluateEnvFile } from "../../src/runtime/environment/env-file.ts";

const HOST = { HOME: "/home/me", GIVEN: "of the host", IFS: ":" };
const evaluate = async (text: string) => {
  const { variables, output } = await evaluateEnvFile(text, "file", HOST);
  return { variables: Object.fromEntries(variables), said: output.map((one) => one.text).join("") };
};

// Each line was run by Apptainer 1.4.5 as well, with these values.
describe("evaluateEnvFile()", () => {
  it.each([
    ["exported or not", "A=1\nexport B=2\nexport Y Z=3", { A: "1", B: "2", Z: "3" }],
    ["quotes", `A='$HOME' B="$HOME" C="q"t'x'`, { A: "$HOME", B: "/home/me", C: "qtx" }],
    ["comments", "# no\nA=1 # no\nB=2#yes", { A: "1", B: "2#yes" }],
    ["joined lines and lines in quotes", 'A=a\\\nb\nB="c\nd"', { A: "ab", B: "c\nd" }],
    ["carriage returns", 'A=1\r\nB="x y"\r\n', { A: "1", B: "x y" }],
    ["defaults", `A=\${NOPE:-d} B=\${GIVEN:+s} C=\${#GIVEN}`, { A: "d", B: "s", C: "11" }],
    ["what was set before", "A=1\nB=$A$A C=", { A: "1", B: "11", C: "" }],
    ["no lists and patterns in values", "A=* B=a=b V=~/x", { A: "*", B: "a=b", V: "/home/me/x" }],
    ["what is unset, and HOME", "A=1; unset A; HOME=/x; B=2", { B: "2" }],
    ["its own IFS", 'for x in a:b; do A="$A<$x>"; done', { A: "<a:b>", x: "a:b" }],
    ["NUL bytes", "A=1\0B", { A: "1B" }],
    ["arithmetic and outputs", "A=$((1 + 2)) B=$(echo hi)", { A: "3", B: "hi" }],
    ["nothing", "", {}],
  ])("understands %s", async (_what, text, variables) => {
    expect((await evaluate(text)).variables).toEqual(variables);
  });

  it("tells what it prints", async () => {
    expect(await evaluate("echo hello; echo err >&2; A=1")).toEqual({ variables: { A: "1" }, said: "hello\nerr\n" });
  });

  it.each([
    ["exit 3", "exit status 3"],
    ["touch made", 'line 1: the command "touch" is not allowed here'],
    ["A = 1", 'line 1: the command "A" is not allowed here'],
    ['A="x', 'while parsing script: line 1: reached EOF without closing quote "'],
  ])("refuses %j, as Apptainer does", async (text, problem) => {
    await expect(evaluate(text)).rejects.toMatchObject({
      code: "ENV_FILE_INVALID",
      message: expect.stringContaining(problem),
    });
  });

  it("has a process number, and looks at files of the host", async () => {
    const { variables } = await evaluate(
      "A=$$\n[ -d / ] && B=1\n[[ -e /nonexistent ]] || C=1; [ -s /etc/passwd ] && D=1",
    );
    expect(variables).toEqual({ A: String(process.pid), B: "1", C: "1", D: "1" });
  });

  // Deviates: Apptainer runs no program either, tells of it, and goes on with an empty text. A file that relies on it
  // would do something else than it says: it is refused.
  it.each(["A=$(id)", "A=`id`", "A=x$(echo x; id)"])("refuses %j, where Apptainer takes what it gets", async (text) => {
    await expect(evaluate(text)).rejects.toThrow('line 1: the command "id" is not allowed here');
  });
});
