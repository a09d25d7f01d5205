import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { modeText } from "../bytes/mode-text.ts";
import { imageFolder } from "./image-folder.ts";
import { stageFolder } from "./stage-folder.ts";
import { unpackedFolder } from "./unpacked-folder.ts";

/**
 * Who, beside its user and root, could have put something into a folder of the cache; undefined where nobody could,
 * or where there is no such folder.
 */
export function foreignAccess(folder: string): string | undefined {
  let found: Stats;
  try {
    found = statSync(folder);
  } catch {
    return undefined;
  }
  const { uid, mode } = found;
  if (uid !== 0 && uid !== process.geteuid?.()) return `it belongs to user ${uid}`;
  return (mode & 0o022) === 0 ? undefined : `others may write to it (${modeText(mode)})`;
}

/** Of a whole cache, the first folder with something that is run or built upon which others could have changed. */
export function foreignCache(root: string): string | undefined {
  for (const folder of [imageFolder(root), stageFolder(root), unpackedFolder(root)]) {
    const problem = foreignAccess(folder);
    if (problem !== undefined) return `${folder}: ${problem}`;
  }
  return undefined;
}

/** Says that a cache cannot be written, whose that is, and what to do. */
export function notWritable(root: string): string {
  const user = process.geteuid?.();
  const owner = ownerOf(root);
  const whose = owner === undefined || owner === user ? "" : `It belongs to user ${owner}, and you are user ${user}: `;
  const remedy = `${whose}name another place with SIFON_CACHEDIR.`;
  return `Cache disabled - cache location ${root} is not writable. ${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`;
}

/** Of a folder, or of the nearest above it that is there. */
function ownerOf(path: string): number | undefined {
  for (let at = path; ; at = dirname(at)) {
    try {
      return statSync(at).uid;
    } catch {
      if (dirname(at) === at) return undefined;
    }
  }
}
