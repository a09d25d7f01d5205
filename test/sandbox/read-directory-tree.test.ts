import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../src/progress.ts";
import { readDirectoryTree } from "../../src/sandbox/read-directory-tree.ts";
import { KeptContents } from "../singularity-d/kept-contents.ts";

const LATEST = 2 ** 32 - 1;
const BEYOND = "changed before 1970 or after 2106-02-07, which SquashFS cannot record: the nearest time is taken";

describe("readDirectoryTree()", () => {
  it.for<[string, Readonly<Record<string, number>>, readonly number[], string | undefined]>([
    ["keeps the first and the latest second", { a: 0, b: LATEST }, [0, LATEST], undefined],
    ["tells of one entry from before 1970", { a: -1, b: 5 }, [0, 5], "1 entry"],
    ["tells once of several on both sides", { a: -86_400, b: LATEST + 1, c: 1 }, [0, LATEST, 1], "2 entries"],
  ])("%s", async ([, times, expected, said], { onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), "sifon-times-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    for (const [name, sec] of Object.entries(times)) {
      await writeFile(join(folder, name), name);
      // As a date: Node takes a negative number for the present.
      await utimes(join(folder, name), new Date(sec * 1000), new Date(sec * 1000));
    }
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent) => events.push(event);
    const tree = await readDirectoryTree(folder, { contents: new KeptContents(), onProgress });
    const found = [...tree.sortedChildren(0)].map((node) => tree.inodes.mtimeSec(tree.inode(node)));
    expect(found).toEqual(expected);
    const messages = events.flatMap((event) =>
      event.kind === "warning" && event.message.includes("1970") ? [event.message] : [],
    );
    expect(messages).toEqual(said === undefined ? [] : [`${said} in ${folder} ${BEYOND}`]);
  });
});
