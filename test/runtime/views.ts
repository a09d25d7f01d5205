import { posix } from "node:path";
import { displayBytes } from "../../src/bytes/byte-string.ts";
import type { ContainerView } from "../../src/singularity-d/container-view.ts";

/** A container of these text files; those whose path ends in `*` are executable. */
export function memoryView(files: Readonly<Record<string, string | Uint8Array>>): ContainerView {
  const contents = new Map<string, Uint8Array>();
  const executable = new Set<string>();
  const folders = new Set<string>(["/"]);
  for (const [name, content] of Object.entries(files)) {
    const path = name.replace(/\*$/, "");
    if (name !== path) executable.add(path);
    contents.set(path, Buffer.from(content));
    for (let at = posix.dirname(path); !folders.has(at); at = posix.dirname(at)) folders.add(at);
  }
  const clean = (path: string) => posix.resolve("/", displayBytes(path));
  return {
    read: async (path) => contents.get(clean(path)),
    list: async (path) =>
      [...contents.keys(), ...folders]
        .filter((one) => one !== "/" && posix.dirname(one) === clean(path))
        .map((one) => posix.basename(one)),
    look: async (path) => {
      const at = clean(path);
      if (contents.has(at)) return { kind: "file", executable: executable.has(at) };
      return folders.has(at) ? { kind: "directory", executable: true } : undefined;
    },
  };
}
