import { describe, expect, it } from "vitest";
import { parseDefinition } from "../../src/deffile/parse-definition.ts";
import { chooseSections, selectSections } from "../../src/deffile/select-sections.ts";

const [stage] = parseDefinition(
  "Bootstrap: scratch\n%post\na\n%test\nb\n%labels\nA b\n%files\nx\n%environment\nc\n%apprun app\nd\n",
  { name: "a.def" },
).definition.stages;

const left = (values: readonly string[]) => {
  if (stage === undefined) throw new Error("no stage");
  const { scripts, labels, files, apps } = selectSections(stage, chooseSections(values));
  return [
    ...Object.keys(scripts),
    ...(labels.length > 0 ? ["labels"] : []),
    ...(files.length > 0 ? ["files"] : []),
    ...apps.map(({ name }) => name),
  ];
};

describe("selectSections()", () => {
  it.each([
    [[], ["post", "test", "environment", "labels", "files", "app"]],
    [["all"], ["post", "test", "environment", "labels", "files", "app"]],
    [["none"], []],
    [["post"], ["post", "app"]],
    [["test,labels"], ["test", "labels", "app"]],
    [
      ["Files ", "environment"],
      ["environment", "files", "app"],
    ],
    [["setup"], ["app"]],
  ])("%j", (values, expected) => {
    expect(left(values)).toEqual(expected);
  });
});

describe("chooseSections()", () => {
  it.each([
    [["all", "post"], "cannot have all and any other option"],
    [["post,none"], "cannot have none and any other option"],
    [["nosuch"], '"nosuch" is none of all, none, pre'],
    [[""], '"" is none of'],
  ])("refuses %j", (values, problem) => {
    expect(() => chooseSections(values)).toThrow(`section specification error: ${problem}`);
  });
});
