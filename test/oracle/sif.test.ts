import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { withFileAccess } from "../../src/bytes/random-access.ts";
import { DataType, FsType, HashType, PartitionType, SbomFormat } from "../../src/sif/data-type.ts";
import { addObject, createSif, deleteObject, setPrimaryPartition } from "../../src/sif/edit.ts";
import { deriveUuid } from "../../src/sif/identity.ts";
import { readSif } from "../../src/sif/reader.ts";
import { formatHeader, formatInfo, formatList } from "../../src/sif/text.ts";
import { SifWriter } from "../../src/sif/writer.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import { emptyRootSquashfs, minimalSif } from "../sif/minimal-sif.ts";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { requireTool } from "../support/tools.ts";
import { withoutTimes } from "./sif-without-times.ts";

const apptainer = findApptainer();
// Hooks do not run where all tests are skipped: nothing to clean up must be made then.
const folder = apptainer === undefined ? "" : mkdtempSync(join(tmpdir(), "sif-oracle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function sif(...args: readonly string[]): string {
  const { status, stdout, stderr } = runApptainer(apptainer!, ["sif", ...args], { cwd: folder });
  if (status !== 0) throw new Error(`apptainer sif ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Whether Apptainer's listings of a file are the ones that we print. */
async function expectSameTexts(name: string): Promise<void> {
  const image = await withFileAccess(join(folder, name), readSif);
  expect(formatList(image)).toBe(sif("list", name));
  expect(formatHeader(image)).toBe(sif("header", name));
  for (const object of image.objects) expect(formatInfo(object)).toBe(sif("info", String(object.id), name));
}

const comparable = (name: string): Buffer => withoutTimes(readFileSync(join(folder, name)));

const OPTIONS = { timeSec: 1_700_000_000 };
const content = Buffer.from("content of an object\n");

describe.skipIf(apptainer === undefined)("SIF files beside Apptainer", () => {
  it("prints our minimal SIF as we do", async () => {
    writeFileSync(join(folder, "minimal.sif"), await minimalSif());
    await expectSameTexts("minimal.sif");
  });

  it("edits give the bytes that Apptainer's edits give, step by step", async () => {
    const theirs = "theirs.sif";
    const ours = "ours.sif";
    const path = join(folder, ours);
    const entity = "433FE984155206BD962725E20E8713472A879943";
    writeFileSync(join(folder, "object"), content);
    const partition = (partitionType: number, arch: number) => ({
      dataType: DataType.partition,
      extra: { kind: "partition", fsType: FsType.squashfs, partitionType, arch } as const,
    });
    const add = ["--datatype"];
    type Step = readonly [args: readonly string[], ours: () => Promise<unknown>];
    const steps: readonly Step[] = [
      [["new", theirs], () => createSif(path, { ...OPTIONS, uuid: new Uint8Array(16).fill(1) })],
      [
        ["add", theirs, "object", ...add, "1", "--groupid", "1"],
        () => addObject(path, { dataType: DataType.definition, group: 1 }, content, OPTIONS),
      ],
      [
        ["add", theirs, "object", ...add, "4", "--partfs", "1", "--parttype", "2", "--partarch", "2", "--groupid", "1"],
        () => addObject(path, { ...partition(PartitionType.primarySystem, 2), group: 1 }, content, OPTIONS),
      ],
      [
        [
          "add",
          theirs,
          "object",
          ...add,
          "4",
          "--partfs",
          "1",
          "--parttype",
          "1",
          "--partarch",
          "4",
          "--alignment",
          "512",
        ],
        () => addObject(path, { ...partition(PartitionType.system, 4), alignment: 512 }, content, OPTIONS),
      ],
      [
        ["add", theirs, "object", ...add, "5", "--signhash", "2", "--signentity", entity, "--link", "1"],
        () =>
          addObject(
            path,
            {
              dataType: DataType.signature,
              link: { kind: "object", id: 1 },
              extra: { kind: "signature", hashType: HashType.sha384, entity: Buffer.from(entity, "hex") },
            },
            content,
            OPTIONS,
          ),
      ],
      [
        ["add", theirs, "object", ...add, "9", "--sbomformat", "spdx-json"],
        () =>
          addObject(
            path,
            { dataType: DataType.sbom, extra: { kind: "sbom", format: SbomFormat.spdxJson } },
            content,
            OPTIONS,
          ),
      ],
      [["setprim", "3", theirs], () => setPrimaryPartition(path, 3, OPTIONS)],
      [["del", "1", theirs], () => deleteObject(path, 1, OPTIONS)],
      [
        ["add", theirs, "object", ...add, "7", "--filename", "a-name"],
        () => addObject(path, { dataType: DataType.generic, name: "a-name" }, content, OPTIONS),
      ],
      // The last one in the file, then another in its place, then all: the size of the data stays what it was.
      ...[3, 1].map((id) => [["del", `${id}`, theirs], () => deleteObject(path, id, OPTIONS)] as Step),
      [["add", theirs, "object", ...add, "7"], () => addObject(path, { dataType: DataType.generic }, content, OPTIONS)],
      ...[5, 4, 2, 1].map((id) => [["del", `${id}`, theirs], () => deleteObject(path, id, OPTIONS)] as Step),
      [["add", theirs, "object", ...add, "7"], () => addObject(path, { dataType: DataType.generic }, content, OPTIONS)],
    ];
    for (const [args, edit] of steps) {
      sif(...args);
      await edit();
      await expectSameTexts(theirs);
      await expectSameTexts(ours);
      const difference = Buffer.compare(comparable(theirs), comparable(ours));
      expect(difference, `bytes after ${args.join(" ")}`).toBe(0);
    }
  });

  it("a SIF of ours whose metadata moved behind the partition is signed, verified and mounted by Apptainer", async () => {
    const openssl = requireTool("openssl");
    if (openssl === undefined) return;
    const sink = new MemorySink();
    const writer = await SifWriter.begin(sink, { uuid: deriveUuid("sha256:0"), timeSec: 1_700_000_000 });
    const id = await writer.add({ dataType: DataType.genericJson, name: "inspect-metadata.json" }, Buffer.from("{}"));
    await (await writer.beginPartition()).write(emptyRootSquashfs());
    await writer.endPartition(2);
    const metadata = '{"data":{"attributes":{"labels":{"a":"moved"}}},"type":"container"}';
    await writer.replace(id, Buffer.from(metadata));
    await writer.finish();
    writeFileSync(join(folder, "moved.sif"), sink.bytes, { mode: 0o755 });
    const run = (...args: readonly string[]) => runApptainer(apptainer!, args, { cwd: folder });
    expect(run("inspect", "moved.sif").stdout).toBe("a: moved\n");
    execFileSync(openssl, ["genrsa", "-out", "key.pem", "2048"], { cwd: folder, stdio: "ignore" });
    execFileSync(openssl, ["rsa", "-in", "key.pem", "-pubout", "-out", "public.pem"], { cwd: folder, stdio: "ignore" });
    expect(run("sign", "--key", "key.pem", "moved.sif")).toMatchObject({ status: 0 });
    expect(run("verify", "--key", "public.pem", "moved.sif")).toMatchObject({ status: 0 });
    await expectSameTexts("moved.sif");
    // The root is empty, so nothing can be run in it; that it is missing is said only once it is mounted.
    expect(run("exec", "moved.sif", "/nothing").stderr).toContain("stat /nothing: no such file or directory");
  });

  it("our minimal SIF is edited, and its object dumped, by Apptainer", async () => {
    writeFileSync(join(folder, "given.sif"), await minimalSif());
    copyFileSync(join(folder, "given.sif"), join(folder, "edited.sif"));
    expect(sif("dump", "1", "edited.sif")).toBe("bootstrap: docker\nfrom: alpine\n\n");
    sif("del", "2", "edited.sif");
    await expectSameTexts("edited.sif");
    const { objects } = await withFileAccess(join(folder, "edited.sif"), readSif);
    expect(objects.map(({ id }) => id)).toEqual([1, 3]);
  });
});
