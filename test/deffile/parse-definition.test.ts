import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeffileError } from "../../src/deffile/errors.ts";
import { formatProblem } from "../../src/deffile/errors.ts";
import { parseDefinition, requireValid } from "../../src/deffile/parse-definition.ts";

const parse = (text: string, args: Record<string, string> = {}) =>
  parseDefinition(text, { name: "a.def", buildArguments: new Map(Object.entries(args)) });
const problemsOf = (text: string, args: Record<string, string> = {}) =>
  parse(text, args).problems.map((problem) => formatProblem("a.def", problem).split("; expected")[0]);
const only = (text: string, args: Record<string, string> = {}) => {
  const stage = requireValid(parse(text, args)).stages[0];
  if (stage === undefined) throw new Error("no stage");
  return stage;
};

const HEAD = "Bootstrap: docker\nFrom: alpine\n";

describe("parseDefinition() headers", () => {
  it.each([
    ["plain", "Bootstrap: docker\nFrom: alpine:3.18\n", { bootstrap: "docker", from: "alpine:3.18" }],
    ["keys in any case, blanks", "BOOTSTRAP :  docker \n  fRoM:alpine\n", { bootstrap: "docker", from: "alpine" }],
    ["comments", `#!/x\n\nBootstrap: docker # why\n# no\nFrom: a:b#c\n`, { bootstrap: "docker", from: "a:b" }],
    ["continued", "Bootstrap: docker\nFrom: \\\n  alpine\n", { bootstrap: "docker", from: "alpine" }],
    [
      "continued with line breaks",
      "Bootstrap: scratch\nSetopt: a=1\\n\\\n  b=2\n",
      { bootstrap: "scratch", setopt: "a=1\nb=2" },
    ],
    ["the last of two", `${HEAD}From: debian\n`, { bootstrap: "docker", from: "debian" }],
    ["no line end at the end", "Bootstrap: docker\nFrom: alpine", { bootstrap: "docker", from: "alpine" }],
    ["carriage returns", "Bootstrap: docker\r\nFrom: alpine\r\n", { bootstrap: "docker", from: "alpine" }],
    ["numbered", `${HEAD}OtherURL12: http://x/\n`, { bootstrap: "docker", from: "alpine", otherurl12: "http://x/" }],
    [
      "namespace first, as old inspect --deffile prints it",
      "namespace: godlovedc\nbootstrap: docker\nfrom: lolcow\n",
      { namespace: "godlovedc", bootstrap: "docker", from: "lolcow" },
    ],
    ["indented", "  Bootstrap: docker\n  From: alpine\n", { bootstrap: "docker", from: "alpine" }],
  ])("%s", (_, text, expected) => {
    const { header } = only(text);
    expect(Object.fromEntries([...header].map(([key, { value }]) => [key, value]))).toEqual(expected);
  });
});

