import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { takeBooleanValues } from "../../src/cli/boolean-values.ts";
import { declareOptions } from "../../src/cli/options.ts";
import { createWorkplace, expectHygiene } from "./workplace.ts";

function parse(words: readonly string[], endsAtWord = false): { options: Record<string, unknown>; args: string[] } {
  const command = new Command("test").argument("[words...]").exitOverride();
  command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  declareOptions(command, [
    { flags: "-a, --all", description: "" },
    { flags: "-b, --both", description: "" },
    { flags: "--no-home", description: "" },
    { flags: "-n, --name <name>", description: "" },
  ]);
  if (endsAtWord) command.enablePositionalOptions().passThroughOptions();
  takeBooleanValues(command, { name: "test", endsAtWord });
  command.parse(words, { from: "user" });
  return { options: command.opts(), args: command.args };
}

describe("takeBooleanValues()", () => {
  it.each<[words: string, options: Record<string, unknown>, args?: string[]]>([
    ["--all", { all: true }],
    ...["1", "t", "T", "TRUE", "true", "True"].map(
      (yes) => [`--all=${yes}`, { all: true }] as [string, Record<string, unknown>],
    ),
    ...["0", "f", "F", "FALSE", "false", "False"].map(
      (no) => [`--all=${no}`, { all: false }] as [string, Record<string, unknown>],
    ),
    ["--no-home=false", { noHome: false }],
    ["--no-home=true", { noHome: true }],
    ["-a=false", { all: false }],
    ["-a=t", { all: true }],
    ["-ab=false", { all: true, both: false }],
    ["-ban x", { all: true, both: true, name: "x" }],
    ["-an=false", { all: true, name: "=false" }],
    ["--all --all=false", { all: false }],
    ["--all=false --all", { all: true }],
    ["--all=false -a", { all: true }],
    ["-ab --all=0 word --both=0", { all: false, both: false }, ["word"]],
    ["--name --all=false", { name: "--all=false" }],
    ["--name=--all=false --all", { name: "--all=false", all: true }],
    ["-n --all=false", { name: "--all=false" }],
    ["-- --all=false", {}, ["--all=false"]],
    ["--help=false word", { help: false }, ["word"]],
  ])("%s", (words, options, args = []) => {
    expect(parse(words.split(" "))).toEqual({ options, args });
  });

  it("leaves what follows the image to the program", () => {
    const words = ["--all=false", "image", "--both=false", "-a=x"];
    expect(parse(words, true)).toEqual({ options: { all: false }, args: words.slice(1) });
  });

  it.each([
    [
      "--all=maybe",
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ["--all=", 'invalid argument "" for "-a, --all" flag: strconv.ParseBool: parsing "": invalid syntax'],
    ["-b=yes", 'invalid argument "yes" for "-b, --both" flag: strconv.ParseBool: parsing "yes": invalid syntax'],
    ["--no-home=2", 'invalid argument "2" for "--no-home" flag: strconv.ParseBool: parsing "2": invalid syntax'],
  ])("refuses %s in pflag's words", (word, message) => {
    expect(() => parse([word])).toThrow(message);
  });

  it.for<[words: string[], message: string]>([
    [["--quiet=x", "inspect", "x.sif"], 'Error: invalid argument "x" for "-q, --quiet" flag: '],
    [["inspect", "--json=x", "x.sif"], 'Error for command "inspect": invalid argument "x" for "-j, --json" flag: '],
    [["key", "list", "--secret=x"], 'Error for command "list": invalid argument "x" for "-s, --secret" flag: '],
    [
      ["exec", "--contain=x", "x.sif", "true"],
      'Error for command "exec": invalid argument "x" for "-c, --contain" flag: ',
    ],
  ])("is heard by all commands: %j", async ([words, message], context) => {
    const end = await (await createWorkplace(context)).run(words);
    expectHygiene(end);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(message);
  });
});
