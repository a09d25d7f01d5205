import type { ByteString } from "../../bytes/byte-string.ts";
import { MAX_NAME_SIZE } from "../../fstree/tree.ts";
import { MergeError } from "./errors.ts";
import { MAX_PATH_SIZE } from "./limits.ts";

/**
 * A path from a tar as a path from the root without a slash in front, `.`, `..`, doubled or trailing
 * slashes; "" is the root. `..` works on the text, before any symlink is looked at, and stops at the root, as
 * container unpackers do it.
 * @throws MergeError NAME_TOO_LONG, PATH_TOO_LONG, MALFORMED_NAME (a NUL in it)
 */
export function normalizePath(path: ByteString, layer: string): ByteString {
  if (path.length > MAX_PATH_SIZE) {
    const shown = `${path.slice(0, 64)}…`;
    throw new MergeError("PATH_TOO_LONG", { path: shown, layer, seen: path.length, limit: MAX_PATH_SIZE });
  }
  if (path.includes("\0"))
    throw new MergeError("MALFORMED_NAME", { path, layer, reason: "there is a NUL in its name" });
  const trimmed = trim(path);
  const normal = isNormal(trimmed) ? trimmed : normalize(trimmed);
  if (normal.length > MAX_NAME_SIZE) checkNames(normal, path, layer);
  return normal;
}

const SLASH = 0x2f;
const DOT = 0x2e;

/** Without one `./` or `/` in front and one slash behind, which is all that most tars have. */
function trim(path: ByteString): ByteString {
  const start = path.startsWith("./") ? 2 : path.startsWith("/") ? 1 : 0;
  const end = path.length > start && path.endsWith("/") ? path.length - 1 : path.length;
  return path.slice(start, end);
}

function normalize(path: ByteString): ByteString {
  const names: ByteString[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names.join("/");
}

/** Whether nothing is to be done: no component is empty, or begins with a dot and might be `.` or `..`. */
function isNormal(path: ByteString): boolean {
  let previous = SLASH;
  for (let i = 0; i < path.length; i++) {
    const byte = path.charCodeAt(i);
    if (previous === SLASH) {
      if (byte === SLASH) return false;
      if (byte === DOT) {
        const next = i + 1 < path.length ? path.charCodeAt(i + 1) : SLASH;
        if (next === SLASH || next === DOT) return false;
      }
    }
    previous = byte;
  }
  return previous !== SLASH || path.length === 0;
}

function checkNames(normal: ByteString, path: ByteString, layer: string): void {
  for (const name of normal.split("/")) {
    if (name.length <= MAX_NAME_SIZE) continue;
    throw new MergeError("NAME_TOO_LONG", { path, layer, seen: name.length, limit: MAX_NAME_SIZE });
  }
}

/** The directory part of a normalised path; "" for names in the root. */
export function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, lastSlash(path)));
}

/** The last name of a normalised path. */
export function nameOf(path: ByteString): ByteString {
  return path.slice(lastSlash(path) + 1);
}

/** As lastIndexOf, which leaves compiled code for it: names are short. */
function lastSlash(path: ByteString): number {
  let at = path.length - 1;
  while (at >= 0 && path.charCodeAt(at) !== SLASH) at--;
  return at;
}

export function joinPath(dir: ByteString, name: ByteString): ByteString {
  return dir === "" ? name : `${dir}/${name}`;
}
