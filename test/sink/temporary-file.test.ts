import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasEnded, processMark } from "../../src/bytes/process-mark.ts";
import { removeLeftovers, temporaryName } from "../../src/sink/temporary-file.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A number that no process has: the kernel's largest is lower. */
const ENDED = 4_194_305;
const PLACE = processMark().split("-")[0] as string;

describe("hasEnded()", () => {
  it.each([
    ["this process", processMark(), false],
    ["one that has ended here", `${PLACE}-${ENDED}`, true],
    ["one that lives and is another user's or the first", `${PLACE}-1`, false],
    ["one of another machine", `000000000000-${ENDED}`, false],
    ["no mark", `${PLACE}-`, false],
    ["a number that is none", `${PLACE}--1`, false],
  ])("%s", (_, mark, ended) => {
    expect(hasEnded(mark)).toBe(ended);
  });
});

describe("temporaryName()", () => {
  it.each(["x.sif", "n".repeat(255), "ä".repeat(127), "\u{1f600}".repeat(63)])("%s fits a directory", (name) => {
    const length = Buffer.byteLength(temporaryName(name));
    expect(length).toBeLessThanOrEqual(255);
    expect(temporaryName(name)).not.toBe(temporaryName(name));
  });
});

describe("removeLeftovers()", () => {
  it.each(["x.sif", "n".repeat(255), "\u{1f600}".repeat(63)])(
    "of %s takes those of ended processes alone",
    async (name) => {
      const directory = temporaryDirectory();
      const own = temporaryName(name);
      const left = own.replace(processMark(), `${PLACE}-${ENDED}`);
      const kept = [
        own,
        own.replace(processMark(), `000000000000-${ENDED}`),
        left.replace(/^\.../u, ".z"),
        `${left}x`,
        left.replace(/\.tmp$/, ".sif"),
      ];
      for (const file of [left, ...kept]) writeFileSync(join(directory, file), "");
      await removeLeftovers(directory, name);
      expect(readdirSync(directory).sort()).toEqual(kept.sort());
    },
  );

  it("in a directory that is not there does nothing", async () => {
    await expect(removeLeftovers("/nowhere/at/all", "x")).resolves.toBeUndefined();
  });
});
