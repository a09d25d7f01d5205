import { execFileSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { requireTool } from "./tools.ts";

const SCRIPT = fileURLToPath(new URL("sample-tree.py", import.meta.url));

/** Makes a directory with every kind of file (sample-tree.py); `undefined` where python3 is missing. */
export function makeSampleTree(directory: string, size: "small" | "large"): string | undefined {
  const python = requireTool("python3");
  if (python === undefined) return undefined;
  execFileSync(python, [SCRIPT, directory, size]);
  return directory;
}

/** Packs a directory with mksquashfs; `undefined` where that is missing. */
export async function makeImage(
  directory: string,
  image: string,
  options: readonly string[],
): Promise<string | undefined> {
  const mksquashfs = requireTool("mksquashfs", "squashfs-tools");
  if (mksquashfs === undefined) return undefined;
  await rm(image, { force: true });
  execFileSync(mksquashfs, [directory, image, "-noappend", "-no-progress", "-quiet", ...options], { stdio: "pipe" });
  return image;
}
