import { accessSync } from "node:fs";

/** Whether the caller may use a file so: access(2) with the modes of `fs.constants`. */
export function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
