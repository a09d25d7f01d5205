import { describe, expect, it } from "vitest";
import { InodeKind, InodeTable } from "../../src/fstree/inodes.ts";
import { Intake } from "../../src/layer/merge/intake.ts";
import { readTar } from "../../src/tar/read-tar.ts";
import { borrowed } from "../support/chunks.ts";
import { entry, tar } from "../tar/tar-bytes.ts";

describe("Intake", () => {
  it.each([
    ["in one chunk", 1 << 20],
    ["over many chunks", 700],
  ])("keeps a captured file's bytes beyond the life of what they came in: %s", async (_, size) => {
    const bytes = tar(entry({ name: "labels.json" }, '{"a":"b"}'.repeat(200)), entry({ name: "next" }, "x"));
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_0, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const inodes = new InodeTable();
    const intake = new Intake({
      add: async (_size, parts) => {
        if (!(parts instanceof Uint8Array)) for await (const _part of parts);
        return 1;
      },
    });
    for await (const one of readTar(borrowed(chunks), { name: "layer" })) {
      const inode = inodes.add({ kind: InodeKind.file, mode: 0o644, uid: 0, gid: 0, mtimeSec: 0, size: one.size });
      await intake.take(inodes, inode, one, one.path === "labels.json");
    }
    expect([...intake.captured.values()].map((value) => Buffer.from(value).toString())).toEqual([
      '{"a":"b"}'.repeat(200),
    ]);
  });
});
