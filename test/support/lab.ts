import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mustRun } from "./command.ts";

/** Where things that take long to make (trees of Debian, images) outlive a test run: SIFON_LAB, or in the temporary folder. */
export const LAB: string = process.env.SIFON_LAB ?? join(tmpdir(), "sifon-lab");

const CI = fileURLToPath(new URL("../../.ci", import.meta.url));

/** A folder of the lab, made if it is not there. */
export function labFolder(...names: string[]): string {
  const folder = join(LAB, ...names);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** The tree of a Debian suite in the lab, debootstrapped on first use. */
export async function debianTree(suite: string): Promise<string> {
  const folder = join(labFolder(), suite);
  await mustRun(join(CI, "debian-tree"), [suite, folder]);
  return folder;
}