describe("parseDefinition() sections", () => {
  it("keeps a script to the byte, and its arguments without their comment", () => {
    const { scripts } = only(
      `${HEAD}\n%post -c /bin/bash -e  # bash\n\n    apk add x\n\t# note\n\n%runscript\necho hi`,
    );
    expect(scripts.post).toEqual({
      line: 4,
      arguments: "-c /bin/bash -e",
      text: "\n    apk add x\n\t# note\n\n",
    });
    expect(scripts.runscript).toEqual({ line: 9, arguments: "", text: "echo hi\n" });
  });

  it("joins a section that comes twice, and keeps the last arguments", () => {
    const { scripts } = only(`${HEAD}%post -x\na\n%environment\nb\n%POST\nc\n%post -e\nd\n`);
    expect(scripts.post).toMatchObject({ arguments: "-e", text: "a\nc\nd\n" });
    expect(scripts.environment).toMatchObject({ text: "b\n" });
  });

  it("takes an indented % for a section as well", () => {
    expect(only(`${HEAD}%post\na\n   %test\nb\n`).scripts).toMatchObject({
      post: { text: "a\n" },
      test: { text: "b\n" },
    });
  });

  it("reads labels: the first blank separates, the value may be missing", () => {
    expect(only(`${HEAD}%labels\n  Author  Jane Doe \n# no\n\nVersion v1.0\nEmpty\n`).labels).toEqual([
      { key: "Author", value: "Jane Doe", line: 4 },
      { key: "Version", value: "v1.0", line: 7 },
      { key: "Empty", value: "", line: 8 },
    ]);
  });

  it.each([
    ["a /b", "a", "/b"],
    ["  a.txt  ", "a.txt", ""],
    ['"a b" "/c d"', "a b", "/c d"],
    ["'a b' /c", "a b", "/c"],
    ['pre"a b"post /c', "prea bpost", "/c"],
    ["*.txt /data/", "*.txt", "/data/"],
    ["a\\ b /c", "a\\ b", "/c"],
    ["a\t/b", "a", "/b"],
    ["it's' /x", "its", "/x"],
  ])("reads the %%files line %j", (line, source, destination) => {
    expect(only(`${HEAD}%files\n# no\n${line}\n`).files).toEqual([
      { from: undefined, line: 3, transfers: [{ source, destination, line: 5 }] },
    ]);
  });

  it("keeps %files of one origin together", () => {
    const text = `Bootstrap: docker\nFrom: a\nStage: one\n\nBootstrap: scratch\n%files from one\n/a\n%files\nb\n%files from one # again\n/c\n`;
    expect(requireValid(parse(text)).stages[1]?.files).toMatchObject([
      { from: "one", transfers: [{ source: "/a" }, { source: "/c" }] },
      { from: undefined, transfers: [{ source: "b" }] },
    ]);
  });

  it("gathers apps in the order of their first mention", () => {
    const { apps } = only(
      `${HEAD}%apprun bar\nexec bar\n%appenv foo\nA=1\n%applabels bar\nX y\n%appfiles bar\nx bin/x\n%apprun foo\nexec foo\n`,
    );
    expect(apps).toMatchObject([
      {
        name: "bar",
        scripts: { run: { text: "exec bar\n" } },
        labels: [{ key: "X", value: "y" }],
        files: [{ source: "x", destination: "bin/x" }],
      },
      { name: "foo", scripts: { env: { text: "A=1\n" }, run: { text: "exec foo\n" } } },
    ]);
  });
});

describe("parseDefinition() stages", () => {
  const two = `# first\n\n${HEAD}Stage: build\n%post\nmake\n\nbootstrap: localimage\nFrom: x.sif\n%files from build\n/a /b\n`;

  it("cuts in front of each Bootstrap, and drops what is silent in front of the first", () => {
    const { definition } = parse(two);
    expect(definition.stages.map(({ name, index }) => [index, name])).toEqual([
      [0, "build"],
      [1, undefined],
    ]);
    expect(definition.text).toBe(two.slice("# first\n\n".length));
    expect(definition.stages[1]?.header.get("from")).toEqual({ value: "x.sif", line: 10 });
  });

  it.each([
    ["nothing", "", "a.def: no stages found in definition file"],
    ["comments", "# a\n\n", "a.def: no stages found in definition file"],
    [
      "a section in front of the header",
      `%post\nx\n${HEAD}`,
      "a.def:1: multiple stages detected, all must have headers: a section stands in front of the first Bootstrap",
    ],
    [
      "a keyword in front of the first of two stages",
      `From: x\n${HEAD}\n${HEAD}`,
      "a.def:1: a header keyword in front of the first Bootstrap",
    ],
    ["an unknown stage", `${HEAD}%files from nope\n/a\n`, 'a.def:3: stage "nope" was not found'],
    ["a later stage", `${HEAD}%files from b\n/a\n${HEAD}Stage: b\n`, 'a.def:3: stage "b" was not found'],
    ["itself", `${HEAD}Stage: b\n%files from b\n/a\n`, 'a.def:4: stage "b" was not found'],
    ["two of a name", `${HEAD}Stage: b\n${HEAD}Stage: b\n`, 'a.def:6: a second stage "b"'],
  ])("refuses %s", (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });
});

