import fc from "fast-check";
import { expect, it } from "vitest";
import type { MergeOptions } from "../../src/layer/merge/contract.ts";
import { LayerDescent } from "../../src/layer/merge/descent.ts";
import { MergeError } from "../../src/layer/merge/errors.ts";
import { Intake } from "../../src/layer/merge/intake.ts";
import { mergeLayers } from "../../src/layer/merge/merge-layers.ts";
import { mergeByScan } from "../../src/layer/merge/scan-merge.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { describeTree, layersOf, MemoryContents } from "../support/entries.ts";
import { describeNaive, NaiveError, naiveApply } from "../support/naive-apply.ts";
import { type LayerShape, randomLayers, showLayers } from "../support/random-layers.ts";

const IMPLICIT_MTIME = 4_000_000_000;
/**
 * The same stacks every time, so that a failure is of the change that is tested. By hand, MERGE_RUNS=30000 looks
 * through that many new ones; what it finds becomes a row in test/regression/merge.test.ts.
 */
const byHand = process.env["MERGE_RUNS"];
const DRAW =
  byHand === undefined ? { numRuns: 1500, seed: 1 } : { numRuns: Number(byHand), seed: Date.now() & 0x7fffffff };

async function outcome(
  layers: TarEntry[][],
  how: "merge" | "scan",
): Promise<{ lines: string[]; scanReason: string | undefined }> {
  const contents = new MemoryContents();
  const options: MergeOptions = { contents, signal: new AbortController().signal, implicitMtimeSec: IMPLICIT_MTIME };
  const inputs = layersOf(...layers);
  try {
    const nothing = () => ({ ...pick(new LayerDescent(1, 0, () => {})), intake: new Intake(contents) });
    const result =
      how === "merge" ? await mergeLayers(inputs, options) : await mergeByScan(inputs, options, "told to", nothing());
    return { lines: describeTree(result.tree, contents, IMPLICIT_MTIME), scanReason: result.scanReason };
  } catch (error) {
    if (error instanceof MergeError) return { lines: ["error"], scanReason: undefined };
    throw error;
  }
}

const pick = ({ tree, origins }: LayerDescent) => ({ tree, origins });

function expected(layers: TarEntry[][]): string[] {
  try {
    return describeNaive(naiveApply(layers));
  } catch (error) {
    if (error instanceof NaiveError) return ["error"];
    throw error;
  }
}

const common = { maxLayers: 4, maxEntries: 6, names: ["a", "b", "c"], maxDepth: 3 } as const;
const plain: LayerShape = {
  ...common,
  weights: { file: 6, directory: 3, charDevice: 1, fifo: 1, whiteout: 2, opaque: 1 },
  symlinkTargets: ["nowhere"],
};
const links: LayerShape = { ...plain, weights: { ...plain.weights, hardlink: 6 } };
const symlinkTargets = ["a", "b", "c", "/a", "/b", "../b", "a/b", "..", ".", "../c/a", "b/../c"];
const symlinks: LayerShape = {
  ...common,
  weights: { file: 6, directory: 2, symlink: 4, whiteout: 1, opaque: 1 },
  symlinkTargets,
};
const everything: LayerShape = {
  ...common,
  weights: { file: 5, directory: 2, symlink: 3, hardlink: 4, whiteout: 1, opaque: 1, fifo: 1 },
  symlinkTargets,
};

it.each([
  ["files, directories, whiteouts", plain],
  ["with hard links", links],
  ["with symlinks as ancestors", symlinks],
  ["with all of it", everything],
  ["with all of it, many layers", { ...everything, maxLayers: 8, maxEntries: 3 }],
  ["with all of it, many entries", { ...everything, maxLayers: 3, maxEntries: 14 }],
  ["with all of it, two names", { ...everything, names: ["a", "b"], maxLayers: 5 }],
])(
  "mergeLayers() gives what a naive bottom-up apply gives: %s",
  async (_, shape) => {
    let scans = 0;
    let errors = 0;
    const reasons = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(randomLayers(shape), async (layers) => {
        const naive = expected(layers);
        const scan = await outcome(layers, "scan");
        expect(scan.lines, `scan of\n${showLayers(layers)}`).toEqual(naive);
        const merged = await outcome(layers, "merge");
        expect(merged.lines, `merge (${merged.scanReason}) of\n${showLayers(layers)}`).toEqual(naive);
        if (merged.scanReason !== undefined) reasons.set(merged.scanReason, (reasons.get(merged.scanReason) ?? 0) + 1);
        if (merged.scanReason !== undefined) scans++;
        if (naive[0] === "error") errors++;
      }),
      DRAW,
    );
    if (byHand !== undefined)
      console.log(
        _,
        { errors, scans },
        [...reasons].sort((a, b) => b[1] - a[1]),
      );
  },
  600_000,
);
