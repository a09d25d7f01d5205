import { describe, expect, it } from "vitest";
import { type Root, type RootSource, type RootTarget, withSteps } from "../../src/build/root.ts";
import { type StageRequest, scriptsToRun, streamStage } from "../../src/build/stage.ts";
import type { App, Stage } from "../../src/deffile/definition.ts";
import { FsTree } from "../../src/fstree/tree.ts";

const script = { line: 1, arguments: "", text: "true\n" };
const stageOf = (parts: Partial<Stage>): Stage => ({
  ...{ index: 0, name: undefined, header: new Map(), scripts: {}, labels: [], files: [], apps: [] },
  ...parts,
});
const app = (name: string, scripts: App["scripts"]): App => ({ name, line: 1, scripts, labels: [], files: [] });

function emptySource(): RootSource {
  return {
    facts: { timeSec: 0, identity: "x", architecture: "amd64", ociConfigJson: undefined, origin: undefined },
    fill: async () => ({ tree: new FsTree(), texts: new Map() }),
    close: async () => {},
  };
}

const target = (signal = new AbortController().signal): RootTarget => ({
  contents: { add: async () => 0 },
  signal,
  onProgress() {},
});

describe("scriptsToRun()", () => {
  it.each([
    ["nothing", stageOf({}), true, []],
    ["texts only", stageOf({ scripts: { runscript: script, help: script, environment: script } }), true, []],
    ["%post", stageOf({ scripts: { post: script } }), true, ["%post"]],
    ["%test", stageOf({ scripts: { test: script } }), true, ["%test"]],
    ["%test with --notest", stageOf({ scripts: { test: script } }), false, []],
    [
      "an app's install",
      stageOf({ apps: [app("a", { run: script }), app("b", { install: script })] }),
      true,
      ["%appinstall b"],
    ],
    [
      "all",
      stageOf({ scripts: { pre: script, setup: script, post: script, test: script } }),
      true,
      ["%pre", "%setup", "%post", "%test"],
    ],
  ])("%s", (_, stage, test, expected) => {
    expect(scriptsToRun(stage, { test })).toEqual(expected);
  });
});

describe("withSteps()", () => {
  it("takes the steps in their order on the root that was filled", async () => {
    const seen: [string, Root][] = [];
    const step = (name: string) => async (root: Root) => void seen.push([name, root]);
    const root = await withSteps(withSteps(emptySource(), step("a")), step("b"), step("c")).fill(target());
    expect(seen).toEqual([
      ["a", root],
      ["b", root],
      ["c", root],
    ]);
  });

  it("stops between two steps when it is aborted", async () => {
    const abort = new AbortController();
    const source = withSteps(
      emptySource(),
      async () => abort.abort(new Error("enough")),
      () => Promise.reject(new Error("taken anyway")),
    );
    await expect(source.fill(target(abort.signal))).rejects.toThrow("enough");
  });
});

describe("streamStage()", () => {
  it("takes %files before the texts", async () => {
    const order: string[] = [];
    const request: StageRequest = {
      definition: { name: "a.def", stages: [], text: "" },
      stage: stageOf({}),
      openBase: async () => emptySource(),
      files: async () => void order.push("files"),
      texts: async () => void order.push("texts"),
      options: {
        form: { compression: { kind: "gzip", level: "fast" }, blockSize: 131_072, workers: 0 },
        ...{ test: true, force: false, workplace: "/nowhere", environment: {} },
        ...{ signal: new AbortController().signal, onProgress() {} },
      },
    };
    await (await streamStage(request)).fill(target());
    expect(order).toEqual(["files", "texts"]);
  });
});
