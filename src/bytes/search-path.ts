import { constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isAccessible } from "./is-accessible.ts";

/** What a search of PATH came to. */
export interface PathSearch {
  /** Absolute path of the first one that can be executed. */
  readonly path: string | undefined;
  /** A file of that name which cannot be executed, where there is no other. */
  readonly refused: string | undefined;
}

/** Looks for a program as execvp(3) does, but for relative folders; those in `behind` come last. */
export function searchPath(name: string, path: string, behind: readonly string[] = []): PathSearch {
  let refused: string | undefined;
  for (const folder of [...path.split(delimiter), ...behind]) {
    if (!folder.startsWith("/")) continue;
    const file = join(folder, name);
    const isProgram = isAccessible(file, constants.X_OK) && statSync(file, { throwIfNoEntry: false })?.isFile();
    if (isProgram) return { path: file, refused: undefined };
    if (refused === undefined && isAccessible(file, constants.F_OK)) refused = file;
  }
  return { path: undefined, refused };
}
