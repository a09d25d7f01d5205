import { describe, expect, it } from "vitest";
import { evaluateRunscript, RUNSCRIPT_MARKER } from "../../src/runtime/action/runscript.ts";
import { type ImageCommand, imageRunscript } from "../../src/singularity-d/runscript.ts";
import { memoryView } from "./views.ts";

const OWNER = { cwd: "/work", ids: { uid: 7, gid: 8 } };
const HARD = ["", " ", "a b", "it's", '"', "\\", "`id`", "$HOME", "$(id)", "-n", "*", "new\nline", "é😀"];

const evaluate = (
  script: string | Uint8Array,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
) => evaluateRunscript(Buffer.from(script), args, new Map(Object.entries(environment)), memoryView(files), OWNER);

/** ENTRYPOINT, CMD and arguments as Docker joins them. */
const image = (entrypoint: readonly string[], cmd: readonly string[], more: Partial<ImageCommand> = {}) =>
  imageRunscript({ entrypoint, cmd, ...more });

describe("evaluateRunscript()", () => {
  it.each([
    ["ENTRYPOINT", image(["/e", ...HARD], []), [], ["/e", ...HARD]],
    ["ENTRYPOINT and arguments", image(["/e", "1"], []), ["a b", "-c", ""], ["/e", "1", "a b", "-c", ""]],
    ["CMD", image([], ["/c", ...HARD]), [], ["/c", ...HARD]],
    ["arguments in place of CMD", image([], ["/c"]), ["/a", "b"], ["/a", "b"]],
    ["ENTRYPOINT and CMD", image(["/e"], ["c", ...HARD]), [], ["/e", "c", ...HARD]],
    ["ENTRYPOINT, and arguments in place of CMD", image(["/e"], ["c"]), ["a"], ["/e", "a"]],
    ["CMD alone where it is preferred", image(["/e"], ["/c"], { preferCmd: true }), [], ["/c"]],
    ["a program whose name begins with a dash", image([], ["/c"]), ["-c"], ["-c"]],
  ])("joins %s, with --no-eval, too", async (_what, script, args, argv) => {
    const expected = { kind: "exec", argv, output: [] };
    expect(await evaluate(script, args)).toEqual(expected);
    expect(await evaluate(script, args, { SINGULARITY_NO_EVAL: "1" })).toEqual(expected);
  });

  it("lets arguments refer to variables, but for --no-eval", async () => {
    const script = image(["/e"], []);
    const args = ["$FOO", "${NOPE:-d}", "\\$FOO"];
    expect(await evaluate(script, args, { FOO: "x  y" })).toMatchObject({ argv: ["/e", "x  y", "d", "$FOO"] });
    expect(await evaluate(script, args, { FOO: "x", SINGULARITY_NO_EVAL: "1" })).toMatchObject({
      argv: ["/e", ...args],
    });
  });

  it("leaves words that need a shell to a shell", async () => {
    const result = await evaluate(image(["/e"], []), ["$(id)"]);
    expect(result).toMatchObject({ kind: "execute", what: 'the command "id"' });
  });

  it.each([
    ["bash", { "/bin/bash*": "", "/bin/sh*": "" }, { kind: "exec", argv: ["/bin/bash"], output: [] }],
    ["sh", { "/bin/sh*": "", "/bin/bash": "" }, { kind: "exec", argv: ["/bin/sh"], output: [] }],
    [
      "nothing",
      {},
      { kind: "exit", status: 1, output: [{ stream: "stderr", text: expect.stringContaining("no shell") }] },
    ],
  ])("starts %s of an image that names no program", async (_what, files, expected) => {
    expect(await evaluate(image([], []), [], {}, files)).toEqual(expected);
  });

  it.each([
    ["no marker", 'exec /bin/echo "$@"\n'],
    ["a marker that is not alone in its line", `  ${RUNSCRIPT_MARKER}\nexec /x\n`],
    ["a marker in a comment", `# ${RUNSCRIPT_MARKER}\nexec /x\n`],
    ["a marker, and nothing that is started", `SINGULARITY_OCI_RUN="-- /x"\n${RUNSCRIPT_MARKER}\n`],
  ])("executes a script with %s", async (_what, script) => {
    expect(await evaluate(script)).toEqual({ kind: "execute" });
  });

  it.each([
    ["a command that it does not know", `\ndate\n${RUNSCRIPT_MARKER}\n`, { line: 2, what: 'the command "date"' }],
    [
      "a quote without an end",
      `${RUNSCRIPT_MARKER}\nexec "x\n`,
      { line: 2, what: expect.stringContaining("closing quote") },
    ],
    ["bytes that are no text", Buffer.concat([Buffer.from(`${RUNSCRIPT_MARKER}\n`), Buffer.from([0xff])]), { line: 1 }],
  ])("executes a script with %s, and says where it is", async (_what, script, expected) => {
    expect(await evaluate(script)).toMatchObject({ kind: "execute", ...expected });
  });

  it("takes lines that end as on Windows", async () => {
    const result = await evaluate(`SINGULARITY_OCI_RUN="-- /x y"\r\n${RUNSCRIPT_MARKER}\r\nexec "$@"\r\n`);
    expect(result).toEqual({ kind: "exec", argv: ["/x", "y"], output: [] });
  });
});
