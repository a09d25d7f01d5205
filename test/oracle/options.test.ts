import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { APPTAINER_OPTIONS } from "../support/apptainer-options.ts";

const apptainer = findApptainer();

describe.skipIf(apptainer === undefined)("the list of Apptainer's options", () => {
  it.each(Object.entries(APPTAINER_OPTIONS))("is what %s --help says", (name, options) => {
    const { stdout } = runApptainer(apptainer as string, [...name.split(" "), "--help"], { cwd: tmpdir() });
    const found = [...stdout.matchAll(/^(?: {2}-\w, | {6})--([a-z0-9-]+)\b/gm)].map(([, option]) => option);
    expect(new Set(found)).toEqual(new Set(["help", ...options.split(" ").filter(Boolean)]));
  });
});
