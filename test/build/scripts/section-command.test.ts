import { describe, expect, it } from "vitest";
import { environmentShell } from "../../../src/build/scripts/container-environment.ts";
import { postScript } from "../../../src/build/scripts/post-text.ts";
import { sectionCommand } from "../../../src/build/scripts/section-command.ts";
import { runCommand } from "../../support/command.ts";

const script = (text: string, args = "") => ({ line: 3, arguments: args, text });

describe("sectionCommand()", () => {
  it.each([
    ["", ["/bin/sh", "-ex", "/f"]],
    ["-u", ["/bin/sh", "-ex", "-u", "/f"]],
    ["  -u   -v ", ["/bin/sh", "-ex", "-u", "-v", "/f"]],
    ["-c /bin/bash", ["/bin/sh", "-ex", "-c", "/bin/bash /f"]],
    ["-c /bin/bash -e", ["/bin/sh", "-ex", "-c", "/bin/bash -e /f"]],
    ["-u -c a b", ["/bin/sh", "-ex", "-u", "-c", "a b /f"]],
  ])("%j", (args, expected) => {
    expect(sectionCommand({ arguments: args }, "/f")).toEqual(expected);
  });
});

describe("postScript()", () => {
  const app = (name: string, install?: string) => ({
    ...{ name, line: 9, labels: [], files: [] },
    scripts: install === undefined ? {} : { install: script(install) },
  });
  it.each([
    ["nothing", {}, [], undefined],
    ["an app without an install", {}, [app("a")], undefined],
    ["%post alone", { post: script("x\n", "-u") }, [app("a")], { line: 3, arguments: "-u", text: "x\n" }],
    [
      "an install alone",
      {},
      [app("a", "make\n")],
      { line: 9, arguments: "", text: "\ncd /\n. /scif/apps/a/scif/env/01-base.sh\n\ncd /scif/apps/a\nmake\n\ncd /\n" },
    ],
  ])("%s", (_, scripts, apps, expected) => {
    expect(postScript({ scripts, apps })).toEqual(expected);
  });

  it("has %post first, then the installs in the order of the apps", () => {
    const text = postScript({ scripts: { post: script("p\n") }, apps: [app("b", "one\n"), app("a", "two\n")] })?.text;
    expect(text).toMatch(/^p\n.*apps\/b.*one\n.*apps\/a.*two\n/s);
  });
});

describe("environmentShell()", () => {
  it.each(["plain", "it's", "a b", "$HOME `id` \\", "", "line\nline"])(
    "gives a default %j to the byte",
    async (value) => {
      const text = environmentShell({ start: {}, defaults: { VALUE: value } });
      const { stdout } = await runCommand("/bin/sh", ["-c", text, "sifon", "/bin/sh", "-c", 'printf "%s" "$VALUE"']);
      expect(stdout).toBe(value);
    },
  );

  it("lets what is set already stand, and passes words on as they are", async () => {
    const text = environmentShell({ start: {}, defaults: { VALUE: "default" } });
    const words = ["sifon", "printf", "%s|", "a b", "*", ""];
    const { stdout } = await runCommand("/bin/sh", ["-c", text, ...words], { env: { VALUE: "set" } });
    expect(stdout).toBe("a b|*||");
  });
});
