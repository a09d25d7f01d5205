import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { isCapturedPath } from "../../src/singularity-d/captured-paths.ts";
import { containerFiles } from "../../src/singularity-d/container-files.ts";
import { definitionOfReference } from "../../src/singularity-d/definition-text.ts";
import { contentsView, inspectMetadata } from "../../src/singularity-d/inspect-metadata.ts";
import { installSingularity } from "../../src/singularity-d/install.ts";
import { findArchitecture, listApps } from "../../src/singularity-d/survey.ts";
import { type Entry, smallTree } from "../singularity-d/small-tree.ts";
import { type Finished, findApptainer, runApptainer } from "../support/apptainer.ts";
import { requireTool } from "../support/tools.ts";
import { writeOciLayout } from "./oci-layout.ts";
import { sifOfTree } from "./sif-of-tree.ts";

const apptainer = findApptainer();
export const busybox = requireTool("busybox", "busybox-static");
const mksquashfs = requireTool("mksquashfs", "squashfs-tools");
export const unsquashfs = requireTool("unsquashfs", "squashfs-tools");
export const ready: boolean = [apptainer, busybox, mksquashfs, unsquashfs].every((tool) => tool !== undefined);

export const folder: string = ready ? mkdtempSync(join(tmpdir(), "container-oracle-")) : "";
afterAll(() => ready && rmSync(folder, { recursive: true, force: true }));

const APPLETS = ["sh", "env", "printf", "cat", "ls", "id", "true", "test"];
export const AMD64 = 2;

export function rootOf(extra: Readonly<Record<string, Entry>> = {}): Record<string, Entry> {
  const program = { file: readFileSync(busybox!), mode: 0o755, elfArch: AMD64 };
  const links = APPLETS.map((name): [string, Entry] => [`bin/${name}`, { link: "busybox" }]);
  return {
    "bin/busybox": program,
    ...Object.fromEntries(links),
    "etc/passwd": { file: "root:x:0:0:root:/root:/bin/sh\n" },
    "etc/group": { file: "root:x:0:\n" },
    ...extra,
  };
}

export interface Made {
  /** Our SIF and Apptainer's, of the same image. */
  readonly ours: string;
  readonly theirs: string;
}

let count = 0;

/** Makes the same image into a SIF twice; `theirs` is empty where Apptainer refuses the image. */
export async function make(
  config: object | string,
  root: Readonly<Record<string, Entry>> = rootOf(),
  options: { readonly preferCmd?: boolean; readonly withTheirs?: boolean } = {},
): Promise<Made> {
  const name = `image${count++}`;
  const text = typeof config === "string" ? config : JSON.stringify(config);
  const { tree, contents } = await smallTree(root);
  const theirs = options.withTheirs === true ? `${name}-theirs.sif` : "";
  if (theirs !== "") {
    await writeOciLayout(join(folder, name), tree, contents, text);
    const built = apptainerDoes(["build", theirs, `oci:${name}`]);
    if (built.status !== 0) throw new Error(built.stderr);
  }
  const parsed = JSON.parse(text) as Record<string, unknown>;
  const files = containerFiles({
    config: { created: undefined, architecture: "amd64", os: "linux", variant: undefined, config: parsed, diffIds: [] },
    definition: definitionOfReference(`oci:${name}`),
    architecture: "amd64",
    timeSec: 1_600_000_000,
    sourceDigest: `sha256:${"ab".repeat(32)}`,
    preferCmd: options.preferCmd ?? false,
  });
  const captured = new Map<string, Uint8Array>();
  for (const [path, entry] of Object.entries(root)) {
    if ("file" in entry && isCapturedPath(path)) captured.set(path, Buffer.from(entry.file));
  }
  await installSingularity(tree, files, { contents, mtimeSec: 1_600_000_000 });
  const ours = `${name}.sif`;
  for (const { path, content } of files.entries) captured.set(path, content);
  const metadata = await inspectMetadata(contentsView(captured, listApps(tree)));
  await sifOfTree(join(folder, ours), tree, contents, files, metadata, findArchitecture(tree));
  return { ours, theirs };
}

export function apptainerDoes(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Finished {
  return runApptainer(apptainer!, args, { cwd: folder, env, ...(input === undefined ? {} : { input }) });
}

/** Prints its further arguments, a bracketed line each. */
export const ARGS_PROGRAM: readonly string[] = ["/bin/printf", "<%s>\\n"];
