import { statSync } from "node:fs";

/** Programs of the host become programs of the container, with its variables: these would change the former already. */
const HEEDED_AT_ONCE = /^LD_(?!LIBRARY_PATH$|BIND_NOW$)|^GLIBC_TUNABLES$/;

/**
 * Names of the variables that the host's dynamic linker heeds as well (ld.so(8)): LD_PRELOAD and the like, and
 * LD_LIBRARY_PATH where one of its folders is there on the host, too.
 */
export function linkerVariables(environment: ReadonlyMap<string, string>): string[] {
  return [...environment].flatMap(([name, value]) => {
    if (HEEDED_AT_ONCE.test(name)) return [name];
    return name === "LD_LIBRARY_PATH" && value.split(/[:;]/).some(isFolder) ? [name] : [];
  });
}

function isFolder(path: string): boolean {
  try {
    // An empty one is the working directory.
    return path === "" || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // Images name folders like /root/lib, which on the host the caller, and so the loader, may not look into.
    return false;
  }
}
