import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { makeFolders } from "./blob-folder.ts";

/*
 * ROOT/stage/KEY                  roots that builds of definitions keep, see stage-entry.ts
 * ROOT/stage/.KEY.lease           the process that is making one, see lease.ts
 * ROOT/stage/.KEY.PLACE-….tmp     one that is being made: a rename makes it whole
 */

export function stageFolder(root: string): string {
  return join(root, "stage");
}

export function cachedStagePath(root: string, key: string): string {
  return join(stageFolder(root), key);
}

export function stageLeasePath(root: string, key: string): string {
  return join(stageFolder(root), `.${key}.lease`);
}

/** Makes the folder if it is missing, and looks whether it can be written. Rejects with the system's error. */
export async function prepareStageFolder(root: string): Promise<void> {
  await makeFolders(stageFolder(root));
  await access(stageFolder(root), constants.W_OK | constants.X_OK);
}
