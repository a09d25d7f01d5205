import { lstatSync, readlinkSync } from "node:fs";
import { bytePath } from "../bytes/byte-path.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import { MAX_SYMLINK_HOPS } from "../fstree/limits.ts";

/**
 * Where a path leads with a directory as the whole world: symbolic links, absolute ones too, stay inside, and
 * `..` stops at the top. Without any link in it; undefined where nothing is there.
 */
export function resolveInside(directory: string, path: ByteString): ByteString | undefined {
  let found: ByteString[] = [];
  let hops = 0;
  const todo = path.split("/").reverse();
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      found.pop();
      continue;
    }
    const here = [...found, name].join("/");
    const stat = lstatSync(bytePath(directory, here), { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) {
      if (++hops > MAX_SYMLINK_HOPS) return undefined;
      const target = readlinkSync(bytePath(directory, here), { encoding: "latin1" });
      if (target.startsWith("/")) found = [];
      todo.push(...target.split("/").reverse());
      continue;
    }
    if (!stat.isDirectory() && todo.some((rest) => rest !== "" && rest !== ".")) return undefined;
    found.push(name);
  }
  return found.join("/");
}
