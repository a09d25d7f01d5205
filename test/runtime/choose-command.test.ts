import { describe, expect, it } from "vitest";
import { type ActionRequest, chooseCommand, helpText } from "../../src/runtime/action/choose-command.ts";
import { hostEnvironment } from "../../src/runtime/environment/host-environment.ts";
import { prepareProgram } from "../../src/runtime/prepare-program.ts";
import { ENV_SCRIPTS } from "../../src/singularity-d/env-scripts.ts";
import { memoryView } from "./views.ts";

const APP = "/scif/apps/foo/scif";
const COMMON = "/scif/apps/singularity/scif";
const RUNSCRIPT = "/.singularity.d/runscript";
const ARGS = ["a b", "--help", ""];

const argvOf = async (
  files: readonly string[],
  request: Omit<ActionRequest, "args">,
  args: readonly string[] = ARGS,
) => {
  const view = memoryView(Object.fromEntries(files.map((path) => [path, ""])));
  const chosen = await chooseCommand(view, { ...request, args });
  const messages = chosen.messages.map(({ level, text }) => `${level}: ${text}`);
  if (chosen.kind === "exit") return { status: chosen.status, messages };
  return {
    argv: chosen.argv,
    messages,
    ...(chosen.variables.size === 0 ? {} : { SHELL: chosen.variables.get("SHELL") }),
  };
};

describe("chooseCommand()", () => {
  it.each([
    ["a runscript", [`${RUNSCRIPT}*`, "/apptainer*", "/bin/sh*"], { action: "run" }, [RUNSCRIPT, ...ARGS]],
    [
      "the script of older images",
      [RUNSCRIPT, "/apptainer*", "/singularity*"],
      { action: "run" },
      ["/apptainer", ...ARGS],
    ],
    ["the script of the oldest images", ["/singularity*", "/bin/sh*"], { action: "run" }, ["/singularity", ...ARGS]],
    [
      "an empty app, which is none",
      [`${RUNSCRIPT}*`, `${APP}/runscript*`],
      { action: "run", app: "" },
      [RUNSCRIPT, ...ARGS],
    ],
    [
      "an app",
      [`${RUNSCRIPT}*`, `${APP}/runscript*`, `${COMMON}/runscript*`],
      { action: "run", app: "foo" },
      [`${APP}/runscript`, ...ARGS],
    ],
    [
      "an app by what all apps share",
      [`${APP}/runscript`, `${COMMON}/runscript*`],
      { action: "run", app: "foo" },
      [`${COMMON}/runscript`, ...ARGS],
    ],
    ["a test", ["/.singularity.d/test*"], { action: "test" }, ["/.singularity.d/test", ...ARGS]],
    [
      "an empty app's test",
      ["/.singularity.d/test*", `${APP}/test*`],
      { action: "test", app: "" },
      ["/.singularity.d/test", ...ARGS],
    ],
    [
      "an app's test",
      ["/.singularity.d/test*", `${APP}/test*`],
      { action: "test", app: "foo" },
      [`${APP}/test`, ...ARGS],
    ],
    [
      "an app's test by what all apps share",
      ["/.singularity.d/test*", `${COMMON}/test*`],
      { action: "test", app: "foo" },
      [`${COMMON}/test`, ...ARGS],
    ],
    ["exec, whatever the app", [`${APP}/runscript*`], { action: "exec", app: "foo" }, ARGS],
  ] as const)("chooses %s", async (_what, files, request, argv) => {
    expect(await argvOf(files, request)).toEqual({ argv, messages: [] });
  });

  it.each([
    [
      "no runscript, but a shell",
      [RUNSCRIPT, "/bin/sh*"],
      { action: "run" },
      { argv: ["/bin/sh", ...ARGS], messages: ["info: No runscript found in container, executing /bin/sh"] },
    ],
    [
      "no runscript and no shell",
      ["/bin/sh"],
      { action: "run" },
      { status: 1, messages: ["error: No runscript and no /bin/sh executable found in container, aborting"] },
    ],
    [
      "an app that is not there",
      [`${RUNSCRIPT}*`, "/bin/sh*"],
      { action: "run", app: "foo" },
      { status: 1, messages: ["error: no runscript for contained app: foo"] },
    ],
    [
      "no test",
      ["/.singularity.d/test", "/bin/sh*"],
      { action: "test" },
      { status: 0, messages: ["info: No test script found in container, exiting"] },
    ],
    [
      "no test, but the action's script",
      ["/.singularity.d/actions/test*"],
      { action: "test" },
      {
        argv: ["/.singularity.d/actions/test", ...ARGS],
        messages: ["info: No test script found in container, exiting"],
      },
    ],
    [
      "an app without a test",
      ["/.singularity.d/test*", `${APP}/runscript*`],
      { action: "test", app: "foo" },
      { status: 1, messages: ["error: No tests for contained app: foo"] },
    ],
  ] as const)("says what there is with %s", async (_what, files, request, expected) => {
    expect(await argvOf(files, request)).toEqual(expected);
  });

  it.each([
    [
      "bash",
      ["/bin/bash*", "/bin/sh*"],
      undefined,
      [],
      { argv: ["/bin/bash", "--norc"], messages: [], SHELL: "/bin/bash" },
    ],
    ["sh", ["/bin/bash", "/bin/sh*"], undefined, [], { argv: ["/bin/sh"], messages: [], SHELL: "/bin/sh" }],
    ["the one that was asked for", ["/bin/bash*", "/opt/zsh*"], "/opt/zsh", [], { argv: ["/opt/zsh"], messages: [] }],
    [
      "another than the one that is not there",
      ["/bin/sh*"],
      "/opt/zsh",
      [],
      { argv: ["/bin/sh"], messages: [], SHELL: "/bin/sh" },
    ],
    [
      "words that it ignores",
      ["/bin/sh*"],
      "",
      ["x"],
      { argv: ["/bin/sh"], messages: ["warning: Parameters to shell command are ignored"], SHELL: "/bin/sh" },
    ],
    ["none", [], undefined, [], { status: 1, messages: ["error: /bin/sh does not exist in container"] }],
  ] as const)("chooses a shell: %s", async (_what, files, shell, args, expected) => {
    expect(await argvOf(files, { action: "shell", shell }, args)).toEqual(expected);
  });

  it("refuses exec of nothing", async () => {
    await expect(chooseCommand(memoryView({}), { action: "exec", args: [] })).rejects.toBeInstanceOf(TypeError);
  });
});