describe("parseDefinition() problems", () => {
  it.each([
    ["an unknown keyword", `${HEAD}foo: x\n`, 'a.def:3: invalid header keyword found: "foo"'],
    [
      "a keyword of Object.prototype",
      `${HEAD}constructor: x\n`,
      'a.def:3: invalid header keyword found: "constructor"',
    ],
    ["a line without a colon", `${HEAD}oci x\n`, 'a.def:3: header key "oci x" had no val'],
    ["an unknown section", `${HEAD}%nosuch\n`, 'a.def:3: invalid section(s) specified: "nosuch"'],
    ["an empty section name", `${HEAD}% post\n`, 'a.def:3: invalid section(s) specified: ""'],
    [
      "an app section without a name",
      `${HEAD}%apprun\nx\n`,
      "a.def:3: app section apprun: could not be split into section name and app name",
    ],
    ["an app outside its folder", `${HEAD}%apprun ../x\nx\n`, 'a.def:3: "../x" as the name of an app'],
    ["-c without a program", `${HEAD}%post -c\nx\n`, "a.def:3: bad post section '-c' parameter: missing arguments"],
    ["words behind %files", `${HEAD}%files of x\n`, 'a.def:3: "of x" behind %files'],
    ["three words in %files", `${HEAD}%files\na b c\n`, 'a.def:4: 3 words in "a b c"'],
    ["an open quote", `${HEAD}%files\n"a b\n`, 'a.def:4: a quote without its end in "\\"a b"'],
    ["an empty source", `${HEAD}%files\n"" /b\n`, 'a.def:4: an empty source in "\\"\\" /b"'],
    ["no agent", "From: x\n", "a.def:1: no bootstrap specification found"],
    ["an unknown agent", "Bootstrap: nosuch\nFrom: x\n", 'a.def:1: invalid build source "nosuch"'],
    [
      "an agent of Apptainer's",
      "Bootstrap: yum\nOSVersion: 7\n",
      'a.def:1: the build source "yum", which Sifon does not support',
    ],
    ["no From", "Bootstrap: docker\n", "a.def:1: no From in the header"],
    ["an empty From", "Bootstrap: localimage\nFrom:\n", "a.def:2: no From in the header"],
  ])("%s", (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it("tells all of them, in the order of lines, and what belongs there", () => {
    const { problems } = parse(`Bootstrap: docker\nFoo: 1\n%nosuch\n%files\na b c\n%post\n{{ X }}\n`);
    expect(problems.map(({ line }) => line)).toEqual([1, 2, 3, 5, 7]);
    expect(problems[0]).toMatchObject({ expected: "From: and the image for docker" });
    expect(() => requireValid(parse(`Bootstrap: docker\nFoo: 1\n`))).toThrow(
      "a.def:1: no From in the header; expected From: and the image for docker (and 1 more)",
    );
  });

  it("does not let a name drive the terminal", () => {
    const error = (() => {
      try {
        requireValid(parse(`${HEAD}%\u001b[2J${"x".repeat(5000)}\n`));
      } catch (caught) {
        return caught as DeffileError;
      }
      return undefined;
    })();
    expect(error?.message).toContain('"\\u001b[2jxxx');
    expect(error?.message.length).toBeLessThan(700);
  });
});

describe("parseDefinition() build arguments", () => {
  it.each([
    ["blanks or none", "{{A}} {{ A }} {{\tA\t}}", { A: "1" }, "1 1 1"],
    ["one level within values", "{{ A }}", { A: "<{{ B }}>", B: "{{ A }}" }, "<{{ A }}>"],
    ["not on comment lines", "  # {{ A }}", {}, "  # {{ A }}"],
    ["other braces", "{A} {{ A B }} {{}} {{ .A }}", { A: "1" }, "{A} {{ A B }} {{}} {{ .A }}"],
    ["empty values", "[{{ A }}]", { A: "" }, "[]"],
    ["dollars", "{{ A }}", { A: "$& $1" }, "$& $1"],
  ])("puts in values: %s", (_, line, args, expected) => {
    const text = `${HEAD}%environment\n${line}\n`;
    expect(only(text, args as Record<string, string>).scripts.environment?.text).toBe(`${expected}\n`);
  });

  it("prefers values from outside to %arguments, which stay in the text", () => {
    const text = "Bootstrap: docker\nFrom: {{ IMAGE }}:{{ TAG }}\n%arguments\n# IMAGE=x\nIMAGE=alpine\nTAG = latest\n";
    const parsed = parse(text, { TAG: "3.18" });
    expect(requireValid(parsed).stages[0]?.header.get("from")?.value).toBe("alpine:3.18");
    expect(parsed.definition.text).toBe(text.replace("{{ IMAGE }}:{{ TAG }}", "alpine:3.18"));
  });

  it("has %arguments for their own stage alone", () => {
    expect(problemsOf(`${HEAD}%arguments\nA=1\n${HEAD}%post\n{{ A }}\n`)).toEqual([
      "a.def:8: build var A is not defined through either --build-arg (--build-arg-file) or 'arguments' section",
    ]);
  });

  it("tells of arguments that nothing asks for, and of lines that are none", () => {
    const parsed = parse(`${HEAD}%arguments\nbad\nA=1\n%post\n{{ A }}\n# {{ B }}\n`, { A: "2", B: "3" });
    expect(parsed.unusedArguments).toEqual(["B"]);
    expect(parsed.warnings).toEqual([`Skipping "bad" in 'arguments' section: "bad" is not a key=value pair`]);
  });

  it("keeps line numbers where a value has several lines", () => {
    const text = `${HEAD}%post\n{{ A }}\n%nosuch\n`;
    expect(problemsOf(text, { A: "x\ny\nz" })).toEqual(['a.def:5: invalid section(s) specified: "nosuch"']);
  });
});

describe("parseDefinition() on any text", () => {
  const word = fc.constantFrom(
    "Bootstrap: docker",
    "From: x",
    "%post",
    "%files",
    "%appfiles a",
    "%labels",
    "#",
    "a b",
    "\\",
    "{{ A }}",
    '"',
    "%",
    "",
    "\r",
    "Stage: s",
    "%files from s",
  );
  const texts = fc.oneof(
    fc.array(word).map((lines) => lines.join("\n")),
    fc.string({ unit: "binary" }),
  );

  it("never throws, and names lines that are there", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { problems, definition } = parse(text);
        const lines = text.split("\n").length;
        for (const { line } of problems) expect(line).toBeLessThanOrEqual(lines);
        expect(definition.stages.length > 0 || problems.length > 0).toBe(true);
      }),
    );
  });

  it("gives a section's lines back as they were", () => {
    const body = fc.array(fc.string().filter((line) => !/[\r\n]|^\s*%|^bootstrap:|\{\{/i.test(line)));
    fc.assert(
      fc.property(body, (lines) => {
        const text = lines.map((line) => `${line}\n`).join("");
        expect(only(`${HEAD}%runscript\n${text}`).scripts.runscript?.text).toBe(text);
      }),
    );
  });

  it("stores what stands there where there are no arguments", () => {
    const body = fc.string({ unit: "binary" }).filter((text) => !/\{\{|^bootstrap:/im.test(text));
    fc.assert(
      fc.property(body, (text) => {
        expect(parse(`${HEAD}${text}`).definition.text).toBe(`${HEAD}${text}`);
      }),
    );
  });
});
