import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, rename, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Platform } from "../oci/platform.ts";
import { makeFolders } from "./blob-folder.ts";
import { cachedImagePath } from "./image-folder.ts";

/*
 * ROOT/references/HASH.json       what a reference led to when it was asked last: for runs without a network
 */

/** What a reference led to. */
export interface KnownReference {
  readonly reference: string;
  /** The image's name in the cache, see `imageKey`. */
  readonly key: string;
  /** When that was asked, milliseconds since 1970. */
  readonly askedMs: number;
}

function referenceFolder(root: string): string {
  return join(root, "references");
}

function referencePath(root: string, reference: string, { architecture, variant = "" }: Omit<Platform, "os">): string {
  const name = createHash("sha256").update(`${reference}\n${architecture}\n${variant}`).digest("hex");
  return join(referenceFolder(root), `${name}.json`);
}

/** Notes what a reference leads to now. Never rejects: what is not noted is asked for again. */
export async function rememberReference(
  root: string,
  { reference, key }: Pick<KnownReference, "reference" | "key">,
  platform: Omit<Platform, "os">,
): Promise<void> {
  const path = referencePath(root, reference, platform);
  const unfinished = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await makeFolders(referenceFolder(root));
    await writeFile(unfinished, JSON.stringify({ reference, key, askedMs: Date.now() }), { mode: 0o600 });
    await rename(unfinished, path);
  } catch {
    await unlink(unfinished).catch(() => {});
  }
}

/** What a reference led to when it was last asked; undefined where nobody knows. */
export async function recallReference(
  root: string,
  reference: string,
  platform: Omit<Platform, "os">,
): Promise<KnownReference | undefined> {
  return readReference(referencePath(root, reference, platform)).then((known) =>
    known?.reference === reference ? known : undefined,
  );
}

async function readReference(path: string): Promise<KnownReference | undefined> {
  try {
    const known = JSON.parse(await readFile(path, "utf8")) as Partial<KnownReference> | null;
    const { reference, key, askedMs } = known ?? {};
    if (typeof reference !== "string" || typeof askedMs !== "number" || !/^[0-9a-f]{64}$/.test(key ?? "")) {
      return undefined;
    }
    return { reference, key: key as string, askedMs };
  } catch {
    return undefined;
  }
}

/** Forgets references whose image is not in the cache any more. Never rejects: what cannot be removed stays. */
export async function sweepReferences(root: string): Promise<void> {
  const folder = referenceFolder(root);
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const known = await readReference(path);
    const kept = known !== undefined && (await stat(cachedImagePath(root, known.key)).catch(() => undefined));
    if (!kept) await unlink(path).catch(() => {});
  }
}
