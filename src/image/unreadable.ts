import { accessSync, constants, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { bytePath } from "../bytes/byte-path.ts";
import { type ByteString, displayBytes } from "../bytes/byte-string.ts";
import { modeText } from "../bytes/mode-text.ts";
import { resolveInside } from "./resolve-inside.ts";

/**
 * Which file or directory of a sandbox keeps the caller from reading what a path leads to, whose it is, and who is
 * refused; undefined where nothing does, or where there is nothing to read.
 * @param mode what else is asked of the file itself, of `fs.constants`
 */
export function whyUnreadable(directory: string, path: ByteString, mode: number = constants.R_OK): string | undefined {
  let place: Buffer = Buffer.from(directory);
  try {
    accessSync(directory, constants.X_OK);
    const real = resolveInside(directory, path);
    if (real === undefined) return undefined;
    place = bytePath(directory, real);
    accessSync(place, mode);
    return undefined;
  } catch (error) {
    const { code, syscall, path: refused } = error as NodeJS.ErrnoException;
    if (code !== "EACCES") return undefined;
    // lstat(2) is refused by the directory in which the name stands.
    const closed = syscall === "lstat" && refused !== undefined ? dirname(String(refused)) : place;
    return `${displayBytes(closed.toString("latin1"))} cannot be read by user ${process.geteuid?.()}${ownerOf(closed)}`;
  }
}

function ownerOf(path: string | Buffer): string {
  let found: Stats;
  try {
    found = statSync(path);
  } catch {
    return "";
  }
  return `: it belongs to user ${found.uid}, ${modeText(found.mode)}`;
}
