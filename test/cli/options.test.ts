import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { Logger, Verbosity } from "../../src/cli/logger.ts";
import { declareOptions, type OptionSpec, OptionValues, parseBool } from "../../src/cli/options.ts";

const SPECS: readonly OptionSpec[] = [
  { flags: "-F, --force", description: "", env: ["FORCE"] },
  { flags: "--no-https", alias: "--nohttps", description: "", env: ["NOHTTPS", "NO_HTTPS"] },
  { flags: "--docker-username <name>", description: "", env: ["DOCKER_USERNAME"], plainEnv: true },
];

function parse(argv: readonly string[], environment: NodeJS.ProcessEnv) {
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text) };
  const command = new Command("build").exitOverride();
  declareOptions(command, SPECS);
  command.parse(argv, { from: "user" });
  const log = new Logger({ verbosity: Verbosity.info, stream, colour: false });
  return { values: new OptionValues(command, SPECS, environment, log), lines };
}

describe("OptionValues.flag()", () => {
  it.each([
    ["nothing", [], {}, false],
    ["the flag", ["--force"], {}, true],
    ["the short flag", ["-F"], {}, true],
    ["our variable", [], { SIFON_FORCE: "1" }, true],
    ["Apptainer's variable", [], { APPTAINER_FORCE: "true" }, true],
    ["Singularity's variable", [], { SINGULARITY_FORCE: "T" }, true],
    ["a variable that says no", [], { SIFON_FORCE: "0" }, false],
    ["a blank variable", [], { SIFON_FORCE: " " }, false],
    ["a flag against a variable", ["--force"], { SIFON_FORCE: "0" }, true],
    ["ours against Apptainer's", [], { SIFON_FORCE: "0", APPTAINER_FORCE: "1" }, false],
  ])("follows %s", (_name, argv, environment, expected) => {
    expect(parse(argv, environment).values.flag("force")).toBe(expected);
  });

  it.each([[["--no-https"]], [["--nohttps"]]])("takes a flag that begins with no: %s", (argv) => {
    expect(parse(argv, {}).values.flag("noHttps")).toBe(true);
  });

  it("takes any of an option's environment keys", () => {
    expect(parse([], { APPTAINER_NO_HTTPS: "1" }).values.flag("noHttps")).toBe(true);
  });

  it("refuses a variable that is neither true nor false, naming it", () => {
    expect(() => parse([], { APPTAINER_FORCE: "maybe" }).values.flag("force")).toThrow(/"maybe" of APPTAINER_FORCE/);
  });
});

describe("OptionValues.text()", () => {
  it.each([
    ["a flag first", ["--docker-username", "a"], { DOCKER_USERNAME: "b" }, "a"],
    ["a prefixed variable", [], { SINGULARITY_DOCKER_USERNAME: "c", DOCKER_USERNAME: "b" }, "c"],
    ["a plain variable where allowed", [], { DOCKER_USERNAME: "b" }, "b"],
    ["nothing", [], {}, undefined],
  ])("takes %s", (_name, argv, environment, expected) => {
    expect(parse(argv, environment).values.text("dockerUsername")).toBe(expected);
  });

  it("says which of two prefixes is used when they differ", () => {
    const { values, lines } = parse([], { APPTAINER_DOCKER_USERNAME: "a", SINGULARITY_DOCKER_USERNAME: "s" });
    expect(values.text("dockerUsername")).toBe("a");
    expect(lines).toEqual([
      "WARNING: SINGULARITY_DOCKER_USERNAME and APPTAINER_DOCKER_USERNAME have different values, using the latter\n",
    ]);
  });

  it("prefers Apptainer's prefix to Singularity's aloud", () => {
    const { values, lines } = parse([], { SINGULARITY_DOCKER_USERNAME: "s" });
    expect(values.text("dockerUsername")).toBe("s");
    expect(lines).toEqual([
      "INFO:    Environment variable SINGULARITY_DOCKER_USERNAME is set, but APPTAINER_DOCKER_USERNAME is preferred\n",
    ]);
  });
});

describe("parseBool()", () => {
  it.each([
    ["1", true],
    ["t", true],
    ["True", true],
    ["0", false],
    ["F", false],
    ["FALSE", false],
    ["yes", undefined],
    ["", undefined],
  ])("reads %j as %s", (text, expected) => {
    expect(parseBool(text)).toBe(expected);
  });
});