describe("helpText()", () => {
  const view = memoryView({
    "/.singularity.d/runscript.help": "of the image\n",
    [`${APP}/runscript.help`]: "of foo\n",
  });

  it.each([
    [undefined, "of the image\n"],
    ["", "of the image\n"],
    ["foo", "of foo\n"],
    ["bar", "No help sections were defined for this image\n"],
  ])("of app %j", async (app, expected) => {
    expect(Buffer.from(await helpText(view, app)).toString()).toBe(expected);
  });
});

describe("prepareProgram() of an image whose scripts need its shell", () => {
  const scripts = Object.fromEntries(
    Object.entries(ENV_SCRIPTS).map(([name, text]) => [`/.singularity.d/env/${name}`, text]),
  );
  const files = {
    ...scripts,
    "/.singularity.d/env/50-x.sh": "export A=$(date)",
    [`${RUNSCRIPT}*`]: "#!/bin/sh\n",
    "/bin/sh*": "",
  };
  const prepare = (contents: Record<string, string>, request: ActionRequest, given: [string, string][] = []) => {
    const host = hostEnvironment({ host: {}, env: given, home: "/root", image: "/x.sif", action: request.action });
    return prepareProgram(memoryView(contents), host, { ...request, cwd: "/" });
  };

  it.each([
    ["exec", ["/bin/env", "-0"], ["/bin/env", "-0"], undefined],
    ["run", ARGS, ARGS, `set -- '${RUNSCRIPT}' "$@"`],
    ["shell", ["ignored"], [], `set -- '/bin/sh' '-c' 'export SHELL=/bin/sh; exec "$@"' 'sifon' '/bin/sh' "$@"`],
  ] as const)("gives its scripts the words of %s only", async (action, args, words, program) => {
    const prepared = await prepare(files, { action, args });
    if (prepared.kind !== "program") throw new Error(`it is ${prepared.kind}`);
    const [shell, option, script = "", zero, ...rest] = prepared.argv;
    expect(prepared.throughShell).toBe(true);
    expect([shell, option, zero, ...rest]).toEqual(["/bin/sh", "-c", "sifon", ...words]);
    expect(script.split("\n").find((line) => line.startsWith("set -- "))).toBe(program);
  });

  it("refuses an image without a shell, and names the place", async () => {
    const { "/bin/sh*": _, ...others } = files;
    await expect(prepare(others, { action: "exec", args: ["/x"] })).rejects.toMatchObject({
      code: "SCRIPT_UNSUPPORTED",
      message: expect.stringContaining("50-x.sh"),
    });
  });

  it("names a value that was given and that it cannot evaluate in an image without a shell", async () => {
    await expect(prepare(scripts, { action: "exec", args: ["/x"] }, [["X", "`id`"]])).rejects.toMatchObject({
      code: "SCRIPT_UNSUPPORTED",
      message: expect.stringMatching(/^Cannot evaluate the value that is given for X, .* Put a backslash before/),
      details: { isGiven: true },
    });
  });
});
